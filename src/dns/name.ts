/**
 * Domain names in wire form, in place.
 *
 * A name is the length-prefixed labels of RFC 1035 §3.1; labels are bytes, not text. Case means ASCII case only
 * (RFC 4343 §3). Text form lives in `name-text.ts`. Nothing here allocates or throws: a refusal is a negative number
 * from `parse-codes.ts`. `at` and `end` are indexes into the buffer; `end` is the first index after the message.
 */
import { HEADER_BYTES } from "./header.ts";
import { ERR_COMPRESSED, ERR_LABEL_TYPE, ERR_NAME_TOO_LONG, ERR_POINTER, ERR_TRUNCATED } from "./parse-codes.ts";

/** Longest name in bytes, root included (RFC 1035 §2.3.4). */
export const NAME_MAX_BYTES = 255;
/** Longest label in bytes, without its length byte. */
export const LABEL_MAX_BYTES = 63;
/** A byte of this size or more begins a compression pointer (RFC 1035 §4.1.4). */
const POINTER_BITS = 0xc0;
/** A name of 255 bytes has at most 127 labels, so more pointers than this lead nowhere. */
const HOPS_MAX = 126;

/**
 * Measures the uncompressed name at `at`.
 *
 * @returns its length in bytes, root included (1 to 255), or `ERR_TRUNCATED`, `ERR_NAME_TOO_LONG`, `ERR_LABEL_TYPE`,
 *   or `ERR_COMPRESSED` (a client's question has nothing earlier to point at)
 */
export function nameLength(bytes: Uint8Array, at: number, end: number): number {
  let cursor = at;
  while (cursor < end) {
    const label = bytes[cursor];
    if (label === undefined) return ERR_TRUNCATED;
    if (label === 0) return cursor - at + 1;
    if (label > LABEL_MAX_BYTES) return label >= POINTER_BITS ? ERR_COMPRESSED : ERR_LABEL_TYPE;
    cursor += label + 1;
    if (cursor - at >= NAME_MAX_BYTES) return ERR_NAME_TOO_LONG;
  }
  return ERR_TRUNCATED;
}

/**
 * Steps over a name that may end in a pointer. Where the pointer leads is not looked at: `expandName` does that.
 *
 * @returns index of the first byte after the name (at most `end`), or a negative code
 */
export function skipName(bytes: Uint8Array, at: number, end: number): number {
  let cursor = at;
  while (cursor < end) {
    const label = bytes[cursor];
    if (label === undefined) return ERR_TRUNCATED;
    if (label === 0) return cursor + 1;
    if (label > LABEL_MAX_BYTES) {
      if (label < POINTER_BITS) return ERR_LABEL_TYPE;
      return cursor + 2 <= end ? cursor + 2 : ERR_TRUNCATED;
    }
    cursor += label + 1;
    if (cursor - at >= NAME_MAX_BYTES) return ERR_NAME_TOO_LONG;
  }
  return ERR_TRUNCATED;
}

/**
 * Writes the name at `at` without compression.
 *
 * A pointer must lead strictly backwards from the part of the name that holds it, not into the header, to a name that
 * has ended before that part begins ("a prior occurrence", RFC 1035 §4.1.4), and at most 126 of them are followed: so this
 * ends for any bytes (RFC 9267 §2), and no name depends on bytes behind it.
 *
 * @param start index of the message's header: what pointers count from
 * @param at index of the name's first byte
 * @param end first index after the message; or after the record's data, for a name inside it
 * @param out at least `NAME_MAX_BYTES` from `outAt`; undefined bytes in it when this fails
 * @returns bytes written (1 to 255), or a negative code
 */
