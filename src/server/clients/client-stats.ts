/** What is counted of one client, one namespace, one name. */
import { BUCKETS } from "../metrics/buckets.ts";
import { HistogramSeries } from "../metrics/event-families.ts";
import type { SearchWalk } from "./search-walk.ts";
import { SpaceSaving } from "./space-saving.ts";

/** Rates are over about this time: an event weighs e times less after it. */
export const RATE_MS = 5000;
/** Events of this time are taken for one moment. */
const MOMENT_MS = 50;

/** How often of late: an exponentially weighted average. */
class Recent {
  #weight = 0;
  #atMs = 0;

  protected note(weight: number, nowMs: number): void {
    const passedMs = nowMs - this.#atMs;
    if (passedMs > MOMENT_MS) {
      this.#weight *= Math.exp(-passedMs / RATE_MS);
      this.#atMs = nowMs;
    }
    this.#weight += weight;
  }

  protected forget(): void {
    this.#weight = 0;
    this.#atMs = 0;
  }

  /** @param sinceMs when counting began: a short time is not taken for a quiet one */
  perSecond(nowMs: number, sinceMs: number): number {
    const share = 1 - Math.exp(Math.min(0, sinceMs - nowMs) / RATE_MS);
    if (share <= 0) return 0;
    return (this.#weight * Math.exp(Math.min(0, this.#atMs - nowMs) / RATE_MS)) / (RATE_MS / 1000) / share;
  }
}

export class NameStats extends Recent {
  nxdomain = 0;
  searchWaste = 0;

  count(weight: number, atMs: number, denied: boolean): void {
    this.note(weight, atMs);
    if (denied) this.nxdomain += weight;
  }

  /** Nothing has been counted: it is for another name now. */
  renew(): this {
    this.forget();
    this.nxdomain = 0;
    this.searchWaste = 0;
    return this;
  }
}

/** Who a client is; the address is one of those that it asked from. */
export interface Identity {
  readonly key: string;
  readonly namespace: string;
  /** "" when nobody knows. */
  readonly pod: string;
  readonly address: string;
}

/** Of a client or of a namespace. */
export class AskerStats extends Recent {
  nxdomain = 0;
  searchWaste = 0;
  /** Of queries that the cache did not answer, in seconds. */
  readonly latency: HistogramSeries = new HistogramSeries(BUCKETS.slimSeconds);

  /** @param seconds below 0: the cache answered */
  count(weight: number, atMs: number, denied: boolean, seconds: number): void {
    this.note(weight, atMs);
    if (denied) this.nxdomain += weight;
    if (seconds >= 0) this.latency.observe(seconds);
  }

  renew(): this {
    this.forget();
    this.nxdomain = 0;
    this.searchWaste = 0;
    this.latency.counts.fill(0);
    this.latency.sum = 0;
    return this;
  }
}

export class ClientStats extends AskerStats {
  readonly names: SpaceSaving<NameStats>;
  /** Undefined before its first NXDOMAIN. */
  walk: SearchWalk | undefined;
  identity: Identity;

  /** @param names that are kept of it */
  constructor(names: number) {
    super();
    this.names = new SpaceSaving(names, newName);
    this.walk = undefined;
    this.identity = NOBODY;
  }

  override renew(): this {
    this.names.clear();
    this.walk = undefined;
    this.identity = NOBODY;
    return super.renew();
  }
}

const NOBODY: Identity = { key: "", namespace: "", pod: "", address: "" };

export function newName(before: NameStats | undefined): NameStats {
  return before?.renew() ?? new NameStats();
}
