/**
 * Looks questions up in the answer store, from any thread, without locks.
 *
 * Nothing here allocates, throws, or waits. What looks odd (a slot that is being written, a length that makes no sense)
 * is a miss: the caller then takes the slow path, where the truth is. The key is always compared whole, word by word;
 * the hash only says where to look.
 */
import { RCODE_MASK } from "../../dns/header.ts";
import { QuestionHash } from "./question-hash.ts";
import { type AnswerStoreHandle, Region } from "./region.ts";
import {
  CONTROL_SHIFT,
  COUNTS_WORD,
  EXPIRES_S_WORD,
  FLAGS_WORD,
  HITS_WORD,
  IMAGE_BYTE,
  IMAGE_WORD,
  KIND_DENIAL,
  KIND_SUCCESS,
  LAST_HIT_S_WORD,
  LENGTHS_WORD,
  MARK_KEEP_TTL,
  MORE_COUNTS_WORD,
  SCOPE_WORD,
  SET_SHIFT,
  SET_WORDS,
  SLOT_MAX_BYTES,
  STALE_UNTIL_S_WORD,
  STAMP_S_WORD,
  TYPE_CLASS_WORD,
  UNIT_WORDS_SHIFT,
  VARIANT_SHIFT,
} from "./region-layout.ts";

/**
 * What the two looks of a sequence lock need: that loads happen in the order in which they are written.
 *
 * x86 keeps the order of loads, and V8 neither moves nor drops loads of array buffers (their memory may be another
 * thread's), so plain loads do there; `Atomics.load` is a call and takes as long as half the copy. ARM may delay a plain
 * load past `Atomics.load` (LDAR); it may not move an LDAR before an earlier STLR, and an STLR waits for earlier loads:
 * there the second look is a store to a private word, then `Atomics.load`.
 */
const LOADS_KEEP_ORDER = process.arch === "x64" || process.arch === "ia32";

/** Of stale answers (RFC 8767 §4). */
const STALE_TTL_S = 30;

export class AnswerReader {
  /** AA, RA, AD and response code of the stored answer, as they stand in a header's flags word. Set by `copy`. */
  headerFlags: number;
  answerCount: number;
  authorityCount: number;
  /** Without the OPT, which is never stored. */
  additionalCount: number;
  kind: typeof KIND_SUCCESS | typeof KIND_DENIAL;
  readonly #region: Region;
  readonly #words: Int32Array;
  readonly #halves: Uint16Array;
  readonly #hash: QuestionHash;
  readonly #setMask: number;
  readonly #slots: number;
  readonly #indexWord: number;
  readonly #controlWord: number;
  readonly #slotsWord: number;
  readonly #fence: Int32Array;
  /** Word of an entry up to whose second it is found. */
  readonly #untilWord: number;
  /** Room for what is being copied, in words. */
  readonly #aside: Int32Array;
  readonly #asideBytes: Uint8Array;
  #foundSlot: number;
  #foundSeq: number;

  /** Sequence number of the answer that was found last: for `isStill`. */
  get foundSequence(): number {
    return this.#foundSeq;
  }

  /**
   * @param store or its region, opened by who makes several readers: V8 takes each view of it for that much more memory
   * @param stale expired answers are found too, as long as they may be served (RFC 8767), with a TTL of 30 s
   * @throws StoreRegionError when the memory holds no store of this layout
   */
  constructor(store: AnswerStoreHandle | Region, stale = false) {
    const region = store instanceof Region ? store : Region.open(store);
    this.headerFlags = 0;
    this.answerCount = 0;
    this.authorityCount = 0;
    this.additionalCount = 0;
    this.kind = KIND_SUCCESS;
    this.#region = region;
    this.#words = region.words;
    this.#halves = region.halves;
    this.#hash = new QuestionHash(region.key0, region.key1);
    this.#setMask = region.geometry.sets - 1;
    this.#slots = region.geometry.slots;
    this.#indexWord = region.geometry.indexWord;
    this.#controlWord = region.geometry.controlWord;
    this.#slotsWord = region.geometry.slotsWord;
    this.#fence = new Int32Array(1);
    this.#untilWord = stale ? STALE_UNTIL_S_WORD : EXPIRES_S_WORD;
    this.#aside = new Int32Array(SLOT_MAX_BYTES / 4 + 2);
    this.#asideBytes = new Uint8Array(this.#aside.buffer);
    this.#foundSlot = -1;
    this.#foundSeq = 0;
  }