export function expandName(
  bytes: Uint8Array,
  start: number,
  at: number,
  end: number,
  out: Uint8Array,
  outAt: number,
): number {
  let cursor = at;
  let partAt = at;
  let limit = end;
  let hops = 0;
  let written = 0;
  while (cursor < limit) {
    const label = bytes[cursor];
    if (label === undefined) return ERR_TRUNCATED;
    if (label === 0) {
      out[outAt + written] = 0;
      return written + 1;
    }
    if (label > LABEL_MAX_BYTES) {
      if (label < POINTER_BITS) return ERR_LABEL_TYPE;
      const low = bytes[cursor + 1];
      if (low === undefined || cursor + 2 > limit) break;
      const offset = ((label & 0x3f) << 8) | low;
      if (offset < HEADER_BYTES || start + offset >= partAt || ++hops > HOPS_MAX) return ERR_POINTER;
      cursor = start + offset;
      limit = partAt;
      partAt = cursor;
      continue;
    }
    const next = cursor + label + 1;
    if (next > limit) break;
    if (written + label + 1 >= NAME_MAX_BYTES) return ERR_NAME_TOO_LONG;
    while (cursor < next) out[outAt + written++] = bytes[cursor++] ?? 0;
  }
  return hops === 0 ? ERR_TRUNCATED : ERR_POINTER;
}

/** What `checkName` is to know of the message that it is called for again and again. One message at a time. */
export interface NameWalk {
  /**
   * Labels and pointers that were gone over since a caller last set this to 0, by `checkName` in names with pointers and
   * by `sameNameInMessage`. Two bytes can lead through 250 of them, so whoever reads many names of one message sets a
   * bound to their sum: `NAME_STEPS_MAX`.
   */
  steps: number;
  /** Offsets of TTL fields so far, ascending, of which the first `ttlCount` are used: no pointer may lead to one. */
  ttlAts: Uint16Array;
  ttlCount: number;
  /** Offsets between two neighbouring TTL fields, where a name was found last; both 0 at first. */
  gapFrom: number;
  gapTo: number;
}

export const walk: NameWalk = { steps: 0, ttlAts: new Uint16Array(0), ttlCount: 0, gapFrom: 0, gapTo: 0 };

/**
 * Real answers of the greatest length take a third of it. Without a bound, 64 KiB can hold three million steps: ten
 * milliseconds each time that somebody reads the message.
 */
export const NAME_STEPS_MAX = 131_072;

/**
 * Checks a possibly compressed name as strictly as `expandName`, without writing it.
 *
 * @param start index of the message's header
 * @returns index of the first byte after the name, as `skipName`, or a negative code
 */
export function checkName(bytes: Uint8Array, start: number, at: number, end: number): number {
  let cursor = at;
  let partAt = at;
  let limit = end;
  let after = 0;
  let hops = 0;
  let labels = 0;
  let length = 0;
  while (cursor < limit) {
    const label = bytes[cursor];
    if (label === undefined) return ERR_TRUNCATED;
    if (label === 0) {
      if (after === 0) return cursor + 1;
      walk.steps += hops + labels;
      return meetsTtl(partAt - start, cursor + 1 - start) ? ERR_POINTER : after;
    }
    if (label > LABEL_MAX_BYTES) {
      if (label < POINTER_BITS) return ERR_LABEL_TYPE;
      const low = bytes[cursor + 1];
      if (low === undefined || cursor + 2 > limit) break;
      if (after === 0) after = cursor + 2;
      else if (meetsTtl(partAt - start, cursor + 2 - start)) return ERR_POINTER;
      const offset = ((label & 0x3f) << 8) | low;
      if (offset < HEADER_BYTES || start + offset >= partAt || ++hops > HOPS_MAX) return ERR_POINTER;
      cursor = start + offset;
      limit = partAt;
      partAt = cursor;
      continue;
    }
    cursor += label + 1;
    if (cursor > limit) break;
    length += label + 1;
    labels++;
    if (length >= NAME_MAX_BYTES) return ERR_NAME_TOO_LONG;
  }
  return hops === 0 ? ERR_TRUNCATED : ERR_POINTER;
}

/** What finding the TTL field after a name is worth, in steps. */
const STEPS_OF_SEARCH = 8;

/**
 * Whether bytes that a pointer led to are part of a TTL: the name would change with it (RFC 1035 §4.1.4 has pointers lead
 * to names).
 */
