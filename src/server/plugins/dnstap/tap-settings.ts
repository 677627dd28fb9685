/** A `dnstap` directive read into settings: syntax, defaults and limits of CoreDNS 1.14.7. */
import { hostname } from "node:os";
import { ConfigError } from "../../../base/errors.ts";
import type { Directive, Token } from "../../chain/plugin.ts";
import { expectArg, expectArgs, properties, unknownProperty } from "../../corefile/arguments.ts";
import { readListenAddress } from "../../web/listen-address.ts";

export type SinkAddress =
  | { readonly kind: "unix"; readonly path: string }
  | { readonly kind: "tcp" | "tls"; readonly host: string; readonly port: number };

export interface TapSettings {
  readonly address: SinkAddress;
  /** As written, for the log and for metrics. */
  readonly to: string;
  /** Messages hold the DNS message. */
  readonly full: boolean;
  /** MiB that the kernel has not taken yet; 1 to 1024. */
  readonly writeBuffer: number;
  /** Ten thousand messages that may wait; 1 to 4096. */
  readonly queue: number;
  readonly identity: string;
  readonly version: string;
  /** With placeholders; "" for none. */
  readonly extra: string;
  readonly skipVerify: boolean;
}

const WRITE_BUFFER_MAX = 1024;
const QUEUE_MAX = 4096;

/** @param version of Nodens @throws ConfigError */
export function readTap(directive: Directive, version: string): TapSettings {
  const [first, full, writeBuffer, queue] = expectArgs(directive, 1, 4);
  if (first === undefined) throw new Error("expectArgs let a missing word pass");
  if (first.text === "listen") {
    throw new ConfigError(first.position, "dnstap sinks are not listened for by this version", {
      hint: "Let the sink listen: dnstap SOCKET",
    });
  }
  let identity = hostname();
  let versionText = `Nodens-${version}`;
  let extra = "";
  let skipVerify = false;
  for (const property of properties(directive)) {
    if (property.name.text === "identity") identity = expectArg(property).text;
    else if (property.name.text === "version") versionText = expectArg(property).text;
    else if (property.name.text === "extra") extra = expectArg(property).text;
    else if (property.name.text === "skipverify") {
      expectArgs(property, 0);
      skipVerify = true;
    } else if (property.name.text === "tls") {
      throw new ConfigError(property.name.position, "tls directive only valid for listeners");
    } else unknownProperty(property);
  }
  return {
    address: readAddress(first),
    to: first.text,
    full: full?.text === "full",
    writeBuffer: multiple(writeBuffer, "MultipleTcpWriteBuf", WRITE_BUFFER_MAX, "(MiB units)"),
    queue: multiple(queue, "MultipleQueue", QUEUE_MAX, "(x10k messages)"),
    identity,
    version: versionText,
    extra,
    skipVerify,
  };
}

function readAddress({ text, position }: Token): SinkAddress {
  const [, scheme, rest = ""] = /^(tcp|tls):\/\/([^/]*)\/?$/.exec(text) ?? [];
  if (scheme !== "tcp" && scheme !== "tls") {
    if (/^(tcp|tls):\/\//.test(text)) throw new ConfigError(position, `no address of a dnstap sink: ${text}`);
    return { kind: "unix", path: text.replace(/^unix:\/\//, "") };
  }
  const address = readListenAddress(rest);
  if (typeof address === "string") throw new ConfigError(position, address);
  if (address.host === "" || address.port === 0)
    throw new ConfigError(position, `address ${rest}: missing host or port`);
  return { kind: scheme, ...address };
}

/** @returns 1 without a word */
function multiple(token: Token | undefined, name: string, max: number, unit: string): number {
  if (token === undefined) return 1;
  const value = /^[-+]?[0-9]{1,9}$/.test(token.text) ? Number(token.text) : Number.NaN;
  if (Number.isNaN(value)) throw new ConfigError(token.position, `dnstap: invalid ${name} "${token.text}"`);
  if (value >= 1 && value <= max) return value;
  throw new ConfigError(token.position, `dnstap: ${name} must be between 1 and ${max} ${unit}: ${value}`);
}
