/**
 * Records beside the answer that have something to do with it.
 *
 * The authority section may tell of zones that the question's name, or one that an alias leads to, lies in, and prove with
 * signed records that there is nothing; the additional section may have addresses of names that the records before it
 * mention. Others are how poisoned name servers travel (CVE-2025-11411 of Unbound, CVE-2025-40778 of BIND). Nothing here
 * believes them, but a resolver that asks us might.
 */
import { copyBytes } from "./copy-bytes.ts";
import { ARCOUNT_AT, HEADER_BYTES, NSCOUNT_AT, readU16, writeU16 } from "./header.ts";
import { NAME_MAX_BYTES, nameLength, sameNameInMessage, skipName, walk } from "./name.ts";
import type { ResponseScan } from "./response-scan.ts";
import {
  TYPE_A,
  TYPE_AAAA,
  TYPE_AFSDB,
  TYPE_CNAME,
  TYPE_DNAME,
  TYPE_DS,
  TYPE_HTTPS,
  TYPE_KX,
  TYPE_MX,
  TYPE_NAPTR,
  TYPE_NS,
  TYPE_NSEC,
  TYPE_NSEC3,
  TYPE_OPT,
  TYPE_PTR,
  TYPE_RRSIG,
  TYPE_RT,
  TYPE_SOA,
  TYPE_SRV,
  TYPE_SVCB,
  TYPE_TLSA,
} from "./types.ts";

/** Names are compared so long; what is left counts as foreign. An ordinary answer needs some dozens. */
const STEPS_MAX = 16_384;

/**
 * Where the first record behind the answer section stands that does not belong. No allocation.
 *
 * @param start index of the header of the message that `scan` accepted; its answer records belong
 * @returns relative to `start`; -1 when all belong
 */
export function foreignRecordAt(bytes: Uint8Array, start: number, scan: ResponseScan): number {
  const end = start + scan.end;
  const additionalAt = start + scan.authorityEnd;
  walk.steps = 0;
  for (let at = start + scan.answerEnd; at < end;) {
    const typeAt = skipName(bytes, at, end);
    if (typeAt < 0) return at - start;
    const type = readU16(bytes, typeAt);
    const dataAt = typeAt + 10;
    if (type !== TYPE_OPT) {
      const told = type === TYPE_RRSIG ? readU16(bytes, dataAt) : type;
      const belongs =
        readU16(bytes, typeAt + 2) === scan.qclass &&
        (at < additionalAt ? isOfZone(bytes, start, scan, at, told) : isOfMentioned(bytes, start, scan, at, told));
      if (!belongs || walk.steps > STEPS_MAX) return at - start;
    }
    at = dataAt + readU16(bytes, typeAt + 8);
  }
  return -1;
}

/**
 * The message up to its first foreign record: names point backwards only, so the rest of it misses nothing.
 *
 * @param bytes without OPT, header at 0; its answer records belong
 * @param scan of `bytes`
 * @returns `bytes` itself when all belong, else a new array
 */
export function cutForeign(bytes: Uint8Array, scan: ResponseScan): Uint8Array {
  const at = foreignRecordAt(bytes, 0, scan);
  if (at < 0) return bytes;
  const cut = copyBytes(bytes, 0, at);
  writeU16(cut, NSCOUNT_AT, countRecords(cut, scan.answerEnd, Math.min(at, scan.authorityEnd)));
  writeU16(cut, ARCOUNT_AT, countRecords(cut, scan.authorityEnd, at));
  return cut;
}

function countRecords(bytes: Uint8Array, from: number, end: number): number {
  let count = 0;
  for (let at = from; at < end; count++) {
    const typeAt = skipName(bytes, at, end);
    at = typeAt + 10 + readU16(bytes, typeAt + 8);
  }
  return count;
}

