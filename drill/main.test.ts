/** The drill as a command: short, slow, and whole. */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { libc } from "../src/linux/libc.ts";
import { childrenOf } from "../bench/process-accounts.ts";
import { isAlive } from "./processes.ts";

const MAIN = fileURLToPath(new URL("./main.ts", import.meta.url));
const SMALL = ["--rate", "200", "--names", "20"];

/** A folder of its own for everything that a drill writes. */
function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), "nodens-drill-test-"));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

it("explains itself, with exit code 2", () => {
  const { status, stderr } = spawnSync(process.execPath, [MAIN, "fly"], { encoding: "utf8" });
  assert.equal(status, 2);
  assert.match(stderr, /say which drill[\s\S]*Usage: npm run drill/);
});

it("says that it cannot be done here, with exit code 3", () => {
  const env = { ...process.env, NODENS_NO_FFI: "1" };
  const { status, stderr } = spawnSync(process.execPath, [MAIN, "kill-server"], { encoding: "utf8", env });
  assert.deepEqual([status, stderr], [3, "drill: needs Linux on x86-64 or arm64, with FFI\n"]);
});

describe("npm run drill", { skip: libc() === undefined ? "no FFI here" : false }, () => {
  it("kills a server, accounts for every query, draws it, and leaves nothing behind", (t) => {
    const out = folder(t);
    const args = [MAIN, "kill-server", "--seconds", "3", "--every", "10", ...SMALL, "--out", join(out, "results")];
    const env = { ...process.env, TMPDIR: out };
    const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: "utf8", env });
    assert.ok(status === 0 || status === 1, `exit ${status}: ${stderr}`);
    const row = (title: string): number => Number(new RegExp(`^\\| ${title} +\\| +(\\d+) `, "m").exec(stdout)?.[1]);
    assert.equal(row("sent"), 600, stdout);
    assert.equal(row("answered") + row("lost") + row("wrong"), 600, stdout);
    assert.equal(row("wrong"), 0, stdout);
    assert.ok(row("answered") > 100, stdout);
    if (status === 0) assert.equal(row("lost"), 0, stdout);
    assert.match(stdout, /^harms: 1$/m);
    assert.match(readFileSync(join(out, "results/kill-server.svg"), "utf8"), /^<svg [\s\S]*kill -9/);
    assert.deepEqual(
      readdirSync(out).filter((name) => name !== "results"),
      [],
    );
  });

  it("ends all that it started when it is interrupted", async (t) => {
    const out = folder(t);
    const args = [MAIN, "kill-server", "--seconds", "60", "--every", "1", ...SMALL, "--out", join(out, "results")];
    // Without a path there is no setpriv, by which the kernel would end them: the drill must.
    const drill = spawn(process.execPath, args, { env: { ...process.env, TMPDIR: out, PATH: "" } });
    t.after(() => drill.kill("SIGKILL"));
    const exited = once(drill, "exit");
    await once(drill.stderr, "data");
    const started = childrenOf(drill.pid ?? 0);
    assert.ok(started.length > 0);
    drill.kill("SIGINT");
    assert.deepEqual(await exited, [130, null]);
    const deadline = performance.now() + 10_000;
    while (started.some((pid) => isAlive(pid)) && performance.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    assert.deepEqual([started.filter((pid) => isAlive(pid)), readdirSync(out)], [[], []]);
  });
});
