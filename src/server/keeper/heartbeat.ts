/**
 * The server's heartbeat and the keeper's judgement of it.
 *
 * Nobody looks while all is well: the alarm goes off when somebody is overdue (`fastpath/alarm.ts`). What is silent then has one more
 * chance before it is judged, for the whole machine may have stood still, and the alarm is heard before those who had to put it off
 * have got their turn. Nor is a server judged soon of which a thread would run and is not let, for others may wait for that one: in
 * a group whose share of the processors is used up (a container's CPU limit) another server would only need more of it.
 */
import type { Clock } from "../../base/clock.ts";
import { isStarving, type ThreadCpu } from "../../linux/thread-cpu.ts";
import { type Pulse, silenceOf, untilOverdueMs } from "../fastpath/alarm.ts";
import {
  BEATS_MAGIC,
  BEATS_VERSION,
  MAGIC_WORD,
  MAIN_BEAT_WORD,
  THREAD_BEAT_WORD,
  THREAD_BYTES,
  THREADS_AT,
  THREADS_MAX,
  THREADS_WORD,
  VERSION_WORD,
} from "./beats-layout.ts";

/** A fast-path thread goes round at least every 100 ms (`WAIT_MS`). */
const THREAD_SILENCE_MS = 200;
/** The main loop beats every `MAIN_BEAT_MS`, and may be kept by one long task: a large file to be read, a collection. */
const MAIN_SILENCE_MS = 1200;
/** From being overdue to the verdict. */
const GRACE_MS = 50;
/** A keeper that comes so late to its second look was itself kept, and what kept it may have kept the whole machine. */
const LATE_MS = 100;
/** Where somebody starves the silence may be so many times as long. */
const PATIENCE = 10;

/** Words of a `beats` region that is all zero. */
export function layOutBeats(words: Int32Array): void {
  words[MAGIC_WORD] = BEATS_MAGIC;
  words[VERSION_WORD] = BEATS_VERSION;
}

/** Before another server gets the region: nothing beats, and no word of a dead thread's steers a new one. */
export function clearBeats(words: Int32Array): void {
  Atomics.store(words, MAIN_BEAT_WORD, 0);
  words[THREADS_WORD] = 0;
  words.fill(0, THREADS_AT >> 2, (THREADS_AT + THREADS_MAX * THREAD_BYTES) >> 2);
}

/** Of a server with so many fast-path threads. */
export function pulsesOf(threads: number): Pulse[] {
  const main = { word: MAIN_BEAT_WORD, silenceMs: MAIN_SILENCE_MS, name: "its main loop" };
  const others = Array.from({ length: Math.min(threads, THREADS_MAX) }, (_, i) => ({
    word: (THREADS_AT + i * THREAD_BYTES) / 4 + THREAD_BEAT_WORD,
    silenceMs: THREAD_SILENCE_MS,
    name: `fast-path thread ${i}`,
  }));
  return [main, ...others];
}

/** A look at which somebody was overdue. */
interface Doubt {
  readonly atMs: number;
  /** Beats of who was, by word. */
  readonly beats: ReadonlyMap<number, number>;
  readonly cpu: ReadonlyMap<string, ThreadCpu>;
}

export interface HangWatchParts {
  readonly words: Int32Array;
  readonly clock: Clock;
  readonly setAlarm: (ms: number) => void;
  /** What the server's threads have got of the processors so far (`cpuOfThreads`). */
  readonly cpu: () => ReadonlyMap<string, ThreadCpu>;
}

/** Judges one server by its beats. */
export class HangWatch {
  readonly #parts: HangWatchParts;
  #doubt: Doubt | undefined;

  constructor(parts: HangWatchParts) {
    this.#parts = parts;
    this.#doubt = undefined;
  }

  /** To be called when the alarm goes off. @returns what stands still, in words; undefined when all is well or cannot be told yet */
  look(): string | undefined {
    const { words, clock, setAlarm } = this.#parts;
    const atMs = clock.monotonicMs();
    const before = this.#doubt;
    this.#doubt = undefined;
    // Until the main loop has begun to beat the server is starting, and takes its time.
    if (Atomics.load(words, MAIN_BEAT_WORD) === 0) return undefined;
    const pulses = pulsesOf(Atomics.load(words, THREADS_WORD));
    const overdue = pulses.filter((pulse) => silenceOf(words, pulse, atMs) >= pulse.silenceMs);
    if (overdue.length === 0) {
      setAlarm(untilOverdueMs(words, pulses, atMs));
      return undefined;
    }
    const cpu = this.#parts.cpu();
    if (before !== undefined && atMs - before.atMs <= GRACE_MS + LATE_MS) {
      const patience = isStarving(before.cpu, cpu, atMs - before.atMs) ? PATIENCE : 1;
      for (const pulse of overdue) {
        const silentMs = silenceOf(words, pulse, atMs);
        if (words[pulse.word] !== before.beats.get(pulse.word) || silentMs < pulse.silenceMs * patience) continue;
        return `${pulse.name} has not moved for ${Math.round(silentMs)} ms`;
      }
    }
    this.#doubt = { atMs, beats: new Map(overdue.map(({ word }) => [word, words[word] ?? 0])), cpu };
    setAlarm(GRACE_MS);
    return undefined;
  }
}
