import assert from "node:assert/strict";
import { it } from "node:test";
import fc from "fast-check";
import { median, renderTables, Results, type Column } from "./results.ts";

const COLUMNS: readonly Column[] = [
  { key: "cpuUs", title: "CPU µs/query", digits: 2, claim: true },
  { key: "lost", title: "lost", digits: 0 },
];

function results(runs: readonly (readonly [string, number])[]): Results {
  const made = new Results();
  for (const [server, cpuUs] of runs) made.add("hits", COLUMNS, { server, values: { cpuUs, lost: 0 } });
  return made;
}

it("takes the middle value, or the mean of the two in the middle", () => {
  assert.equal(median([5, 1, 3]), 3);
  assert.equal(median([4, 1, 3, 2]), 2.5);
  assert.ok(Number.isNaN(median([])));
});

it("takes a median that as many values are below as above", () => {
  fc.assert(
    fc.property(fc.array(fc.integer(), { minLength: 1 }), (values) => {
      const middle = median(values);
      assert.equal(
        values.filter((v) => v < middle).length <= values.length / 2,
        values.filter((v) => v > middle).length <= values.length / 2,
      );
    }),
  );
});

it("divides round by round, and takes the median, for claims only", () => {
  const made = results([
    ["nodens", 4],
    ["unbound", 6],
    ["unbound", 5],
    ["nodens", 3],
    ["unbound", 50],
    ["nodens", 90],
  ]);
  const [summary] = made.summaries();
  assert.deepEqual(summary?.medians, { nodens: { cpuUs: 4, lost: 0 }, unbound: { cpuUs: 6, lost: 0 } });
  assert.deepEqual(summary.ratios, { unbound: { cpuUs: 4 / 6 } }, "of 4/6, 3/5, 90/50");
});

it("has no ratios without Nodens", () => {
  const made = results([
    ["unbound", 6],
    ["dnsmasq", 7],
  ]);
  assert.deepEqual(made.summaries()[0]?.ratios, {});
  assert.ok(!renderTables(made).includes("nodens"));
});

it("shows medians, the spread of claims, and ratios, and a dash for what was not measured", () => {
  const made = results([
    ["nodens", 4],
    ["nodens", 5],
    ["unbound", 6],
    ["unbound", Number.NaN],
  ]);
  assert.equal(
    renderTables(
      results([
        ["nodens", 4],
        ["nodens", 5],
        ["unbound", 6],
        ["unbound", 9],
      ]),
    ),
    `hits
| server  |     CPU µs/query | lost | nodens's CPU µs/query / its |
|---------|-----------------:|-----:|----------------------------:|
| nodens  | 4.50 (4.00–5.00) |    0 |                           – |
| unbound | 7.50 (6.00–9.00) |    0 |                        0.61 |`,
  );
  assert.match(renderTables(made), /\| unbound \| +– \(–––\) \|/);
});
