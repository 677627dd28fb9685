/**
 * All metrics of the process: the one object that counts, and that is asked at a scrape.
 *
 * Hot events are counted in shared memory by the thread where they happen (`server-rows.ts`, `fastpath-counters.ts`),
 * the others in objects of the main thread (`event-families.ts`). Lives as long as the process, over all reloads.
 */
import { performance } from "node:perf_hooks";
import { METRIC_NAMES, specOf, type EventNameOf, type LabelValuesOf, type MetricName } from "./catalogue.ts";
import { Counter, Gauge, Histogram, Info } from "./event-families.ts";
import { ExpositionWriter, type Exposition } from "./exposition.ts";
import type { Family } from "./family.ts";
import { FastpathCounters, type FastpathCountersHandle } from "./fastpath-counters.ts";
import { fastpathFamilies } from "./fastpath-families.ts";
import { rowFamilies } from "./row-families.ts";
import { RESPONDING_PLUGINS } from "./row-layout.ts";
import { RowTable } from "./row-table.ts";
import { sumUp, type Totals } from "./totals.ts";
import { ServerRows, type ServerRowsHandle } from "./server-rows.ts";

/** Goes to a worker thread; open it with `new ServerRows(handle.rows)`, `new FastpathCounters(handle.fastpath)`. */
export interface MetricsHandle {
  readonly rows: ServerRowsHandle;
  readonly fastpath: FastpathCountersHandle;
}

export interface MetricsOptions {
  /** Threads that count: the main thread (number 0) and the fast-path threads (1 and on). */
  readonly threads: number;
  /** Of Nodens: labels of the build info. */
  readonly version?: string;
  readonly revision?: string;
}

type AnyFamily = Counter<string[]> | Gauge<string[]> | Histogram<string[]> | Info<string[]>;

export class Metrics {
  /** The main thread's view of the shared rows. */
  readonly rows: ServerRows;
  /** The main thread's view of the threads' pages. */
  readonly fastpath: FastpathCounters;
  readonly handle: MetricsHandle;
  readonly #table: RowTable;
  readonly #families: Map<MetricName, AnyFamily>;
  readonly #writer: ExpositionWriter;
  readonly #beforeScrape: Set<() => void>;
  #runtimeMetrics: boolean;
  #scrape: Promise<Exposition> | undefined;

