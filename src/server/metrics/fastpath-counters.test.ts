import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  addTo,
  countBatch,
  countDrop,
  countRefusal,
  DROP_REASONS,
  DROP_RING_FULL,
  FastpathCounters,
  GSO_PAIRS_AT,
  HANDED_OVER_AT,
  HITS_AT,
  PAGE_FLOATS,
  RING_FULL_AT,
  SEND_ERRORS_AT,
  SEND_OTHER,
  TORN_READS_AT,
  UPSTREAM_DATAGRAMS_AT,
  WAKE_UPS_AT,
} from "./fastpath-counters.ts";
import { fastpathFamilies } from "./fastpath-families.ts";

function values(counters: FastpathCounters, name: string): Record<string, number> {
  const family = fastpathFamilies(counters).find((candidate) => candidate.name === name);
  const key = (sample: {
    readonly suffix: string;
    readonly le?: string;
    readonly labels: Readonly<Record<string, string>>;
  }): string => [...Object.values(sample.labels), sample.le ?? sample.suffix].join("");
  return Object.fromEntries((family?.samples ?? []).map((sample) => [key(sample), sample.value]));
}

describe("fast-path counters", () => {
  it("add up the pages of all threads", () => {
    const counters = FastpathCounters.create(3);
    const offsets: readonly (readonly [string, number])[] = [
      ["nodens_fastpath_hits_total", HITS_AT],
      ["nodens_fastpath_handed_over_total", HANDED_OVER_AT],
      ["nodens_fastpath_upstream_datagrams_total", UPSTREAM_DATAGRAMS_AT],
      ["nodens_fastpath_wakeups_total", WAKE_UPS_AT],
      ["nodens_fastpath_gso_pairs_total", GSO_PAIRS_AT],
      ["nodens_fastpath_torn_reads_total", TORN_READS_AT],
      ["nodens_fastpath_ring_full_total", RING_FULL_AT],
    ];
    for (const [i, [, offset]] of offsets.entries()) {
      for (const thread of [0, 1, 2]) addTo(counters.floats, counters.pageAt(thread) + offset, 10 * thread + i + 1);
    }
    for (const [i, [name]] of offsets.entries()) assert.deepEqual(values(counters, name), { "": 33 + 3 * i }, name);
  });

  it("put a batch into the bucket of its size", () => {
    const counters = FastpathCounters.create(2);
    const sizes = [1, 2, 3, 4, 5, 8, 9, 63, 64, 65, 1024];
    for (const size of sizes) countBatch(counters.floats, counters.pageAt(1), size);
    const total = sizes.reduce((a, b) => a + b, 0);
    const expected: Record<string, number> = { _sum: total, _count: sizes.length, "+Inf": sizes.length };
    for (const bound of [1, 2, 4, 8, 16, 32, 64]) expected[bound] = sizes.filter((size) => size <= bound).length;
    assert.deepEqual(values(counters, "nodens_fastpath_batch_datagrams"), expected);
    assert.deepEqual(values(counters, "nodens_fastpath_batches_total"), { "": sizes.length });
    assert.deepEqual(values(counters, "nodens_fastpath_datagrams_total"), { "": total });
  });

  it("show every reason of drops and send errors from the start, and refusals once they happened", () => {
    const counters = FastpathCounters.create(1);
    assert.deepEqual(Object.keys(values(counters, "nodens_dropped_total")), DROP_REASONS);
    assert.deepEqual(values(counters, "nodens_refused_total"), {});
    countDrop(counters.floats, 0, DROP_RING_FULL, 3);
    addTo(counters.floats, SEND_ERRORS_AT + SEND_OTHER, 1);
    for (const rcode of [1, 5, 5, 16, 24, 4095]) countRefusal(counters.floats, 0, rcode);
    assert.equal(values(counters, "nodens_dropped_total")["ring_full"], 3);
    assert.equal(values(counters, "nodens_fastpath_send_errors_total")["other"], 1);
    assert.deepEqual(values(counters, "nodens_refused_total"), { FORMERR: 1, REFUSED: 2, BADVERS: 1, other: 2 });
  });

  it("stay inside their page", () => {
    const counters = FastpathCounters.create(2);
    for (let code = 0; code < 40; code++) countRefusal(counters.floats, 0, code);
    for (const size of [1, 64, 100_000]) countBatch(counters.floats, 0, size);
    assert.ok(counters.floats.subarray(PAGE_FLOATS).every((float) => float === 0));
  });
});
