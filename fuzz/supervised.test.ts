import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { runSupervised } from "./supervised.ts";

const worker = new URL("../test/support/stuck-fuzz.worker.ts", import.meta.url);
const job = { target: "query", seconds: 60, runs: 50 } as const;

describe("a supervised campaign", () => {
  it("gives its report", async () => {
    const { report, findings } = await runSupervised({ ...job, seed: 1 });
    assert.deepEqual(findings, []);
    assert.equal(report?.runs, 50);
  });

  it("that hangs is ended, and its input is the finding", async () => {
    const { report, findings } = await runSupervised({ ...job, seed: 1 }, { worker, hangMs: 300 });
    assert.equal(report, undefined);
    assert.deepEqual(findings, [
      { kind: "hang", message: "does not end within 300 ms", input: Uint8Array.of(1, 2, 3) },
    ]);
  });

  it("whose thread dies says of which input", async () => {
    const { findings } = await runSupervised({ ...job, seed: 2 }, { worker });
    assert.deepEqual(
      findings.map(({ message, input }) => [message, [...input]]),
      [["ends the thread: Error: it broke", [1, 2, 3]]],
    );
  });
});
