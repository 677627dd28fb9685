/**
 * The text that Prometheus scrapes, written by prom-client: order of lines, numbers and escaping are its business.
 *
 * prom-client is loaded at the first scrape, so a server that nobody scrapes does not pay for it, and its default
 * metrics are read at scrapes only.
 */
import type * as PromClient from "prom-client";
import type { Metric, Registry } from "prom-client";
import { specOf } from "./catalogue.ts";
import type { Family } from "./family.ts";

export interface Exposition {
  readonly contentType: string;
  readonly body: string;
}

export interface ExpositionOptions {
  /** Also measures the event loop's delay, which wakes the process 100 times a second. */
  readonly runtimeMetrics: boolean;
}

/** Longest that a timer can wait: prom-client's event loop monitor is made with it to keep it asleep. */
const NEVER_MS = 2 ** 31 - 1;
/** Measured by that monitor, so without meaning while it sleeps. */
const MONITORED = ["min", "max", "mean", "stddev", "p50", "p90", "p99"];

export class ExpositionWriter {
  #loading: Promise<typeof PromClient> | undefined;
  #defaults: { readonly registry: Registry; readonly runtimeMetrics: boolean } | undefined;

  async write(families: readonly Family[], options: ExpositionOptions): Promise<Exposition> {
    this.#loading ??= import("prom-client");
    const client = await this.#loading;
    const registry = new client.Registry();
    for (const family of families) {
      // A family without samples would be two comment lines.
      if (family.samples.length > 0) registry.registerMetric(asMetric(family));
    }
    if (this.#defaults?.runtimeMetrics !== options.runtimeMetrics) {
      this.#defaults = { registry: defaultMetrics(client, options), runtimeMetrics: options.runtimeMetrics };
    }
    const own = await registry.metrics();
    const defaults = await this.#defaults.registry.metrics();
    return { contentType: registry.contentType, body: `${own}\n${defaults}` };
  }
}

function defaultMetrics(client: typeof PromClient, options: ExpositionOptions): Registry {
  const registry = new client.Registry();
  client.collectDefaultMetrics({
    register: registry,
    eventLoopMonitoringPrecision: options.runtimeMetrics ? 10 : NEVER_MS,
  });
  // It counts the time of the processor from now on; the process is older.
  const { user, system } = process.cpuUsage();
  addSeconds(registry, "process_cpu_user_seconds_total", user);
  addSeconds(registry, "process_cpu_system_seconds_total", system);
  addSeconds(registry, "process_cpu_seconds_total", user + system);
  if (!options.runtimeMetrics) {
    for (const name of MONITORED) registry.removeSingleMetric(`nodejs_eventloop_lag_${name}_seconds`);
  }
  return registry;
}

function addSeconds(registry: Registry, name: string, microseconds: number): void {
  const metric = registry.getSingleMetric(name);
  if (metric !== undefined && "inc" in metric) metric.inc(microseconds / 1e6);
}

/** The part of a prom-client metric that a registry asks for when it writes (prom-client 15, `lib/registry.js`). */
function asMetric(family: Family): Metric {
  const { kind, help } = specOf(family.name);
  const metric = {
    name: family.name,
    help,
    type: kind === "info" ? "gauge" : kind,
    get: () => Promise.resolve({ name: metric.name, help, type: metric.type, values }),
  };
  const values = family.samples.map((sample) => ({
    metricName: `${family.name}${sample.suffix}`,
    labels: sample.le === undefined ? {} : { le: sample.le },
    sharedLabels: sample.labels,
    value: sample.value,
  }));
  // Its types know only its own four classes; the registry itself needs no more than the above.
  return metric as unknown as Metric;
}
