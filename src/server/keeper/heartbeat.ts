/**
 * The server's heartbeat and the keeper's judgement of it.
 *
 * Nobody looks while all is well: the alarm goes off when somebody is overdue (`fastpath/alarm.ts`). What is silent then has one more
 * chance before it is judged, for the whole machine may have stood still, and the alarm is heard before those who had to put it off
 * have got their turn.
 */
import type { Clock } from "../../base/clock.ts";
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

/** Judges one server by its beats. */
export class HangWatch {
  readonly #words: Int32Array;
  readonly #clock: Clock;
  readonly #setAlarm: (ms: number) => void;
  /** Who was overdue at the last look, its beat, and when that was. */
  #doubt: { readonly pulse: Pulse; readonly beat: number; readonly sinceMs: number } | undefined;

  constructor(words: Int32Array, clock: Clock, setAlarm: (ms: number) => void) {
    this.#words = words;
    this.#clock = clock;
    this.#setAlarm = setAlarm;
    this.#doubt = undefined;
  }

  /** To be called when the alarm goes off. @returns what stands still, in words; undefined when all is well or cannot be told yet */
  look(): string | undefined {
    const words = this.#words;
    const nowMs = this.#clock.monotonicMs();
    const before = this.#doubt;
    this.#doubt = undefined;
    // Until the main loop has begun to beat the server is starting, and takes its time.
    if (Atomics.load(words, MAIN_BEAT_WORD) === 0) return undefined;
    const pulses = pulsesOf(Atomics.load(words, THREADS_WORD));
    const overdue = pulses.filter((pulse) => silenceOf(words, pulse, nowMs) >= pulse.silenceMs);
    const isPunctual = before !== undefined && nowMs - before.sinceMs <= GRACE_MS + LATE_MS;
    const still = overdue.find(
      (pulse) => isPunctual && pulse.word === before.pulse.word && words[pulse.word] === before.beat,
    );
    if (still !== undefined) return `${still.name} has not moved for ${Math.round(silenceOf(words, still, nowMs))} ms`;
    const [pulse] = overdue;
    if (pulse === undefined) {
      this.#setAlarm(untilOverdueMs(words, pulses, nowMs));
    } else {
      this.#doubt = { pulse, beat: words[pulse.word] ?? 0, sinceMs: nowMs };
      this.#setAlarm(GRACE_MS);
    }
    return undefined;
  }
}
