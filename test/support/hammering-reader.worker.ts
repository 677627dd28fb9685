/** A thread that reads one store as the fast path does, as fast as it can, and says what it saw. */
import { parentPort, workerData } from "node:worker_threads";
import { AnswerReader } from "../../src/server/cache/answer-reader.ts";
import type { AnswerStoreHandle } from "../../src/server/cache/region.ts";

export interface HammeringTask {
  readonly handle: AnswerStoreHandle;
  /** Queries without OPT, one behind the other in slots of this many bytes. */
  readonly queries: Uint8Array;
  readonly queryBytes: number;
  readonly nameLength: number;
  /** Set to 1 when it is enough. */
  readonly stop: Int32Array;
}

export interface HammeringReport {
  readonly hits: number;
  readonly misses: number;
  /** Copies that were refused because the writer was faster. */
  readonly refused: number;
  /** Replies that are not one whole answer; the first of them, in hex. */
  readonly torn: number;
  readonly example: string;
}

const { handle, queries, queryBytes, nameLength, stop } = workerData as HammeringTask;
const reader = new AnswerReader(handle);
const words = new Int32Array(8192);
const bytes = new Uint8Array(words.buffer);
const report = { hits: 0, misses: 0, refused: 0, torn: 0, example: "" };
const tailAt = 12 + nameLength + 4;
const count = queries.length / queryBytes;

/**
 * One TXT record whose text repeats one letter, as long as that letter says; owner a pointer. Letter, length and TTL
 * tell torn answers from whole ones, TTLs are all 1000 or less.
 */
function isWhole(tail: number, name: number): boolean {
  const text = bytes[tailAt + 12] ?? 0;
  const letter = bytes[tailAt + 13] ?? 0;
  if (tail !== 13 + text || reader.answerCount !== 1) return false;
  // The last letter says whose answer it is.
  if (bytes[tailAt + tail - 1] !== name) return false;
  if (text !== 20 + (letter - 97) * 9) return false;
  for (let i = 0; i < text - 1; i++) if (bytes[tailAt + 13 + i] !== letter) return false;
  return true;
}

parentPort?.postMessage("ready");
for (let i = 0; Atomics.load(stop, 0) === 0; i++) {
  const at = (i % count) * queryBytes;
  bytes.set(queries.subarray(at, at + queryBytes), 0);
  const nowS = 1 + (i & 1);
  const slot = reader.find(bytes, words, 0, nameLength, 16, 1, 0, 1, nowS);
  if (slot < 0) {
    report.misses++;
    continue;
  }
  const tail = reader.copy(slot, bytes, words, 0, nameLength, 4096, nowS);
  if (tail < 0) {
    report.refused++;
    continue;
  }
  report.hits++;
  if (isWhole(tail, queries[at + 13] ?? 0)) continue;
  report.torn++;
  if (report.example === "") report.example = Buffer.from(bytes.subarray(0, tailAt + tail)).toString("hex");
}
parentPort?.postMessage(report satisfies HammeringReport);
