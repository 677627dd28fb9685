/**
 * One upstream: how it is reached, and what is known of its health.
 */
import type { Carrier } from "./attempt.ts";
import type { ServerStats } from "./server-stats.ts";

/** How long an upstream that could not read EDNS is asked without. */
const PLAIN_MS = 15 * 60_000;
/** How long an upstream that left a question unanswered is tried after the others, unless it answers before. */
const AVOID_MS = 2000;

/** Finds out when the upstream answers again. */
export interface Probe {
  begin(nowMs: number): void;
  stop(): void;
}

export class UpstreamServer {
  readonly stats: ServerStats;
  /** Undefined for upstreams that are reached by TLS or HTTP only. */
  readonly udp: Carrier | undefined;
  readonly stream: Carrier;
  /** Failed health checks in a row. */
  fails: number;
  probe: Probe | undefined;
  #plainUntilMs: number;
  #avoidUntilMs: number;
  #repliedAtMs: number;

  constructor(stats: ServerStats, udp: Carrier | undefined, stream: Carrier) {
    this.stats = stats;
    this.udp = udp;
    this.stream = stream;
    this.fails = 0;
    this.probe = undefined;
    this.#plainUntilMs = 0;
    this.#avoidUntilMs = 0;
    this.#repliedAtMs = 0;
  }

  /** `10.0.0.10:53` */
  get to(): string {
    return this.stats.to;
  }

  /** @param maxFails failed health checks that are still forgiven; 0: it is never down */
  isDown(maxFails: number): boolean {
    return maxFails > 0 && this.fails > maxFails;
  }

  isAvoided(nowMs: number): boolean {
    return nowMs < this.#avoidUntilMs;
  }

  speaksEdns(nowMs: number): boolean {
    return nowMs >= this.#plainUntilMs;
  }

  forgetEdns(nowMs: number): void {
    this.#plainUntilMs = nowMs + PLAIN_MS;
  }

  /** It failed: prefer the others, and find out when it is back. */
  doubt(nowMs: number): void {
    this.#avoidUntilMs = nowMs + AVOID_MS;
    this.probe?.begin(nowMs);
  }

  /** A question has waited suspiciously long. While others are answered it is just a slow one. */
  doubtSince(sentAtMs: number, nowMs: number): void {
    if (this.#repliedAtMs < sentAtMs) this.doubt(nowMs);
  }

  /** A reply came, whatever it said. */
  answered(nowMs: number): void {
    this.#avoidUntilMs = 0;
    this.#repliedAtMs = nowMs;
  }

  sweep(nowMs: number): void {
    this.udp?.sweep(nowMs);
    this.stream.sweep(nowMs);
  }

  /** @returns connections that were closed */
  renew(): number {
    return this.stream.renew?.() ?? 0;
  }

  close(): void {
    this.probe?.stop();
    this.udp?.close();
    this.stream.close();
  }
}
