import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { describe, it } from "node:test";
import { type ProcessEnd, startProcess, withoutRestartableSequences } from "./start-process.ts";

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

describe("a process that cannot be started", () => {
  const START = { environment: {}, descriptors: [], onBell: () => undefined };

  it("says so, and has no number", async () => {
    const { promise, resolve } = Promise.withResolvers<ProcessEnd>();
    const { pid } = startProcess({ ...START, command: ["/there/is/none"], onEnd: resolve });
    assert.equal(pid, undefined);
    assert.deepEqual(await promise, { kind: "error", message: "spawn /there/is/none ENOENT" });
  });

  // Of errors such as ENOMEM Node.js tells at once, and not as of that.
  it("says so in its time, whatever it is", async () => {
    const { promise, resolve } = Promise.withResolvers<ProcessEnd>();
    const { pid, kill } = startProcess({ ...START, command: ["/bin/true", "x".repeat(8 << 20)], onEnd: resolve });
    assert.equal(pid, undefined);
    kill("SIGKILL");
    assert.deepEqual(await promise, { kind: "error", message: "spawn E2BIG" });
  });

  it("says so where there are no descriptors", { skip: process.platform !== "linux" }, () => {
    const program = `
      const { openSync } = await import("node:fs");
      const { startProcess } = await import(${JSON.stringify(new URL("./start-process.ts", import.meta.url).href)});
      try { for (;;) openSync("/dev/null"); } catch {}
      const onEnd = ({ kind, message }) => { console.log(kind, message); process.exit(); };
      startProcess({ command: ["/bin/true"], environment: {}, descriptors: [], onBell: () => {}, onEnd });`;
    const node = [process.execPath, "--input-type=module", "-e", program];
    const said = execFileSync("sh", ["-c", 'ulimit -n 100; exec "$@"', "sh", ...node], { encoding: "utf8" });
    assert.equal(said, "error spawn /bin/true EMFILE\n");
  });
});
