/** `nodens top` on a terminal, with real keys. */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it, type TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { askUdp, queryFor } from "../support/dns-client.ts";
import { missing } from "../support/machine.ts";
import { type NodensProcess, startNodens } from "../support/nodens-process.ts";
import { Tmux } from "../support/tmux.ts";

const BIN = fileURLToPath(new URL("../../bin/nodens.js", import.meta.url));
const corefile = (port: number): string => `.:${port} {
    bind 127.0.0.1
    whoami
}
`;

describe("nodens top on a terminal", { skip: missing("linux", "tmux") }, () => {
  let folder = "";
  let admin = "";
  let server: NodensProcess;
  let asking = true;
  let asked: Promise<void>;

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), "nodens-top-"));
    admin = `unix:${join(folder, "admin.sock")}`;
    server = await startNodens(corefile, ["--admin", admin, "--count-clients", "always"]);
    asked = ask();
  });
  after(async () => {
    asking = false;
    await asked;
    await server.end();
    rmSync(folder, { recursive: true, force: true });
  });

  /** Two names, one three times as often as the other. */
  async function ask(): Promise<void> {
    for (let i = 0; asking; i++) {
      const name = i % 4 === 0 ? "seldom.example." : "often.example.";
      await askUdp({ port: server.port, wire: queryFor(name, 1) }).catch(() => undefined);
      await sleep(10);
    }
  }

  function open(t: TestContext, columns = 130, rows = 36): Tmux {
    const stty = `stty -a | grep -oE -- '-?(icanon|echo|isig)\\b' | tr '\\n' ' '`;
    const tmux = new Tmux(
      `echo before; ${stty}; echo; echo $$ >${folder}/shell; ${process.execPath} ${BIN} top --admin ${admin} -i 0.5; ` +
        `echo "code $?"; ${stty}; echo; echo after`,
      columns,
      rows,
    );
    t.after(() => tmux.end());
    return tmux;
  }

  /** What was on the terminal is on it again, and it takes lines and signals as before. */
  async function left(tmux: Tmux, code: number): Promise<void> {
    const screen = await tmux.until(/^after$/m);
    assert.match(screen, /^before\nisig icanon echo ?\ncode \d+\nisig icanon echo ?\nafter$/m);
    assert.match(screen, new RegExp(`^code ${code}$`, "m"));
  }

  it("shows what is asked, and does what keys say", async (t) => {
    const tmux = open(t);
    const screen = await tmux.until(/ often\.example\.[\s\S]* seldom\.example\./);
    assert.match(screen, /^Nodens .* serving 127\.0\.0\.1:\d+/);
    assert.match(screen, /^\d+ queries\/s/m);
    assert.match(screen, /> CLIENTS by queries per second.* {2}NAMES by queries per second/);
    assert.match(screen, / 127\.0\.0\.1 /);
    tmux.send("Tab");
    await tmux.until(/> NAMES by queries per second/);
    tmux.send("s");
    await tmux.until(/> NAMES by queries$|> NAMES by queries\s*\n/m);
    tmux.send("/", "seld");
    await tmux.until(/> NAMES by queries {3}\/seld_/);
    const filtered = await tmux.until(/^(?![\s\S]*often)[\s\S]*seldom\.example\./);
    assert.doesNotMatch(filtered, /often/);
    tmux.send("Escape");
    await tmux.until(/ often\.example\./);
    tmux.send("Tab", "g");
    await tmux.until(/> NAMESPACES by[\s\S]*\(no namespace\)/);
    tmux.send("g", "Enter");
    await tmux.until(/NAMES of 127\.0\.0\.1[\s\S]*often\.example\./);
    tmux.send("?");
    await tmux.until(/Any key goes back/);
    tmux.send("x", "Space");
    await tmux.until(/, held/);
    tmux.send("Space");
    await tmux.until(/^(?![\s\S]*, held)/);
    tmux.send("q");
    await left(tmux, 0);
  });

  it("fits another size at once", async (t) => {
    const tmux = open(t);
    await tmux.until(/TIME TO ANSWER/);
    tmux.resize(80, 20);
    const small = await tmux.until(/^(?![\s\S]*TIME TO ANSWER)[\s\S]*CLIENTS/);
    assert.ok(small.split("\n").every((line) => line.length <= 80));
    tmux.resize(160, 50);
    await tmux.until(/TIME TO ANSWER[\s\S]*CLIENTS.*NAMES/);
    tmux.send("C-c");
    await left(tmux, 0);
  });

  it("leaves the terminal as it was when it is told to end", async (t) => {
    const tmux = open(t);
    await tmux.until(/CLIENTS/);
    const shell = readFileSync(join(folder, "shell"), "utf8").trim();
    const [pid] = spawnSync("pgrep", ["-P", shell], { encoding: "utf8" }).stdout.split("\n");
    process.kill(Number(pid), "SIGTERM");
    await left(tmux, 143);
  });

  it("says that the instance is gone, and goes on when it is back", async (t) => {
    const tmux = open(t);
    await tmux.until(/ often\.example\./);
    await server.end();
    await tmux.until(/^asking again: no (running instance|answer) at /m);
    server = await startNodens(corefile, ["--admin", admin, "--count-clients", "always"]);
    await tmux.until(/ often\.example\.[\s\S]*every 0\.5 s/);
    tmux.send("q");
    await left(tmux, 0);
  });
});

describe("nodens top without a terminal", { skip: missing("linux") }, () => {
  const top = (...args: readonly string[]) =>
    spawnSync(process.execPath, [BIN, "top", ...args], { encoding: "utf8", timeout: 20_000 });

  it("is one line and exit 3 when nobody is there", () => {
    const { status, stdout, stderr } = top("--admin", "unix:/nonexistent/admin.sock");
    assert.deepEqual([status, stdout], [3, ""]);
    assert.equal(
      stderr,
      "nodens: no running instance at unix:/nonexistent/admin.sock. Start `nodens serve`, or say where its --admin is with --admin\n",
    );
  });

  it("refuses what it cannot do", () => {
    for (const args of [
      ["--admin", "10.0.0.1:1"],
      ["--interval", "0"],
      ["--sort", "size"],
      ["--rows", "0"],
      ["extra"],
    ]) {
      const { status, stderr } = top(...args);
      assert.equal(status, 2, args.join(" "));
      assert.match(stderr, /^error: /);
    }
  });

  it("says when somebody else answers there", async (t) => {
    const other = createServer((_, response) => response.end("hello")).listen(0, "127.0.0.1");
    t.after(() => other.close());
    await new Promise((resolve) => other.once("listening", resolve));
    const address = other.address();
    assert.ok(address !== null && typeof address === "object");
    const child = spawn(process.execPath, [BIN, "top", "--admin", `127.0.0.1:${address.port}`, "--once"]);
    let complaints = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => (complaints += text));
    const code = await new Promise((resolve) => child.once("exit", resolve));
    assert.deepEqual([code, complaints], [3, `nodens: 127.0.0.1:${address.port} is no admin API of Nodens\n`]);
  });
});
