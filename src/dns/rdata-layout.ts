/**
 * Where names stand inside the data of a record, for the types whose senders may compress them there.
 *
 * RFC 3597 §4: only the types of RFC 1035 may be compressed; receivers must also cope with RP, AFSDB, RT, PX, NAPTR
 * and SRV, which older software compressed. DNAME and KX are here because their name is all they have. Data of every
 * other type is bytes to us.
 */
import { ERR_LENGTH } from "./parse-codes.ts";
import { checkName } from "./name.ts";
import {
  CLASS_IN,
  TYPE_A,
  TYPE_AAAA,
  TYPE_AFSDB,
  TYPE_CNAME,
  TYPE_DNAME,
  TYPE_KX,
  TYPE_MB,
  TYPE_MD,
  TYPE_MF,
  TYPE_MG,
  TYPE_MINFO,
  TYPE_MR,
  TYPE_MX,
  TYPE_NAPTR,
  TYPE_NS,
  TYPE_PTR,
  TYPE_PX,
  TYPE_RP,
  TYPE_RRSIG,
  TYPE_RT,
  TYPE_SOA,
  TYPE_SRV,
} from "./types.ts";

/** Bytes of an RRSIG's data before the signer's name (RFC 4034 §3.1). */
export const RRSIG_FIXED_BYTES = 18;

/**
 * Checks the data of one record: names whole, nothing missing, nothing over.
 *
 * @param start index of the message's header
 * @param at index of the data's first byte
 * @param end first index after the data; inside the message
 * @returns 0, or a negative code
 */
export function checkRdata(
  bytes: Uint8Array,
  start: number,
  at: number,
  end: number,
  type: number,
  dnsClass: number,
): number {
  switch (type) {
    case TYPE_A:
      return dnsClass !== CLASS_IN || end - at === 4 ? 0 : ERR_LENGTH;
    case TYPE_AAAA:
      return dnsClass !== CLASS_IN || end - at === 16 ? 0 : ERR_LENGTH;
    case TYPE_NS:
    case TYPE_MD:
    case TYPE_MF:
    case TYPE_CNAME:
    case TYPE_MB:
    case TYPE_MG:
    case TYPE_MR:
    case TYPE_PTR:
    case TYPE_DNAME:
      return checkNames(bytes, start, at, end, 1, 0);
    case TYPE_SOA:
      return checkNames(bytes, start, at, end, 2, 20);
    case TYPE_MINFO:
    case TYPE_RP:
      return checkNames(bytes, start, at, end, 2, 0);
    case TYPE_MX:
    case TYPE_AFSDB:
    case TYPE_RT:
    case TYPE_KX:
      return checkNames(bytes, start, at + 2, end, 1, 0);
    case TYPE_PX:
      return checkNames(bytes, start, at + 2, end, 2, 0);
    case TYPE_SRV:
      return checkNames(bytes, start, at + 6, end, 1, 0);
    case TYPE_NAPTR: {
      let cursor = at + 4;
      for (let strings = 0; strings < 3; strings++) cursor += 1 + (bytes[cursor] ?? 0);
      return checkNames(bytes, start, cursor, end, 1, 0);
    }
    case TYPE_RRSIG:
      return end - at > RRSIG_FIXED_BYTES ? 0 : ERR_LENGTH;
    default:
      return 0;
  }
}

function checkNames(bytes: Uint8Array, start: number, at: number, end: number, names: number, after: number): number {
  let cursor = at;
  for (let i = 0; i < names; i++) {
    cursor = checkName(bytes, start, cursor, end);
    if (cursor < 0) return cursor;
  }
  return cursor + after === end ? 0 : ERR_LENGTH;
}
