import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { AttemptTable } from "./attempt-table.ts";
import { Attempt, type AttemptOwner, type Carrier } from "./attempt.ts";

const OWNER: AttemptOwner = {
  wire: new Uint8Array(12),
  questionEnd: 12,
  plainLength: 12,
  answered: () => undefined,
  failed: () => undefined,
};
const CARRIER: Carrier = { proto: "udp", send: () => undefined, sweep: () => undefined, close: () => undefined };

function attempt(id: number): Attempt {
  const made = new Attempt(OWNER, CARRIER, 0, true, 0);
  made.id = id;
  return made;
}

describe("attempts that wait", () => {
  it("are found by their ids, and only while they are there, whatever comes and goes", () => {
    // Few ids, many of them in one bucket.
    const id = fc
      .integer({ min: 0, max: 5 })
      .chain((low) => fc.integer({ min: 0, max: 3 }).map((high) => high * 64 + low));
    const step = fc.record({ id, goes: fc.boolean() });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const table = new AttemptTable();
        const known = new Map<number, Attempt>();
        for (const { id, goes } of steps) {
          const there = known.get(id);
          assert.equal(table.get(id), there);
          assert.equal(
            table.find((one) => one.id === id),
            there,
          );
          if (goes) {
            assert.equal(table.delete(there ?? attempt(id)), known.delete(id));
          } else if (there === undefined) {
            const made = attempt(id);
            table.add(made);
            known.set(id, made);
          }
          assert.equal(table.size, known.size);
          assert.deepEqual(new Set(table.all()), new Set(known.values()));
        }
        table.clear();
        assert.deepEqual([table.size, table.all()], [0, []]);
        for (const gone of known.values()) assert.equal(gone.nextOfBucket, undefined);
      }),
    );
  });
});
