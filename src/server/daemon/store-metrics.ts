/** What the answer store knows of itself, as metrics. */
import type { AnswerStore } from "../cache/answer-store.ts";
import type { Metrics } from "../metrics/metrics.ts";

type Figures = Pick<AnswerStore, "usedBytes" | "limitBytes" | "rejections" | "ghostHits">;

/** Shows them from now on, as they are at each scrape. */
export function showStore(store: Figures, metrics: Metrics): void {
  metrics
    .gauge("nodens_cache_used_bytes")
    .with()
    .from(() => store.usedBytes);
  metrics
    .gauge("nodens_cache_limit_bytes")
    .with()
    .from(() => store.limitBytes);
  const rejections = metrics.counter("nodens_cache_admission_rejections_total").with();
  const ghostHits = metrics.counter("nodens_cache_ghost_hits_total").with();
  metrics.beforeScrape(() => {
    rejections.value = store.rejections;
    ghostHits.value = store.ghostHits;
  });
}
