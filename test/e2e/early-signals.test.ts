import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, constants, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { freePort } from "../support/free-port.ts";

const BIN = fileURLToPath(new URL("../../bin/nodens.js", import.meta.url));
const COREFILE = ". {\n  whoami\n}\n";
const TRIES = 1000;

/** For writing, once somebody reads it. */
async function openPipe(path: string): Promise<number> {
  for (let left = TRIES; ; left--) {
    try {
      return openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
    } catch (error) {
      if (left === 0) throw error;
      await sleep(10);
    }
  }
}

describe("a signal to reload", { skip: process.platform === "win32" }, () => {
  for (const signal of ["SIGHUP", "SIGUSR1"] as const) {
    it(`waits for a server that is starting: ${signal}`, async (t) => {
      const folder = mkdtempSync(join(tmpdir(), "nodens-early-"));
      t.after(() => rmSync(folder, { recursive: true }));
      // A server that reads its configuration out of a pipe starts when the test lets it.
      const pipe = join(folder, "Corefile");
      execFileSync("mkfifo", [pipe]);
      const port = await freePort();
      const args = [BIN, "serve", "-c", pipe, "--admin", "none", "--no-keeper", "--listen", `127.0.0.1:${port}`];
      const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"] });
      t.after(() => child.kill("SIGKILL"));
      let output = "";
      for (const stream of [child.stdout, child.stderr]) {
        stream.setEncoding("utf8").on("data", (text: string) => (output += text));
      }
      const exited = once(child, "exit");
      const said = async (words: string): Promise<void> => {
        for (let left = TRIES; left > 0 && !output.includes(words); left--) await sleep(10);
        assert.ok(output.includes(words), output);
      };
      const first = await openPipe(pipe);
      child.kill(signal);
      await sleep(50);
      writeSync(first, COREFILE);
      closeSync(first);
      await said(`${signal}: Reloading`);
      const second = await openPipe(pipe);
      writeSync(second, COREFILE);
      closeSync(second);
      await said("Reloading complete");
      assert.doesNotMatch(output, /Debugger/);
      child.kill("SIGTERM");
      assert.deepEqual(await exited, [0, null]);
    });
  }
});
