/** What became of the queries of a drill, counted from its records. */
import { RCODE_NOERROR, RCODE_SERVFAIL } from "./questions.ts";
import { FATE_ANSWERED, FATE_WRONG, type QueryRecords } from "./query-records.ts";

/** A query without an answer for so long is lost, whatever comes later: no resolver waits longer. */
export const LOST_AFTER_MS = 5000;

/** Every query is in one of `answered`, `lost`, `wrong`. */
export interface Share {
  readonly sent: number;
  /** In time, and right; failures that were said (SERVFAIL and others) included. */
  readonly answered: number;
  readonly lost: number;
  readonly wrong: number;
  /** Of `answered`. */
  readonly servfail: number;
  /** Of `answered`: other rcodes than NOERROR and SERVFAIL. */
  readonly refused: number;
  /** Of `answered`, milliseconds; NaN for none. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly worstMs: number;
}

export interface Summary {
  readonly all: Share;
  readonly hits: Share;
  readonly misses: Share;
  /** Of `lost`: an answer came, too late. */
  readonly late: number;
  /** Longest time without any answer, from the first query to the last, milliseconds. */
  readonly worstGapMs: number;
  /** When that began, milliseconds since the load began. */
  readonly worstGapAtMs: number;
}

export function summarize(records: QueryRecords, lostAfterMs: number = LOST_AFTER_MS): Summary {
  const { late, worstGapMs, worstGapAtMs } = timesOfAll(records, lostAfterMs);
  return {
    all: shareOf(records, lostAfterMs, () => true),
    hits: shareOf(records, lostAfterMs, (question) => question >= 0),
    misses: shareOf(records, lostAfterMs, (question) => question < 0),
    late,
    worstGapMs,
    worstGapAtMs,
  };
}

function shareOf(records: QueryRecords, lostAfterMs: number, includes: (question: number) => boolean): Share {
  const latencies = new Float32Array(records.sent);
  let sent = 0;
  let answered = 0;
  let wrong = 0;
  let servfail = 0;
  let refused = 0;
  for (let row = 0; row < latencies.length; row++) {
    if (!includes(records.question[row] ?? 0)) continue;
    sent++;
    const fate = records.fate[row];
    const latencyMs = records.latencyMs[row] ?? 0;
    if (fate === FATE_WRONG) wrong++;
    if (fate !== FATE_ANSWERED || latencyMs > lostAfterMs) continue;
    latencies[answered++] = latencyMs;
    const rcode = records.rcode[row];
    if (rcode === RCODE_SERVFAIL) servfail++;
    else if (rcode !== RCODE_NOERROR) refused++;
  }
  const sorted = latencies.subarray(0, answered).sort();
  const quantile = (q: number): number => sorted[Math.max(Math.ceil(answered * q) - 1, 0)] ?? Number.NaN;
  return {
    sent,
    answered,
    lost: sent - answered - wrong,
    wrong,
    servfail,
    refused,
    p50Ms: quantile(0.5),
    p99Ms: quantile(0.99),
    worstMs: quantile(1),
  };
}

/** Gaps are between replies of any kind, wrong and late ones too: something answered. */
function timesOfAll(records: QueryRecords, lostAfterMs: number): Pick<Summary, "late" | "worstGapMs" | "worstGapAtMs"> {
  const sent = records.sent;
  const times = new Float64Array(sent + 1);
  const lastSentMs = records.sentMs[sent - 1] ?? 0;
  let replies = 0;
  let late = 0;
  for (let row = 0; row < sent; row++) {
    if (records.fate[row] !== FATE_ANSWERED && records.fate[row] !== FATE_WRONG) continue;
    const latencyMs = records.latencyMs[row] ?? 0;
    if (records.fate[row] === FATE_ANSWERED && latencyMs > lostAfterMs) late++;
    const atMs = (records.sentMs[row] ?? 0) + latencyMs;
    if (atMs < lastSentMs) times[replies++] = atMs;
  }
  times[replies] = lastSentMs;
  let before = records.sentMs[0] ?? 0;
  let worstGapMs = 0;
  let worstGapAtMs = 0;
  for (const atMs of times.subarray(0, replies + 1).sort()) {
    if (atMs - before > worstGapMs) {
      worstGapMs = atMs - before;
      worstGapAtMs = before;
    }
    before = atMs;
  }
  return { late, worstGapMs, worstGapAtMs };
}
