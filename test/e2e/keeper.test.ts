/** A server that dies under its keeper: what clients see of it, and what is left. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { childrenOf } from "../../bench/process-accounts.ts";
import { askTcp, askUdp, NoAnswer, queryFor, TcpClient } from "../support/dns-client.ts";
import { withoutFfi } from "../support/ffi.ts";
import { freePort } from "../support/free-port.ts";
import { type NodensProcess, startNodens } from "../support/nodens-process.ts";

const BIN = fileURLToPath(new URL("../../bin/nodens.js", import.meta.url));
const TYPE_A = 1;
const RCODE_SERVFAIL = 2;
const PATIENCE_MS = 15_000;

function corefile(port: number, address = "192.0.2.1"): string {
  return `.:${port} {
    bind 127.0.0.1
    cache
    hosts {
        ${address} a.example.org
        192.0.2.2 b.example.org
        ttl 300
    }
}
`;
}

/** A client that asks again, as all do, until it has an answer. */
async function askAgain(ask: (timeoutMs: number) => Promise<string>): Promise<string> {
  for (let left = PATIENCE_MS; ; left -= 500) {
    try {
      return await ask(500);
    } catch (error) {
      if (left <= 0) throw error;
    }
  }
}

/** Last four bytes: the address, where the answer has one record and no OPT. */
function addressIn(message: Uint8Array): string {
  return message.subarray(-4).join(".");
}

async function askA(port: number, name: string, timeoutMs = PATIENCE_MS): Promise<string> {
  return addressIn(await askUdp({ port, wire: queryFor(name, TYPE_A), timeoutMs }));
}

