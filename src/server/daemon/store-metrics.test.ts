import assert from "node:assert/strict";
import { it } from "node:test";
import { Metrics } from "../metrics/metrics.ts";
import { showStore } from "./store-metrics.ts";

it("the store's figures are those of the moment of a scrape", () => {
  const store = { usedBytes: 0, limitBytes: 4096, rejections: 0, ghostHits: 0 };
  const metrics = Metrics.create({ threads: 1 });
  showStore(store, metrics);
  const shown = (): (number | undefined)[] =>
    ["used_bytes", "limit_bytes", "admission_rejections_total", "ghost_hits_total"].map(
      (name) => metrics.collect().find((family) => family.name === `nodens_cache_${name}`)?.samples[0]?.value,
    );
  assert.deepEqual(shown(), [0, 4096, 0, 0]);
  Object.assign(store, { usedBytes: 512, rejections: 7, ghostHits: 3 });
  assert.deepEqual(shown(), [512, 4096, 7, 3]);
});
