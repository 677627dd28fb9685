/** The main loop's heartbeat, for the keeper. */
import type { SharedRegion } from "../../linux/shared-region.ts";
import { MAIN_BEAT_MS, MAIN_BEAT_WORD } from "../keeper/beats-layout.ts";

export class Heart {
  readonly #words: Int32Array | undefined;
  #timer: NodeJS.Timeout | undefined;

  /** @param beats undefined: nobody looks */
  constructor(beats: SharedRegion | undefined) {
    this.#words = beats === undefined ? undefined : new Int32Array(beats.buffer, 0, MAIN_BEAT_WORD + 1);
    this.#timer = undefined;
  }

  /** From now on a loop that stands still is ended by the keeper. */
  begin(): void {
    const words = this.#words;
    if (words === undefined) return;
    const beat = (): void => void Atomics.add(words, MAIN_BEAT_WORD, 1);
    beat();
    this.#timer = setInterval(beat, MAIN_BEAT_MS).unref();
  }

  /** Nobody looks from now on. */
  stop(): void {
    clearInterval(this.#timer);
    if (this.#words !== undefined) Atomics.store(this.#words, MAIN_BEAT_WORD, 0);
  }
}
