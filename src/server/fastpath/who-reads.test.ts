import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { WhoReads } from "./who-reads.ts";

interface Load {
  readonly queriesPerS: number;
  /** Of the queries, 0 to 1. */
  readonly misses: number;
  /** Queries that come at once. */
  readonly together: number;
}

/** Runs a load for 2 s with the threads reading. @returns whether the main thread was ever to take over */
function takes({ queriesPerS, misses, together }: Load, who: WhoReads = new WhoReads(0), fromMs = 0): boolean {
  let hits = 0;
  for (let queries = 0; queries < queriesPerS * 2; queries += together) {
    const nowMs = fromMs + (queries * 1000) / queriesPerS;
    hits += together * (1 - misses);
    const read = (): number => hits;
    if (who.handedOver(together * misses, read, () => nowMs)) return true;
  }
  return false;
}

/** The same with the main thread reading. @returns whether it goes on for all the time */
function keeps({ queriesPerS, misses, together }: Load): boolean {
  const who = new WhoReads(0);
  for (let queries = 0; queries < queriesPerS * 3; queries += together) {
    if (!who.received(together, together * misses, () => (queries * 1000) / queriesPerS)) return false;
  }
  return true;
}

const MISSES: Load = { queriesPerS: 10_000, misses: 1, together: 1 };

describe("who reads the client sockets", () => {
  it("is the main thread while nearly all are misses", () => {
    assert.equal(takes(MISSES), true);
    assert.equal(keeps(MISSES), true);
  });

  for (const [what, load] of [
    ["there are hits among them", { ...MISSES, misses: 0.8 }],
    ["there are few", { ...MISSES, queriesPerS: 100 }],
    ["they come in crowds", { ...MISSES, queriesPerS: 100_000, together: 64 }],
  ] as const) {
    it(`is a thread of its own when ${what}`, () => {
      assert.equal(takes(load), false);
      assert.equal(keeps(load), false);
    });
  }

  it("is not the main thread again right after the threads had to take the sockets back", () => {
    const who = new WhoReads(0);
    who.takenBack(1000);
    assert.equal(takes({ ...MISSES, queriesPerS: 100_000 }, who, -1100), false);
    assert.equal(takes(MISSES, who, 1100), true);
  });
});
