/** A thread that counts as the fast path does, for tests of the shared counters. */
import { workerData } from "node:worker_threads";
import { countBatch, FastpathCounters } from "../../src/server/metrics/fastpath-counters.ts";
import type { MetricsHandle } from "../../src/server/metrics/metrics.ts";
import {
  countCacheHit,
  countDuration,
  countRequest,
  countResponse,
  ServerRows,
} from "../../src/server/metrics/server-rows.ts";

export interface CountingTask {
  readonly metrics: MetricsHandle;
  readonly thread: number;
  readonly row: number;
  /** Queries to count. */
  readonly queries: number;
}

const { metrics, thread, row, queries } = workerData as CountingTask;
const rows = new ServerRows(metrics.rows);
const at = rows.rowAt(thread, row);
for (let i = 0; i < queries; i++) {
  countRequest(rows.floats, at, 0, 0, 28, 60, false);
  countResponse(rows.floats, at, 0, 0, 1, 88);
  countCacheHit(rows.floats, at, 0);
  countDuration(rows.floats, at, 0.0001);
}
const counters = new FastpathCounters(metrics.fastpath);
countBatch(counters.floats, counters.pageAt(thread), queries);
