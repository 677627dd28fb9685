import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { withoutFfi } from "../../../test/support/ffi.ts";
import { systemClock } from "../../base/clock.ts";
import { LineLog } from "../../base/log.ts";
import { Supervisor } from "./supervisor.ts";

const SERVER = fileURLToPath(new URL("../../../test/support/scripted-server.ts", import.meta.url));

/** @param acts what each start of a server does, see `scripted-server.ts` */
function supervise(t: TestContext, acts: readonly string[], startLimitMs?: number) {
  const folder = mkdtempSync(join(tmpdir(), "nodens-supervisor-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const path = join(folder, "starts");
  const lines: string[] = [];
  const firstReady = Promise.withResolvers<void>();
  const servesAgain = Promise.withResolvers<void>();
  const supervisor = new Supervisor({
    command: [process.execPath, SERVER, path, ...acts],
    environment: process.env,
    log: new LineLog((line) => {
      lines.push(line.trimEnd());
      if (line.includes("serves again")) servesAgain.resolve();
    }),
    clock: systemClock,
    onFirstReady: () => firstReady.resolve(),
    ...(startLimitMs === undefined ? {} : { startLimitMs }),
  });
  const code = supervisor.run();
  // Whatever became of the test: no process stays.
  t.after(() => supervisor.end("SIGKILL"));
  return { supervisor, code, lines, firstReady: firstReady.promise, servesAgain: servesAgain.promise };
}

describe("a server that is started", { skip: withoutFfi }, () => {
  it("is heard as soon as it says something, and ends when it is told to", async (t) => {
    const { supervisor, code, lines, firstReady } = supervise(t, ["ready"]);
    await firstReady;
    supervisor.end("SIGTERM");
    assert.equal(await code, 143);
    assert.deepEqual(lines, []);
  });

  it("is ended when it is not ready in time: the first one, and all is over", async (t) => {
    const { code, lines } = supervise(t, ["hangs"], 500);
    assert.equal(await code, 137);
    assert.deepEqual(lines, ["[ERROR] keeper: the server was ended: it was not ready after 0.5 s"]);
  });

  it("is ended when it is not ready in time: a later one, and another is started", async (t) => {
    const { supervisor, code, lines, servesAgain } = supervise(t, ["dies", "hangs", "ready"], 3000);
    await servesAgain;
    assert.match(lines[0] ?? "", /ended with code 1; another is started at once$/);
    assert.match(lines[1] ?? "", /was ended: it was not ready after 3 s; another is started/);
    supervisor.end("SIGTERM");
    assert.equal(await code, 143);
  });

  for (const [left, why] of [
    [0, /no server can be started: socketpair: EMFILE; it is tried again in 100 ms/],
    [2, /cannot be started: spawn .* EMFILE; another is started in 100 ms/],
  ] as const) {
    it(`is started when there are descriptors again, of which there were ${left} left`, (t) => {
      const folder = mkdtempSync(join(tmpdir(), "nodens-supervisor-"));
      t.after(() => rmSync(folder, { recursive: true }));
      const src = JSON.stringify(new URL("../../", import.meta.url).href);
      const program = `
        const { closeSync, openSync, readFileSync } = await import("node:fs");
        const { LineLog } = await import(${src} + "base/log.ts");
        const { systemClock } = await import(${src} + "base/clock.ts");
        const { Supervisor } = await import(${src} + "server/keeper/supervisor.ts");
        const [server, path] = process.argv.slice(1);
        const takeAll = () => {
          const fds = [];
          try { for (;;) fds.push(openSync("/dev/null")); } catch {}
          for (const fd of fds.splice(0, ${left})) closeSync(fd);
          setTimeout(() => { for (const fd of fds) closeSync(fd); }, 150);
        };
        const supervisor = new Supervisor({
          command: [process.execPath, server, path, "ready"],
          environment: process.env,
          log: new LineLog((line) => {
            process.stdout.write(line);
            if (line.includes("at once")) takeAll();
            if (line.includes("serves again")) supervisor.end("SIGTERM");
          }),
          clock: systemClock,
          onFirstReady: () => process.kill(Number(readFileSync(path, "utf8")), "SIGKILL"),
        });
        process.exitCode = await supervisor.run() === 143 ? 0 : 1;`;
      const node = [process.execPath, "--input-type=module", "-e", program, SERVER, join(folder, "starts")];
      const said = execFileSync("sh", ["-c", 'ulimit -n 100; exec "$@"', "sh", ...node], { encoding: "utf8" });
      assert.match(said, why);
      assert.match(said, /serves again/);
    });
  }
});
