/**
 * The 45 scenarios of what an upstream may do: what the client gets, how often upstream is asked, what is held after.
 *
 * They are data; this plays them, all at once but for the crowds, since most of them only wait.
 */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { ANSWERS } from "./answers.ts";
import { CROWDS } from "./crowds.ts";
import { FAILURES } from "./failures.ts";
import { MALFORMED } from "./malformed.ts";
import { MISMATCHES } from "./mismatches.ts";
import { Theatre } from "./run-scenario.ts";
import type { Scenario } from "./scenario.ts";
import { UNREACHABLE } from "./unreachable.ts";
import { ZONES } from "./zones.ts";

const SCENARIOS = 45;
const quiet: readonly Scenario[] = [...ANSWERS, ...FAILURES, ...MISMATCHES, ...MALFORMED, ...UNREACHABLE, ...ZONES];

describe("an upstream that gives", { concurrency: quiet.length }, () => {
  let theatre: Theatre;
  before(async () => {
    theatre = await Theatre.open(quiet);
  });
  after(() => theatre.close());
  for (const scenario of quiet) it(`${scenario.number}: ${scenario.what}`, () => theatre.play(scenario));
});

describe("crowds", { concurrency: 1 }, () => {
  for (const scenario of CROWDS) {
    it(`${scenario.number}: ${scenario.what}`, async () => {
      const theatre = await Theatre.open([scenario]);
      try {
        await theatre.play(scenario);
      } finally {
        await theatre.close();
      }
    });
  }
});

it("every scenario of the list is played", () => {
  const played = new Set([...quiet, ...CROWDS].map(({ number }) => number));
  const missing = Array.from({ length: SCENARIOS }, (_, i) => i + 1).filter((number) => !played.has(number));
  assert.deepEqual(missing, []);
});
