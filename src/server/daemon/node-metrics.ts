/** What the node agent tells of itself, as metrics of the server. */
import type { Clock } from "../../base/clock.ts";
import {
  BACKENDS,
  INTERCEPTS,
  NODE_BACKEND_FLOAT,
  NODE_CAPTURING_FLOAT,
  NODE_CHECKS_FLOAT,
  NODE_ERRORS_FLOAT,
  NODE_INTERCEPT_FLOAT,
  NODE_LEASED_AT_MS_FLOAT,
  NODE_RESTORED_FLOAT,
  SETUP_ERROR_TYPES,
} from "../keeper/beats-layout.ts";
import type { Metrics } from "../metrics/metrics.ts";

/**
 * Shows them from now on, as they are at each scrape.
 *
 * @param counters as `keeper/beats-layout.ts` draws them, of whoever has the node's life
 * @param configErrors configurations that were refused so far
 */
export function showNode(counters: Float64Array, configErrors: () => number, metrics: Metrics, clock: Clock): void {
  const at = (index: number): number => counters[index] ?? 0;
  const errors = metrics.counter("coredns_nodecache_setup_errors_total");
  const counted = [
    ...SETUP_ERROR_TYPES.map((type, i) => [errors.with(type), () => at(NODE_ERRORS_FLOAT + i)] as const),
    [errors.with("configmap"), configErrors] as const,
    [metrics.counter("nodens_node_checks_total").with(), () => at(NODE_CHECKS_FLOAT)] as const,
    [metrics.counter("nodens_node_restored_total").with(), () => at(NODE_RESTORED_FLOAT)] as const,
  ];
  metrics.beforeScrape(() => {
    for (const [counter, value] of counted) counter.value = value();
  });
  metrics
    .gauge("nodens_node_capturing")
    .with()
    .from(() => at(NODE_CAPTURING_FLOAT));
  metrics
    .gauge("nodens_node_lease_age_seconds")
    .with()
    .from(() => (at(NODE_LEASED_AT_MS_FLOAT) === 0 ? 0 : (clock.monotonicMs() - at(NODE_LEASED_AT_MS_FLOAT)) / 1000));
  const intercept = INTERCEPTS[at(NODE_INTERCEPT_FLOAT) - 1];
  const rules = BACKENDS[at(NODE_BACKEND_FLOAT) - 1];
  if (intercept !== undefined && rules !== undefined) metrics.info("nodens_node_info").hold(intercept, rules);
}
