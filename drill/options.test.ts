import assert from "node:assert/strict";
import { it } from "node:test";
import { UsageError } from "../src/base/errors.ts";
import { DRILL_NAMES, parseOptions, USAGE } from "./options.ts";

it("has a default for all but the drill", () => {
  const { seconds, rate, missPercent, hotNames, every, out } = parseOptions(["kill-server"]);
  assert.deepEqual([seconds, rate, missPercent, hotNames, every, out], [60, 20_000, 5, 1000, 0.7, "drill/results"]);
  assert.equal(parseOptions(["soak"]).rate, 10_000);
  assert.deepEqual([parseOptions(["hang-server"]).seconds, parseOptions(["hang-server"]).every], [30, 5]);
});

it("reads what is given", () => {
  const argv = ["upgrade", "--seconds", "2.5", "--rate", "100", "--miss-percent", "0", "--names", "7", "--every", "1"];
  const options = parseOptions([...argv, "--out", "pictures"]);
  assert.deepEqual(options, {
    drill: "upgrade",
    seconds: 2.5,
    rate: 100,
    missPercent: 0,
    hotNames: 7,
    every: 1,
    out: "pictures",
  });
});

it("names every drill in its usage", () => {
  for (const name of DRILL_NAMES) assert.match(USAGE, new RegExp(`^  ${name} `, "m"));
});

for (const [argv, message] of [
  [[], /say which drill: kill-server, /],
  [["fly"], /say which drill/],
  [["upgrade", "kill-server"], /say which drill/],
  [["upgrade", "--seconds", "0"], /--seconds must be a number from 1 to /],
  [["upgrade", "--seconds", "3600s"], /--seconds must be/],
  [["upgrade", "--rate", ""], /--rate must be/],
  [["upgrade", "--miss-percent", "101"], /--miss-percent must be a number from 0 to 100, not "101"/],
  [["upgrade", "--rate", "1000000", "--seconds", "86400"], /too much/],
  [["upgrade", "--sceonds", "1"], /--sceonds/],
] as const) {
  it(`refuses "${argv.join(" ")}" as a mistake of use`, () => {
    assert.throws(
      () => parseOptions(argv),
      (error) => error instanceof UsageError && message.test(error.message),
    );
  });
}
