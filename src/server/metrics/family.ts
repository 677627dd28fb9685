/** A metric family with its values at one moment: what the homes of metrics hand to `exposition.ts`. */
import { BUCKETS } from "./buckets.ts";
import { specOf, type MetricName } from "./catalogue.ts";

export interface Sample {
  /** Suffix to the family's name: `_bucket`, `_sum`, `_count`; "" for counters and gauges. */
  readonly suffix: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Upper bound of a bucket. */
  readonly le?: string;
  readonly value: number;
}

export interface Family {
  readonly name: MetricName;
  readonly samples: readonly Sample[];
}

/** Label values, in the declared order, as an object. */
export function labelsOf(name: MetricName, values: readonly string[]): Record<string, string> {
  return Object.fromEntries(specOf(name).labels.map((label, i) => [label, values[i] ?? ""]));
}

/** @param perBucket counts that are not cumulated, the one for +Inf last */
export function histogramSamples(
  name: MetricName,
  labels: Readonly<Record<string, string>>,
  perBucket: readonly number[],
  sum: number,
): Sample[] {
  const bounds = BUCKETS[specOf(name).buckets ?? "seconds"];
  const samples: Sample[] = [];
  let count = 0;
  for (let i = 0; i <= bounds.length; i++) {
    count += perBucket[i] ?? 0;
    samples.push({ suffix: "_bucket", labels, le: i < bounds.length ? String(bounds[i]) : "+Inf", value: count });
  }
  samples.push({ suffix: "_sum", labels, value: sum }, { suffix: "_count", labels, value: count });
  return samples;
}
