/** Counts by client as metrics with labels: only where the operator asks for it. */
import { MAX_SERIES } from "../metrics/event-families.ts";
import type { Metrics } from "../metrics/metrics.ts";
import type { ClientLedger } from "./client-ledger.ts";

type Labels = readonly [namespace: string, pod: string];

/**
 * Shows the busiest clients that are kept, at most as many as a family may have series. One that is kept no more is gone from
 * the metrics too; should it come back, it counts from 0 on.
 */
export function showClients(metrics: Metrics, ledgerNow: () => ClientLedger | undefined): void {
  const queries = metrics.counter("nodens_client_queries_total");
  const nxdomain = metrics.counter("nodens_client_nxdomain_total");
  const waste = metrics.counter("nodens_client_search_waste_total");
  const duration = metrics.histogram("nodens_client_miss_duration_seconds");
  let shown = new Map<string, Labels>();
  metrics.beforeScrape(() => {
    const now = new Map<string, Labels>();
    const best = ledgerNow()?.clients.top(MAX_SERIES - 1) ?? [];
    for (const { key, value } of best) {
      now.set(key, [value.identity.namespace, value.identity.pod === "" ? value.identity.address : value.identity.pod]);
    }
    for (const [key, labels] of shown) {
      if (now.has(key)) continue;
      for (const family of [queries, nxdomain, waste, duration]) family.remove(...labels);
    }
    shown = now;
    for (const { key, count, error, value } of best) {
      const labels = now.get(key);
      if (labels === undefined) continue;
      queries.with(...labels).value = count - error;
      nxdomain.with(...labels).value = value.nxdomain;
      waste.with(...labels).value = value.searchWaste;
      duration.with(...labels).load(value.latency.counts, value.latency.sum);
    }
  });
}
