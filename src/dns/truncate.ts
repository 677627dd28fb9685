/**
 * Making a response fit, by whole RRsets (RFC 2181 §9).
 *
 * Records are kept from the front, so additional records go first, then authority, then answers. TC is set only when
 * something the client needs is gone: it makes the client ask again over TCP.
 */
import {
  ANCOUNT_AT,
  ARCOUNT_AT,
  FLAG_TC,
  FLAGS_AT,
  HEADER_BYTES,
  NSCOUNT_AT,
  QDCOUNT_AT,
  readU16,
  writeU16,
} from "./header.ts";
import { NAME_STEPS_MAX, nameLength, sameNameInMessage, skipName, walk } from "./name.ts";
import { TYPE_NS, TYPE_RRSIG } from "./types.ts";

/**
 * Cuts the response at `start` so that it takes at most `limit` bytes; one that fits is left as it is. No allocation.
 *
 * The message has passed `scanResponse` and has no OPT: the caller leaves room for one in `limit` and adds it after.
 *
 * @param limit in bytes, at least header and question
 * @returns new length in bytes
 */
export function truncateByRrset(bytes: Uint8Array, start: number, length: number, limit: number): number {
  if (length <= limit) return length;
  const end = start + length;
  const questionEnd = afterQuestion(bytes, start, end);
  const answers = readU16(bytes, start + ANCOUNT_AT);
  const authority = readU16(bytes, start + NSCOUNT_AT);
  const total = answers + authority + readU16(bytes, start + ARCOUNT_AT);

  let kept = 0;
  let keptEnd = questionEnd;
  while (kept < total) {
    const next = afterRecord(bytes, keptEnd, end);
    if (next < 0 || next > start + limit) break;
    keptEnd = next;
    kept++;
  }
  const whole = wholeSets(bytes, start, questionEnd, end, kept, answers, authority, total);
  if (whole < kept) {
    kept = whole;
    keptEnd = recordAt(bytes, questionEnd, kept, end);
  }

  if (kept < answers || (kept < answers + authority && needsAuthority(bytes, keptEnd, end, kept, answers, authority))) {
    writeU16(bytes, start + FLAGS_AT, readU16(bytes, start + FLAGS_AT) | FLAG_TC);
  }
  const keptAnswers = kept < answers ? kept : answers;
  const keptAuthority = kept - keptAnswers < authority ? kept - keptAnswers : authority;
  writeU16(bytes, start + ANCOUNT_AT, keptAnswers);
  writeU16(bytes, start + NSCOUNT_AT, keptAuthority);
  writeU16(bytes, start + ARCOUNT_AT, kept - keptAnswers - keptAuthority);
  return keptEnd - start;
}

/**
 * Lowers `kept` until no RRset is cut in two. Records of one RRset stand together as a rule, but nothing in the
 * protocol says so. Looks at each dropped record once, and keeps none when that is too much work.
 */
function wholeSets(
  bytes: Uint8Array,
  start: number,
  questionEnd: number,
  end: number,
  kept: number,
  answers: number,
  authority: number,
  total: number,
): number {
  let whole = kept;
  let from = kept;
  let until = total;
  walk.steps = 0;
  while (from < until) {
    let lowest = whole;
    let at = recordAt(bytes, questionEnd, from, end);
    for (let place = from; place < until && at >= 0; place++) {
      const next = afterRecord(bytes, at, end);
      if (next < 0) break;
      const sectionFrom = place < answers ? 0 : place < answers + authority ? answers : answers + authority;
      if (lowest > sectionFrom) {
        const earlier = earlierOfSameSet(bytes, start, questionEnd, sectionFrom, lowest, at);
        if (earlier >= 0) lowest = earlier;
        if (walk.steps > NAME_STEPS_MAX) return 0;
      }
      at = next;
    }
    // What this pass dropped in addition may have mates of its own before it.
    until = whole;
    from = lowest;
    whole = lowest;
  }
  return whole;
}

function afterQuestion(bytes: Uint8Array, start: number, end: number): number {
  const at = start + HEADER_BYTES;
  if (readU16(bytes, start + QDCOUNT_AT) === 0) return at;
  const nameBytes = nameLength(bytes, at, end);
  return nameBytes < 0 ? at : at + nameBytes + 4;
}

/** Index after the record at `at`, or negative when it is not whole. */
function afterRecord(bytes: Uint8Array, at: number, end: number): number {
  const ownerEnd = skipName(bytes, at, end);
  if (ownerEnd < 0 || ownerEnd + 10 > end) return -1;
  const next = ownerEnd + 10 + readU16(bytes, ownerEnd + 8);
  return next > end ? -1 : next;
}

/** Index of record number `place`, counted from the question's end; the records before it are whole. */
function recordAt(bytes: Uint8Array, questionEnd: number, place: number, end: number): number {
  let at = questionEnd;
  for (let i = 0; i < place; i++) at = afterRecord(bytes, at, end);
  return at;
}

/**
 * Number of the first record in [from, until) of the RRset that the record at `at` belongs to, or -1. A signature
 * belongs to the RRset that it covers.
 */
function earlierOfSameSet(
  bytes: Uint8Array,
  start: number,
  questionEnd: number,
  from: number,
  until: number,
  at: number,
): number {
  const ownerEnd = skipName(bytes, at, bytes.length);
  const type = setType(bytes, ownerEnd);
  const dnsClass = readU16(bytes, ownerEnd + 2);
  let cursor = questionEnd;
  for (let place = 0; place < until; place++) {
    const otherEnd = skipName(bytes, cursor, bytes.length);
    if (
      place >= from &&
      setType(bytes, otherEnd) === type &&
      readU16(bytes, otherEnd + 2) === dnsClass &&
      sameNameInMessage(bytes, start, at, cursor)
    ) {
      return place;
    }
    cursor = otherEnd + 10 + readU16(bytes, otherEnd + 8);
  }
  return -1;
}

/** Type of the RRset of the record whose owner ends at `ownerEnd`. */
function setType(bytes: Uint8Array, ownerEnd: number): number {
  const type = readU16(bytes, ownerEnd);
  return type === TYPE_RRSIG ? readU16(bytes, ownerEnd + 10) : type;
}

/**
 * Whether a record of the authority section from `at` on matters: all do in a negative answer or referral, and
 * whatever is not NS (SOA and proofs) also after an answer.
 */
function needsAuthority(
  bytes: Uint8Array,
  at: number,
  end: number,
  kept: number,
  answers: number,
  authority: number,
): boolean {
  if (answers === 0) return true;
  let cursor = at;
  for (let place = kept; place < answers + authority && cursor >= 0; place++) {
    const ownerEnd = skipName(bytes, cursor, end);
    if (ownerEnd < 0) return true;
    if (setType(bytes, ownerEnd) !== TYPE_NS) return true;
    cursor = afterRecord(bytes, cursor, end);
  }
  return false;
}
