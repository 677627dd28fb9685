/** What the prober is asked and what it tells: numbers only, checked where they are read. */

export interface ProbeRequest {
  readonly port: number;
  /** Absolute; asked in turn, type A. */
  readonly names: readonly string[];
  readonly queriesPerSecond: number;
  readonly seconds: number;
  /** Never sleeps: the prober's own wake-ups are no part of what it measures. It needs a core of its own then. */
  readonly spin: boolean;
}

/** Microseconds; NaN (null in JSON) when nothing was answered. */
export interface LatencySummary {
  readonly sent: number;
  readonly answered: number;
  readonly p50Us: number;
  readonly p99Us: number;
  readonly p999Us: number;
  readonly maxUs: number;
}

/** @param latenciesMs of the answered queries; sorted in place */
export function latencySummary(latenciesMs: Float64Array, sent: number): LatencySummary {
  latenciesMs.sort();
  return {
    sent,
    answered: latenciesMs.length,
    p50Us: percentile(latenciesMs, 0.5) * 1000,
    p99Us: percentile(latenciesMs, 0.99) * 1000,
    p999Us: percentile(latenciesMs, 0.999) * 1000,
    maxUs: percentile(latenciesMs, 1) * 1000,
  };
}

/** Smallest value that at least the part `share` of them do not exceed (nearest rank). */
export function percentile(sorted: Float64Array, share: number): number {
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN;
}

export function parseProbeRequest(json: string): ProbeRequest {
  const value = object(json);
  const names: unknown = Reflect.get(value, "names");
  if (!Array.isArray(names)) throw new Error("names must be a list");
  return {
    port: number(value, "port"),
    names: names.map(String),
    queriesPerSecond: number(value, "queriesPerSecond"),
    seconds: number(value, "seconds"),
    spin: Reflect.get(value, "spin") === true,
  };
}

export function parseLatencySummary(json: string): LatencySummary {
  const value = object(json);
  return {
    sent: number(value, "sent"),
    answered: number(value, "answered"),
    p50Us: number(value, "p50Us"),
    p99Us: number(value, "p99Us"),
    p999Us: number(value, "p999Us"),
    maxUs: number(value, "maxUs"),
  };
}

function object(json: string): object {
  const value: unknown = JSON.parse(json);
  if (typeof value !== "object" || value === null) throw new Error("not an object");
  return value;
}

function number(of: object, key: string): number {
  const value: unknown = Reflect.get(of, key);
  if (value === null) return Number.NaN;
  if (typeof value !== "number") throw new Error(`${key} must be a number`);
  return value;
}