/** A record of the authority section. @param told its type, or the one that it signs */
function isOfZone(bytes: Uint8Array, start: number, scan: ResponseScan, ownerAt: number, told: number): boolean {
  // Proofs stand at names of their own, and who does not check their signatures has no use for them.
  if (told === TYPE_NSEC || told === TYPE_NSEC3) return true;
  if (told !== TYPE_SOA && told !== TYPE_NS && told !== TYPE_DS) return false;
  if (isBelowInMessage(bytes, start, start + HEADER_BYTES, ownerAt)) return true;
  const end = start + scan.answerEnd;
  for (let at = start + scan.questionEnd; at < end && walk.steps <= STEPS_MAX;) {
    const typeAt = skipName(bytes, at, end);
    const type = readU16(bytes, typeAt);
    const isAlias = type === TYPE_CNAME || type === TYPE_DNAME;
    if (isAlias && isBelowInMessage(bytes, start, typeAt + 10, ownerAt)) return true;
    at = typeAt + 10 + readU16(bytes, typeAt + 8);
  }
  return false;
}

/** Whether the name at `nameAt` is the one at `zoneAt` or lies below it. Both inside a message that was scanned. */
export function isBelowInMessage(bytes: Uint8Array, start: number, nameAt: number, zoneAt: number): boolean {
  let at = nameAt;
  for (let labels = 0; labels < NAME_MAX_BYTES; labels++) {
    if (sameNameInMessage(bytes, start, at, zoneAt)) return true;
    const label = bytes[at] ?? 0;
    if (label === 0) return false;
    at = label >= 0xc0 ? start + (((label & 0x3f) << 8) | (bytes[at + 1] ?? 0)) : at + label + 1;
  }
  return false;
}

/** A record of the additional section: its owner is mentioned, or owns something, before it. */
function isOfMentioned(bytes: Uint8Array, start: number, scan: ResponseScan, ownerAt: number, told: number): boolean {
  if (!isOfServer(told)) return false;
  if (sameNameInMessage(bytes, start, ownerAt, start + HEADER_BYTES)) return true;
  const answerEnd = start + scan.answerEnd;
  for (let at = start + scan.questionEnd; at < ownerAt && walk.steps <= STEPS_MAX;) {
    if (at < answerEnd && sameNameInMessage(bytes, start, ownerAt, at)) return true;
    const typeAt = skipName(bytes, at, ownerAt);
    const dataEnd = typeAt + 10 + readU16(bytes, typeAt + 8);
    const mentioned = nameInData(bytes, readU16(bytes, typeAt), typeAt + 10, dataEnd);
    if (mentioned >= 0 && sameNameInMessage(bytes, start, ownerAt, mentioned)) return true;
    at = dataEnd;
  }
  return false;
}

/** What one must know of a server to connect to it. */
function isOfServer(type: number): boolean {
  switch (type) {
    case TYPE_A:
    case TYPE_AAAA:
    case TYPE_CNAME:
    case TYPE_SVCB:
    case TYPE_HTTPS:
    case TYPE_SRV:
    case TYPE_TLSA:
      return true;
    default:
      return false;
  }
}

/** Index of the name in a record's data for which addresses may follow; -1: there is none. */
function nameInData(bytes: Uint8Array, type: number, dataAt: number, dataEnd: number): number {
  switch (type) {
    case TYPE_NS:
    case TYPE_CNAME:
    case TYPE_DNAME:
    case TYPE_PTR:
    case TYPE_SOA:
      return dataAt;
    case TYPE_MX:
    case TYPE_AFSDB:
    case TYPE_RT:
    case TYPE_KX:
      return dataAt + 2;
    case TYPE_SVCB:
    case TYPE_HTTPS:
      // A scan takes these data for bytes (RFC 9460 §2.2: the name is never compressed).
      return nameLength(bytes, dataAt + 2, dataEnd) > 0 ? dataAt + 2 : -1;
    case TYPE_SRV:
      return dataAt + 6;
    case TYPE_NAPTR: {
      let at = dataAt + 4;
      for (let strings = 0; strings < 3; strings++) at += 1 + (bytes[at] ?? 0);
      return at;
    }
    default:
      return -1;
  }
}
