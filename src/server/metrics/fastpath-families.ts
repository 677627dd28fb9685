/** From the threads' pages to families. */
import { RCODE_BADVERS } from "../../dns/types.ts";
import type { MetricName } from "./catalogue.ts";
import { histogramSamples, labelsOf, type Family, type Sample } from "./family.ts";
import {
  BATCHES_AT,
  BATCH_SLOTS,
  DATAGRAMS_AT,
  DROPS_AT,
  DROP_REASONS,
  GSO_PAIRS_AT,
  HANDED_OVER_AT,
  HITS_AT,
  REFUSALS_AT,
  RING_FULL_AT,
  SEND_ERRORS_AT,
  SEND_ERROR_REASONS,
  TORN_READS_AT,
  UPSTREAM_DATAGRAMS_AT,
  WAKE_UPS_AT,
  type FastpathCounters,
} from "./fastpath-counters.ts";
import { rcodeLabel } from "./row-families.ts";
import { RCODE_SLOTS } from "./row-layout.ts";

const PLAIN: readonly (readonly [MetricName, number])[] = [
  ["nodens_fastpath_datagrams_total", DATAGRAMS_AT],
  ["nodens_fastpath_hits_total", HITS_AT],
  ["nodens_fastpath_handed_over_total", HANDED_OVER_AT],
  ["nodens_fastpath_upstream_datagrams_total", UPSTREAM_DATAGRAMS_AT],
  ["nodens_fastpath_wakeups_total", WAKE_UPS_AT],
  ["nodens_fastpath_gso_pairs_total", GSO_PAIRS_AT],
  ["nodens_fastpath_torn_reads_total", TORN_READS_AT],
  ["nodens_fastpath_ring_full_total", RING_FULL_AT],
];

/** Reasons are shown from 0 on, so that a rate can be taken over the first one; response codes when they happened. */
export function fastpathFamilies(counters: FastpathCounters): Family[] {
  const sum = (offset: number): number => {
    let total = 0;
    for (let thread = 0; thread < counters.handle.threads; thread++) {
      total += counters.floats[counters.pageAt(thread) + offset] ?? 0;
    }
    return total;
  };
  const byLabel = (name: MetricName, at: number, values: readonly string[]): Family => ({
    name,
    samples: values.map((value, i): Sample => ({ suffix: "", labels: labelsOf(name, [value]), value: sum(at + i) })),
  });
  const perBatch = Array.from({ length: BATCH_SLOTS }, (_, i) => sum(BATCHES_AT + i));
  const batches = perBatch.reduce((a, b) => a + b, 0);
  const rcodes = Array.from({ length: RCODE_SLOTS }, (_, slot) =>
    // The code has two names; without TSIG it is always this one (RFC 6891 §6.1.3).
    slot === RCODE_BADVERS ? "BADVERS" : rcodeLabel(slot),
  );
  const refusals = byLabel("nodens_refused_total", REFUSALS_AT, rcodes);
  return [
    ...PLAIN.map(([name, at]): Family => ({ name, samples: [{ suffix: "", labels: {}, value: sum(at) }] })),
    { name: "nodens_fastpath_batches_total", samples: [{ suffix: "", labels: {}, value: batches }] },
    {
      name: "nodens_fastpath_batch_datagrams",
      samples: histogramSamples("nodens_fastpath_batch_datagrams", {}, perBatch, sum(DATAGRAMS_AT)),
    },
    byLabel("nodens_fastpath_send_errors_total", SEND_ERRORS_AT, SEND_ERROR_REASONS),
    byLabel("nodens_dropped_total", DROPS_AT, DROP_REASONS),
    { name: refusals.name, samples: refusals.samples.filter((sample) => sample.value > 0) },
  ];
}
