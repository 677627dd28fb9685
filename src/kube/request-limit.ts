/**
 * Bounds of requests to the API server: so many a second with bursts (a token bucket, as client-go's), and so many that
 * wait for their response at one time. 0 is no bound.
 */
import type { Pace } from "./pace.ts";

export interface RequestLimits {
  /** Requests a second. */
  readonly qps: number;
  /** Requests that may come at once after a rest; at least 1 when `qps` is set. */
  readonly burst: number;
  /** Requests without a response at one time. */
  readonly maxInflight: number;
}

export const NO_LIMITS: RequestLimits = { qps: 0, burst: 0, maxInflight: 0 };

export class RequestLimit {
  readonly #limits: RequestLimits;
  readonly #pace: Pace;
  #tokens: number;
  #filledAtMs: number;
  #inflight = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(limits: RequestLimits, pace: Pace) {
    this.#limits = limits;
    this.#pace = pace;
    this.#tokens = this.#size;
    this.#filledAtMs = pace.clock.monotonicMs();
  }

  /** Waits for its turn. @returns gives the place back; call it once, when the response has begun or never will */
  async enter(signal: AbortSignal): Promise<() => void> {
    await this.#takeToken(signal);
    const { maxInflight } = this.#limits;
    if (maxInflight > 0 && this.#inflight >= maxInflight && !signal.aborted) {
      const turn = Promise.withResolvers<void>();
      const { resolve } = turn;
      this.#waiting.push(resolve);
      const giveUp = (): void => resolve();
      signal.addEventListener("abort", giveUp, { once: true });
      await turn.promise;
      signal.removeEventListener("abort", giveUp);
      const at = this.#waiting.indexOf(resolve);
      if (at >= 0) this.#waiting.splice(at, 1);
    }
    this.#inflight++;
    return () => {
      this.#inflight--;
      this.#waiting.shift()?.();
    };
  }

  get #size(): number {
    return Math.max(1, this.#limits.burst);
  }

  /** Debts are allowed: who comes later waits longer, so that turns are kept. */
  async #takeToken(signal: AbortSignal): Promise<void> {
    const { qps } = this.#limits;
    if (qps <= 0) return;
    const nowMs = this.#pace.clock.monotonicMs();
    this.#tokens = Math.min(this.#size, this.#tokens + ((nowMs - this.#filledAtMs) / 1000) * qps);
    this.#filledAtMs = nowMs;
    this.#tokens--;
    if (this.#tokens < 0) await this.#pace.sleep((-this.#tokens / qps) * 1000, signal);
  }
}
