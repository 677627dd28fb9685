import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { UsageError } from "../src/base/errors.ts";
import { parseOptions } from "./options.ts";
import { fromHex, seedsOf, toHex } from "./seeds.ts";

describe("hex files", () => {
  it("read back what was written, comment and line breaks left out", () => {
    const bytes = Uint8Array.from({ length: 200 }, (_, i) => i);
    assert.deepEqual(fromHex(toHex(bytes, "what\nit is # really")), bytes);
    assert.deepEqual([...fromHex("# a\n01 02 # b\n\n03")], [1, 2, 3]);
    assert.deepEqual(fromHex(""), new Uint8Array(0));
  });

  it("with half a byte or other letters are an error", () => {
    for (const text of ["1", "0g"]) assert.throws(() => fromHex(text), /not hex/);
  });
});

describe("seedsOf", () => {
  it("reads a target's files by their form, sorted by name", (t) => {
    const folder = mkdtempSync(join(tmpdir(), "nodens-seeds-"));
    t.after(() => rmSync(folder, { recursive: true }));
    mkdirSync(join(folder, "query"));
    writeFileSync(join(folder, "query", "b.hex"), "02");
    writeFileSync(join(folder, "query", "a.hex"), "01");
    writeFileSync(join(folder, "query", "c.txt"), "c\n");
    const read = (form: "hex" | "text"): [string, number[]][] =>
      seedsOf({ name: "query", form }, folder).map(({ name, input }) => [name, [...input]]);
    assert.deepEqual(read("hex"), [
      ["a", [1]],
      ["b", [2]],
    ]);
    assert.deepEqual(read("text"), [["c", [99, 10]]]);
  });
});

describe("the fuzzer's command line", () => {
  it("runs every target for some seconds by default", () => {
    const { targets, seconds, runs, seed } = parseOptions([]);
    assert.ok(targets.length > 5 && seconds > 0 && runs > 1e9);
    assert.equal(seed, 1);
  });

  it("takes targets, a number of runs, which then is the bound, and a seed", () => {
    const options = parseOptions(["reply", "query", "--runs", "10", "--seed", "0"]);
    assert.deepEqual(options.targets, ["reply", "query"]);
    assert.deepEqual([options.runs, options.seed], [10, 0]);
    assert.ok(options.seconds >= 600);
    assert.equal(parseOptions(["--runs", "10", "--seconds", "3"]).seconds, 3);
  });

  it("refuses what it does not know", () => {
    for (const argv of [["nope"], ["--runs", "0"], ["--seconds", "x"], ["--seed", "1.5"], ["--nope"]]) {
      assert.throws(() => parseOptions(argv), UsageError, argv.join(" "));
    }
  });
});
