import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ParkedWatch } from "./parked-watch.ts";
import { PARKED_LOOK_MS, WAIT_MS } from "./thread-control.ts";

const yes = (): boolean => true;
const no = (): boolean => false;
const unasked = (): boolean => assert.fail("whether something waits is a system call");

describe("a parked thread", () => {
  it("sleeps while the main thread reads", () => {
    const watch = new ParkedWatch();
    assert.equal(watch.waitMs, PARKED_LOOK_MS);
    for (const receives of [1, 50, -7, 0]) {
      assert.equal(watch.look(receives, false, unasked), false);
      assert.equal(watch.waitMs, WAIT_MS);
    }
  });

  it("looks more often when the alarm goes off and something waits, and takes over when that lasts", () => {
    const watch = new ParkedWatch();
    watch.look(1, false, unasked);
    // It had received since the last look; what counts is that it has put the alarm off no more.
    assert.equal(watch.look(9, true, yes), false);
    assert.equal(watch.waitMs, 1);
    assert.equal(watch.look(9, false, yes), true);
  });

  it("sleeps again when the main thread comes back", () => {
    const watch = new ParkedWatch();
    watch.look(1, false, unasked);
    watch.look(1, true, yes);
    assert.equal(watch.look(2, false, unasked), false);
    assert.equal(watch.waitMs, WAIT_MS);
    watch.look(2, true, yes);
    assert.equal(watch.waitMs, 1, "what was missed before does not count");
  });

  it("goes back to work when nobody asks anything any more", () => {
    const watch = new ParkedWatch();
    watch.look(1, false, unasked);
    assert.equal(watch.look(1, true, no), false);
    let looks = 1;
    for (; !watch.look(1, false, no); looks++) assert.equal(watch.waitMs, PARKED_LOOK_MS);
    assert.equal(looks, 24);
  });
});
