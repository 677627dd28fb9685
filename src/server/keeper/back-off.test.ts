import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { BackOff } from "./back-off.ts";

describe("back-off", () => {
  it("replaces a server that had served at once, as often as two times in three seconds", () => {
    const backOff = new BackOff();
    for (let i = 0; i < 100; i++) assert.equal(backOff.delayMs(true, i * 700), 0);
  });

  it("waits longer for each start that fails, up to ten seconds", () => {
    const backOff = new BackOff();
    const delays = Array.from({ length: 9 }, (_, i) => backOff.delayMs(false, i * 100));
    assert.deepEqual(delays, [100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000]);
    assert.equal(backOff.delayMs(true, 1000), 0);
    assert.equal(backOff.delayMs(false, 1100), 100);
  });

  it("slows down servers that serve and die again and again", () => {
    const backOff = new BackOff();
    const delays = Array.from({ length: 12 }, () => backOff.delayMs(true, 5000));
    assert.deepEqual(delays.slice(9), [0, 100, 200]);
  });
});
