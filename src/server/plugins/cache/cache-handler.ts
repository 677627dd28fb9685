/**
 * The `cache` link of a chain: answers what it holds, asks for the rest, and keeps what comes back.
 *
 * In this order: fresh data; expired data if `serve_stale` allows; a fresh failure (or, under `prefer_positive`, a
 * denial) that stands aside; the next plugin.
 */
import { EDE_CACHED_ERROR, EDE_STALE_ANSWER, EDE_STALE_NXDOMAIN } from "../../../dns/edns.ts";
import { FLAG_AD, FLAG_CD, FLAGS_AT, HEADER_BYTES, RCODE_MASK, readU16, writeU16 } from "../../../dns/header.ts";
import { lowerCaseName } from "../../../dns/name.ts";
import { RCODE_NXDOMAIN } from "../../../dns/types.ts";
import type { Clock } from "../../../base/clock.ts";
import type { AnswerStore } from "../../cache/answer-store.ts";
import { KIND_FAILURE } from "../../cache/region-layout.ts";
import type { Answer } from "../../chain/answer.ts";
import type { Handler } from "../../chain/handler.ts";
import type { Query } from "../../chain/query.ts";
import type { AnswerKeeper, KeptAnswer } from "./answer-keeper.ts";
import type { CacheMetrics } from "./cache-metrics.ts";
import type { StaleSettings } from "./cache-settings.ts";
import { askAgain, withAd } from "./refresh-query.ts";
import type { ZoneSet } from "./zone-set.ts";

/** A client that waits longer than this for its answer gets a stale one if there is any (RFC 8767 §5). */
export const CLIENT_PATIENCE_MS = 1800;

export interface HandlerParts {
  readonly next: Handler;
  readonly store: AnswerStore;
  readonly partition: number;
  readonly zones: ZoneSet;
  readonly stale: StaleSettings | undefined;
  /** TTL of stale answers; undefined: the one that the answer began with. */
  readonly staleTtlS: number | undefined;
  readonly keeper: AnswerKeeper;
  readonly metrics: CacheMetrics;
  readonly clock: Clock;
  /** A plugin above puts EDNS options for the upstream on clients' queries. */
  readonly hasOptions: boolean;
  /** A plugin below broke its contract while nobody waited. */
  readonly onDefect: (error: unknown) => void;
}

/** Questions that wait for a client's query to be prefetched with. */
const DUE_MAX = 4096;

export class CacheHandler implements Handler {
  readonly #parts: HandlerParts;
  /** Refreshes on their way, by question: at most one each. */
  readonly #refreshes: Map<string, Promise<KeptAnswer>>;
  /** Questions to be asked again with the options of the next query, where there are options. */
  readonly #due: Set<string>;

  constructor(parts: HandlerParts) {
    this.#parts = parts;
    this.#refreshes = new Map();
    this.#due = new Set();
  }

