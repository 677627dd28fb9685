import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Crowd } from "./crowd.ts";

/** So many in each of twenty milliseconds from `fromMs` on. @returns what it says at the end */
function isCrowd(crowd: Crowd, perMs: number, fromMs: number): boolean {
  let is = false;
  for (let ms = 0; ms < 20; ms++) is = crowd.came(perMs, fromMs + ms + 0.5);
  return is;
}

describe("a crowd", () => {
  const DAY_MS = 86_400_000;
  for (const days of [0, 24, 25, 40, 49.71, 50, 75, 1000]) {
    it(`is seen on a machine that has been up for ${days} days`, () => {
      assert.equal(isCrowd(new Crowd(), 100, days * DAY_MS), true);
      assert.equal(isCrowd(new Crowd(), 30, days * DAY_MS), false);
    });
  }

  it("is seen after weeks without a query", () => {
    const crowd = new Crowd();
    assert.equal(isCrowd(crowd, 100, DAY_MS), true);
    assert.equal(isCrowd(crowd, 1, 31 * DAY_MS), false);
    assert.equal(isCrowd(crowd, 100, 61 * DAY_MS), true);
  });

  it("is no burst", () => {
    const crowd = new Crowd();
    for (let ms = 0; ms < 1000; ms++) assert.equal(crowd.came(ms % 10 === 0 ? 64 : 1, 5000 + ms), false);
  });
});
