/** What fuzzing once found stays found, and every target still works: its seeds, its corpus, and a short campaign. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { globSync } from "node:fs";
import { join } from "node:path";
import { campaign } from "./campaign.ts";
import { FUZZ_FOLDER, seedsOf } from "./seeds.ts";
import { loadTarget, TARGET_NAMES } from "./targets.ts";

const RUNS_AFTER_CORPUS = 200;

describe("seeds", () => {
  it("belong to targets", () => {
    const folders = globSync("*", { cwd: join(FUZZ_FOLDER, "seeds") });
    assert.deepEqual(
      folders.filter((folder) => !TARGET_NAMES.some((name) => name === folder)),
      [],
    );
  });
});

for (const name of TARGET_NAMES) {
  describe(`the fuzzing target ${name}`, async () => {
    const target = await loadTarget(name);
    for (const seed of seedsOf(target)) {
      it(`keeps its promises for ${seed.name.replaceAll("-", " ")}`, async () => {
        await target.run(seed.input);
      });
    }

    it("finds nothing in its corpus and some hundred inputs beside it", async () => {
      // No clock here: a busy machine is no finding.
      const patient = { ...target, slowMs: Number.POSITIVE_INFINITY };
      const runs = target.corpus.length + RUNS_AFTER_CORPUS;
      const report = await campaign(patient, { seed: 3, runs, untilMs: Number.POSITIVE_INFINITY, seeds: [] });
      assert.deepEqual(report.findings, []);
      assert.equal(report.runs, runs);
      const outcomes = Object.keys(report.outcomes);
      assert.ok(outcomes.length > 1, `only ${outcomes.join()}: the inputs do not get far`);
    });
  });
}
