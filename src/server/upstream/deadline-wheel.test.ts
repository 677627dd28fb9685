import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { FakeClock } from "../../base/clock.ts";
import { DeadlineWheel, TICK_MS, WheelEntry } from "./deadline-wheel.ts";

class Note extends WheelEntry {
  readonly firedAtMs: number[] = [];
  onDue: (nowMs: number) => void = () => undefined;

  due(nowMs: number): void {
    this.firedAtMs.push(nowMs);
    this.onDue(nowMs);
  }
}

function wheelAt(startMs: number): { wheel: DeadlineWheel; clock: FakeClock } {
  const clock = new FakeClock(startMs);
  return { wheel: new DeadlineWheel(clock), clock };
}

/** Ends the wheel's timer. */
function empty(wheel: DeadlineWheel, notes: readonly Note[]): void {
  for (const note of notes) wheel.cancel(note);
}

describe("DeadlineWheel", () => {
  it("keeps every deadline: never early, at most a tick late, once, and never after it was cancelled", () => {
    const entries = fc.array(fc.record({ dueMs: fc.nat(12_000), cancelMs: fc.option(fc.nat(12_000)) }), {
      maxLength: 40,
    });
    fc.assert(
      fc.property(fc.nat(1000), entries, fc.integer({ min: 1, max: 90 }), (startMs, wanted, stepMs) => {
        const { wheel } = wheelAt(startMs);
        const notes = wanted.map(() => new Note());
        for (const [i, { dueMs }] of wanted.entries()) {
          const note = notes[i];
          if (note !== undefined) wheel.schedule(note, startMs + dueMs);
        }
        for (let nowMs = startMs; nowMs < startMs + 12_000 + stepMs + 2 * TICK_MS; nowMs += stepMs) {
          for (const [i, { cancelMs }] of wanted.entries()) {
            const note = notes[i];
            if (note !== undefined && cancelMs !== null && nowMs >= startMs + cancelMs) wheel.cancel(note);
          }
          wheel.advance(nowMs);
        }
        assert.equal(wheel.waiting, 0);
        for (const [i, { dueMs, cancelMs }] of wanted.entries()) {
          const fired = notes[i]?.firedAtMs ?? [];
          const atMs = startMs + dueMs;
          const early = cancelMs !== null && cancelMs < dueMs;
          if (early) assert.deepEqual(fired, []);
          if (cancelMs === null) assert.equal(fired.length, 1);
          for (const firedAtMs of fired) {
            assert.ok(firedAtMs >= atMs && firedAtMs <= Math.max(atMs, startMs) + 2 * TICK_MS + stepMs);
          }
        }
      }),
      { numRuns: 60 },
    );
  });

  it("lets an entry schedule itself again and cancel its neighbours while it is due", () => {
    const { wheel } = wheelAt(0);
    const [first, second, third] = [new Note(), new Note(), new Note()];
    for (const note of [first, second, third]) wheel.schedule(note, 40);
    first.onDue = (nowMs) => {
      wheel.cancel(second);
      if (first.firedAtMs.length < 3) wheel.schedule(first, nowMs + 1);
    };
    for (let nowMs = 0; nowMs <= 400; nowMs += TICK_MS) wheel.advance(nowMs);
    assert.equal(first.firedAtMs.length, 3);
    assert.equal(second.firedAtMs.length, 0);
    assert.equal(third.firedAtMs.length, 1);
    assert.equal(wheel.waiting, 0);
  });

  it("moves a deadline that is set twice", () => {
    const { wheel } = wheelAt(0);
    const note = new Note();
    wheel.schedule(note, 40);
    wheel.schedule(note, 200);
    assert.equal(wheel.waiting, 1);
    for (let nowMs = 0; nowMs <= 400; nowMs += TICK_MS) wheel.advance(nowMs);
    assert.deepEqual(note.firedAtMs, [200]);
  });

  it("keeps a deadline that is set after a long time without any", () => {
    const { wheel, clock } = wheelAt(0);
    const note = new Note();
    clock.advanceMs(6000);
    wheel.schedule(note, 6500);
    for (let nowMs = 6000; nowMs <= 12_000; nowMs += TICK_MS) wheel.advance(nowMs);
    assert.deepEqual(note.firedAtMs, [6500]);
  });

  it("lets sockets be read first after the thread stood still", async () => {
    const { wheel, clock } = wheelAt(0);
    const note = new Note();
    wheel.schedule(note, 500);
    const order: string[] = [];
    await new Promise<void>((resolve) => {
      note.onDue = () => {
        order.push("deadline");
        resolve();
      };
      clock.advanceMs(600);
      // A timer and what comes after it, in the first turn that may fire.
      setTimeout(() => setImmediate(() => order.push("sockets")), TICK_MS);
    });
    assert.deepEqual(order, ["sockets", "deadline"]);
  });

  it("runs by itself", async () => {
    const { wheel, clock } = wheelAt(0);
    const notes = [new Note(), new Note()];
    for (const note of notes) wheel.schedule(note, 10_000);
    clock.advanceMs(60_000);
    await new Promise<void>((resolve) => {
      for (const note of notes) note.onDue = () => resolve();
    });
    assert.deepEqual(notes[0]?.firedAtMs, [60_000]);
    empty(wheel, notes);
  });
});
