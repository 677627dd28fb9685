/** A drill's records cut into short pieces of time. */
import { FATE_ANSWERED, FATE_WAITING, type QueryRecords } from "./query-records.ts";
import { LOST_AFTER_MS } from "./summary.ts";

export interface Timeline {
  readonly bucketMs: number;
  /** Replies that came in each piece, by the time when they came. */
  readonly answered: Float64Array;
  /** Queries sent in each piece that were lost or answered wrongly. */
  readonly failed: Float64Array;
  /** Longest latency of those sent in each piece, milliseconds; NaN where none of them got a right answer in time. */
  readonly worstMs: Float64Array;
}

/** @param bucketMs length of a piece */
export function timelineOf(records: QueryRecords, bucketMs: number, lostAfterMs: number = LOST_AFTER_MS): Timeline {
  const { sent, sentMs, latencyMs, fate } = records;
  const buckets = Math.floor((sentMs[sent - 1] ?? 0) / bucketMs) + 1;
  const answered = new Float64Array(buckets);
  const failed = new Float64Array(buckets);
  const worstMs = new Float64Array(buckets).fill(Number.NaN);
  for (let row = 0; row < sent; row++) {
    const leftMs = sentMs[row] ?? 0;
    const tookMs = latencyMs[row] ?? 0;
    const left = Math.floor(leftMs / bucketMs);
    const inTime = fate[row] === FATE_ANSWERED && tookMs <= lostAfterMs;
    if (inTime && !(tookMs <= (worstMs[left] ?? 0))) worstMs[left] = tookMs;
    if (!inTime) failed[left] = (failed[left] ?? 0) + 1;
    if (fate[row] === FATE_WAITING) continue;
    const came = Math.floor((leftMs + tookMs) / bucketMs);
    if (came < buckets) answered[came] = (answered[came] ?? 0) + 1;
  }
  return { bucketMs, answered, failed, worstMs };
}
