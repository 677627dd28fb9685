/** How long to wait before a server that ended is started again. */

const FIRST_MS = 100;
const LONGEST_MS = 10_000;
/** A server that lived so long was no part of a crash loop. */
const GOOD_LIFE_MS = 10_000;

export class BackOff {
  #nextMs: number;

  constructor() {
    this.#nextMs = 0;
  }

  /** @param livedMs how long the one that ended had lived @returns 0 at first, then 100 ms, doubled up to 10 s */
  delayMs(livedMs: number): number {
    if (livedMs >= GOOD_LIFE_MS) this.#nextMs = 0;
    const delayMs = this.#nextMs;
    this.#nextMs = Math.min(LONGEST_MS, Math.max(FIRST_MS, delayMs * 2));
    return delayMs;
  }
}
