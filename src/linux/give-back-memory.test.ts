import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { withoutFfi } from "../../test/support/ffi.ts";

const MODULE = fileURLToPath(new URL("./give-back-memory.ts", import.meta.url));

/** Makes garbage, and says how large the heap is before and after. */
const PROGRAM = `
const { giveBackMemory } = await import(${JSON.stringify(MODULE)});
let kept = [];
for (let i = 0; i < 400_000; i++) kept.push({ i, list: [i], text: "n" + i });
kept = [];
const { heapTotal: before } = process.memoryUsage();
giveBackMemory();
const { heapTotal: after } = process.memoryUsage();
console.log(JSON.stringify({ before, after }));`;

describe("memory that is given back", { skip: withoutFfi }, () => {
  it("is what garbage took", () => {
    const args = ["--max-semi-space-size=1", "--input-type=module", "-e", PROGRAM];
    const output = execFileSync(process.execPath, args, { encoding: "utf8" });
    const { before, after } = JSON.parse(output) as { before: number; after: number };
    assert.ok(after < before / 2, `${before} to ${after} bytes`);
  });
});
