import assert from "node:assert/strict";
import { it } from "node:test";
import { QueryRecords, REPEATED_WORD, STRAY_WORD } from "./query-records.ts";
import { summarize } from "./summary.ts";
import { timelineOf } from "./timeline.ts";

/** sent at, question, what came: after so many milliseconds, right or not, with this rcode. */
type Event = readonly [sentMs: number, question: number, tookMs?: number, right?: boolean, rcode?: number];

function recordsOf(events: readonly Event[]): QueryRecords {
  const { records } = QueryRecords.create(events.length);
  for (const [sentMs, question] of events) records.add(question, sentMs);
  for (const [row, [sentMs, , tookMs, right = true, rcode = 0]] of events.entries()) {
    if (tookMs !== undefined) records.settle(row, sentMs + tookMs, right, rcode);
  }
  return records;
}

it("puts every query into one of answered, lost and wrong, hits and misses apart", () => {
  const { all, hits, misses, late } = summarize(
    recordsOf([
      [0, 1, 1],
      [10, 2, 2],
      [20, -1, 25],
      [30, 3],
      [40, -2],
      [50, 4, 1, false],
      [60, -3, 4400, true, 2],
      [70, 5, 1, true, 5],
      [80, 6, 5001],
    ]),
  );
  const counts = (share: typeof all): number[] => [share.sent, share.answered, share.lost, share.wrong];
  assert.deepEqual(counts(all), [9, 5, 3, 1]);
  assert.deepEqual(counts(hits), [6, 3, 2, 1]);
  assert.deepEqual(counts(misses), [3, 2, 1, 0]);
  assert.deepEqual([all.servfail, hits.servfail, misses.servfail, hits.refused], [1, 0, 1, 1]);
  assert.equal(late, 1, "an answer after five seconds is none");
});

it("counts what is answered just in time as answered", () => {
  const records = recordsOf([
    [0, 1, 5000],
    [0, 2, 5000.5],
  ]);
  assert.deepEqual([summarize(records).all.answered, summarize(records).all.lost], [1, 1]);
  assert.equal(summarize(records, 5001).all.answered, 2);
});

it("knows median, 99th percentile and worst of those that were answered", () => {
  const { all, misses } = summarize(recordsOf(Array.from({ length: 200 }, (_, i) => [i, i, 200 - i] as const)));
  assert.deepEqual([all.p50Ms, all.p99Ms, all.worstMs], [100, 198, 200]);
  assert.deepEqual([misses.p50Ms, misses.worstMs], [Number.NaN, Number.NaN]);
});

it("finds the longest time without an answer, at the beginning and the end too", () => {
  const gap = (...events: Event[]): number[] => {
    const { worstGapMs, worstGapAtMs } = summarize(recordsOf(events));
    return [worstGapAtMs, worstGapMs];
  };
  // Answers at 1, 12, 50, 61; the last query left at 100 and has none.
  assert.deepEqual(gap([0, 1, 1], [10, 1, 2], [20, 1, 30], [60, 1, 1], [100, 1]), [61, 39]);
  assert.deepEqual(gap([0, 1], [90, 1, 1], [100, 1]), [0, 91]);
  // An answer that overtakes is taken when it comes.
  assert.deepEqual(gap([0, 1, 60], [10, 1, 1], [100, 1, 1]), [11, 49]);
  // After the last query nobody waits for anything new.
  assert.deepEqual(gap([0, 1, 1], [10, 1, 500]), [1, 9]);
  assert.deepEqual(gap(), [0, 0]);
});

it("keeps the first reply of a query, and counts those that come after it", () => {
  const records = recordsOf([[0, 1, 3]]);
  assert.equal(records.settle(0, 9, true, 0), false);
  assert.equal(records.settle(0, 10, false, 0), false);
  assert.deepEqual([records.latencyMs[0], summarize(records).all.wrong], [3, 0]);
  assert.deepEqual([records.words[REPEATED_WORD], records.words[STRAY_WORD]], [1, 1]);
});

it("is seen alike by who opens the same memory", () => {
  const { records, shared } = QueryRecords.create(3);
  records.add(-7, 1.5);
  records.settle(0, 2.75, true, 2);
  records.ownPauseMs = 12.5;
  const other = new QueryRecords(shared);
  assert.deepEqual([other.sent, other.question[0], other.sentMs[0], other.latencyMs[0]], [1, -7, 1.5, 1.25]);
  assert.deepEqual([other.rcode[0], other.ownPauseMs, other.capacity >= 3], [2, 12.5, true]);
});

it("cuts a drill into pieces: answers when they came, latency and losses when the queries left", () => {
  const { answered, failed, worstMs } = timelineOf(
    recordsOf([
      [0, 1, 1],
      [5, 1, 8],
      [19, 1, 2],
      [20, 1],
      [21, 1, 1, false],
      [41, 1, 30],
      [45, 1, 6000],
      [61, 1, 1000],
    ]),
    20,
  );
  assert.deepEqual([...answered], [2, 2, 0, 1]);
  assert.deepEqual([...failed], [0, 2, 1, 0]);
  assert.deepEqual([...worstMs], [8, Number.NaN, 30, 1000]);
});
