/** What is counted of one client, one namespace, one name. */
import { BUCKETS } from "../metrics/buckets.ts";
import { HistogramSeries } from "../metrics/event-families.ts";
import type { SearchWalk } from "./search-walk.ts";
import { SpaceSaving } from "./space-saving.ts";

/** Rates are over about this time: an event weighs e times less after it. */
export const RATE_MS = 5000;

/** Events per second of late: an exponentially weighted average. */
export class Rate {
  #weight = 0;
  #atMs = 0;

  add(weight: number, nowMs: number): void {
    if (nowMs > this.#atMs) {
      this.#weight *= Math.exp((this.#atMs - nowMs) / RATE_MS);
      this.#atMs = nowMs;
    }
    this.#weight += weight;
  }

  /** @param sinceMs when counting began: a short time is not taken for a quiet one */
  perSecond(nowMs: number, sinceMs: number): number {
    const share = 1 - Math.exp(Math.min(0, sinceMs - nowMs) / RATE_MS);
    if (share <= 0) return 0;
    return (this.#weight * Math.exp(Math.min(0, this.#atMs - nowMs) / RATE_MS)) / (RATE_MS / 1000) / share;
  }
}

export class NameStats {
  readonly rate: Rate = new Rate();
  nxdomain = 0;
  searchWaste = 0;
}

/** Who a client is; the address is one of those that it asked from. */
export interface Identity {
  readonly key: string;
  readonly namespace: string;
  /** "" when nobody knows. */
  readonly pod: string;
  readonly address: string;
}

export class AskerStats {
  readonly rate: Rate = new Rate();
  nxdomain = 0;
  searchWaste = 0;
  /** Of queries that the cache did not answer, in seconds. */
  readonly latency: HistogramSeries = new HistogramSeries(BUCKETS.slimSeconds);
  readonly names: SpaceSaving<NameStats>;
  /** Of a client; undefined before its first NXDOMAIN, and of a namespace. */
  walk: SearchWalk | undefined;
  identity: Identity | undefined;

  /** @param names that are kept of it */
  constructor(names: number) {
    this.names = new SpaceSaving(names, () => new NameStats());
    this.walk = undefined;
    this.identity = undefined;
  }
}
