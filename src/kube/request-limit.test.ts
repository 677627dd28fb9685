import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { FakeClock } from "../base/clock.ts";
import type { Pace } from "./pace.ts";
import { NO_LIMITS, RequestLimit } from "./request-limit.ts";

const clock = new FakeClock();
const slept: number[] = [];
const pace: Pace = { clock, sleep: async (ms) => void slept.push(ms), random: () => 0 };
const { signal } = new AbortController();

describe("bounds of requests", () => {
  it("let a burst through and then so many a second", async () => {
    slept.length = 0;
    const limit = new RequestLimit({ ...NO_LIMITS, qps: 10, burst: 3 }, pace);
    for (let i = 0; i < 5; i++) (await limit.enter(signal))();
    assert.deepEqual(slept, [100, 200]);
    clock.advanceMs(1000);
    slept.length = 0;
    for (let i = 0; i < 3; i++) (await limit.enter(signal))();
    assert.deepEqual(slept, []);
  });

  it("let so many wait for a response at once, and the next when one has it", async () => {
    const limit = new RequestLimit({ ...NO_LIMITS, maxInflight: 2 }, pace);
    const leave = await limit.enter(signal);
    await limit.enter(signal);
    let entered = false;
    const third = limit.enter(signal).then(() => (entered = true));
    await new Promise((resolve) => setTimeout(resolve, 5));
    assert.equal(entered, false);
    leave();
    await third;
  });

  it("let go who has been stopped", async () => {
    const limit = new RequestLimit({ ...NO_LIMITS, maxInflight: 1 }, pace);
    await limit.enter(signal);
    const stopping = new AbortController();
    const waiting = limit.enter(stopping.signal);
    stopping.abort();
    (await waiting)();
  });

  it("are none by default", async () => {
    slept.length = 0;
    const limit = new RequestLimit(NO_LIMITS, pace);
    for (let i = 0; i < 100; i++) await limit.enter(signal);
    assert.deepEqual(slept, []);
  });
});
