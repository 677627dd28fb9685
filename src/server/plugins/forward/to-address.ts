/**
 * The words after `forward FROM`: addresses, files of addresses, and host names.
 *
 *   10.0.0.10  10.0.0.10:1053  [2001:db8::1]:53  dns://10.0.0.10
 *   tls://9.9.9.9%dns.quad9.net:853  https://9.9.9.9
 *   /etc/resolv.conf  dns.example.net  tls://dns.example.net
 */
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { isIpAddress } from "../../../base/address.ts";
import { ConfigError, describeError } from "../../../base/errors.ts";
import { nameFromText } from "../../../dns/name-text.ts";
import type { Token } from "../../corefile/tree.ts";
import type { UpstreamScheme, UpstreamTarget } from "../../upstream/open-group.ts";
import { isLinkLocal, nameservers } from "./resolv-conf.ts";

/** What one word stands for. */
export type ToEntry =
  | { readonly kind: "addresses"; readonly targets: readonly UpstreamTarget[] }
  | {
      readonly kind: "host";
      readonly token: Token;
      readonly hostname: string;
      readonly scheme: UpstreamScheme;
      readonly port: number;
      readonly serverName: string | undefined;
    };

const DEFAULT_PORTS: Readonly<Record<UpstreamScheme, number>> = { dns: 53, tls: 853, https: 443 };

/**
 * @param root folder that relative file names start from
 * @returns a file without nameservers gives no targets
 * @throws ConfigError at the token
 */
export function parseTo(token: Token, root: string): ToEntry {
  const { scheme, rest } = splitScheme(token);
  if (rest === "") throw new ConfigError(token.position, `invalid address: "${token.text}"`);
  if (scheme === "https" && rest.includes("/")) {
    throw new ConfigError(
      token.position,
      `paths are not allowed in HTTPS upstream addresses (the /dns-query path is used by default): ${token.text}`,
    );
  }
  const { host, name: afterPercent } = splitPercent(rest);
  const { address, port } = splitPort(host, DEFAULT_PORTS[scheme], token);
  const serverName = scheme === "dns" ? undefined : afterPercent;
  if (isIpAddress(address)) {
    const scoped = scheme === "dns" && afterPercent !== undefined && isLinkLocal(address);
    const full = scoped ? `${address}%${afterPercent}` : address;
    return { kind: "addresses", targets: [{ scheme, address: full, port, serverName }] };
  }
  if (scheme === "dns") {
    const text = readIfThere(resolve(root, rest), token, rest.includes("/"));
    if (text !== undefined) {
      const targets = nameservers(text).map((found) => ({ scheme, address: found, port: 53, serverName: undefined }));
      return { kind: "addresses", targets };
    }
  }
  checkHostname(address, token);
  return { kind: "host", token, hostname: address, scheme, port, serverName };
}

function splitScheme(token: Token): { scheme: UpstreamScheme; rest: string } {
  const match = /^([a-z0-9]+):\/\/(.*)$/s.exec(token.text);
  if (match === null) return { scheme: "dns", rest: token.text };
  const [, scheme = "", rest = ""] = match;
  if (scheme === "dns" || scheme === "tls" || scheme === "https") return { scheme, rest };
  throw new ConfigError(
    token.position,
    `'${scheme}' is not supported as a destination protocol in forward: ${token.text}`,
    { hint: "Use dns://, tls:// or https://" },
  );
}

/** Takes `%name` out of `address%name:port` and of `[address%name]:port`: a TLS server name, or an IPv6 scope. */
export function splitPercent(text: string): { host: string; name: string | undefined } {
  const percent = text.lastIndexOf("%");
  if (percent < 0) return { host: text, name: undefined };
  let host = text.slice(0, percent);
  let name = text.slice(percent + 1);
  if (host.startsWith("[")) host += "]";
  const colon = name.lastIndexOf(":");
  if (colon >= 0) {
    host += name.slice(colon);
    name = name.slice(0, colon);
  }
  return { host, name: name.endsWith("]") ? name.slice(0, -1) : name };
}

function splitPort(text: string, defaultPort: number, token: Token): { address: string; port: number } {
  if (isIpAddress(text)) return { address: text, port: defaultPort };
  const [, bracketed, plain, digits] = /^(?:\[([^\]]*)\]|([^:]*))(?::([0-9]+))?$/.exec(text) ?? [];
  const address = bracketed ?? plain ?? text;
  if (digits === undefined) return { address, port: defaultPort };
  const port = Number(digits);
  if (port < 1 || port > 65_535) throw new ConfigError(token.position, `no port: ${digits} in "${token.text}"`);
  return { address, port };
}

/** @param mustExist the word can only be a file */
function readIfThere(path: string, token: Token, mustExist: boolean): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    const missing = error instanceof Error && "code" in error && error.code === "ENOENT";
    if (missing && !mustExist) return undefined;
    const why = missing ? "no such file" : describeError(error);
    throw new ConfigError(token.position, `cannot read upstreams from ${token.text}: ${why}`, {
      cause: error,
      hint: "A file with `nameserver` lines is wanted, as /etc/resolv.conf",
    });
  }
}

function checkHostname(text: string, token: Token): void {
  const fact = `not an IP address, file, or valid domain: "${token.text}"`;
  // A name whose last label is a number is a mistyped address (RFC 3696 §2: no top-level domain is a number).
  if (text === "" || /[:[\]%/]/.test(text) || /(^|\.)[0-9]+\.?$/.test(text))
    throw new ConfigError(token.position, fact);
  try {
    nameFromText(text);
  } catch (error) {
    throw new ConfigError(token.position, fact, { cause: error });
  }
}
