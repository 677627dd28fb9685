/**
 * Metrics of the main thread: things that happen less often than once a packet.
 *
 * `with(...)` gives the one series of those label values; keep what it gives where the values are known beforehand,
 * then an event is one addition. A family holds at most `MAX_SERIES`; what comes later shares one series whose label
 * values are all `other`, so that nothing from outside can make the memory grow.
 */
import { BUCKETS } from "./buckets.ts";
import { specOf, type MetricName } from "./catalogue.ts";
import { histogramSamples, labelsOf, type Family, type Sample } from "./family.ts";

export const MAX_SERIES = 1024;
/** Separates label values in keys: no label value of ours has it, and a collision would only merge two series. */
const SEPARATOR = "\u0000";

/** What a family needs to know of the whole. */
export interface FamilyOptions {
  /** Called when label values found the family full. */
  readonly onOverflow: () => void;
}

abstract class EventFamily<Values extends string[], Series> {
  readonly name: MetricName;
  readonly #series = new Map<string, { readonly labels: Readonly<Record<string, string>>; readonly series: Series }>();
  readonly #options: FamilyOptions;

  constructor(name: MetricName, options: FamilyOptions) {
    this.name = name;
    this.#options = options;
  }

  protected abstract make(): Series;
  protected abstract samplesOf(series: Series, labels: Readonly<Record<string, string>>): readonly Sample[];

  with(...values: Values): Series {
    const key = values.join(SEPARATOR);
    const found = this.#series.get(key);
    if (found !== undefined) return found.series;
    if (this.#series.size < MAX_SERIES) return this.#add(key, values);
    this.#options.onOverflow();
    const other = values.map(() => "other");
    const otherKey = other.join(SEPARATOR);
    return this.#series.get(otherKey)?.series ?? this.#add(otherKey, other);
  }

  /** Takes a series away; a handle kept from before counts into nothing. */
  remove(...values: Values): void {
    this.#series.delete(values.join(SEPARATOR));
  }

  family(): Family {
    const samples: Sample[] = [];
    for (const { labels, series } of this.#series.values()) samples.push(...this.samplesOf(series, labels));
    return { name: this.name, samples };
  }

  #add(key: string, values: readonly string[]): Series {
    const series = this.make();
    this.#series.set(key, { labels: labelsOf(this.name, values), series });
    return series;
  }
}

/** Only goes up. */
export class CounterSeries {
  /** Written from outside only to take over what was counted elsewhere. */
  value = 0;

  /** @param by 0 or more */
  add(by = 1): void {
    this.value += by;
  }
}

export class Counter<Values extends string[]> extends EventFamily<Values, CounterSeries> {
  protected override make(): CounterSeries {
    return new CounterSeries();
  }

  protected override samplesOf(series: CounterSeries, labels: Readonly<Record<string, string>>): readonly Sample[] {
    return [{ suffix: "", labels, value: series.value }];
  }
}

/** Holds what was last set, or asks when scraped. */
export class GaugeSeries {
  #value = 0;
  #read: (() => number) | undefined;

  set(value: number): void {
    this.#value = value;
  }

  add(by: number): void {
    this.#value += by;
  }

  /** From now on the value is what `read` gives at a scrape; undefined ends that. `read` must not throw. */
  from(read: (() => number) | undefined): void {
    this.#read = read;
  }

  get value(): number {
    return this.#read === undefined ? this.#value : this.#read();
  }
}

export class Gauge<Values extends string[]> extends EventFamily<Values, GaugeSeries> {
  protected override make(): GaugeSeries {
    return new GaugeSeries();
  }

  protected override samplesOf(series: GaugeSeries, labels: Readonly<Record<string, string>>): readonly Sample[] {
    return [{ suffix: "", labels, value: series.value }];
  }
}

export class HistogramSeries {
  readonly #bounds: readonly number[];
  /** Not cumulated; the last is +Inf. */
  readonly counts: number[];
  sum = 0;

  constructor(bounds: readonly number[]) {
    this.#bounds = bounds;
    this.counts = Array.from({ length: bounds.length + 1 }, () => 0);
  }

  observe(value: number): void {
    let slot = 0;
    while (slot < this.#bounds.length && value > (this.#bounds[slot] ?? 0)) slot++;
    this.counts[slot] = (this.counts[slot] ?? 0) + 1;
    this.sum += value;
  }

  /** Takes over what was counted elsewhere. @param counts one a bucket, not cumulated, +Inf last */
  load(counts: ArrayLike<number>, sum: number): void {
    for (let i = 0; i < this.counts.length; i++) this.counts[i] = counts[i] ?? 0;
    this.sum = sum;
  }
}

export class Histogram<Values extends string[]> extends EventFamily<Values, HistogramSeries> {
  protected override make(): HistogramSeries {
    return new HistogramSeries(BUCKETS[specOf(this.name).buckets ?? "seconds"]);
  }

  protected override samplesOf(series: HistogramSeries, labels: Readonly<Record<string, string>>): readonly Sample[] {
    return histogramSamples(this.name, labels, series.counts, series.sum);
  }
}

class InfoSeries {
  holders = 0;
}

/** A fact that is true while somebody says so: during a reload the old and the new configuration may both. */
export class Info<Values extends string[]> extends EventFamily<Values, InfoSeries> {
  protected override make(): InfoSeries {
    return new InfoSeries();
  }

  protected override samplesOf(_series: InfoSeries, labels: Readonly<Record<string, string>>): readonly Sample[] {
    return [{ suffix: "", labels, value: 1 }];
  }

  /** @returns gives it up; a second call does nothing */
  hold(...values: Values): () => void {
    const series = this.with(...values);
    series.holders++;
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      series.holders--;
      if (series.holders === 0) this.remove(...values);
    };
  }
}
