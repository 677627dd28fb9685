/** The server's heartbeat and the keeper's judgement of it. */
import type { Clock } from "../../base/clock.ts";
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

/** A fast-path thread goes round at least every 100 ms (`WAIT_MS`): who is silent for so long stands still. */
const THREAD_SILENCE_MS = 250;
/** The main loop may be kept by one long task: a large file to be read, a collection. */
const MAIN_SILENCE_MS = 1000;
/** The keeper looks at least so often; more often only when a verdict is near, for each look wakes a sleeping process. */
const LOOK_MS = 100;
/** Between two looks, at least. */
const LOOK_AGAIN_MS = 10;
/** A keeper that comes to look so late was itself kept, and what it kept may have been the whole machine. */
const LATE_MS = 2 * LOOK_MS;

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

/** One source of beats. */
interface Pulse {
  readonly word: number;
  readonly silenceMs: number;
  readonly name: string;
  beat: number;
  /** When it was last seen to move. */
  movedAtMs: number;
}

/** Looks at the beats of one server. */
export class HangWatch {
  readonly #words: Int32Array;
  readonly #clock: Clock;
  #pulses: Pulse[];
  #lookedAtMs: number;

  constructor(words: Int32Array, clock: Clock) {
    this.#words = words;
    this.#clock = clock;
    this.#pulses = [];
    this.#lookedAtMs = clock.monotonicMs();
  }

  /** When to look next, in milliseconds from the last look: no verdict is due before. */
  get nextLookMs(): number {
    let next = LOOK_MS;
    for (const { movedAtMs, silenceMs } of this.#pulses)
      next = Math.min(next, movedAtMs + silenceMs - this.#lookedAtMs);
    return Math.max(next, LOOK_AGAIN_MS);
  }

  /** To be called after `nextLookMs`. @returns what stands still, in words; undefined when all is well or cannot be told */
  look(): string | undefined {
    const nowMs = this.#clock.monotonicMs();
    const wasLate = nowMs - this.#lookedAtMs > LATE_MS;
    this.#lookedAtMs = nowMs;
    // Until the main loop has begun to beat the server is starting, and takes its time.
    if (Atomics.load(this.#words, MAIN_BEAT_WORD) === 0) {
      this.#pulses = [];
      return undefined;
    }
    const threads = Math.min(Atomics.load(this.#words, THREADS_WORD), THREADS_MAX);
    if (this.#pulses.length !== threads + 1) this.#pulses = this.#pulsesOf(threads, nowMs);
    let still: string | undefined;
    for (const pulse of this.#pulses) {
      const beat = Atomics.load(this.#words, pulse.word);
      if (beat !== pulse.beat || wasLate) {
        pulse.beat = beat;
        pulse.movedAtMs = nowMs;
      } else if (nowMs - pulse.movedAtMs >= pulse.silenceMs) {
        still ??= `${pulse.name} has not moved for ${Math.round(nowMs - pulse.movedAtMs)} ms`;
      }
    }
    return still;
  }

  #pulsesOf(threads: number, nowMs: number): Pulse[] {
    const main = { word: MAIN_BEAT_WORD, silenceMs: MAIN_SILENCE_MS, name: "its main loop" };
    const others = Array.from({ length: threads }, (_, i) => ({
      word: (THREADS_AT >> 2) + (THREAD_BYTES >> 2) * i + THREAD_BEAT_WORD,
      silenceMs: THREAD_SILENCE_MS,
      name: `fast-path thread ${i}`,
    }));
    return [main, ...others].map((source) => ({
      ...source,
      beat: Atomics.load(this.#words, source.word),
      movedAtMs: nowMs,
    }));
  }
}
