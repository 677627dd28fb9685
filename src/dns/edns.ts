/**
 * EDNS: the OPT pseudo-record (RFC 6891 §6.1.2) and Extended DNS Errors (RFC 8914).
 *
 *   0      1        3         5          6         7        9          11
 *   | root | type 41 | size u16 | rcode hi | version | flags u16 | rdlength | options …
 *
 * OPT belongs to one hop: what we send is always written here, never copied from a client or an upstream.
 */
import { readU16, writeU16 } from "./header.ts";
import { TYPE_OPT } from "./types.ts";

/** An OPT without options. */
export const OPT_BYTES = 11;
/** Offsets inside an OPT whose owner is the root. */
export const OPT_SIZE_AT = 3;
export const OPT_RCODE_AT = 5;
export const OPT_VERSION_AT = 6;
export const OPT_FLAGS_AT = 7;
export const OPT_RDLENGTH_AT = 9;
/** DO, the one flag there is (RFC 3225 §3), in the flags word. */
export const EDNS_FLAG_DO = 0x8000;

/** What we say we can take over UDP, and the most that we send: fits every path without fragments (DNS Flag Day 2020). */
export const SERVER_UDP_SIZE = 1232;

export const OPTION_NSID = 3;
export const OPTION_CLIENT_SUBNET = 8;
export const OPTION_COOKIE = 10;
export const OPTION_TCP_KEEPALIVE = 11;
export const OPTION_PADDING = 12;
export const OPTION_EXTENDED_ERROR = 15;

/** Extended error codes that a cache has use for (RFC 8914 §4). */
export const EDE_OTHER = 0;
export const EDE_STALE_ANSWER = 3;
export const EDE_CACHED_ERROR = 13;
export const EDE_NOT_READY = 14;
export const EDE_BLOCKED = 15;
export const EDE_CENSORED = 16;
export const EDE_FILTERED = 17;
export const EDE_PROHIBITED = 18;
export const EDE_STALE_NXDOMAIN = 19;
export const EDE_NOT_AUTHORITATIVE = 20;
export const EDE_NOT_SUPPORTED = 21;
export const EDE_NO_REACHABLE_AUTHORITY = 22;
export const EDE_NETWORK_ERROR = 23;
export const EDE_INVALID_DATA = 24;

/**
 * Writes an OPT without options.
 *
 * @param udpSize in bytes, what this side can take
 * @param extendedRcodeHigh the response code's bits from the fourth up: `rcode >> 4`
 * @returns bytes written: `OPT_BYTES`
 */
export function writeOpt(
  bytes: Uint8Array,
  at: number,
  udpSize: number,
  extendedRcodeHigh: number,
  dnssecOk: boolean,
): number {
  bytes[at] = 0;
  bytes[at + 1] = 0;
  bytes[at + 2] = TYPE_OPT;
  bytes[at + OPT_SIZE_AT] = udpSize >> 8;
  bytes[at + OPT_SIZE_AT + 1] = udpSize;
  bytes[at + OPT_RCODE_AT] = extendedRcodeHigh;
  bytes[at + OPT_VERSION_AT] = 0;
  bytes[at + OPT_FLAGS_AT] = dnssecOk ? 0x80 : 0;
  bytes[at + OPT_FLAGS_AT + 1] = 0;
  bytes[at + OPT_RDLENGTH_AT] = 0;
  bytes[at + OPT_RDLENGTH_AT + 1] = 0;
  return OPT_BYTES;
}

/** An Extended DNS Error without text, as an option. */
export const BARE_ERROR_BYTES = 6;

/**
 * Adds an Extended DNS Error without text to an OPT without options that ends the message. No allocation.
 *
 * @param optAt index of the OPT, behind which `bytes` has `BARE_ERROR_BYTES` of room
 * @returns bytes of the OPT now
 */
export function addBareError(bytes: Uint8Array, optAt: number, infoCode: number): number {
  const at = optAt + OPT_BYTES;
  writeU16(bytes, optAt + OPT_RDLENGTH_AT, BARE_ERROR_BYTES);
  writeU16(bytes, at, OPTION_EXTENDED_ERROR);
  writeU16(bytes, at + 2, 2);
  writeU16(bytes, at + 4, infoCode);
  return OPT_BYTES + BARE_ERROR_BYTES;
}

const utf8 = new TextEncoder();

/**
 * Writes an OPT with one Extended DNS Error.
 *
 * @param text short; its UTF-8 bytes are sent as EXTRA-TEXT, none when empty
 * @returns bytes written: 17 and the text; at most what `bytes` holds, else the OPT goes without the error
 */
export function writeOptWithError(
  bytes: Uint8Array,
  at: number,
  udpSize: number,
  dnssecOk: boolean,
  infoCode: number,
  text: string,
): number {
  const extraText = utf8.encode(text);
  const optionBytes = BARE_ERROR_BYTES + extraText.length;
  writeOpt(bytes, at, udpSize, 0, dnssecOk);
  if (at + OPT_BYTES + optionBytes > bytes.length) return OPT_BYTES;
  addBareError(bytes, at, infoCode);
  writeU16(bytes, at + OPT_RDLENGTH_AT, optionBytes);
  writeU16(bytes, at + OPT_BYTES + 2, 2 + extraText.length);
  bytes.set(extraText, at + OPT_BYTES + BARE_ERROR_BYTES);
  return OPT_BYTES + optionBytes;
}

/**
 * Adds an option to the OPT that ends the message.
 *
 * @param optAt index of the OPT, whose owner is the root
 * @param end index after the OPT; the caller has seen to it that `bytes` has room there for 4 bytes and the data
 * @returns index after the OPT that has grown
 */
export function addOption(bytes: Uint8Array, optAt: number, end: number, code: number, data: Uint8Array): number {
  writeU16(bytes, end, code);
  writeU16(bytes, end + 2, data.length);
  bytes.set(data, end + 4);
  const grown = end + 4 + data.length;
  writeU16(bytes, optAt + OPT_RDLENGTH_AT, grown - optAt - OPT_BYTES);
  return grown;
}

/**
 * Finds an option among whole options.
 *
 * @param at index of the first option
 * @param length of all options in bytes
 * @returns index of the first such option's code, or -1
 */
export function findOption(bytes: Uint8Array, at: number, length: number, code: number): number {
  const end = at + length;
  let cursor = at;
  while (cursor + 4 <= end) {
    if (readU16(bytes, cursor) === code) return cursor;
    cursor += 4 + readU16(bytes, cursor + 2);
  }
  return -1;
}
