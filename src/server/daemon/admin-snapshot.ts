/** A running server at one moment, as data: what the admin API gives and `nodens top` shows. */
import type { ClientCounts } from "../clients/client-watch.ts";
import type { ConntrackStats } from "../../linux/conntrack-stats.ts";
import type { Metrics } from "../metrics/metrics.ts";
import type { Totals } from "../metrics/totals.ts";

/** Raised when a field goes or changes its meaning. New fields may come at any time. */
export const ADMIN_API = 1;

export interface UpstreamRow {
  readonly to: string;
  readonly inFlight: number;
  /** Replies that came, and the seconds that they took in all. */
  readonly replies: number;
  readonly seconds: number;
  readonly failures: number;
  readonly retries: number;
  readonly healthcheckFailures: number;
}

export interface AdminSnapshot {
  readonly api: number;
  readonly version: string;
  readonly host: string;
  readonly pid: number;
  /** Of the server: a keeper may have started others before it. */
  readonly uptimeSeconds: number;
  /** Wall clock, milliseconds. */
  readonly atMs: number;
  /** `127.0.0.1:53`, `tls://127.0.0.1:853`. */
  readonly listens: readonly string[];
  /** Since the start of the server. */
  readonly totals: Totals;
  /** Queries in the hands of plugins. */
  readonly inFlight: number;
  readonly cache: { readonly answers: number; readonly usedBytes: number; readonly limitBytes: number };
  readonly upstreams: readonly UpstreamRow[];
  /** Null where connections are not tracked. */
  readonly conntrack: ConntrackStats | null;
  /** Null while nothing is counted by client. */
  readonly clients: ClientCounts | null;
}

/** From what the metrics know of upstreams, in the order in which they were first used. */
export function upstreamRows(metrics: Metrics): UpstreamRow[] {
  const rows = new Map<string, { -readonly [K in keyof UpstreamRow]: UpstreamRow[K] }>();
  const rowOf = (to: string): { -readonly [K in keyof UpstreamRow]: UpstreamRow[K] } => {
    const known = rows.get(to);
    if (known !== undefined) return known;
    const row = { to, inFlight: 0, replies: 0, seconds: 0, failures: 0, retries: 0, healthcheckFailures: 0 };
    rows.set(to, row);
    return row;
  };
  for (const { labels, value } of metrics.gauge("nodens_upstream_attempts_in_flight").family().samples) {
    rowOf(labels["to"] ?? "").inFlight += value;
  }
  for (const { labels, value, suffix } of metrics.histogram("coredns_proxy_request_duration_seconds").family()
    .samples) {
    if (suffix === "_count") rowOf(labels["to"] ?? "").replies += value;
    else if (suffix === "_sum") rowOf(labels["to"] ?? "").seconds += value;
  }
  for (const [name, field] of [
    ["nodens_upstream_failures_total", "failures"],
    ["nodens_upstream_retries_total", "retries"],
    ["coredns_proxy_healthcheck_failures_total", "healthcheckFailures"],
  ] as const) {
    for (const { labels, value } of metrics.counter(name).family().samples) rowOf(labels["to"] ?? "")[field] += value;
  }
  return [...rows.values()];
}
