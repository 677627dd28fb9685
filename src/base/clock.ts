/**
 * Time as the server sees it.
 *
 * `monotonicMs` is CLOCK_MONOTONIC in milliseconds: equal in all threads and processes of one machine, never stepped.
 * Cached answers expire by it. Wall time serves logs and metrics only.
 */
export interface Clock {
  /** CLOCK_MONOTONIC, milliseconds, fractional. */
  monotonicMs(): number;
  /** Unix time, milliseconds. */
  wallMs(): number;
}

/** Taken once: the global is a getter, which the hot loop would pay for at each look at the clock. */
const { performance } = globalThis;

/** `performance.now()` counts from the thread's start; this makes it CLOCK_MONOTONIC again. */
const threadOffsetMs = Number(process.hrtime.bigint() / 1000n) / 1000 - performance.now();

export const systemClock: Clock = {
  monotonicMs: () => performance.now() + threadOffsetMs,
  wallMs: () => Date.now(),
};

/** A clock that stands still until told to move. */
export class FakeClock implements Clock {
  #monotonicMs: number;
  #wallMs: number;

  constructor(monotonicMs = 1_000_000, wallMs = 1_700_000_000_000) {
    this.#monotonicMs = monotonicMs;
    this.#wallMs = wallMs;
  }

  monotonicMs(): number {
    return this.#monotonicMs;
  }

  wallMs(): number {
    return this.#wallMs;
  }

  advanceMs(ms: number): void {
    this.#monotonicMs += ms;
    this.#wallMs += ms;
  }
}
