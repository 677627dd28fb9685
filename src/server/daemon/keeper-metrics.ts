/** What the keeper tells of itself, as metrics of the server. */
import type { SharedRegion } from "../../linux/shared-region.ts";
import {
  BEATS_BYTES,
  HANGS_FLOAT,
  LAST_GAP_MS_FLOAT,
  RESTARTS_FLOAT,
  STANDBY_HITS_FLOAT,
  STANDBY_MISSES_FLOAT,
} from "../keeper/beats-layout.ts";
import type { Metrics } from "../metrics/metrics.ts";

/** Shows them from now on, as they are at each scrape. @param beats of the keeper; undefined shows nothing */
export function showKeeper(beats: SharedRegion | undefined, metrics: Metrics): void {
  if (beats === undefined) return;
  const floats = new Float64Array(beats.buffer, 0, BEATS_BYTES >> 3);
  metrics
    .gauge("nodens_keeper_last_gap_seconds")
    .with()
    .from(() => (floats[LAST_GAP_MS_FLOAT] ?? 0) / 1000);
  const restarts = metrics.counter("nodens_keeper_restarts_total").with();
  const hangs = metrics.counter("nodens_keeper_hangs_total").with();
  const hits = metrics.counter("nodens_keeper_standby_hits_total").with();
  const misses = metrics.counter("nodens_keeper_standby_misses_total").with();
  metrics.beforeScrape(() => {
    restarts.value = floats[RESTARTS_FLOAT] ?? 0;
    hangs.value = floats[HANGS_FLOAT] ?? 0;
    hits.value = floats[STANDBY_HITS_FLOAT] ?? 0;
    misses.value = floats[STANDBY_MISSES_FLOAT] ?? 0;
  });
}
