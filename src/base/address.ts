/**
 * Socket addresses as the kernel writes them and as people write them.
 *
 * The binary form is `struct sockaddr_in` / `sockaddr_in6` (include/uapi/linux/in.h, in6.h): 16 or 28 bytes, family in
 * host order (little-endian machines only: Node.js has no big-endian Linux we support but s390x), port and address in
 * network order.
 */
import { isIPv4, isIPv6 } from "node:net";

export const SOCKADDR_MAX_BYTES = 28;
export const AF_INET = 2;
export const AF_INET6 = 10;

export interface SocketAddress {
  /** Text of the address, without brackets; an IPv6 scope as `%index` or `%name`. */
  readonly address: string;
  /** 0 to 65535. */
  readonly port: number;
}

export function isIpAddress(text: string): boolean {
  return isIPv4(text) || looksLikeIpv6(text);
}

/** Node's pattern for IPv6 takes 13 ms to be compiled: it is not asked about what has no two colons (`10.0.0.1:53` has one). */
function looksLikeIpv6(text: string): boolean {
  return text.indexOf(":") !== text.lastIndexOf(":") && isIPv6(text);
}

/** `127.0.0.1:53`, `[::1]:53`. */
export function formatSocketAddress(address: string, port: number): string {
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}

/** The four or sixteen bytes of an address. @returns undefined when the text is no address. */
export function addressBytes(text: string): Uint8Array | undefined {
  if (isIPv4(text)) return Uint8Array.from(text.split(".", 4), Number);
  const bare = text.split("%", 1)[0] ?? "";
  if (!looksLikeIpv6(bare)) return undefined;
  const out = new Uint8Array(16);
  let head = bare;
  const lastColon = bare.lastIndexOf(":");
  const tail = bare.slice(lastColon + 1);
  if (tail.includes(".")) {
    const v4 = Uint8Array.from(tail.split(".", 4), Number);
    const hex = (hi: number, lo: number): string => ((hi << 8) | lo).toString(16);
    head = `${bare.slice(0, lastColon + 1)}${hex(v4[0] ?? 0, v4[1] ?? 0)}:${hex(v4[2] ?? 0, v4[3] ?? 0)}`;
  }
  const [left = "", right] = head.split("::", 2);
  const groups = left === "" ? [] : left.split(":");
  const ending = right === undefined || right === "" ? [] : right.split(":");
  const zeros = right === undefined ? 0 : 8 - groups.length - ending.length;
  const all = [...groups, ...Array.from({ length: zeros }, () => "0"), ...ending];
  for (let i = 0; i < 8; i++) {
    const group = Number.parseInt(all[i] ?? "0", 16);
    out[i * 2] = group >> 8;
    out[i * 2 + 1] = group & 0xff;
  }
  return out;
}

/** Text of four or sixteen address bytes: RFC 5952 form; an IPv4-mapped address as `::ffff:a.b.c.d`. */
export function formatAddressBytes(bytes: Uint8Array, at: number, length: 4 | 16): string {
  if (length === 4) return `${bytes[at]}.${bytes[at + 1]}.${bytes[at + 2]}.${bytes[at + 3]}`;
  const groups: number[] = [];
  for (let i = 0; i < 8; i++) groups.push(((bytes[at + i * 2] ?? 0) << 8) | (bytes[at + i * 2 + 1] ?? 0));
  if (groups.slice(0, 5).every((g) => g === 0) && groups[5] === 0xffff) {
    return `::ffff:${formatAddressBytes(bytes, at + 12, 4)}`;
  }
  let bestAt = -1;
  let bestLength = 1;
  for (let i = 0; i < 8; i++) {
    let run = 0;
    while (i + run < 8 && groups[i + run] === 0) run++;
    if (run > bestLength) {
      bestAt = i;
      bestLength = run;
    }
  }
  const hex = groups.map((g) => g.toString(16));
  if (bestAt < 0) return hex.join(":");
  return `${hex.slice(0, bestAt).join(":")}::${hex.slice(bestAt + bestLength).join(":")}`;
}

/**
 * Writes a `sockaddr`.
 *
 * @param out at least `SOCKADDR_MAX_BYTES` from `at`
 * @param scopeId interface index for link-local IPv6, else 0
 * @returns its length in bytes (16 or 28), or -1 when `address` is no IP address
 */
export function writeSockaddr(out: Uint8Array, at: number, address: string, port: number, scopeId = 0): number {
  const bytes = addressBytes(address);
  if (bytes === undefined) return -1;
  out.fill(0, at, at + SOCKADDR_MAX_BYTES);
  out[at] = bytes.length === 4 ? AF_INET : AF_INET6;
  out[at + 2] = port >> 8;
  out[at + 3] = port & 0xff;
  if (bytes.length === 4) {
    out.set(bytes, at + 4);
    return 16;
  }
  out.set(bytes, at + 8);
  new DataView(out.buffer, out.byteOffset + at + 24, 4).setUint32(0, scopeId, true);
  return 28;
}

/**
 * Reads a `sockaddr`. An IPv4-mapped IPv6 address (a dual-stack socket's client) comes back as plain IPv4.
 *
 * @returns undefined for another family
 */
export function readSockaddr(bytes: Uint8Array, at: number): SocketAddress | undefined {
  const port = ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0);
  if (bytes[at] === AF_INET) return { address: formatAddressBytes(bytes, at + 4, 4), port };
  if (bytes[at] !== AF_INET6) return undefined;
  const text = formatAddressBytes(bytes, at + 8, 16);
  const scope = new DataView(bytes.buffer, bytes.byteOffset + at + 24, 4).getUint32(0, true);
  if (text.startsWith("::ffff:") && text.includes(".")) return { address: text.slice(7), port };
  return { address: scope === 0 ? text : `${text}%${scope}`, port };
}
