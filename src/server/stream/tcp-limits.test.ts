import assert from "node:assert/strict";
import { it } from "node:test";
import fc from "fast-check";
import { DEFAULT_TCP_LIMITS, idleLimitMs } from "./tcp-limits.ts";

it("allows the whole idle time up to half a table, the floor when it is full, and less the fuller it is", () => {
  const limits = { ...DEFAULT_TCP_LIMITS, connections: 1000, idleMs: 10_000, idleFloorMs: 200 };
  assert.equal(idleLimitMs(limits, 0), 10_000);
  assert.equal(idleLimitMs(limits, 500), 10_000);
  assert.equal(idleLimitMs(limits, 750), 5_100);
  assert.equal(idleLimitMs(limits, 1000), 200);
  const open = fc.nat(1000);
  fc.assert(
    fc.property(open, open, (a, b) => idleLimitMs(limits, Math.min(a, b)) >= idleLimitMs(limits, Math.max(a, b))),
  );
});

it("leaves an idle time shorter than the floor as it is", () => {
  const limits = { ...DEFAULT_TCP_LIMITS, connections: 10, idleMs: 50, idleFloorMs: 200 };
  assert.equal(idleLimitMs(limits, 10), 50);
});
