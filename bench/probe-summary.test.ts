import assert from "node:assert/strict";
import { it } from "node:test";
import { latencySummary, parseLatencySummary, parseProbeRequest, percentile } from "./probe-summary.ts";

it("takes the nearest rank", () => {
  const hundred = Float64Array.from({ length: 100 }, (_, i) => i + 1);
  assert.deepEqual(
    [0.5, 0.99, 0.999, 1].map((share) => percentile(hundred, share)),
    [50, 99, 100, 100],
  );
  assert.equal(percentile(Float64Array.of(7), 0.5), 7);
});

it("sums up latencies in any order, and survives JSON with and without answers", () => {
  const summary = latencySummary(Float64Array.of(3, 1, 2), 5);
  assert.deepEqual(summary, { sent: 5, answered: 3, p50Us: 2000, p99Us: 3000, p999Us: 3000, maxUs: 3000 });
  for (const one of [summary, latencySummary(new Float64Array(0), 2)]) {
    assert.deepEqual(parseLatencySummary(JSON.stringify(one)), one);
  }
});

it("refuses a request without its numbers", () => {
  assert.throws(() => parseProbeRequest('{"names":[]}'), /port must be a number/);
  const request = { port: 1, names: ["a."], queriesPerSecond: 2, seconds: 3, spin: true };
  assert.deepEqual(parseProbeRequest(JSON.stringify(request)), request);
});
