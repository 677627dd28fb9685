import assert from "node:assert/strict";
import { afterEach, describe, it } from "node:test";
import { findProgram, runProgramSync } from "./run-program.ts";

describe("findProgram", () => {
  const path = process.env["PATH"];
  afterEach(() => {
    process.env["PATH"] = path;
  });

  it("looks in PATH, then where the system has its programs", () => {
    process.env["PATH"] = "/nowhere";
    assert.match(findProgram("sh") ?? "", /^\/(?:usr\/)?bin\/sh$/);
    delete process.env["PATH"];
    assert.ok(findProgram("sh") !== undefined);
    assert.equal(findProgram("nodens-no-such-program"), undefined);
  });

  it("does not look in the working folder", () => {
    process.env["PATH"] = ":.:bin";
    assert.equal(findProgram("nodens.js"), undefined);
  });
});

describe("runProgramSync", () => {
  it("takes all that a program prints: a table of many connections is megabytes", () => {
    const { code, stdout } = runProgramSync("/bin/sh", ["-c", "head -c 3000000 /dev/zero | tr '\\0' x"], "", 5000);
    assert.deepEqual([code, stdout.length], [0, 3_000_000]);
  });
});
