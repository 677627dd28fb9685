/** The server's heartbeat, for the keeper: of its main loop, and through their control words of its threads. */
import type { SharedRegion } from "../../linux/shared-region.ts";
import type { ThreadControls } from "../fastpath/fast-path-threads.ts";
import { MAIN_BEAT_MS, MAIN_BEAT_WORD, THREADS_AT, THREADS_MAX, THREADS_WORD } from "../keeper/beats-layout.ts";

export class Heart {
  readonly #beats: SharedRegion | undefined;
  readonly #words: Int32Array | undefined;
  #timer: NodeJS.Timeout | undefined;

  /** @param beats undefined: nobody looks */
  constructor(beats: SharedRegion | undefined) {
    this.#beats = beats;
    this.#words = beats === undefined ? undefined : new Int32Array(beats.buffer, 0, THREADS_AT >> 2);
    this.#timer = undefined;
  }

  /** Where the control words of so many threads are to be; undefined: anywhere. */
  controls(threads: number): ThreadControls | undefined {
    if (this.#beats === undefined || this.#words === undefined || threads > THREADS_MAX) return undefined;
    this.#words[THREADS_WORD] = threads;
    return { region: this.#beats, at: THREADS_AT };
  }

  /** From now on a loop that stands still is ended by the keeper, and so is a thread. */
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
