/**
 * One pass over a response: is it whole, and what must a cache know of it.
 *
 * Every record is checked against the bounds, every name against the rules of `name.ts`, also names inside the data of
 * the types that `rdata-layout.ts` lists. A response that passes can be patched, truncated and decoded without further
 * doubt. Whether it belongs to a question is not judged here.
 */
import { OPT_FLAGS_AT, OPT_RCODE_AT, OPT_RDLENGTH_AT, OPT_VERSION_AT } from "./edns.ts";
import {
  ANCOUNT_AT,
  ARCOUNT_AT,
  FLAGS_AT,
  HEADER_BYTES,
  NSCOUNT_AT,
  QDCOUNT_AT,
  RCODE_MASK,
  readU16,
  readU32,
} from "./header.ts";
import { checkName, NAME_STEPS_MAX, nameLength, walk } from "./name.ts";
import { ERR_LABORIOUS, ERR_LENGTH, ERR_OPT, ERR_TRUNCATED } from "./parse-codes.ts";
import { checkRdata } from "./rdata-layout.ts";
import { TYPE_ANY, TYPE_CNAME, TYPE_DNAME, TYPE_NS, TYPE_OPT, TYPE_RRSIG, TYPE_SOA } from "./types.ts";

/** More records than this in one response are an attack on whoever reads them. */
export const RECORDS_MAX = 4096;
/** The shortest record: root, type, class, TTL, no data. */
const RECORD_MIN_BYTES = 11;
/** The longest TTL (RFC 2181 §8). A greater number counts as this (RFC 8767 §4). */
export const TTL_MAX_S = 0x7fffffff;
/** Says "no record at all" where a TTL is expected. */
export const TTL_NONE = 0xffffffff;

/** Filled by `scanResponse`; one may be used for message after message. Offsets are relative to the message's start. */
export class ResponseScan {
  id = 0;
  /** The header's flags word. */
  flags = 0;
  /** Low four bits, as in the header. */
  rcode = 0;
  /** With the OPT's bits, 0 to 4095; equals `rcode` without OPT. */
  extendedRcode = 0;
  /** Bytes of the question's name; 0 when there is no question. */
  nameLength = 0;
  qtype = 0;
  qclass = 0;
  questionEnd = 0;
  answerCount = 0;
  authorityCount = 0;
  /** Without the OPT. */
  additionalCount = 0;
  /** Where each section's records end; authority begins where the answer ends. */
  answerEnd = 0;
  authorityEnd = 0;
  /** After the last record; bytes after it mean nothing. */
  end = 0;
  /** -1 without OPT. */
  optAt = -1;
  optEnd = -1;
  optionsAt = 0;
  optionsLength = 0;
  ednsVersion = 0;
  dnssecOk = false;
  /** Seconds, over all records but the OPT, or `TTL_NONE`. */
  minTtl: number = TTL_NONE;
  /** Seconds, over the answer section, or `TTL_NONE`. */
  answerMinTtl: number = TTL_NONE;
  /** An SOA in the authority section: the first one's figures. */
  hasSoa = false;
  soaTtl = 0;
  soaMinimum = 0;
  soaOwnerAt = 0;
  hasNsInAuthority = false;
  /** There is an answer record of the question's type and class (any, for ANY). */
  answersQuestion = false;
  /** There are answers, all of them CNAME or DNAME (and signatures), and something else was asked. */
  cnameOnly = false;
  cnameCount = 0;
  /** Number of valid places in `ttlAts`. */
  ttlCount = 0;
  /** Offsets of the TTL of every record but the OPT. Belongs to the scan; grows, so do not keep it. */
  ttlAts: Uint16Array = new Uint16Array(64);
  /** Labels and pointers of all names with pointers, see `walk`. */
  nameSteps = 0;
  /** Signatures in answer and authority. */
  rrsigCount = 0;
  /** Unix seconds, modulo 2^32: of all those signatures the first to expire and the last to begin. */
  rrsigExpiration = 0;
  rrsigInception = 0;

  /**
   * Whether a signature in answer or authority is not valid at that time, expired or not yet begun.
   *
   * @param nowUnixS wall clock; compared in serial arithmetic (RFC 4034 §3.1.5)
   */
  rrsigExpired(nowUnixS: number): boolean {
    if (this.rrsigCount === 0) return false;
    return ((this.rrsigExpiration - nowUnixS) | 0) < 0 || ((nowUnixS - this.rrsigInception) | 0) < 0;
  }
}

