/** Keys of a server block: `[scheme://]zone[:port]`. */
import { ConfigError } from "../../base/errors.ts";
import type { Token } from "./tree.ts";
import { zonesOf } from "./zones.ts";

export type Scheme = "dns" | "tls" | "quic" | "grpc" | "https" | "https3";

export interface ServerKey {
  readonly scheme: Scheme;
  /** Lower case, absolute. */
  readonly zone: string;
  /** 0 to 65535; 0 lets the kernel choose. */
  readonly port: number;
  readonly token: Token;
}

/** `dns` has the port that the command line says (53). */
const DEFAULT_PORTS: Readonly<Record<Exclude<Scheme, "dns">, number>> = {
  tls: 853,
  quic: 853,
  grpc: 443,
  https: 443,
  https3: 443,
};

function isScheme(text: string): text is Scheme {
  return text === "dns" || Object.hasOwn(DEFAULT_PORTS, text);
}

/**
 * Reads a key. One key, unless an address block off a label boundary stands for several zones.
 *
 * @param defaultPort for `dns` keys without a port
 * @throws ConfigError at the token
 */
export function serverKeys(token: Token, defaultPort: number): ServerKey[] {
  const [, schemeText, rest = ""] = /^(?:([^/:]*):\/\/)?(.*)$/s.exec(token.text) ?? [];
  const scheme = schemeText ?? "dns";
  if (!isScheme(scheme)) {
    throw new ConfigError(token.position, `unknown scheme '${scheme}://'`, {
      hint: "Schemes are dns, tls, quic, grpc, https and https3",
    });
  }
  const { zone, port } = splitPort(rest, token);
  const standardPort = scheme === "dns" ? defaultPort : DEFAULT_PORTS[scheme];
  return zonesOf(zone, token).map((name) => ({ scheme, zone: name, port: port ?? standardPort, token }));
}

/** What follows the last colon is a port when it is a number: an address block always ends in `/bits`. */
function splitPort(text: string, token: Token): { zone: string; port: number | undefined } {
  const colon = text.lastIndexOf(":");
  if (colon < 0) return { zone: text, port: undefined };
  const tail = text.slice(colon + 1);
  if (tail === "") throw new ConfigError(token.position, `expecting data after last colon: '${text}'`);
  if (!/^[0-9]+$/.test(tail)) return { zone: text, port: undefined };
  const port = Number(tail);
  if (port > 65_535) throw new ConfigError(token.position, `port ${tail} is above 65535`);
  return { zone: text.slice(0, colon), port };
}
