/** Sums over all rows and threads: what a person wants to know first. */
import { BUCKETS } from "./buckets.ts";
import {
  DROP_REASONS,
  DROPS_AT,
  type FastpathCounters,
  HANDED_OVER_AT,
  HITS_AT,
  PAGE_FLOATS,
  REFUSALS_AT,
} from "./fastpath-counters.ts";
import {
  CACHE_HITS_AT,
  CACHE_MISSES_AT,
  CACHE_STALE_AT,
  CACHE_TYPE_LABELS,
  DURATION_AT,
  FAMILY_LABELS,
  RCODE_SLOTS,
  REQUESTS_AT,
  RESPONDING_PLUGINS,
  RESPONSES_AT,
  ROW_FLOATS,
  SECONDS_SLOTS,
  TRANSPORT_LABELS,
  TYPE_LABELS,
} from "./row-layout.ts";
import type { ServerRows } from "./server-rows.ts";

export interface Totals {
  /** Queries that a server block took, and how many of them over TCP. */
  readonly queries: number;
  readonly overTcp: number;
  /** Answered by the fast path; handed to the main thread. */
  readonly fastHits: number;
  readonly handedOver: number;
  readonly cacheHits: number;
  readonly cacheMisses: number;
  readonly servedStale: number;
  /** Responses by response code; above 23 together at 24. */
  readonly rcodes: readonly number[];
  /** Refused before any server block took them. */
  readonly refused: number;
  /** Datagrams without a reply. */
  readonly dropped: number;
  /** From the query to its response, seconds: counts by bucket (+Inf last) and their sum. */
  readonly latency: {
    readonly bounds: readonly number[];
    readonly counts: readonly number[];
    readonly seconds: number;
  };
}

/** @param rowCount rows that are given, the overflow row included */
export function sumUp(rows: ServerRows, rowCount: number, fastpath: FastpathCounters): Totals {
  const row = new Float64Array(ROW_FLOATS);
  const page = new Float64Array(PAGE_FLOATS);
  for (let thread = 0; thread < rows.handle.threads; thread++) {
    for (let r = 0; r < rowCount; r++) addUp(row, rows.floats, rows.rowAt(thread, r));
    addUp(page, fastpath.floats, fastpath.pageAt(thread));
  }
  const perTransport = FAMILY_LABELS.length * TYPE_LABELS.length;
  return {
    queries: sum(row, REQUESTS_AT, TRANSPORT_LABELS.length * perTransport),
    overTcp: sum(row, REQUESTS_AT + perTransport, perTransport),
    fastHits: page[HITS_AT] ?? 0,
    handedOver: page[HANDED_OVER_AT] ?? 0,
    cacheHits: sum(row, CACHE_HITS_AT, CACHE_TYPE_LABELS.length),
    cacheMisses: row[CACHE_MISSES_AT] ?? 0,
    servedStale: row[CACHE_STALE_AT] ?? 0,
    rcodes: Array.from({ length: RCODE_SLOTS }, (_, rcode) =>
      sum(row, RESPONSES_AT + rcode * RESPONDING_PLUGINS.length, RESPONDING_PLUGINS.length),
    ),
    refused: sum(page, REFUSALS_AT, RCODE_SLOTS),
    dropped: sum(page, DROPS_AT, DROP_REASONS.length),
    latency: {
      bounds: BUCKETS.seconds,
      counts: Array.from(row.subarray(DURATION_AT + 1, DURATION_AT + 1 + SECONDS_SLOTS)),
      seconds: row[DURATION_AT] ?? 0,
    },
  };
}

function addUp(into: Float64Array, from: Float64Array, at: number): void {
  for (let i = 0; i < into.length; i++) into[i] = (into[i] ?? 0) + (from[at + i] ?? 0);
}

function sum(floats: Float64Array, at: number, length: number): number {
  let total = 0;
  for (let i = at; i < at + length; i++) total += floats[i] ?? 0;
  return total;
}