/**
 * Checks a message and fills `scan`. QR is not looked at.
 *
 * @param start index of the header in `bytes`
 * @param length of the message in bytes, at most 65535
 * @returns 0, or a negative code; then `scan` holds nothing to rely on
 */
export function scanResponse(bytes: Uint8Array, start: number, length: number, scan: ResponseScan): number {
  if (length < HEADER_BYTES || start + length > bytes.length) return ERR_TRUNCATED;
  reset(scan);
  const end = start + length;
  scan.id = readU16(bytes, start);
  scan.flags = readU16(bytes, start + FLAGS_AT);
  scan.rcode = scan.flags & RCODE_MASK;
  scan.extendedRcode = scan.rcode;
  const questions = readU16(bytes, start + QDCOUNT_AT);
  if (questions > 1) return ERR_LENGTH;
  let cursor = start + HEADER_BYTES;
  if (questions === 1) {
    const nameBytes = nameLength(bytes, cursor, end);
    if (nameBytes < 0) return nameBytes;
    cursor += nameBytes;
    if (cursor + 4 > end) return ERR_TRUNCATED;
    scan.nameLength = nameBytes;
    scan.qtype = readU16(bytes, cursor);
    scan.qclass = readU16(bytes, cursor + 2);
    cursor += 4;
  }
  scan.questionEnd = cursor - start;

  const answers = readU16(bytes, start + ANCOUNT_AT);
  const authority = readU16(bytes, start + NSCOUNT_AT);
  const additional = readU16(bytes, start + ARCOUNT_AT);
  const records = answers + authority + additional;
  if (records > RECORDS_MAX || records * RECORD_MIN_BYTES > end - cursor) return ERR_LENGTH;
  if (scan.ttlAts.length < records) scan.ttlAts = new Uint16Array(records * 2);

  walk.steps = 0;
  walk.ttlAts = scan.ttlAts;
  walk.gapFrom = 0;
  walk.gapTo = 0;
  const code = scanSections(bytes, start, cursor, end, scan, answers, authority, additional);
  walk.ttlCount = 0;
  return code;
}

/** Everything after the question. */
function scanSections(
  bytes: Uint8Array,
  start: number,
  at: number,
  end: number,
  scan: ResponseScan,
  answers: number,
  authority: number,
  additional: number,
): number {
  let cursor = at;
  scan.cnameOnly = answers > 0 && scan.qtype !== TYPE_ANY && scan.qtype !== TYPE_CNAME && scan.qtype !== TYPE_DNAME;
  for (let i = 0; i < answers; i++) {
    cursor = scanRecord(bytes, start, cursor, end, SECTION_ANSWER, scan);
    if (cursor < 0) return cursor;
  }
  if (scan.cnameCount === 0) scan.cnameOnly = false;
  scan.answerEnd = cursor - start;
  scan.answerMinTtl = scan.minTtl;
  for (let i = 0; i < authority; i++) {
    cursor = scanRecord(bytes, start, cursor, end, SECTION_AUTHORITY, scan);
    if (cursor < 0) return cursor;
  }
  scan.authorityEnd = cursor - start;
  for (let i = 0; i < additional; i++) {
    cursor = scanRecord(bytes, start, cursor, end, SECTION_ADDITIONAL, scan);
    if (cursor < 0) return cursor;
  }
  scan.end = cursor - start;
  scan.nameSteps = walk.steps;
  scan.answerCount = answers;
  scan.authorityCount = authority;
  scan.additionalCount = scan.optAt < 0 ? additional : additional - 1;
  return 0;
}

const SECTION_ANSWER = 1;
const SECTION_AUTHORITY = 2;
const SECTION_ADDITIONAL = 3;

function reset(scan: ResponseScan): void {
  scan.nameLength = 0;
  scan.qtype = 0;
  scan.qclass = 0;
  scan.optAt = -1;
  scan.optEnd = -1;
  scan.optionsAt = 0;
  scan.optionsLength = 0;
  scan.ednsVersion = 0;
  scan.dnssecOk = false;
  scan.minTtl = TTL_NONE;
  scan.answerMinTtl = TTL_NONE;
  scan.hasSoa = false;
  scan.soaTtl = 0;
  scan.soaMinimum = 0;
  scan.soaOwnerAt = 0;
  scan.hasNsInAuthority = false;
  scan.answersQuestion = false;
  scan.cnameCount = 0;
  scan.ttlCount = 0;
  scan.rrsigCount = 0;
  scan.rrsigExpiration = 0;
  scan.rrsigInception = 0;
}

