/** Time and chance, as those who try again use them: tests bring their own. */
import { setTimeout as wait } from "node:timers/promises";
import { type Clock, systemClock } from "../base/clock.ts";

export interface Pace {
  readonly clock: Clock;
  /** Ends early when `signal` is aborted. Never throws. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
  /** 0 to below 1. */
  random(): number;
}

export const realPace: Pace = {
  clock: systemClock,
  async sleep(ms, signal) {
    try {
      await wait(ms, undefined, { signal });
    } catch {}
  },
  random: () => Math.random(),
};

/** Delays that double, each between a half and the whole of itself, so that many clients do not come at once. */
export class Backoff {
  readonly #pace: Pace;
  readonly #firstMs: number;
  readonly #longestMs: number;
  #ms: number;

  constructor(pace: Pace, firstMs: number, longestMs: number) {
    this.#pace = pace;
    this.#firstMs = firstMs;
    this.#longestMs = longestMs;
    this.#ms = firstMs;
  }

  nextMs(): number {
    const ms = this.#ms;
    this.#ms = Math.min(ms * 2, this.#longestMs);
    return jittered(this.#pace, ms);
  }

  reset(): void {
    this.#ms = this.#firstMs;
  }
}

/** Between a half of it and the whole. */
export function jittered(pace: Pace, ms: number): number {
  return ms * (0.5 + pace.random() / 2);
}
