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

function heap(flags: readonly string[]): { readonly before: number; readonly after: number } {
  const args = [...flags, "--max-semi-space-size=1", "--input-type=module", "-e", PROGRAM];
  return JSON.parse(execFileSync(process.execPath, args, { encoding: "utf8" })) as { before: number; after: number };
}

describe("memory that is given back", { skip: withoutFfi }, () => {
  it("is what garbage took", () => {
    const { before, after } = heap(["--expose-gc"]);
    assert.ok(after < before / 2, `${before} to ${after} bytes`);
  });

  it("is none of V8's where it may not be told to collect", () => {
    const { before, after } = heap([]);
    assert.ok(after > before / 2, `${before} to ${after} bytes`);
  });
});
