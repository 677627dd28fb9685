import assert from "node:assert/strict";
import { pbkdf2Sync } from "node:crypto";
import { describe, it } from "node:test";
import { campaign, type CampaignOptions, type CampaignReport } from "./campaign.ts";
import { mutateMessage } from "./mutate-message.ts";
import { check, type Target } from "./target.ts";

const CORPUS = [Uint8Array.of(0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 97, 0, 0, 1, 0, 1)];

function target(run: Target["run"], over: Partial<Target> = {}): Target {
  return {
    name: "planted",
    form: "hex",
    corpus: CORPUS,
    maxBytes: 512,
    slowMs: 1000,
    outcomes: ["short", "long"],
    mutate: mutateMessage,
    run,
    ...over,
  };
}

function run(planted: Target, over: Partial<CampaignOptions> = {}): Promise<CampaignReport> {
  return campaign(planted, { seed: 1, runs: 3000, untilMs: Number.POSITIVE_INFINITY, seeds: [], ...over });
}

describe("a campaign", () => {
  it("finds a planted mistake, once, and takes all that does not matter away from its input", async () => {
    const report = await run(
      target((input) => {
        const at = input.indexOf(0xc0);
        check(at < 0 || input[at + 1] !== 12, "no pointer leads to 12");
        return 0;
      }),
    );
    assert.deepEqual(
      report.findings.map(({ kind, message, input }) => [kind, message, [...input]]),
      [["error", "BrokenPromise: no pointer leads to 12", [0xc0, 12]]],
    );
  });

  it("tells findings apart by what they are, not by the numbers in them", async () => {
    const report = await run(
      target((input) => {
        if (input.length > 19) throw new RangeError(`${input.length} bytes`);
        if (input.length < 19) throw new TypeError(`${input.length} bytes`);
        return 0;
      }),
    );
    const names = new Set(report.findings.map(({ message }) => message.split(":", 1)[0]));
    assert.deepEqual(names, new Set(["RangeError", "TypeError"]));
    assert.equal(report.findings.length, 2);
  });

  it("awaits what takes promises", async () => {
    const rejected = await run(target(() => Promise.reject(new Error("late"))));
    assert.deepEqual(
      rejected.findings.map(({ message }) => message),
      ["Error: late"],
    );
  });

  it("finds an input that takes long, by the time of the code alone", async () => {
    // So many rounds take some milliseconds on any machine, and how busy that is does not matter.
    const slow = (input: Uint8Array): number => {
      if (input.length > 30) pbkdf2Sync("", "", 10_000, 32, "sha256");
      return 0;
    };
    const found = await run(target(slow, { slowMs: 1, form: "text" }), { runs: 300 });
    assert.deepEqual(
      found.findings.map(({ kind, input }) => [kind, input.length]),
      [["slow", 31]],
    );
    assert.ok(found.slowestMs > 1);
    const checksOnly = await run(target(slow, { slowMs: 1, runUnchecked: async () => {} }), { runs: 300 });
    assert.deepEqual(checksOnly.findings, []);
  });

  it("finds a heap that grows from quarter to quarter", async () => {
    let held = 0;
    const grown = await run(
      target(() => 0),
      { heapBytes: () => (held += 4 << 20) },
    );
    assert.deepEqual(
      grown.findings.map(({ kind }) => kind),
      ["memory"],
    );
    const level = await run(
      target(() => 0),
      { heapBytes: () => 20 << 20 },
    );
    assert.deepEqual(level.findings, []);
    assert.equal(level.heapBytes.length, 4);
  });

  it("tries the seeds and the corpus first, then the same inputs again for the same seed", async () => {
    const trace = async (seed: number): Promise<string[]> => {
      const inputs: string[] = [];
      const noting = target((input) => {
        const hex = Buffer.from(input).toString("hex");
        // One that takes longer than those before is tried again.
        if (inputs.at(-1) !== hex) inputs.push(hex);
        return input.length > 20 ? 1 | (input.length << 8) : 0;
      });
      const report = await run(noting, { seed, runs: 200, seeds: [Uint8Array.of(7)] });
      assert.ok((report.outcomes["long"] ?? 0) > 0 && report.kept > 1);
      return inputs;
    };
    const first = await trace(1);
    assert.equal(first[0], "07");
    assert.equal(first[1], Buffer.from(CORPUS[0] ?? []).toString("hex"));
    assert.deepEqual(await trace(1), first);
    assert.notDeepEqual(await trace(2), first);
  });

  it("ends when its time is over", async () => {
    const report = await run(
      target(() => 0),
      { runs: Number.MAX_SAFE_INTEGER, untilMs: performance.now() + 20 },
    );
    assert.ok(report.runs > 0);
  });
});
