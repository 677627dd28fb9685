import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { FakeClock } from "../../base/clock.ts";
import {
  BEATS_BYTES,
  MAIN_BEAT_WORD,
  THREAD_BEAT_WORD,
  THREAD_BYTES,
  THREADS_AT,
  THREADS_WORD,
} from "./beats-layout.ts";
import { clearBeats, HangWatch, layOutBeats } from "./heartbeat.ts";

function patient(threads: number): {
  words: Int32Array;
  /** Looks for so long; `main` and `thread` say whether they beat. */
  pass: (ms: number, beating: { main: boolean; threads: boolean }) => string | undefined;
  sleep: (ms: number) => void;
} {
  const words = new Int32Array(BEATS_BYTES >> 2);
  const clock = new FakeClock();
  layOutBeats(words);
  words[THREADS_WORD] = threads;
  const watch = new HangWatch(words, clock);
  const beat = (word: number): void => void (words[word] = (words[word] ?? 0) + 1);
  return {
    words,
    pass: (ms, beating) => {
      let still: string | undefined;
      for (let left = ms; left > 0;) {
        const stepMs = Math.min(watch.nextLookMs, left);
        left -= stepMs;
        clock.advanceMs(stepMs);
        if (beating.main) beat(MAIN_BEAT_WORD);
        for (let i = 0; beating.threads && i < threads; i++) {
          beat((THREADS_AT >> 2) + (i * THREAD_BYTES) / 4 + THREAD_BEAT_WORD);
        }
        still ??= watch.look();
      }
      return still;
    },
    sleep: (ms) => clock.advanceMs(ms),
  };
}

const ALL = { main: true, threads: true };
const NONE = { main: false, threads: false };

describe("a heartbeat", () => {
  it("is not asked for before it began", () => {
    assert.equal(patient(1).pass(60_000, NONE), undefined);
  });

  it("that goes on is well", () => {
    assert.equal(patient(2).pass(60_000, ALL), undefined);
  });

  it("may pause in the main loop for less than a second", () => {
    const { pass } = patient(1);
    pass(500, ALL);
    assert.equal(pass(900, { main: false, threads: true }), undefined);
    assert.equal(pass(500, ALL), undefined);
    assert.match(pass(1100, { main: false, threads: true }) ?? "", /^its main loop has not moved for 1\d\d\d ms$/);
  });

  it("is missed in a thread after a quarter of a second", () => {
    const { pass } = patient(2);
    pass(500, ALL);
    assert.equal(pass(200, { main: true, threads: false }), undefined);
    assert.match(pass(200, { main: true, threads: false }) ?? "", /^fast-path thread 0 has not moved for 2\d\d ms$/);
  });

  it("is not judged by who was late itself", () => {
    const { pass, sleep } = patient(1);
    pass(500, ALL);
    sleep(5000);
    assert.equal(pass(200, NONE), undefined);
    assert.equal(pass(500, ALL), undefined);
  });

  it("of the server before does not count for the next", () => {
    const { words, pass } = patient(1);
    pass(100, ALL);
    clearBeats(words);
    assert.equal(pass(5000, NONE), undefined);
    words[THREADS_WORD] = 1;
    // As many beats as the dead one had: no sign of standing still.
    assert.equal(pass(100, ALL), undefined);
  });
});
