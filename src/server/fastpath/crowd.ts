/**
 * Whether datagrams come in such numbers that it pays to let them gather.
 *
 * While more than this come, a thread that sleeps for a moment after each turn finds more at once, which costs a tenth less for each at
 * 170,000 queries a second. A burst is no reason, so it is looked at over a few milliseconds: who asks right after a burst would
 * only wait.
 */
const PER_MS = 60;
const LOOK_MS = 5;

export class Crowd {
  /** Since `#fromMs`, which is modulo 2^32: a fraction would be an object of V8's. */
  #datagrams: number;
  #fromMs: number;
  #isCrowd: boolean;

  constructor() {
    this.#datagrams = 0;
    this.#fromMs = 0;
    this.#isCrowd = false;
  }

  /**
   * To be told of each turn that brought something.
   *
   * @param nowMs CLOCK_MONOTONIC
   * @returns whether they come so
   */
  came(datagrams: number, nowMs: number): boolean {
    this.#datagrams += datagrams;
    // Unsigned: the first look, or one after weeks of silence, is more than 2^31 ms after what stands there.
    const elapsedMs = ((nowMs | 0) - this.#fromMs) >>> 0;
    if (elapsedMs >= LOOK_MS) {
      this.#isCrowd = this.#datagrams >= PER_MS * elapsedMs;
      this.#fromMs = nowMs | 0;
      this.#datagrams = 0;
    }
    return this.#isCrowd;
  }
}