  serve(query: Query): Promise<Answer> {
    const { next, store, partition, zones, stale, metrics, clock } = this.#parts;
    if (!zones.hasQuestion(query.wire)) return next.serve(query);
    const slot = store.find(query.wire, query.view, partition);
    if (slot >= 0) {
      const leftS = store.remainingS(slot);
      if (leftS > 0) {
        if (this.#due.size > 0 && this.#due.delete(keyOf(query))) this.#askAhead(askAgain(query, clock.monotonicMs()));
        return Promise.resolve(this.#fromFresh(query, slot));
      }
      // The entry may have been stored when the configuration let it be stale for longer.
      if (stale !== undefined && leftS > -stale.upToS) return this.#serveExpired(query, slot, stale);
    }
    const aside = store.findAside(query.wire, query.view, partition);
    if (aside >= 0) return Promise.resolve(this.#fromFresh(query, aside));
    metrics.miss(query);
    return this.#ask(query);
  }

  /** Asks the question again because its answer is about to expire. */
  prefetch(query: Query): void {
    if (!this.#parts.hasOptions) {
      this.#askAhead(query);
      return;
    }
    if (this.#due.size >= DUE_MAX) this.#due.clear();
    this.#due.add(keyOf(query));
  }

  #askAhead(query: Query): void {
    this.#parts.metrics.prefetch(query);
    this.#refresh(query, 0).catch(this.#parts.onDefect);
  }

  async #ask(query: Query): Promise<Answer> {
    const asked = withAd(query);
    const answer = await this.#parts.next.serve(asked);
    return this.#parts.keeper.keep(asked, answer).answer;
  }

  #fromFresh(query: Query, slot: number): Answer {
    const { store, metrics } = this.#parts;
    const kind = store.kind(slot);
    metrics.hit(query, kind);
    const wire = store.message(slot, query.wire, query.view);
    if (kind !== KIND_FAILURE) return { wire, plugin: "cache" };
    return { wire, plugin: "cache", extendedError: { code: EDE_CACHED_ERROR, text: "" } };
  }

  async #serveExpired(query: Query, slot: number, stale: StaleSettings): Promise<Answer> {
    const { store, partition, metrics, clock, onDefect } = this.#parts;
    metrics.hit(query, store.kind(slot));
    // A failure (or a denial that may not displace the answer) that is still fresh says what asking again would.
    const known = store.findAside(query.wire, query.view, partition) >= 0;
    if (!known && !store.isResting(slot)) {
      if (stale.mode === "immediate") {
        if (!this.#isRefreshing(query)) metrics.prefetch(query);
        this.#refresh(askAgain(query, clock.monotonicMs()), stale.recheckS).catch(onDefect);
      } else if (stale.recheckS === 0 || !this.#isRefreshing(query)) {
        const kept = await this.#verify(query, stale);
        if (kept !== undefined && isAcceptable(kept, stale)) return kept.answer;
      }
    }
    return this.#fromStale(query);
  }

  /** Waits for the upstream's word as long as it may. @returns undefined when that was not long enough */
  #verify(query: Query, stale: StaleSettings): Promise<KeptAnswer | undefined> {
    const now = this.#parts.clock.monotonicMs();
    const left = Math.max(CLIENT_PATIENCE_MS - (now - query.receivedAtMs), 0);
    const waitMs = stale.verifyTimeoutMs === 0 ? left : Math.min(stale.verifyTimeoutMs, left);
    const refresh = this.#refresh(askAgain(query, now), stale.recheckS);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => resolve(undefined), waitMs);
      refresh.then(
        (kept) => {
          clearTimeout(timer);
          resolve(kept);
        },
        (error: unknown) => {
          clearTimeout(timer);
          reject(error instanceof Error ? error : new Error(String(error)));
        },
      );
    });
  }

  /** The expired answer; it is looked up anew, for the store may have changed since. */
  #fromStale(query: Query): Answer | Promise<Answer> {
    const { store, partition, metrics, staleTtlS } = this.#parts;
    const slot = store.find(query.wire, query.view, partition);
    if (slot < 0) return this.#ask(query);
    const { wire, view } = query;
    if (store.remainingS(slot) > 0) return { wire: store.message(slot, wire, view), plugin: "cache" };
    metrics.servedStale(query);
    const message = store.message(slot, wire, view, staleTtlS);
    // What has expired is no longer known to be authentic.
    const flags = readU16(message, FLAGS_AT);
    writeU16(message, FLAGS_AT, flags & ~FLAG_AD);
    const code = (flags & RCODE_MASK) === RCODE_NXDOMAIN ? EDE_STALE_NXDOMAIN : EDE_STALE_ANSWER;
    return { wire: message, plugin: "cache", extendedError: { code, text: "" } };
  }

  #isRefreshing(query: Query): boolean {
    return this.#refreshes.has(keyOf(query));
  }

  /**
   * Asks, or joins who is asking. Rejects only for a defect below.
   *
   * @param recheckS pause after a failure
   */
  #refresh(query: Query, recheckS: number): Promise<KeptAnswer> {
    const key = keyOf(query);
    const under = this.#refreshes.get(key);
    if (under !== undefined) return under;
    const { next, keeper } = this.#parts;
    const refresh = next
      .serve(query)
      .then((answer) => {
        const kept = keeper.keep(query, answer);
        if (recheckS > 0 && !kept.news) this.#rest(query, recheckS);
        return kept;
      })
      .finally(() => this.#refreshes.delete(key));
    this.#refreshes.set(key, refresh);
    return refresh;
  }

  #rest(query: Query, seconds: number): void {
    const { store, partition } = this.#parts;
    const slot = store.find(query.wire, query.view, partition);
    if (slot >= 0) store.rest(slot, seconds);
  }
}

function isAcceptable(kept: KeptAnswer, stale: StaleSettings): boolean {
  return stale.preferPositive ? kept.kind === "answer" && kept.news : kept.news;
}

/** Name in lower case, type, class, DO and CD. */
function keyOf(query: Query): string {
  const { wire, view } = query;
  const question = Buffer.from(wire.subarray(HEADER_BYTES, view.questionEnd));
  lowerCaseName(question, 0, view.nameLength);
  return `${view.dnssecOk ? "d" : ""}${(view.flags & FLAG_CD) === 0 ? "" : "c"}/${question.toString("latin1")}`;
}
