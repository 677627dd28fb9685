/** The `coredns_cache_` families of one cache, by the server that asks. */
import type { AnswerStore } from "../../cache/answer-store.ts";
import { KIND_DENIAL, KIND_FAILURE, KIND_SUCCESS } from "../../cache/region-layout.ts";
import type { Query, ServerIdentity } from "../../chain/query.ts";
import type { CounterSeries, GaugeSeries } from "../../metrics/event-families.ts";
import type { Metrics } from "../../metrics/metrics.ts";
import { countCacheHit, countCacheMiss, countServedStale } from "../../metrics/server-rows.ts";

const MAIN_THREAD = 0;
/** `type` label and which kinds it counts: failures are among the denials, as CoreDNS has them. */
const TYPES: readonly { readonly type: string; readonly kinds: readonly number[] }[] = [
  { type: "success", kinds: [KIND_SUCCESS] },
  { type: "denial", kinds: [KIND_DENIAL, KIND_FAILURE] },
];

/** Whose figures a gauge shows: after a reload the old instance must not take away what the new one shows. */
const owners = new WeakMap<GaugeSeries, CacheMetrics>();

export class CacheMetrics {
  readonly #metrics: Metrics;
  readonly #store: AnswerStore;
  readonly #partition: number;
  readonly #zones: string;
  #view: string;
  /** By server and zone: where the counters are. */
  readonly #rows: Map<ServerIdentity, Map<string, number>>;
  /** By server: what was evicted, by type. */
  readonly #evicted: Map<ServerIdentity, (CounterSeries | undefined)[]>;
  readonly #shown: { series: GaugeSeries; labels: [string, string, string, string] }[];
  /** Evictions already counted, by type. */
  readonly #evictions: [number, number];

  /** @param zones the `zones` label */
  constructor(metrics: Metrics, store: AnswerStore, partition: number, zones: string) {
    this.#metrics = metrics;
    this.#store = store;
    this.#partition = partition;
    this.#zones = zones;
    this.#view = "";
    this.#rows = new Map();
    this.#evicted = new Map();
    this.#shown = [];
    this.#evictions = [0, 0];
  }

  /**
   * @param blockZones zones of the server block
   * @param view the `view` label
   */
  start(servers: readonly ServerIdentity[], blockZones: readonly string[], view: string): void {
    this.#view = view;
    // What was evicted before this instance came is somebody else's count.
    for (const index of TYPES.keys()) this.#evictions[index] = this.#evictionsOf(index);
    for (const { label } of servers) {
      for (const zone of blockZones) this.#metrics.nameCache(this.#metrics.row(label, zone, this.#view), this.#zones);
      for (const { type, kinds } of TYPES) {
        const labels: [string, string, string, string] = [label, type, this.#zones, this.#view];
        const series = this.#metrics.gauge("coredns_cache_entries").with(...labels);
        series.from(() => kinds.reduce((sum, kind) => sum + this.#store.entries(this.#partition, kind), 0));
        owners.set(series, this);
        this.#shown.push({ series, labels });
      }
    }
  }

  stop(): void {
    for (const { series, labels } of this.#shown.splice(0)) {
      if (owners.get(series) === this) this.#metrics.gauge("coredns_cache_entries").remove(...labels);
    }
  }

  hit(query: Query, kind: number): void {
    countCacheHit(this.#metrics.rows.floats, this.#rowAt(query), kind === KIND_SUCCESS ? 0 : 1);
  }

  miss(query: Query): void {
    countCacheMiss(this.#metrics.rows.floats, this.#rowAt(query));
  }

  servedStale(query: Query): void {
    countServedStale(this.#metrics.rows.floats, this.#rowAt(query));
  }

  prefetch(query: Query): void {
    this.#metrics.counter("coredns_cache_prefetch_total").with(query.server.label, this.#zones, this.#view).add();
  }

  drop(query: Query): void {
    this.#metrics.counter("coredns_cache_drops_total").with(query.server.label, this.#zones, this.#view).add();
  }

  /** To be called after a response to `query` was stored. */
  stored(query: Query): void {
    for (let index = 0; index < TYPES.length; index++) {
      const now = this.#evictionsOf(index);
      const more = now - (this.#evictions[index] ?? 0);
      if (more <= 0) continue;
      this.#evictions[index] = now;
      this.#evictedOf(query.server, index).add(more);
    }
  }

  /** The series is there from the first eviction on. */
  #evictedOf(server: ServerIdentity, index: number): CounterSeries {
    let byType = this.#evicted.get(server);
    if (byType === undefined) {
      byType = [];
      this.#evicted.set(server, byType);
    }
    let series = byType[index];
    if (series === undefined) {
      const family = this.#metrics.counter("coredns_cache_evictions_total");
      series = family.with(server.label, TYPES[index]?.type ?? "", this.#zones, this.#view);
      byType[index] = series;
    }
    return series;
  }

  #evictionsOf(index: number): number {
    let sum = 0;
    for (const kind of TYPES[index]?.kinds ?? []) sum += this.#store.evictions(this.#partition, kind);
    return sum;
  }

  #rowAt(query: Query): number {
    const { server, zone } = query;
    let zones = this.#rows.get(server);
    if (zones === undefined) {
      zones = new Map();
      this.#rows.set(server, zones);
    }
    let at = zones.get(zone);
    if (at === undefined) {
      at = this.#metrics.rows.rowAt(MAIN_THREAD, this.#metrics.row(server.label, zone, this.#view));
      zones.set(zone, at);
    }
    return at;
  }
}