  private constructor(options: MetricsOptions) {
    this.rows = ServerRows.create(options.threads);
    this.fastpath = FastpathCounters.create(options.threads);
    this.handle = { rows: this.rows.handle, fastpath: this.fastpath.handle };
    this.#table = new RowTable();
    this.#families = new Map();
    this.#writer = new ExpositionWriter();
    this.#beforeScrape = new Set();
    this.#runtimeMetrics = false;
    this.#scrape = undefined;
    for (const name of METRIC_NAMES) this.#declare(name);
    const { version = "unknown", revision = "" } = options;
    this.info("nodens_build_info").hold(version, revision, process.version);
    this.info("coredns_build_info").hold(`nodens-${version}`, revision, `node-${process.version}`);
    this.gauge("nodens_metrics_rows")
      .with()
      .from(() => this.#table.size);
    let lastUtilization = performance.eventLoopUtilization();
    this.gauge("nodens_event_loop_utilization_ratio")
      .with()
      .from(() => {
        const now = performance.eventLoopUtilization();
        const { utilization } = performance.eventLoopUtilization(now, lastUtilization);
        lastUtilization = now;
        return utilization;
      });
  }

  static create(options: MetricsOptions): Metrics {
    return new Metrics(options);
  }

  /**
   * Row of a server, zone and view: the same one each time, over reloads too.
   *
   * @param server label, as `dns://127.0.0.1:53`
   * @param zone of the server block
   * @returns 1 to `MAX_ROWS - 1`, or `OVERFLOW_ROW` when all are taken; index for `ServerRows.rowAt`
   */
  row(server: string, zone: string, view: string): number {
    return this.#table.row(server, zone, view);
  }

  /**
   * Shows a row in the `coredns_dns_` families: the `prometheus` plugin of its block asks for that.
   *
   * @returns gives it up; it is hidden when nobody asks any more
   */
  show(server: string, zone: string, view: string): () => void {
    return this.#table.show(server, zone, view);
  }

  /** Sets the `zones` label that a row has in the `coredns_cache_` families. Until then it is the row's zone. */
  nameCache(row: number, zones: string): void {
    this.#table.nameCache(row, zones);
  }

  /** Index into `RESPONDING_PLUGINS`; that of `other` for a directive that is not there. */
  pluginIndex(directive: string): number {
    const index = RESPONDING_PLUGINS.indexOf(directive);
    return index < 0 ? RESPONDING_PLUGINS.length - 1 : index;
  }

  counter<N extends EventNameOf<"counter">>(name: N): Counter<LabelValuesOf<N>> {
    const family = this.#families.get(name);
    if (family instanceof Counter) return family;
    throw new Error(`${name} is not declared as a counter`);
  }

  gauge<N extends EventNameOf<"gauge">>(name: N): Gauge<LabelValuesOf<N>> {
    const family = this.#families.get(name);
    if (family instanceof Gauge) return family;
    throw new Error(`${name} is not declared as a gauge`);
  }

  histogram<N extends EventNameOf<"histogram">>(name: N): Histogram<LabelValuesOf<N>> {
    const family = this.#families.get(name);
    if (family instanceof Histogram) return family;
    throw new Error(`${name} is not declared as a histogram`);
  }

  info<N extends EventNameOf<"info">>(name: N): Info<LabelValuesOf<N>> {
    const family = this.#families.get(name);
    if (family instanceof Info) return family;
    throw new Error(`${name} is not declared as an info`);
  }

  /** Runs `update` before each scrape, to set what is cheaper to count then. It must not throw. @returns ends that */
  beforeScrape(update: () => void): () => void {
    this.#beforeScrape.add(update);
    return () => this.#beforeScrape.delete(update);
  }

  /** Turns the costlier runtime metrics on, for the rest of the process's life. */
  enableRuntimeMetrics(): void {
    this.#runtimeMetrics = true;
  }

  /** What all servers, zones and views have counted together. */
  totals(): Totals {
    return sumUp(this.rows, this.#table.size + 1, this.fastpath);
  }

  /** Every family with its values now. */
  collect(): Family[] {
    for (const update of this.#beforeScrape) update();
    const counted = [...rowFamilies(this.rows, this.#table.labels()), ...fastpathFamilies(this.fastpath)];
    const byName = new Map(counted.map((family) => [family.name, family]));
    return METRIC_NAMES.map((name) => this.#families.get(name)?.family() ?? byName.get(name) ?? { name, samples: [] });
  }

  /** The text for Prometheus. Scrapes that overlap share one. */
  expose(): Promise<Exposition> {
    this.#scrape ??= this.#writer
      .write(this.collect(), { runtimeMetrics: this.#runtimeMetrics })
      .finally(() => (this.#scrape = undefined));
    return this.#scrape;
  }

  #declare(name: MetricName): void {
    const spec = specOf(name);
    if (spec.home !== "events") return;
    const options = { onOverflow: () => this.counter("nodens_metrics_overflow_total").with().add() };
    const family =
      spec.kind === "counter"
        ? new Counter<string[]>(name, options)
        : spec.kind === "gauge"
          ? new Gauge<string[]>(name, options)
          : spec.kind === "histogram"
            ? new Histogram<string[]>(name, options)
            : new Info<string[]>(name, options);
    this.#families.set(name, family);
    // What has no labels is there from the start, at 0.
    if (spec.labels.length === 0 && spec.kind !== "info") family.with();
  }
}