/** Checks the record at `at` and notes it. @returns index after it, or a negative code */
function scanRecord(
  bytes: Uint8Array,
  start: number,
  at: number,
  end: number,
  section: number,
  scan: ResponseScan,
): number {
  const ownerEnd = checkName(bytes, start, at, end);
  if (ownerEnd < 0) return ownerEnd;
  const dataAt = ownerEnd + 10;
  if (dataAt > end) return ERR_TRUNCATED;
  const type = readU16(bytes, ownerEnd);
  const dataEnd = dataAt + readU16(bytes, ownerEnd + 8);
  if (dataEnd > end) return ERR_LENGTH;
  if (type === TYPE_OPT) {
    if (section !== SECTION_ADDITIONAL || scan.optAt >= 0 || bytes[at] !== 0) return ERR_OPT;
    noteOpt(bytes, start, at, dataEnd, scan);
    return dataEnd;
  }
  scan.ttlAts[scan.ttlCount++] = ownerEnd + 4 - start;
  walk.ttlCount = scan.ttlCount;
  const dnsClass = readU16(bytes, ownerEnd + 2);
  const refused = checkRdata(bytes, start, dataAt, dataEnd, type, dnsClass);
  if (refused < 0) return refused;
  if (walk.steps > NAME_STEPS_MAX) return ERR_LABORIOUS;

  const ttl = ttlAt(bytes, ownerEnd + 4);
  if (ttl < scan.minTtl) scan.minTtl = ttl;
  if (type === TYPE_RRSIG && section !== SECTION_ADDITIONAL) noteSignature(bytes, dataAt, scan);
  if (section === SECTION_ANSWER) {
    if (type === TYPE_CNAME || type === TYPE_DNAME) scan.cnameCount++;
    else if (type !== TYPE_RRSIG) scan.cnameOnly = false;
    if ((type === scan.qtype || scan.qtype === TYPE_ANY) && dnsClass === scan.qclass) scan.answersQuestion = true;
  } else if (section === SECTION_AUTHORITY) {
    if (type === TYPE_NS) scan.hasNsInAuthority = true;
    else if (type === TYPE_SOA && !scan.hasSoa) {
      scan.hasSoa = true;
      scan.soaTtl = ttl;
      scan.soaMinimum = ttlAt(bytes, dataEnd - 4);
      scan.soaOwnerAt = at - start;
    }
  }
  return dataEnd;
}

/** A TTL in seconds, 0 to `TTL_MAX_S`. */
function ttlAt(bytes: Uint8Array, at: number): number {
  const ttl = readU32(bytes, at);
  return ttl > TTL_MAX_S ? TTL_MAX_S : ttl;
}

function noteOpt(bytes: Uint8Array, start: number, at: number, dataEnd: number, scan: ResponseScan): void {
  scan.optAt = at - start;
  scan.optEnd = dataEnd - start;
  scan.optionsAt = at + OPT_RDLENGTH_AT + 2 - start;
  scan.optionsLength = readU16(bytes, at + OPT_RDLENGTH_AT);
  scan.ednsVersion = bytes[at + OPT_VERSION_AT] ?? 0;
  scan.dnssecOk = ((bytes[at + OPT_FLAGS_AT] ?? 0) & 0x80) !== 0;
  scan.extendedRcode = ((bytes[at + OPT_RCODE_AT] ?? 0) << 4) | scan.rcode;
}

/** Keeps the first expiration and the last inception, in serial arithmetic. */
function noteSignature(bytes: Uint8Array, dataAt: number, scan: ResponseScan): void {
  const expiration = readU32(bytes, dataAt + 8);
  const inception = readU32(bytes, dataAt + 12);
  const first = scan.rrsigCount++ === 0;
  if (first || ((expiration - scan.rrsigExpiration) | 0) < 0) scan.rrsigExpiration = expiration;
  if (first || ((inception - scan.rrsigInception) | 0) > 0) scan.rrsigInception = inception;
}
