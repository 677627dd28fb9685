import assert from "node:assert/strict";
import { it } from "node:test";
import { UsageError } from "../src/base/errors.ts";
import { parseOptions } from "./options.ts";

it("has a default for all but the scenario", () => {
  const options = parseOptions(["hits"]);
  assert.deepEqual(
    [options.scenario, options.seconds, options.rounds, options.clients, options.outstanding],
    ["hits", 5, 3, 100, 200],
  );
  assert.deepEqual(parseOptions(["paced"]).rates, [1000, 10_000]);
  assert.deepEqual(parseOptions(["misses"]).rates, [10_000]);
  const flood = parseOptions(["flood"]);
  assert.deepEqual([flood.seconds, flood.rounds, flood.rates], [30, 1, [20_000]]);
});

it("reads a peer's command, equals signs and all, and lists", () => {
  const argv = [
    "misses",
    "--peer",
    "node-cache=/opt/x -conf={corefile}",
    "--only",
    "a,b",
    "--rate",
    "5,6",
    "--seconds",
    "0.5",
  ];
  const options = parseOptions(argv);
  assert.deepEqual(options.peers, [{ name: "node-cache", command: "/opt/x -conf={corefile}" }]);
  assert.deepEqual([options.only, options.rates, options.seconds], [["a", "b"], [5, 6], 0.5]);
});

for (const [argv, message] of [
  [[], /say what to measure: hits, /],
  [["fly"], /say what to measure/],
  [["hits", "misses"], /say what to measure/],
  [["hits", "--seconds", "0"], /--seconds must be a number above 0, not "0"/],
  [["hits", "--rate", "10,x"], /--rate must be a number above 0, not "x"/],
  [["hits", "--load-core", "-1"], /--load-core/],
  [["hits", "--peer", "unbound"], /--peer must be name=command, not "unbound"/],
  [["hits", "--sceonds", "1"], /--sceonds/],
] as const) {
  it(`refuses "${argv.join(" ")}" as a mistake of use`, () => {
    assert.throws(
      () => parseOptions(argv),
      (error) => error instanceof UsageError && message.test(error.message),
    );
  });
}
