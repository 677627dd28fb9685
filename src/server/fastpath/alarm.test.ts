import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { withoutFfi } from "../../../test/support/ffi.ts";
import { addToEpoll, createEpoll, EpollWaiter } from "../../linux/epoll.ts";
import { closeFd } from "../../linux/fd.ts";
import { createRegion } from "../../linux/shared-region.ts";
import { createTimerFd, hearTimerFd, setTimerFd } from "../../linux/timer-fd.ts";
import { Alarm, beatAt, type Pulse, untilOverdueMs } from "./alarm.ts";

interface Clockwork {
  readonly timerFd: number;
  /** Whether it goes off within so many milliseconds. */
  rings: (withinMs: number) => boolean;
}

function open(t: TestContext): Clockwork {
  const timerFd = createTimerFd();
  const epoll = createEpoll();
  addToEpoll(epoll, timerFd, 1);
  const waiter = new EpollWaiter(epoll);
  t.after(() => {
    waiter.close();
    closeFd(epoll.fd);
    closeFd(timerFd);
  });
  return { timerFd, rings: (withinMs) => waiter.wait(withinMs) > 0 };
}

describe("a timer", { skip: withoutFfi }, () => {
  it("goes off once, not before its time, and not when it is set again meanwhile", (t) => {
    const { timerFd, rings } = open(t);
    assert.ok(!rings(0), "it was not set");
    const from = performance.now();
    setTimerFd(timerFd, 1030.5 - 1000);
    assert.ok(rings(2000));
    assert.ok(performance.now() - from >= 30);
    hearTimerFd(timerFd);
    assert.ok(!rings(50), "it was heard");
    setTimerFd(timerFd, 0);
    assert.ok(rings(1000), "no time at all is the next moment");
    setTimerFd(timerFd, 5000);
    assert.ok(!rings(20), "set again it is silent until then");
  });
});

describe("an alarm", { skip: withoutFfi }, () => {
  const PULSES: readonly Pulse[] = [
    { word: 0, silenceMs: 1000, name: "one" },
    { word: 1, silenceMs: 150, name: "other" },
  ];

  it("is put off while all pulses move, and goes off when one does not", (t) => {
    const { timerFd, rings } = open(t);
    const region = createRegion("test-beats", 64);
    t.after(() => region.close());
    const words = new Int32Array(region.buffer);
    const alarm = new Alarm({ region: region.handle, timerFd, pulses: PULSES });
    const beat = (...pulses: number[]): void => {
      const nowMs = performance.now();
      for (const pulse of pulses) words[pulse] = beatAt(nowMs);
      alarm.tend(nowMs);
    };
    for (let i = 0; i < 10; i++) {
      beat(0, 1);
      assert.ok(!rings(40), "it is well");
    }
    const from = performance.now();
    while (!rings(10) && performance.now() - from < 2000) beat(0);
    const tookMs = performance.now() - from;
    assert.ok(tookMs > 50 && tookMs < 1500, `the first alone put it off for ${tookMs} ms`);
  });

  it("is not about what has not begun", (t) => {
    const { timerFd, rings } = open(t);
    const region = createRegion("test-beats", 64);
    t.after(() => region.close());
    const words = new Int32Array(region.buffer);
    const alarm = new Alarm({ region: region.handle, timerFd, pulses: PULSES });
    alarm.tend(10_000);
    assert.ok(!rings(20));
    words[0] = beatAt(10_000);
    assert.equal(untilOverdueMs(words, PULSES, 10_200), 800);
    words[1] = beatAt(10_100);
    assert.equal(untilOverdueMs(words, PULSES, 10_200), 50);
  });

  for (const fromMs of [10_000, 2 ** 31 + 10_000, 2 ** 32 - 50]) {
    it(`is not set again as often as it is tended, from ${fromMs} ms on`, (t) => {
      const { timerFd, rings } = open(t);
      const region = createRegion("test-beats", 64);
      t.after(() => region.close());
      const alarm = new Alarm({ region: region.handle, timerFd, pulses: PULSES });
      new Int32Array(region.buffer).fill(beatAt(fromMs));
      setTimerFd(timerFd, 0);
      assert.ok(rings(1000));
      alarm.tend(fromMs);
      assert.ok(!rings(0), "the first time it is");
      setTimerFd(timerFd, 0);
      assert.ok(rings(1000));
      alarm.tend(fromMs + 50);
      assert.ok(rings(0), "too early to be set");
      alarm.tend(fromMs + 100);
      assert.ok(!rings(0));
    });
  }
});
