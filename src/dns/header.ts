/**
 * The header of a message (RFC 1035 §4.1.1, RFC 2535 §6.1 for AD and CD) and numbers in network order.
 *
 * Offsets are relative to the start of the message. The read functions give 0 for bytes past the end of the buffer:
 * callers check bounds first.
 */

export const HEADER_BYTES = 12;
export const ID_AT = 0;
export const FLAGS_AT = 2;
export const QDCOUNT_AT = 4;
export const ANCOUNT_AT = 6;
export const NSCOUNT_AT = 8;
export const ARCOUNT_AT = 10;

/** Bits of the flags word. */
export const FLAG_QR = 0x8000;
export const FLAG_AA = 0x0400;
export const FLAG_TC = 0x0200;
export const FLAG_RD = 0x0100;
export const FLAG_RA = 0x0080;
export const FLAG_Z = 0x0040;
export const FLAG_AD = 0x0020;
export const FLAG_CD = 0x0010;
export const OPCODE_MASK = 0x7800;
export const OPCODE_SHIFT = 11;
/** The low four bits of the response code; the high eight stand in the OPT. */
export const RCODE_MASK = 0x000f;

/** Longest message: what a TCP length prefix can say (RFC 1035 §4.2.2). */
export const MESSAGE_MAX_BYTES = 65535;

export function readU16(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
}

export function writeU16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >> 8;
  bytes[at + 1] = value;
}

/** @returns unsigned: 0 to 2^32 - 1 */
export function readU32(bytes: Uint8Array, at: number): number {
  return (
    (((bytes[at] ?? 0) << 24) | ((bytes[at + 1] ?? 0) << 16) | ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0)) >>> 0
  );
}

export function writeU32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}
