/** The load from outside: its thread started, its end awaited. */
import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { queriesOf, type LoadPlan, type LoadWorkerData } from "./load-shared.ts";
import { QueryRecords, STOP_WORD } from "./query-records.ts";

export interface RunningLoad {
  readonly records: QueryRecords;
  /** CLOCK_MONOTONIC when the first query left, milliseconds. */
  readonly startMs: number;
  /** Resolves when the last query has its answer, or can have none in time. Rejects when the thread fails. */
  readonly done: Promise<void>;
  /** Ends it now; takes effect within a few milliseconds. May be called from an exit handler. */
  halt(): void;
}

/** Resolves when the load has begun. */
export async function startLoad(plan: LoadPlan): Promise<RunningLoad> {
  const { records, shared } = QueryRecords.create(queriesOf(plan));
  const data: LoadWorkerData = { ...plan, shared };
  const worker = new Worker(new URL("./load.worker.ts", import.meta.url), { workerData: data });
  const done = once(worker, "exit").then(() => undefined);
  // Who waits for it later is told then.
  done.catch(() => {});
  const [begun] = (await Promise.race([once(worker, "message"), done.then(() => [])])) as [{ startMs: number }?];
  if (begun === undefined) throw new Error("the load ended before it began");
  return { records, startMs: begun.startMs, done, halt: () => void Atomics.store(records.words, STOP_WORD, 1) };
}
