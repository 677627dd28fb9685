/**
 * The index as the writer sees it: from a question to its slot. Readers have their own look-up (`answer-reader.ts`).
 */
import type { QuestionHash } from "./question-hash.ts";
import type { Region } from "./region.ts";
import {
  IMAGE_WORD,
  LENGTHS_WORD,
  SCOPE_WORD,
  SET_SHIFT,
  SET_WORDS,
  TYPE_CLASS_WORD,
  UNIT_WORDS_SHIFT,
} from "./region-layout.ts";

export class QuestionIndex {
  readonly #words: Int32Array;
  readonly #indexWord: number;
  readonly #slotsWord: number;
  readonly #setMask: number;

  constructor(region: Region) {
    this.#words = region.words;
    this.#indexWord = region.geometry.indexWord;
    this.#slotsWord = region.geometry.slotsWord;
    this.#setMask = region.geometry.sets - 1;
  }

  /** @returns the slot of the question begun in `hash`, or -1 */
  find(hash: QuestionHash, typeClass: number): number {
    const tag = hash.finish(typeClass);
    const first = this.#firstWay(tag);
    for (let way = first; way < first + SET_WORDS; way += 2) {
      if (this.#words[way] !== tag) continue;
      const slot = this.#words[way + 1] ?? -1;
      if (this.#isOf(slot, hash, typeClass)) return slot;
    }
    return -1;
  }

  /** Word of an empty way for the tag, or -1 when its set is full. */
  emptyWay(tag: number): number {
    const first = this.#firstWay(tag);
    for (let way = first; way < first + SET_WORDS; way += 2) if (this.#words[way] === 0) return way;
    return -1;
  }

  /** Slot in way 0 to 7 of the tag's set. */
  slotIn(tag: number, way: number): number {
    return this.#words[this.#firstWay(tag) + way * 2 + 1] ?? -1;
  }

  /** Fills an empty way. A reader that sees the tag before the slot compares keys and misses. */
  set(way: number, tag: number, slot: number): void {
    this.#words[way + 1] = slot;
    Atomics.store(this.#words, way, tag);
  }

  /** Empties the way that leads to the slot. */
  remove(tag: number, slot: number): void {
    const first = this.#firstWay(tag);
    for (let way = first; way < first + SET_WORDS; way += 2) {
      if (this.#words[way] === tag && this.#words[way + 1] === slot) {
        Atomics.store(this.#words, way, 0);
        return;
      }
    }
    throw new Error(`the index does not know slot ${slot}`);
  }

  #firstWay(tag: number): number {
    return this.#indexWord + ((tag & this.#setMask) << SET_SHIFT);
  }

  #isOf(slot: number, hash: QuestionHash, typeClass: number): boolean {
    const words = this.#words;
    const at = this.#slotsWord + (slot << UNIT_WORDS_SHIFT);
    if (words[at + SCOPE_WORD] !== hash.scope || words[at + TYPE_CLASS_WORD] !== typeClass) return false;
    if (((words[at + LENGTHS_WORD] ?? 0) & 0xffff) !== hash.nameLength) return false;
    const last = hash.nameWords - 1;
    for (let i = 0; i < last; i++) if (words[at + IMAGE_WORD + i] !== hash.name[i]) return false;
    const spare = (hash.nameWords * 4 - hash.nameLength) * 8;
    return ((words[at + IMAGE_WORD + last] ?? 0) ^ (hash.name[last] ?? 0)) << spare === 0;
  }
}
