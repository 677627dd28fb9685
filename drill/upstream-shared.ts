/** What the threads of the drills' upstream share: counters and the word that ends it. */
import { HOT_LETTER, MISS_LETTER, QUESTION_AT } from "./questions.ts";

/** Not 0: the thread ends its loop. */
export const STOP_WORD = 0;
/** Queries for hot names: while the cache is warm there are none. */
export const HOT_WORD = 1;
export const MISS_WORD = 2;
/** Queries for other names: checks of health. */
export const OTHER_WORD = 3;
/** Queries that were dropped because too many were under way. */
export const OVERRUN_WORD = 4;
export const UPSTREAM_WORDS = 5;

/** Replies that may be under way at once. */
export const HOLD_MAX = 16_384;

export interface UpstreamCounts {
  readonly hot: number;
  readonly misses: number;
  readonly overrun: number;
}

export interface UpstreamWorkerData {
  /** Of a bound UDP socket. */
  readonly fd: number;
  readonly delayMs: number;
  /** Of all records, seconds. */
  readonly ttl: number;
  readonly words: Int32Array;
}

/** Counts the query at `at` by the first letter of its name. */
export function countQuery(words: Int32Array, bytes: Uint8Array, at: number): void {
  const letter = (bytes[at + QUESTION_AT + 1] ?? 0) | 0x20;
  const word = letter === HOT_LETTER ? HOT_WORD : letter === MISS_LETTER ? MISS_WORD : OTHER_WORD;
  Atomics.add(words, word, 1);
}