function meetsTtl(from: number, to: number): boolean {
  const { ttlAts, ttlCount } = walk;
  if (ttlCount === 0 || to <= (ttlAts[0] ?? 0)) return false;
  // Behind the last field so far, where the alias just before stands.
  if (from >= (ttlAts[ttlCount - 1] ?? 0) + 4) return false;
  if (from >= walk.gapFrom && to <= walk.gapTo) return false;
  let low = 0;
  let high = ttlCount - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((ttlAts[middle] ?? 0) + 4 > from) high = middle;
    else low = middle + 1;
  }
  walk.steps += STEPS_OF_SEARCH;
  walk.gapFrom = low === 0 ? 0 : (ttlAts[low - 1] ?? 0) + 4;
  walk.gapTo = ttlAts[low] ?? 0;
  return walk.gapTo < to;
}

/**
 * Whether two possibly compressed names of one message are the same but for the case of letters. Both must have passed
 * `checkName`; for others the answer is arbitrary, but comes.
 */
export function sameNameInMessage(bytes: Uint8Array, start: number, aAt: number, bAt: number): boolean {
  let a = afterPointers(bytes, start, aAt);
  let b = afterPointers(bytes, start, bAt);
  let same = false;
  let labels = 1;
  for (; labels <= NAME_MAX_BYTES; labels++) {
    same = a === b;
    if (same) break;
    const length = bytes[a] ?? 0;
    if (length !== (bytes[b] ?? 0)) break;
    same = length === 0;
    if (same || !sameName(bytes, a + 1, bytes, b + 1, length)) break;
    a = afterPointers(bytes, start, a + 1 + length);
    b = afterPointers(bytes, start, b + 1 + length);
  }
  walk.steps += labels;
  return same;
}

/** Index of the label that a run of pointers at `at` leads to. */
function afterPointers(bytes: Uint8Array, start: number, at: number): number {
  let cursor = at;
  let hops = 0;
  for (let label = bytes[cursor] ?? 0; label >= POINTER_BITS && hops <= HOPS_MAX; label = bytes[cursor] ?? 0) {
    cursor = start + (((label & 0x3f) << 8) | (bytes[cursor + 1] ?? 0));
    hops++;
  }
  if (hops > 1) walk.steps += hops;
  return cursor;
}

/** Makes the letters A to Z small, in place. @param length of the uncompressed name, in bytes */
export function lowerCaseName(bytes: Uint8Array, at: number, length: number): void {
  const end = at + length;
  // Length bytes are at most 63, below "A", so labels need not be told apart from them.
  for (let cursor = at; cursor < end; cursor++) {
    const byte = bytes[cursor] ?? 0;
    if (byte >= 0x41 && byte <= 0x5a) bytes[cursor] = byte | 0x20;
  }
}

/** Whether two uncompressed names of `length` bytes are the same but for the case of letters. */
export function sameName(a: Uint8Array, aAt: number, b: Uint8Array, bAt: number, length: number): boolean {
  for (let i = 0; i < length; i++) {
    const x = a[aAt + i] ?? 0;
    const y = b[bAt + i] ?? 0;
    if (x === y) continue;
    const folded = x | 0x20;
    if (folded !== (y | 0x20) || folded < 0x61 || folded > 0x7a) return false;
  }
  return true;
}

/**
 * Whether the name at `nameAt` equals `zone` or lies below it. Both uncompressed.
 *
 * @param zone exactly the zone's name; the root holds every name
 */
export function isBelow(name: Uint8Array, nameAt: number, zone: Uint8Array): boolean {
  const length = nameLength(name, nameAt, name.length);
  if (length < 0) return false;
  let cursor = nameAt;
  let left = length;
  while (left > zone.length) {
    const step = (name[cursor] ?? 0) + 1;
    cursor += step;
    left -= step;
  }
  return left === zone.length && sameName(name, cursor, zone, 0, left);
}

/** Number of labels of an uncompressed name, without the root: `a.b.` has 2. */
export function labelCount(bytes: Uint8Array, at: number): number {
  let count = 0;
  let cursor = at;
  for (let label = bytes[cursor] ?? 0; label !== 0 && label <= LABEL_MAX_BYTES; label = bytes[cursor] ?? 0) {
    count++;
    cursor += label + 1;
  }
  return count;
}