  /** The second to pass as `nowS`, for a time of CLOCK_MONOTONIC in milliseconds. */
  secondsAt(monotonicMs: number): number {
    return this.#region.secondsAt(monotonicMs);
  }

  /**
   * Looks the question at `start` up: its type first, then a denial of the whole name. Answers that are no longer fresh
   * are not found.
   *
   * @param bytes the slab with the packet
   * @param words the same memory, from the same byte on
   * @param start offset of the DNS header, a multiple of 4
   * @param nameLength of the question's name in bytes, root included (`QueryView.nameLength`)
   * @param variant `DO | CD << 1`
   * @param nowS from `secondsAt`
   * @returns slot for `copy`, or -1
   */
  find(
    bytes: Uint8Array,
    words: Int32Array,
    start: number,
    nameLength: number,
    qtype: number,
    qclass: number,
    variant: number,
    partition: number,
    nowS: number,
  ): number {
    this.#hash.begin(partition | (variant << VARIANT_SHIFT), words, (start + 12) >> 2, nameLength);
    const slot = this.#probe(qtype | (qclass << 16), nowS);
    return slot >= 0 ? slot : this.#probe(qclass << 16, nowS);
  }

  /** Response code of the answer just found; `copy` still says whether it is whole. */
  rcodeOf(slot: number): number {
    return (this.#words[this.#slotsWord + (slot << UNIT_WORDS_SHIFT) + FLAGS_WORD] ?? 0) & RCODE_MASK;
  }

  /**
   * Whether the slot still holds the answer that was copied from it when its sequence number was `sequence`; if so, the hit is
   * counted. For a copy that is used again in the second in which it was made.
   */
  isStill(slot: number, sequence: number, nowS: number): boolean {
    const store = this.#words;
    const control = this.#controlWord + (slot << CONTROL_SHIFT);
    if (store[control] !== sequence) return false;
    this.#countHit(control, nowS);
    return true;
  }

  #countHit(control: number, nowS: number): void {
    const store = this.#words;
    store[control + HITS_WORD] = ((store[control + HITS_WORD] ?? 0) + 1) | 0;
    store[control + LAST_HIT_S_WORD] = nowS;
  }

