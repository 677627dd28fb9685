import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { describe, it } from "node:test";
import { withoutRestartableSequences } from "./start-process.ts";

const SOUGHT = "GLIBC_TUNABLES";

describe("an environment without restartable sequences", () => {
  it("says so, and keeps what was said before", () => {
    assert.deepEqual(withoutRestartableSequences({ A: "1" }), { A: "1", [SOUGHT]: "glibc.pthread.rseq=0" });
    assert.deepEqual(withoutRestartableSequences({ [SOUGHT]: "glibc.malloc.check=1" }), {
      [SOUGHT]: "glibc.malloc.check=1:glibc.pthread.rseq=0",
    });
    const chosen = { [SOUGHT]: "glibc.pthread.rseq=1:glibc.malloc.check=1" };
    assert.equal(withoutRestartableSequences(chosen), chosen, "somebody wants them");
  });

  it("is understood", { skip: process.platform !== "linux" }, () => {
    const env = { ...withoutRestartableSequences({}), PATH: process.env["PATH"] };
    assert.equal(execFileSync(process.execPath, ["-p", "6 * 7"], { env, encoding: "utf8" }), "42\n");
  });
});
