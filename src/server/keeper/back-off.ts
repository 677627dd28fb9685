/**
 * How long to wait before a server that ended is started again.
 *
 * One that had served, or was killed by a signal, is replaced at once, unless that happens too often; one that gave up before
 * it came to serve (its configuration is wrong) is waited for longer each time.
 */

const FIRST_MS = 100;
const LONGEST_MS = 10_000;
/** Servers replaced at once: so many in a row, and then so many a second. */
const AT_ONCE_MAX = 10;
const AT_ONCE_PER_S = 2;

export class BackOff {
  #failures: number;
  #tokens: number;
  #tokensAtMs: number;

  constructor() {
    this.#failures = 0;
    this.#tokens = AT_ONCE_MAX;
    this.#tokensAtMs = 0;
  }

  /** @param innocent whether it had become ready or was killed @returns 0, or 100 ms, doubled each time up to 10 s */
  delayMs(innocent: boolean, nowMs: number): number {
    const gained = ((nowMs - this.#tokensAtMs) * AT_ONCE_PER_S) / 1000;
    this.#tokens = Math.min(AT_ONCE_MAX, this.#tokens + gained);
    this.#tokensAtMs = nowMs;
    if (innocent && this.#tokens >= 1) {
      this.#tokens--;
      this.#failures = 0;
      return 0;
    }
    return Math.min(LONGEST_MS, FIRST_MS * 2 ** this.#failures++);
  }
}