  #probe(typeClass: number, nowS: number): number {
    const words = this.#words;
    const hash = this.#hash;
    const tag = hash.finish(typeClass);
    const first = this.#indexWord + ((tag & this.#setMask) << SET_SHIFT);
    next: for (let way = first; way < first + SET_WORDS; way += 2) {
      if (words[way] !== tag) continue;
      const slot = words[way + 1] ?? -1;
      if (slot < 0 || slot >= this.#slots) continue;
      const control = this.#controlWord + (slot << CONTROL_SHIFT);
      const seq = LOADS_KEEP_ORDER ? (words[control] ?? 1) : Atomics.load(words, control);
      if ((seq & 1) !== 0) continue;
      const at = this.#slotsWord + (slot << UNIT_WORDS_SHIFT);
      if (words[at + SCOPE_WORD] !== hash.scope || words[at + TYPE_CLASS_WORD] !== typeClass) continue;
      if (((words[at + LENGTHS_WORD] ?? 0) & 0xffff) !== hash.nameLength) continue;
      const name = hash.name;
      const last = hash.nameWords - 1;
      const image = at + IMAGE_WORD;
      for (let i = 0; i < last; i++) if (words[image + i] !== name[i]) continue next;
      // The stored name's last word runs on into the type: only its own bytes count.
      const spareBits = (hash.nameWords * 4 - hash.nameLength) << 3;
      if (((words[image + last] ?? 0) ^ (name[last] ?? 0)) << spareBits !== 0) continue;
      if ((words[at + this.#untilWord] ?? 0) <= nowS) continue;
      this.#foundSlot = slot;
      this.#foundSeq = seq;
      return slot;
    }
    return -1;
  }

  /**
   * Copies what follows the question of the answer just found behind the question at `start`, its TTLs aged, and
   * counts the hit.
   *
   * Whole words are written, so up to 3 bytes after the copy are overwritten: they must be the caller's too.
   *
   * @param slot what the last `find` gave
   * @param room how many bytes the copy may take, counted from the end of the question
   * @returns bytes copied, or -1 when the answer is longer than `room` or was replaced meanwhile: then it is a miss, and
   *   the packet is as it was
   */
  copy(
    slot: number,
    bytes: Uint8Array,
    words: Int32Array,
    start: number,
    nameLength: number,
    room: number,
    nowS: number,
  ): number {
    if (slot !== this.#foundSlot) return -1;
    const store = this.#words;
    const at = this.#slotsWord + (slot << UNIT_WORDS_SHIFT);
    const tailLength = (store[at + LENGTHS_WORD] ?? 0) >>> 16;
    const flags = store[at + FLAGS_WORD] ?? 0;
    const counts = store[at + COUNTS_WORD] ?? 0;
    const moreCounts = store[at + MORE_COUNTS_WORD] ?? 0;
    const leftS = (store[at + EXPIRES_S_WORD] ?? 0) - nowS;
    const ttl = leftS > 0 || this.#untilWord === EXPIRES_S_WORD ? leftS : STALE_TTL_S;
    const stampS = store[at + STAMP_S_WORD] ?? 0;
    if (tailLength > room || tailLength > SLOT_MAX_BYTES || ttl <= 0) return -1;

    // First aside, then into the packet: what was torn must not reach it, for the query may still be needed.
    const questionBytes = nameLength + 4;
    const from = (at << 2) + IMAGE_BYTE + questionBytes;
    const fromEnd = from + tailLength;
    const aside = this.#aside;
    const fromWord = from >> 2;
    const count = ((fromEnd + 3) >> 2) - fromWord;
    for (let i = 0; i < count; i++) aside[i] = store[fromWord + i] ?? 0;
    const phase = from & 3;

    if (stampS !== nowS && ((flags >>> 24) & MARK_KEEP_TTL) === 0) {
      const asideBytes = this.#asideBytes;
      let half = (fromEnd + 1) >> 1;
      const tailAt = 12 + questionBytes;
      for (let left = moreCounts >>> 16; left > 0; left--) {
        const ttlAt = (this.#halves[half++] ?? 0) - tailAt;
        if (ttlAt < 0 || ttlAt + 4 > tailLength) return -1;
        const field = phase + ttlAt;
        asideBytes[field] = ttl >>> 24;
        asideBytes[field + 1] = ttl >>> 16;
        asideBytes[field + 2] = ttl >>> 8;
        asideBytes[field + 3] = ttl;
      }
    }

    const control = this.#controlWord + (slot << CONTROL_SHIFT);
    if (!LOADS_KEEP_ORDER) Atomics.store(this.#fence, 0, 0);
    const seq = LOADS_KEEP_ORDER ? store[control] : Atomics.load(store, control);
    if (seq !== this.#foundSeq) return -1;
    const to = start + 12 + questionBytes;
    let toWord = to >> 2;
    let i = 0;
    if (phase !== 0) {
      const asideBytes = this.#asideBytes;
      for (let j = phase; j < 4; j++) bytes[to - phase + j] = asideBytes[j] ?? 0;
      toWord++;
      i++;
    }
    for (; i < count; i++) words[toWord++] = aside[i] ?? 0;
    this.#countHit(control, nowS);
    this.headerFlags = flags & 0xffff;
    this.kind = ((flags >>> 16) & 0xff) === KIND_SUCCESS ? KIND_SUCCESS : KIND_DENIAL;
    this.answerCount = counts & 0xffff;
    this.authorityCount = counts >>> 16;
    this.additionalCount = moreCounts & 0xffff;
    return tailLength;
  }
}
