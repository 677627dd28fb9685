/**
 * Writes answers into slots, under the sequence lock, and reads single fields of them. Only the writer's thread.
 *
 * The order for readers: the sequence number is odd before the first byte changes and even after the last. The load
 * after the first store is there for ARM, where a later plain store may pass a store-release but not a load-acquire.
 */
import {
  ANCOUNT_AT,
  ARCOUNT_AT,
  FLAG_AA,
  FLAGS_AT,
  HEADER_BYTES,
  NSCOUNT_AT,
  readU16,
  writeU16,
  writeU32,
} from "../../dns/header.ts";
import type { ResponseScan } from "../../dns/response-scan.ts";
import type { EntryCopy } from "./entry-copy.ts";
import type { StoredQuestion } from "./prefetch-watch.ts";
import type { QuestionHash } from "./question-hash.ts";
import type { Region } from "./region.ts";
import {
  CHECK_WORD,
  CONTROL_SHIFT,
  COUNTS_WORD,
  EXPIRES_S_WORD,
  FLAGS_WORD,
  HASH_WORD,
  IMAGE_BYTE,
  IMAGE_WORD,
  LENGTHS_WORD,
  MARK_ANSWERS,
  MARK_KEEP_TTL,
  MORE_COUNTS_WORD,
  NAME_HASH_WORD,
  RETRY_S_WORD,
  SCOPE_ASIDE,
  SCOPE_NONE,
  SCOPE_WORD,
  STALE_UNTIL_S_WORD,
  STAMP_S_WORD,
  STORED_FLAGS,
  STORED_S_WORD,
  TYPE_CLASS_WORD,
  UNIT_SHIFT,
  UNIT_WORDS_SHIFT,
  VARIANT_SHIFT,
} from "./region-layout.ts";
import { slotCheck } from "./slot-check.ts";

/** The last second that can be written. */
const SECOND_MAX = 0x7fffffff;

/** What is to be said of an answer besides its records. */
export interface EntryTerms {
  /** `KIND_SUCCESS`, `KIND_DENIAL` or `KIND_FAILURE`. */
  readonly kind: number;
  /** Lifetime and TTL of every record, in seconds, at least 1. */
  readonly ttlS: number;
  /** For how many seconds after that it may still be served stale. */
  readonly staleS: number;
  /** An NXDOMAIN that denies the name, not one type of it. */
  readonly deniesName: boolean;
  /** To be kept beside the data of the question, not in its place. */
  readonly aside: boolean;
  readonly keepTtl: boolean;
  /** AA of replies made from it. */
  readonly authoritative: boolean;
  /** A positive answer that answers its question: `serve_stale_policy prefer_positive` keeps these. */
  readonly answers: boolean;
}

/** Bytes of a slot for an answer, header included. */
export function slotBytes(scan: ResponseScan): number {
  const tail = (scan.optAt < 0 ? scan.end : scan.optAt) - scan.questionEnd;
  return IMAGE_BYTE + ((scan.questionEnd - HEADER_BYTES + tail + 1) & ~1) + scan.ttlCount * 2;
}

export class SlotWriter {
  readonly #words: Int32Array;
  readonly #halves: Uint16Array;
  readonly #bytes: Uint8Array;
  readonly #controlWord: number;
  readonly #slotsWord: number;

  constructor(region: Region) {
    this.#words = region.words;
    this.#halves = region.halves;
    this.#bytes = region.bytes;
    this.#controlWord = region.geometry.controlWord;
    this.#slotsWord = region.geometry.slotsWord;
  }

  /** A word of the slot's header. */
  field(slot: number, word: number): number {
    return this.#words[this.#slotsWord + (slot << UNIT_WORDS_SHIFT) + word] ?? 0;
  }

  kind(slot: number): number {
    return (this.field(slot, FLAGS_WORD) >>> 16) & 0xff;
  }

  hasMark(slot: number, mark: number): boolean {
    return ((this.field(slot, FLAGS_WORD) >>> 24) & mark) !== 0;
  }

  isAside(slot: number): boolean {
    return (this.field(slot, SCOPE_WORD) & SCOPE_ASIDE) !== 0;
  }

