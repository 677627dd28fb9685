/** Addresses of HTTP listeners as a Corefile writes them: `:8080`, `localhost:9153`, `10.0.0.1:80`, `[::1]:80`. */
import { isIP, isIPv6 } from "node:net";

export interface ListenAddress {
  /** IP address, host name, or "" for all addresses of the machine. */
  readonly host: string;
  /** 0 to 65535; 0 lets the kernel choose. */
  readonly port: number;
}

/** @returns the parts, or what is wrong, in the words of Go's `net.SplitHostPort` where it has some */
export function readListenAddress(text: string): ListenAddress | string {
  const split = splitHostPort(text);
  if (typeof split === "string") return split;
  const { host, portText } = split;
  const port = /^[0-9]{1,5}$/.test(portText) ? Number(portText) : Number.NaN;
  if (!(port <= 65_535)) return `address ${text}: invalid port '${portText}'`;
  if (host !== "" && isIP(host) === 0 && !isHostName(host))
    return `address ${text}: '${host}' is no address or host name`;
  return { host, port };
}

function splitHostPort(text: string): { readonly host: string; readonly portText: string } | string {
  const bracketed = /^\[([^[\]]*)\](?::(.*))?$/.exec(text);
  if (bracketed !== null) {
    const [, host = "", portText] = bracketed;
    if (portText === undefined) return `address ${text}: missing port in address`;
    if (host !== "" && !isIPv6(host)) return `address ${text}: '${host}' is no IPv6 address`;
    return { host, portText };
  }
  const colon = text.lastIndexOf(":");
  if (colon < 0) return `address ${text}: missing port in address`;
  if (text.indexOf(":") !== colon) return `address ${text}: too many colons in address`;
  return { host: text.slice(0, colon), portText: text.slice(colon + 1) };
}

function isHostName(text: string): boolean {
  // Something like 10.0.0.300 is a mistake, not a name.
  return /^(?=.{1,253}$)[a-z0-9_-]+(\.[a-z0-9_-]+)*\.?$/i.test(text) && !/^[0-9.]+$/.test(text);
}
