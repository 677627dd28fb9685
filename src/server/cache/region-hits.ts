/** The readers' hit counts as the writer sees them: racy, near enough. */
import type { Region } from "./region.ts";
import { CONTROL_SHIFT, HITS_WORD, LAST_HIT_S_WORD } from "./region-layout.ts";

export class RegionHits {
  readonly #words: Int32Array;
  readonly #controlWord: number;

  constructor(region: Region) {
    this.#words = region.words;
    this.#controlWord = region.geometry.controlWord;
  }

  /** Counts on over all answers that ever stood in the slot; wraps. */
  count(slot: number): number {
    return this.#words[this.#controlWord + (slot << CONTROL_SHIFT) + HITS_WORD] ?? 0;
  }

  /** Second of the last hit. */
  lastS(slot: number): number {
    return this.#words[this.#controlWord + (slot << CONTROL_SHIFT) + LAST_HIT_S_WORD] ?? 0;
  }

  /** Takes over what was counted elsewhere. */
  set(slot: number, count: number, lastS: number): void {
    const at = this.#controlWord + (slot << CONTROL_SHIFT);
    this.#words[at + HITS_WORD] = count;
    this.#words[at + LAST_HIT_S_WORD] = lastS;
  }

  add(slot: number, nowS: number): void {
    const at = this.#controlWord + (slot << CONTROL_SHIFT);
    this.#words[at + HITS_WORD] = (this.#words[at + HITS_WORD] ?? 0) + 1;
    this.#words[at + LAST_HIT_S_WORD] = nowS;
  }
}
