/** From rows of shared memory to families: the pages of all threads added up. */
import { rcodeName } from "../../dns/types.ts";
import type { MetricName } from "./catalogue.ts";
import { histogramSamples, labelsOf, type Family, type Sample } from "./family.ts";
import {
  BYTES_SLOTS,
  CACHE_FLOATS,
  CACHE_HITS_AT,
  CACHE_MISSES_AT,
  CACHE_STALE_AT,
  CACHE_TYPE_LABELS,
  DO_AT,
  DURATION_AT,
  FAMILY_LABELS,
  RCODE_SLOTS,
  REQUESTS_AT,
  REQUEST_SIZE_AT,
  RESPONDING_PLUGINS,
  RESPONSES_AT,
  RESPONSE_SIZE_AT,
  ROW_FLOATS,
  SECONDS_SLOTS,
  SIZE_FLOATS,
  TRANSPORT_LABELS,
  TYPE_LABELS,
} from "./row-layout.ts";
import type { ServerRows } from "./server-rows.ts";

export interface RowLabels {
  readonly row: number;
  readonly server: string;
  readonly zone: string;
  readonly view: string;
  /** The `zones` label of the cache families. */
  readonly cacheZones: string;
  /** Whether the `coredns_dns_` families show it. */
  readonly visible: boolean;
}

type Group = Record<RowFamilyName, Sample[]>;
type RowFamilyName = (typeof ROW_FAMILIES)[number];
const ROW_FAMILIES = [
  "coredns_dns_requests_total",
  "coredns_dns_request_duration_seconds",
  "coredns_dns_request_size_bytes",
  "coredns_dns_do_requests_total",
  "coredns_dns_response_size_bytes",
  "coredns_dns_responses_total",
  "coredns_cache_requests_total",
  "coredns_cache_hits_total",
  "coredns_cache_misses_total",
  "coredns_cache_served_stale_total",
] as const satisfies readonly MetricName[];

/** Series that never counted anything are left out, as a CounterVec of CoreDNS does. */
export function rowFamilies(rows: ServerRows, labelled: readonly RowLabels[]): Family[] {
  const out: Group = {
    coredns_dns_requests_total: [],
    coredns_dns_request_duration_seconds: [],
    coredns_dns_request_size_bytes: [],
    coredns_dns_do_requests_total: [],
    coredns_dns_response_size_bytes: [],
    coredns_dns_responses_total: [],
    coredns_cache_requests_total: [],
    coredns_cache_hits_total: [],
    coredns_cache_misses_total: [],
    coredns_cache_served_stale_total: [],
  };
  /** One cache may serve several zones of a block, so its rows share label values and are added up. */
  const caches = new Map<string, { labels: RowLabels; floats: Float64Array }>();
  for (const labels of labelled) {
    const sums = sumOverThreads(rows, labels.row);
    if (labels.visible) addDns(out, labels, sums);
    const key = JSON.stringify([labels.server, labels.cacheZones, labels.view]);
    const cache = caches.get(key);
    if (cache === undefined) caches.set(key, { labels, floats: sums });
    else
      for (let i = CACHE_HITS_AT; i < CACHE_HITS_AT + CACHE_FLOATS; i++)
        cache.floats[i] = get(cache.floats, i) + get(sums, i);
  }
  for (const { labels, floats } of caches.values()) addCache(out, labels, floats);
  return ROW_FAMILIES.map((name) => ({ name, samples: out[name] }));
}

function sumOverThreads(rows: ServerRows, row: number): Float64Array {
  const sums = new Float64Array(ROW_FLOATS);
  for (let thread = 0; thread < rows.handle.threads; thread++) {
    const at = rows.rowAt(thread, row);
    for (let i = 0; i < ROW_FLOATS; i++) sums[i] = get(sums, i) + get(rows.floats, at + i);
  }
  return sums;
}

function addDns(out: Group, { server, zone, view }: RowLabels, sums: Float64Array): void {
  const base = [server, zone, view];
  for (const [t, transport] of TRANSPORT_LABELS.entries()) {
    for (const [f, family] of FAMILY_LABELS.entries()) {
      for (const [slot, type] of TYPE_LABELS.entries()) {
        const value = get(sums, REQUESTS_AT + (t * 2 + f) * TYPE_LABELS.length + slot);
        addCounter(out, "coredns_dns_requests_total", [...base, transport, family, type], value);
      }
    }
    const sized = [...base, transport];
    addHistogram(out, "coredns_dns_request_size_bytes", sized, sums, REQUEST_SIZE_AT + t * SIZE_FLOATS, BYTES_SLOTS);
    addHistogram(out, "coredns_dns_response_size_bytes", sized, sums, RESPONSE_SIZE_AT + t * SIZE_FLOATS, BYTES_SLOTS);
  }
  addHistogram(out, "coredns_dns_request_duration_seconds", base, sums, DURATION_AT, SECONDS_SLOTS);
  addCounter(out, "coredns_dns_do_requests_total", base, get(sums, DO_AT));
  for (let rcode = 0; rcode < RCODE_SLOTS; rcode++) {
    const name = rcodeLabel(rcode);
    for (const [index, plugin] of RESPONDING_PLUGINS.entries()) {
      const value = get(sums, RESPONSES_AT + rcode * RESPONDING_PLUGINS.length + index);
      addCounter(out, "coredns_dns_responses_total", [...base, name, plugin], value);
    }
  }
}

function addCache(out: Group, { server, cacheZones, view }: RowLabels, sums: Float64Array): void {
  const misses = get(sums, CACHE_MISSES_AT);
  let requests = misses;
  for (const [kind, type] of CACHE_TYPE_LABELS.entries()) {
    const hits = get(sums, CACHE_HITS_AT + kind);
    requests += hits;
    addCounter(out, "coredns_cache_hits_total", [server, type, cacheZones, view], hits);
  }
  addCounter(out, "coredns_cache_requests_total", [server, cacheZones, view], requests);
  addCounter(out, "coredns_cache_misses_total", [server, cacheZones, view], misses);
  addCounter(out, "coredns_cache_served_stale_total", [server, cacheZones, view], get(sums, CACHE_STALE_AT));
}

function addCounter(out: Group, name: RowFamilyName, values: readonly string[], value: number): void {
  if (value > 0) out[name].push({ suffix: "", labels: labelsOf(name, values), value });
}

function addHistogram(
  out: Group,
  name: RowFamilyName,
  values: readonly string[],
  sums: Float64Array,
  at: number,
  slots: number,
): void {
  const counts = Array.from(sums.subarray(at + 1, at + 1 + slots));
  if (counts.every((count) => count === 0)) return;
  out[name].push(...histogramSamples(name, labelsOf(name, values), counts, get(sums, at)));
}

/** Name of a slot of `RCODE_SLOTS`. */
export function rcodeLabel(slot: number): string {
  return slot < RCODE_SLOTS - 1 ? rcodeName(slot) : "other";
}

function get(floats: Float64Array, index: number): number {
  return floats[index] ?? 0;
}