function serverOf(nodens: NodensProcess): number {
  const [server, ...others] = childrenOf(nodens.child.pid ?? 0);
  assert.ok(server !== undefined && others.length === 0, "the keeper has one child");
  return server;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

async function until(what: string, holds: () => boolean): Promise<void> {
  const endsAt = performance.now() + PATIENCE_MS;
  while (!holds()) {
    if (performance.now() > endsAt) throw new Error(`not within ${PATIENCE_MS} ms: ${what}`);
    await sleep(20);
  }
}

function count(text: string, part: string): number {
  return text.split(part).length - 1;
}

describe("a keeper", { skip: withoutFfi }, () => {
  let nodens: NodensProcess;
  const returns = (): number => count(nodens.output(), "a server serves again");

  async function kill(signal: NodeJS.Signals): Promise<void> {
    const before = returns();
    process.kill(serverOf(nodens), signal);
    await until("a server serves again", () => returns() > before);
  }

  before(async () => {
    nodens = await startNodens((port) => corefile(port));
    assert.equal(await askA(nodens.port, "a.example.org"), "192.0.2.1");
  });
  after(async () => assert.equal(await nodens.end(), 0));

  it("starts another server when one is killed, which listens on the same sockets", async () => {
    const first = serverOf(nodens);
    process.kill(first, "SIGKILL");
    // In no cache: only a server can answer.
    assert.equal(await askAgain((timeoutMs) => askA(nodens.port, "b.example.org", timeoutMs)), "192.0.2.2");
    assert.equal(addressIn(await askTcp({ port: nodens.port, wire: queryFor("b.example.org", TYPE_A) })), "192.0.2.2");
    assert.notEqual(serverOf(nodens), first);
    await until("it says so", () => returns() === 1);
  });

  it("lets TCP clients connect while there is no server; of before, idle ones see FIN, and who was asking RST", async () => {
    const open = async (): Promise<TcpClient> => {
      const client = await TcpClient.connect(nodens.port);
      client.send(queryFor("a.example.org", TYPE_A));
      await client.next();
      return client;
    };
    const [idle, asking] = [await open(), await open()];
    const before = returns();
    const server = serverOf(nodens);
    // What it does not read any more is asked of a dead server.
    process.kill(server, "SIGSTOP");
    asking.send(queryFor("b.example.org", TYPE_A));
    await sleep(20);
    process.kill(server, "SIGKILL");
    const young = await TcpClient.connect(nodens.port);
    young.send(queryFor("a.example.org", TYPE_A));
    assert.equal(addressIn(await young.next(PATIENCE_MS)), "192.0.2.1");
    assert.equal(await idle.ended(PATIENCE_MS), "fin");
    assert.equal(await asking.ended(PATIENCE_MS), "reset");
    for (const client of [young, idle, asking]) client.destroy();
    await until("a server serves again", () => returns() > before);
  });

  it("and its server outlive whoever reads what they log", async () => {
    const other = await startNodens((port) => corefile(port));
    try {
      const { stdout, stderr } = other.child;
      stdout?.destroy();
      stderr?.destroy();
      other.child.kill("SIGHUP");
      const server = serverOf(other);
      await sleep(500);
      assert.equal(serverOf(other), server, "the server logged that it reloads");
      process.kill(server, "SIGKILL");
      await until("the keeper has another, and logged it", () => {
        const [next] = childrenOf(other.child.pid ?? 0);
        return next !== undefined && next !== server;
      });
      assert.equal(await askAgain((ms) => askA(other.port, "b.example.org", ms)), "192.0.2.2");
    } finally {
      assert.equal(await other.end(), 0);
    }
  });

  it("holds no more descriptors after many deaths than after one", async () => {
    const descriptors = (): number => readdirSync(`/proc/${nodens.child.pid}/fd`).length;
    await kill("SIGKILL");
    // The standby gives the descriptors of the last plan back when it has parked.
    await sleep(200);
    const before = descriptors();
    for (let i = 0; i < 3; i++) {
      // The standby has the name from the server before: a server that never answered it must have got it too.
      await askA(nodens.port, "a.example.org");
      await kill("SIGKILL");
    }
    await until("descriptors are given back", () => descriptors() <= before);
  });
  it("ends a server that stands still, and starts another", async () => {
    const before = returns();
    const hung = serverOf(nodens);
    process.kill(hung, "SIGSTOP");
    await until("a server serves again", () => returns() > before);
    assert.equal(isAlive(hung), false);
    assert.match(nodens.output(), /was ended: .+ has not moved for \d+ ms/);
  });

  it("passes the signal to reload on", async () => {
    nodens.configure(corefile(nodens.port, "192.0.2.77"));
    nodens.child.kill("SIGUSR1");
    await until("the server reloads", () => nodens.output().includes("Reloading complete"));
    assert.equal(await askA(nodens.port, "a.example.org"), "192.0.2.77");
  });
});

describe("a server that is killed while it reloads", { skip: withoutFfi }, () => {
  it("is followed by one with the new configuration, whenever that was; no answer is another", async () => {
    const nodens = await startNodens((port) => corefile(port));
    const returns = (): number => count(nodens.output(), "a server serves again");
    let stopped = false;
    const seen = new Set<string>();
    const asking = (async () => {
      while (!stopped) {
        // One that nobody answers is asked again: misses are left to the next server.
        await askA(nodens.port, "a.example.org", 1000).then(
          (address) => seen.add(address),
          () => undefined,
        );
        await sleep(2);
      }
    })();
    const allowed = ["192.0.2.1"];
    try {
      for (const [round, delayMs] of [0, 1, 3, 6, 10, 15, 25].entries()) {
        const address = `198.51.100.${round}`;
        allowed.push(address);
        const before = returns();
        nodens.configure(corefile(nodens.port, address));
        nodens.child.kill("SIGUSR1");
        await sleep(delayMs);
        process.kill(serverOf(nodens), "SIGKILL");
        await until("a server serves again", () => returns() > before);
        assert.equal(await askAgain((timeoutMs) => askA(nodens.port, "a.example.org", timeoutMs)), address);
      }
    } finally {
      stopped = true;
      await asking;
      assert.equal(await nodens.end(), 0);
    }
    assert.deepEqual(
      [...seen].filter((address) => !allowed.includes(address)),
      [],
    );
  });
});

describe("a keeper of servers that die at their start", { skip: withoutFfi }, () => {
  let nodens: NodensProcess;
  const returns = (): number => count(nodens.output(), "a server serves again");
  before(async () => {
    nodens = await startNodens((port) => corefile(port));
  });
  after(async () => assert.equal(await nodens.end(), 0));

  it("answers from the cache, and has a server again when one does not", async () => {
    assert.equal(await askA(nodens.port, "a.example.org"), "192.0.2.1");
    const before = returns();
    nodens.configure("this is { no Corefile\n");
    process.kill(serverOf(nodens), "SIGKILL");
    await until("several have died", () => count(nodens.output(), "ended with code 1") >= 3);
    for (let i = 0; i < 5; i++) assert.equal(await askA(nodens.port, "a.example.org", 2000), "192.0.2.1");
    await assert.rejects(askA(nodens.port, "elsewhere.example.org", 300), NoAnswer);
    const askedMs = performance.now();
    const miss = await askUdp({
      port: nodens.port,
      wire: queryFor("else.example.org", TYPE_A),
      timeoutMs: PATIENCE_MS,
    });
    assert.equal((miss[3] ?? 0) & 15, RCODE_SERVFAIL);
    assert.ok(performance.now() - askedMs < 4500, "before its client gives up");
    // Over TCP too, once it is clear that no server comes soon.
    const client = await TcpClient.connect(nodens.port);
    const beganMs = performance.now();
    client.send(queryFor("a.example.org", TYPE_A, { id: 1 }));
    assert.equal(addressIn(await client.next(PATIENCE_MS)), "192.0.2.1");
    client.send(queryFor("elsewhere.example.org", TYPE_A, { id: 2 }));
    const failure = await client.next(PATIENCE_MS);
    assert.equal((failure[3] ?? 0) & 15, RCODE_SERVFAIL);
    assert.ok(performance.now() - beganMs < 6000);
    nodens.configure(corefile(nodens.port));
    await until("a server serves again", () => returns() > before);
    assert.equal(await askA(nodens.port, "b.example.org"), "192.0.2.2");
    assert.match(nodens.output(), /the standby has answered [1-9]\d* queries so far/);
    // The connection that the standby had accepted is ended in good order, when nothing more comes.
    assert.equal(await client.ended(PATIENCE_MS), "fin");
    assert.equal(addressIn(await askTcp({ port: nodens.port, wire: queryFor("b.example.org", TYPE_A) })), "192.0.2.2");
  });
});

describe("a keeper whose servers read standard input", { skip: withoutFfi }, () => {
  for (const words of [["-c", "stdin"], ["-cstdin"], ["--config=stdin"]]) {
    it(`gives each of them what it said: ${words.join(" ")}`, async () => {
      const port = await freePort();
      const child = spawn(process.execPath, [BIN, "serve", "--admin", "none", ...words]);
      try {
        let text = "";
        for (const stream of [child.stdout, child.stderr]) {
          stream.setEncoding("utf8").on("data", (part: string) => (text += part));
        }
        child.stdin.end(corefile(port));
        await until("a server serves", () => text.includes("\nNodens-"));
        assert.equal(await askA(port, "a.example.org"), "192.0.2.1");
        const [server = 0] = childrenOf(child.pid ?? 0);
        process.kill(server, "SIGKILL");
        await until("another serves", () => text.includes("a server serves again"));
        assert.equal(await askA(port, "b.example.org"), "192.0.2.2");
      } finally {
        child.kill("SIGTERM");
        await once(child, "close");
      }
      assert.equal(child.exitCode, 0);
    });
  }
});

describe("the end of a keeper", { skip: withoutFfi }, () => {
  it("is in good order on SIGTERM: exit 0, and no process is left", async () => {
    const nodens = await startNodens((port) => corefile(port));
    const server = serverOf(nodens);
    assert.equal(await nodens.end("SIGTERM"), 0);
    assert.equal(isAlive(server), false);
    await assert.rejects(askA(nodens.port, "a.example.org", 300));
  });

  it("is the end of its server too, when it is killed", async () => {
    const nodens = await startNodens((port) => corefile(port));
    const server = serverOf(nodens);
    await nodens.end("SIGKILL");
    await until("the server is gone", () => !isAlive(server));
  });

  it("comes with the exit code of a first server that cannot start", async () => {
    const folder = mkdtempSync(join(tmpdir(), "nodens-test-"));
    const path = join(folder, "Corefile");
    writeFileSync(path, ".:0 {\n    bind 127.0.0.1\n    no_such_directive\n}\n");
    const child = spawn(process.execPath, [BIN, "serve", "-c", path], { stdio: ["ignore", "pipe", "pipe"] });
    let text = "";
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (part) => (text += part));
    const [code] = (await once(child, "close")) as [number | null];
    rmSync(folder, { recursive: true });
    assert.equal(code, 1);
    assert.match(text, /^nodens: .*Corefile:3:5: [^\n]*\n$/);
  });

  it("is not needed: --no-keeper serves in one process", async () => {
    const nodens = await startNodens((port) => corefile(port), ["--no-keeper"]);
    assert.deepEqual(childrenOf(nodens.child.pid ?? 0), []);
    assert.equal(await askA(nodens.port, "a.example.org"), "192.0.2.1");
    assert.equal(await nodens.end(), 0);
  });
});