  /** Whether the entry's name is a zone's or below it. @param zone wire form, lower case */
  isBelow(slot: number, zone: Uint8Array): boolean {
    let cursor = this.messageAt(slot) + HEADER_BYTES;
    let left = this.field(slot, LENGTHS_WORD) & 0xffff;
    while (left > zone.length) {
      const step = (this.#bytes[cursor] ?? 0) + 1;
      cursor += step;
      left -= step;
    }
    if (left !== zone.length) return false;
    for (let i = 0; i < left; i++) if (this.#bytes[cursor + i] !== zone[i]) return false;
    return true;
  }

  /** AA, RA, AD and response code, as they stand in a header. */
  headerFlags(slot: number): number {
    return this.field(slot, FLAGS_WORD) & 0xffff;
  }

  /** Bytes of all records. */
  tailLength(slot: number): number {
    return this.field(slot, LENGTHS_WORD) >>> 16;
  }

  /** Whether the records have TTLs that grow old. */
  ages(slot: number): boolean {
    return this.field(slot, MORE_COUNTS_WORD) >>> 16 > 0 && !this.hasMark(slot, MARK_KEEP_TTL);
  }

  /** The question whose answer stands in the slot. */
  question(slot: number): StoredQuestion {
    const at = this.messageAt(slot) + HEADER_BYTES;
    const nameLength = this.field(slot, LENGTHS_WORD) & 0xffff;
    const variant = this.field(slot, SCOPE_WORD) >>> VARIANT_SHIFT;
    return {
      name: this.#bytes.slice(at, at + nameLength),
      qtype: readU16(this.#bytes, at + nameLength),
      qclass: readU16(this.#bytes, at + nameLength + 2),
      dnssecOk: (variant & 1) !== 0,
      checkingDisabled: (variant & 2) !== 0,
    };
  }

  /**
   * Copies all records behind the question of `message` and sets the counts in its header.
   *
   * @param ttlS of every record; default what remains, or what was stored where TTLs are kept
   */
  copyTail(slot: number, message: Uint8Array, questionEnd: number, nowS: number, ttlS?: number): void {
    const image = this.messageAt(slot);
    const end = questionEnd + this.tailLength(slot);
    for (let i = questionEnd; i < end; i++) message[i] = this.#bytes[image + i] ?? 0;
    const counts = this.field(slot, COUNTS_WORD);
    const moreCounts = this.field(slot, MORE_COUNTS_WORD);
    writeU16(message, ANCOUNT_AT, counts & 0xffff);
    writeU16(message, NSCOUNT_AT, counts >>> 16);
    writeU16(message, ARCOUNT_AT, moreCounts & 0xffff);
    if (ttlS === undefined && this.hasMark(slot, MARK_KEEP_TTL)) return;
    const ttl = ttlS ?? Math.max(this.field(slot, EXPIRES_S_WORD) - nowS, 0);
    const half = (image + end + 1) >> 1;
    for (let i = 0; i < moreCounts >>> 16; i++) writeU32(message, this.#halves[half + i] ?? 0, ttl);
  }

  /** Byte of the region at which the message stands, as if its header stood there too. */
  messageAt(slot: number): number {
    return (this.#slotsWord << 2) + (slot << UNIT_SHIFT) + IMAGE_BYTE - HEADER_BYTES;
  }

  /** Whether a live answer stands in the slot. */
  isLive(slot: number): boolean {
    return ((this.#words[this.#controlWord + (slot << CONTROL_SHIFT)] ?? 1) & 1) === 0;
  }

  setRetryS(slot: number, second: number): void {
    this.#words[this.#slotsWord + (slot << UNIT_WORDS_SHIFT) + RETRY_S_WORD] = second;
  }

  /**
   * Writes an answer into the slot and makes it readable.
   *
   * @param hash with the question begun; the slot is large enough
   * @param message a response whose OPT, if any, is its last record
   * @param typeClass of the key: type 0 when it is a denial of the name for all types
   */
  write(
    slot: number,
    hash: QuestionHash,
    typeClass: number,
    message: Uint8Array,
    scan: ResponseScan,
    terms: EntryTerms,
    nowS: number,
  ): void {
    const words = this.#words;
    this.#lock(slot);
    const at = this.#slotsWord + (slot << UNIT_WORDS_SHIFT);
    const tailEnd = scan.optAt < 0 ? scan.end : scan.optAt;
    const stored = readU16(message, FLAGS_AT) & STORED_FLAGS & ~FLAG_AA;
    const marks = (terms.keepTtl ? MARK_KEEP_TTL : 0) | (terms.answers ? MARK_ANSWERS : 0);
    words[at + HASH_WORD] = hash.finish(typeClass);
    words[at + SCOPE_WORD] = hash.scope;
    words[at + TYPE_CLASS_WORD] = typeClass;
    words[at + NAME_HASH_WORD] = hash.nameHash();
    const ttlS = Math.min(terms.ttlS, SECOND_MAX - nowS);
    words[at + EXPIRES_S_WORD] = nowS + ttlS;
    words[at + STORED_S_WORD] = nowS;
    words[at + STAMP_S_WORD] = nowS;
    words[at + STALE_UNTIL_S_WORD] = Math.min(nowS + ttlS + terms.staleS, SECOND_MAX);
    words[at + LENGTHS_WORD] = hash.nameLength | ((tailEnd - scan.questionEnd) << 16);
    words[at + FLAGS_WORD] = stored | (terms.authoritative ? FLAG_AA : 0) | (terms.kind << 16) | (marks << 24);
    words[at + COUNTS_WORD] = scan.answerCount | (scan.authorityCount << 16);
    words[at + MORE_COUNTS_WORD] = scan.additionalCount | (scan.ttlCount << 16);
    words[at + RETRY_S_WORD] = 0;

    for (let i = 0; i < hash.nameWords; i++) words[at + IMAGE_WORD + i] = hash.name[i] ?? 0;
    const image = this.messageAt(slot);
    const nameEnd = HEADER_BYTES + hash.nameLength;
    for (let i = nameEnd; i < tailEnd; i++) this.#bytes[image + i] = message[i] ?? 0;
    let half = (image + tailEnd + 1) >> 1;
    for (let i = 0; i < scan.ttlCount; i++) this.#halves[half++] = scan.ttlAts[i] ?? 0;
    this.#stamp(slot, ttlS);
    words[at + CHECK_WORD] = slotCheck(words, at, slotBytes(scan));
    this.#unlock(slot);
  }

  /**
   * Writes an answer that stood in another store's slot, and makes it readable.
   *
   * @param hash with the question begun; the slot is large enough
   * @param copy judged, its TTL fields those of the day it was stored
   * @param shiftS what is to be added to its seconds
   */
  writeCopy(slot: number, hash: QuestionHash, copy: EntryCopy, shiftS: number): void {
    const words = this.#words;
    this.#lock(slot);
    const at = this.#slotsWord + (slot << UNIT_WORDS_SHIFT);
    const bytes = copy.usedBytes;
    const count = (bytes + 3) >> 2;
    for (let i = 0; i < count; i++) words[at + i] = copy.words[i] ?? 0;
    words[at + HASH_WORD] = hash.finish(copy.typeClass);
    words[at + SCOPE_WORD] = hash.scope;
    words[at + NAME_HASH_WORD] = hash.nameHash();
    words[at + EXPIRES_S_WORD] = Math.min(copy.expiresS + shiftS, SECOND_MAX);
    words[at + STORED_S_WORD] = copy.storedS + shiftS;
    words[at + STAMP_S_WORD] = copy.storedS + shiftS;
    words[at + STALE_UNTIL_S_WORD] = Math.min(copy.staleUntilS + shiftS, SECOND_MAX);
    words[at + RETRY_S_WORD] = 0;
    words[at + CHECK_WORD] = slotCheck(words, at, bytes);
    this.#unlock(slot);
  }

  /** Writes what remains of the TTLs into the slot, so that readers of this second need not. */
  restamp(slot: number, nowS: number): void {
    this.#lock(slot);
    this.#stamp(slot, this.field(slot, EXPIRES_S_WORD) - nowS);
    this.#words[this.#slotsWord + (slot << UNIT_WORDS_SHIFT) + STAMP_S_WORD] = nowS;
    this.#unlock(slot);
  }

  /** Lowers for how many seconds after its end the answer may be served. */
  capStale(slot: number, staleS: number): void {
    const words = this.#words;
    const at = this.#slotsWord + (slot << UNIT_WORDS_SHIFT);
    const until = this.field(slot, EXPIRES_S_WORD) + staleS;
    if (this.field(slot, STALE_UNTIL_S_WORD) <= until) return;
    this.#lock(slot);
    words[at + STALE_UNTIL_S_WORD] = until;
    // The check sum is over the TTLs of the day on which it was stored.
    const storedS = this.field(slot, STORED_S_WORD);
    this.#stamp(slot, this.field(slot, EXPIRES_S_WORD) - storedS);
    words[at + STAMP_S_WORD] = storedS;
    const lengths = this.field(slot, LENGTHS_WORD);
    const image = (lengths & 0xffff) + 4 + (lengths >>> 16);
    const ttls = this.field(slot, MORE_COUNTS_WORD) >>> 16;
    words[at + CHECK_WORD] = slotCheck(words, at, IMAGE_BYTE + ((image + 1) & ~1) + ttls * 2);
    this.#unlock(slot);
  }

  /** Makes the slot unreadable for good. */
  clear(slot: number): void {
    this.#lock(slot);
    this.#words[this.#slotsWord + (slot << UNIT_WORDS_SHIFT) + SCOPE_WORD] = SCOPE_NONE;
  }

  #stamp(slot: number, ttl: number): void {
    const image = this.messageAt(slot);
    const lengths = this.field(slot, LENGTHS_WORD);
    const end = image + HEADER_BYTES + (lengths & 0xffff) + 4 + (lengths >>> 16);
    let half = (end + 1) >> 1;
    for (let left = this.field(slot, MORE_COUNTS_WORD) >>> 16; left > 0; left--) {
      const at = image + (this.#halves[half++] ?? 0);
      this.#bytes[at] = ttl >>> 24;
      this.#bytes[at + 1] = ttl >>> 16;
      this.#bytes[at + 2] = ttl >>> 8;
      this.#bytes[at + 3] = ttl;
    }
  }

  /** Makes the sequence number odd; leaves it when it is. */
  #lock(slot: number): void {
    const at = this.#controlWord + (slot << CONTROL_SHIFT);
    Atomics.store(this.#words, at, (this.#words[at] ?? 0) | 1);
    Atomics.load(this.#words, at);
  }

  #unlock(slot: number): void {
    const at = this.#controlWord + (slot << CONTROL_SHIFT);
    Atomics.store(this.#words, at, ((this.#words[at] ?? 0) + 1) | 0);
  }
}
