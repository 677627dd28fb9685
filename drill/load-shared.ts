/** What the load's thread is given. */

export interface LoadPlan {
  /** Of the server, on 127.0.0.1. */
  readonly port: number;
  /** Offered queries a second, whatever comes back. */
  readonly rate: number;
  readonly seconds: number;
  /** Names that are cached when the load begins. */
  readonly hotNames: number;
  /** 0 to 100: of the queries, for names that were never asked for. */
  readonly missPercent: number;
  /** Client sockets, used in turn. */
  readonly sockets: number;
  /** How long the last queries are waited for, milliseconds. */
  readonly lostAfterMs: number;
}

export interface LoadWorkerData extends LoadPlan {
  readonly shared: SharedArrayBuffer;
}

/** Queries that a load sends. */
export function queriesOf({ rate, seconds }: Pick<LoadPlan, "rate" | "seconds">): number {
  return Math.max(Math.round(rate * seconds), 1);
}

/** The question of query `n` (from 0): misses are spread evenly, hot names are taken in a scattered order. */
export function questionOf(n: number, { hotNames, missPercent }: Pick<LoadPlan, "hotNames" | "missPercent">): number {
  const misses = Math.floor((n * missPercent) / 100);
  if (Math.floor(((n + 1) * missPercent) / 100) > misses) return -1 - misses;
  return (n * 7919) % hotNames;
}
