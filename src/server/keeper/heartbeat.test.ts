import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { FakeClock } from "../../base/clock.ts";
import type { ThreadCpu } from "../../linux/thread-cpu.ts";
import { beatAt, untilOverdueMs } from "../fastpath/alarm.ts";
import { BEATS_BYTES, MAIN_BEAT_WORD, THREADS_WORD } from "./beats-layout.ts";
import { clearBeats, HangWatch, layOutBeats, pulsesOf } from "./heartbeat.ts";

interface Life {
  readonly words: Int32Array;
  /** What threads get that would always run, by their numbers. Default: none would. */
  readonly shares: Map<string, number>;
  /** Lets time go on; `main` and `threads` say whether they beat and tend the alarm. @returns the first verdict, and after how long */
  pass: (ms: number, beating: { main: boolean; threads: boolean }) => string | undefined;
  /** All stand still, the keeper too. */
  sleep: (ms: number) => void;
  /** How often the keeper looked. */
  readonly looks: number;
}

/** @param fromMs CLOCK_MONOTONIC: beats are modulo 2^32 */
function lifeOf(threads: number, fromMs = 1_000_000): Life {
  const words = new Int32Array(BEATS_BYTES >> 2);
  const clock = new FakeClock(fromMs);
  layOutBeats(words);
  words[THREADS_WORD] = threads;
  const pulses = pulsesOf(threads);
  const shares: Life["shares"] = new Map();
  let alarmAtMs = Infinity;
  let looks = 0;
  const setAlarm = (ms: number): void => void (alarmAtMs = clock.monotonicMs() + ms);
  const cpu = new Map<string, ThreadCpu>();
  const watch = new HangWatch({ words, clock, setAlarm, cpu: () => new Map(cpu) });
  return {
    words,
    shares,
    pass(ms, beating) {
      let still: string | undefined;
      for (let passed = 0; passed < ms; passed += 5) {
        clock.advanceMs(5);
        for (const [name, share] of shares) {
          cpu.set(name, { isRunnable: true, usedMs: (cpu.get(name)?.usedMs ?? 0) + 5 * share });
        }
        const nowMs = clock.monotonicMs();
        // Heard before those who had to put it off have got their turn.
        if (nowMs >= alarmAtMs) {
          alarmAtMs = Infinity;
          looks++;
          still ??= watch.look();
        }
        for (const { word } of pulses) {
          if (word === MAIN_BEAT_WORD ? !beating.main : !beating.threads) continue;
          words[word] = beatAt(nowMs);
          const dueMs = untilOverdueMs(words, pulses, nowMs);
          if (dueMs > 0) setAlarm(dueMs);
        }
      }
      return still;
    },
    sleep: (ms) => clock.advanceMs(ms),
    get looks() {
      return looks;
    },
  };
}

const ALL = { main: true, threads: true };
const NONE = { main: false, threads: false };

describe("a heartbeat", () => {
  it("is not asked for before it began", () => {
    assert.equal(lifeOf(1).pass(60_000, NONE), undefined);
  });

  for (const fromMs of [0, 2 ** 31 - 500, 2 ** 32 - 500, 3 * 2 ** 32 - 500]) {
    it(`that goes on is well, and nobody looks, from ${fromMs} ms on`, () => {
      const life = lifeOf(2, fromMs);
      assert.equal(life.pass(60_000, ALL), undefined);
      assert.equal(life.looks, 0);
    });
  }

  it("may pause in the main loop for about a second", () => {
    const { pass } = lifeOf(1);
    pass(500, ALL);
    assert.equal(pass(1150, { main: false, threads: true }), undefined);
    assert.equal(pass(500, ALL), undefined);
    assert.match(pass(1300, { main: false, threads: true }) ?? "", /^its main loop has not moved for 12[5-9]\d ms$/);
  });

  it("is missed in a thread after a quarter of a second", () => {
    const life = lifeOf(2);
    life.pass(500, ALL);
    assert.equal(life.pass(235, { main: true, threads: false }), undefined);
    assert.match(
      life.pass(50, { main: true, threads: false }) ?? "",
      /^fast-path thread 0 has not moved for 2[5-7]\d ms$/,
    );
  });

  it("is missed where all stand still", () => {
    const life = lifeOf(1);
    life.pass(500, ALL);
    assert.match(life.pass(300, NONE) ?? "", /^fast-path thread 0 has not moved for 2[5-7]\d ms$/);
    assert.equal(life.looks, 2);
  });

  it("that comes back in time is well", () => {
    const life = lifeOf(1);
    for (let i = 0; i < 20; i++) {
      assert.equal(life.pass(240, { main: true, threads: false }), undefined);
      assert.equal(life.pass(10, ALL), undefined);
    }
    assert.ok(life.looks >= 19);
  });

  it("has its chance when the whole machine stood still", () => {
    const life = lifeOf(1);
    life.pass(500, ALL);
    life.sleep(5000);
    assert.equal(life.pass(5, NONE), undefined, "the alarm is heard first");
    assert.equal(life.pass(500, ALL), undefined);
    // Twice in a row: also before the second look.
    life.sleep(5000);
    assert.equal(life.pass(5, NONE), undefined);
    life.sleep(5000);
    assert.equal(life.pass(5, NONE), undefined);
    assert.equal(life.pass(500, ALL), undefined);
  });

  it("is waited for ten times as long where somebody would run and is not let", () => {
    const life = lifeOf(2);
    life.pass(500, ALL);
    life.shares.set("1", 0).set("2", 0.1);
    assert.equal(life.pass(1950, { main: true, threads: false }), undefined);
    assert.equal(life.pass(1000, ALL), undefined);
    assert.match(
      life.pass(2100, { main: true, threads: false }) ?? "",
      /^fast-path thread 0 has not moved for 20[0-6]\d ms$/,
    );
  });

  it("is missed where somebody runs and runs", () => {
    const life = lifeOf(1);
    life.pass(500, ALL);
    life.shares.set("1", 0.9);
    assert.match(
      life.pass(1300, { main: false, threads: true }) ?? "",
      /^its main loop has not moved for 12[5-9]\d ms$/,
    );
  });

  it("of the server before does not count for the next", () => {
    const { words, pass } = lifeOf(1);
    pass(100, ALL);
    clearBeats(words);
    assert.equal(pass(5000, NONE), undefined);
    words[THREADS_WORD] = 1;
    assert.equal(pass(100, ALL), undefined);
  });
});
