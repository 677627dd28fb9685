import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { SpaceSaving } from "./space-saving.ts";

type Stream = readonly (readonly [key: string, weight: number])[];

/** Few keys, some of them far more often than others. */
const streams: fc.Arbitrary<Stream> = fc.array(
  fc.tuple(
    fc.oneof(
      { weight: 3, arbitrary: fc.constantFrom("a", "b") },
      fc.nat(60).map((n) => `k${n}`),
    ),
    fc.oneof({ weight: 4, arbitrary: fc.constant(1) }, fc.integer({ min: 1, max: 16 })),
  ),
  { maxLength: 400 },
);
const capacities = fc.integer({ min: 1, max: 40 });

function count(stream: Stream, capacity: number): { sketch: SpaceSaving<null>; exact: Map<string, number>; n: number } {
  const sketch = new SpaceSaving(capacity, () => null);
  const exact = new Map<string, number>();
  let n = 0;
  for (const [key, weight] of stream) {
    sketch.add(key, weight);
    exact.set(key, (exact.get(key) ?? 0) + weight);
    n += weight;
  }
  return { sketch, exact, n };
}

describe("the space-saving sketch", () => {
  it("never counts less than there was, and never more than its error above it", () => {
    fc.assert(
      fc.property(streams, capacities, (stream, capacity) => {
        const { sketch, exact } = count(stream, capacity);
        for (const { key, count: estimate, error } of sketch.entries()) {
          const truth = exact.get(key) ?? 0;
          assert.ok(estimate >= truth, `${key}: ${estimate} for ${truth}`);
          assert.ok(estimate - error <= truth, `${key}: at least ${estimate - error} for ${truth}`);
        }
      }),
    );
  });

  it("has no error above N / k", () => {
    fc.assert(
      fc.property(streams, capacities, (stream, capacity) => {
        const { sketch, n } = count(stream, capacity);
        for (const { error } of sketch.entries()) assert.ok(error <= n / capacity);
      }),
    );
  });

  it("keeps every key that is more than N / k", () => {
    fc.assert(
      fc.property(streams, capacities, (stream, capacity) => {
        const { sketch, exact, n } = count(stream, capacity);
        for (const [key, truth] of exact) if (truth > n / capacity) assert.ok(sketch.get(key) !== undefined, key);
      }),
    );
  });

  it("keeps no more than k, whose counts sum up to N", () => {
    fc.assert(
      fc.property(streams, capacities, (stream, capacity) => {
        const { sketch, exact, n } = count(stream, capacity);
        assert.equal(sketch.size, Math.min(capacity, exact.size));
        assert.equal(
          sketch.entries().reduce((sum, { count: one }) => sum + one, 0),
          n,
        );
        assert.equal(sketch.total, n);
      }),
    );
  });

  it("is exact as long as all keys have room", () => {
    fc.assert(
      fc.property(streams, (stream) => {
        const { sketch, exact } = count(stream, 62);
        assert.deepEqual(new Map(sketch.entries().map(({ key, count: one }) => [key, one])), exact);
        assert.ok(sketch.entries().every(({ error }) => error === 0));
      }),
    );
  });

  it("gives the highest first", () => {
    fc.assert(
      fc.property(streams, (stream) => {
        const { sketch, exact } = count(stream, 62);
        const best = [...exact.values()].toSorted((a, b) => b - a).slice(0, 5);
        assert.deepEqual(
          sketch.top(5).map(({ count: one }) => one),
          best,
        );
      }),
    );
  });

  it("forgets all when it is told to", () => {
    const sketch = new SpaceSaving(2, () => null);
    for (const key of ["a", "b", "c"]) sketch.add(key, 3);
    sketch.clear();
    assert.deepEqual([sketch.size, sketch.total, sketch.get("c")], [0, 0, undefined]);
    assert.equal(sketch.add("c", 1).count, 1);
  });

  it("makes the value anew when a key comes back", () => {
    const sketch = new SpaceSaving(1, () => ({ seen: 0 }));
    sketch.add("a", 1).value.seen = 5;
    sketch.add("b", 1);
    const { count: estimate, error, value } = sketch.add("a", 1);
    assert.deepEqual({ estimate, error, value }, { estimate: 3, error: 2, value: { seen: 0 } });
  });
});
