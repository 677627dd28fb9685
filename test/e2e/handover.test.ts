/** One instance takes over from another: what clients see of it, and what is left. */
import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { childrenOf } from "../../bench/process-accounts.ts";
import { askTcp, askUdp, queryFor } from "../support/dns-client.ts";
import { withoutFfi } from "../support/ffi.ts";
import { startNodens } from "../support/nodens-process.ts";

const BIN = fileURLToPath(new URL("../../bin/nodens.js", import.meta.url));
const TYPE_A = 1;
const PATIENCE_MS = 30_000;
/** Who asked no longer ago must get an answer: on a busy machine a start takes longer than any client waits. */
const WAITED_MS = 2000;

const corefile = (port: number, upstream: number): string => `.:${port} {
    bind 127.0.0.1
    cache
    forward . 127.0.0.1:${upstream}
}
`;

/** Knows one address for all names. */
async function openUpstream(): Promise<{ readonly port: number; delayMs: number; close(): Promise<void> }> {
  const socket = createSocket("udp4");
  let closed = false;
  socket.on("message", (query, { port, address }) => {
    let end = 12;
    while ((query[end] ?? 0) !== 0) end += (query[end] ?? 0) + 1;
    const answer = Buffer.concat([
      query.subarray(0, end + 5),
      Buffer.from([0xc0, 0x0c, 0, 1, 0, 1, 0, 0, 1, 0x2c, 0, 4, 192, 0, 2, 1]),
    ]);
    answer.set([0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0], 2);
    setTimeout(() => {
      if (!closed) socket.send(answer, port, address);
    }, upstream.delayMs);
  });
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  const upstream = {
    port: socket.address().port,
    delayMs: 0,
    close: () => {
      closed = true;
      return new Promise<void>((done) => socket.close(() => done()));
    },
  };
  return upstream;
}

async function askA(port: number): Promise<string> {
  const message = await askUdp({ port, wire: queryFor("a.example.org", TYPE_A), timeoutMs: PATIENCE_MS });
  return message.subarray(-4).join(".");
}

/** Asks again and again, whatever comes of the questions before. */
class Asking {
  readonly #asked: { readonly atMs: number; readonly address: Promise<string> }[] = [];
  readonly #timer: NodeJS.Timeout;

  /** @param nameOf of question 0, 1, 2 … */
  constructor(port: number, nameOf: (i: number) => string) {
    const ask = (): void => {
      const name = nameOf(this.#asked.length);
      const address = askUdp({ port, wire: queryFor(name, TYPE_A), timeoutMs: PATIENCE_MS }).then(
        (message) => message.subarray(-4).join("."),
        (error: unknown) => String(error),
      );
      this.#asked.push({ atMs: performance.now(), address });
    };
    ask();
    this.#timer = setInterval(ask, 100);
  }

  /** Asks no more. @returns what came of those that were asked in the last two seconds, each answer once */
  async end(): Promise<string[]> {
    clearInterval(this.#timer);
    const since = performance.now() - WAITED_MS;
    const late = this.#asked.filter(({ atMs }) => atMs > since);
    return [...new Set(await Promise.all(late.map(({ address }) => address)))];
  }
}

describe("an instance that takes over", { skip: withoutFfi }, () => {
  const folder = mkdtempSync(join(tmpdir(), "nodens-handover-"));
  after(() => rmSync(folder, { recursive: true }));

  it("has the sockets and the answers, and the one before ends with 0", async () => {
    const upstream = await openUpstream();
    const path = join(folder, "one.sock");
    const old = await startNodens((port) => corefile(port, upstream.port), ["--handover", path]);
    assert.equal(await askA(old.port), "192.0.2.1");
    const ended = once(old.child, "exit");
    // From now on only a cache knows the name.
    await upstream.close();
    const next = spawn(process.execPath, [BIN, "serve", "-c", old.corefile, "--handover", path], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    let said = "";
    for (const stream of [next.stdout, next.stderr]) stream.setEncoding("utf8").on("data", (text) => (said += text));
    const [code] = (await ended) as [number | null];
    try {
      assert.equal(code, 0, `${old.output()}\n${said}`);
      assert.equal(await askA(old.port), "192.0.2.1", said);
      assert.ok((await askTcp({ port: old.port, wire: queryFor("a.example.org", TYPE_A) })).length > 12);
      assert.ok(existsSync(path), "the next one can take over");
    } finally {
      next.kill("SIGTERM");
      await once(next, "exit");
      await old.end();
    }
    assert.equal(existsSync(path), false);
  });

  it("takes over from one whose servers die at their start, with the answers and what waits for a server", async () => {
    const path = join(folder, "three.sock");
    const good = (port: number): string => `.:${port} {
    bind 127.0.0.1
    cache
    hosts {
        192.0.2.1 a.example.org
        192.0.2.2 b.example.org
        ttl 300
    }
}
`;
    const old = await startNodens(good, ["--handover", path]);
    assert.equal(await askA(old.port), "192.0.2.1");
    const [server] = childrenOf(old.child.pid ?? 0);
    old.configure("this is { no Corefile\n");
    process.kill(server ?? 0, "SIGKILL");
    const endsAt = performance.now() + PATIENCE_MS;
    while (!old.output().includes("ended with code 1") && performance.now() < endsAt) await sleep(5);
    const corefile = join(folder, "Corefile");
    writeFileSync(corefile, good(old.port));
    const ended = once(old.child, "exit");
    const next = spawn(process.execPath, [BIN, "serve", "-c", corefile, "--handover", path], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    let said = "";
    for (const stream of [next.stdout, next.stderr]) stream.setEncoding("utf8").on("data", (text) => (said += text));
    try {
      // Only a server knows it.
      const asking = new Asking(old.port, () => "b.example.org");
      const [code] = (await ended) as [number | null];
      assert.equal(code, 0, `${old.output()}\n${said}`);
      assert.deepEqual(await asking.end(), ["192.0.2.2"], `${old.output()}\n${said}`);
      assert.match(said, /[1-9]\d* answers taken over/);
      assert.equal(await askA(old.port), "192.0.2.1", said);
    } finally {
      next.kill("SIGTERM");
      await once(next, "exit");
      await old.end();
    }
  });

  for (const [victim, pidOf, oldEnds] of [
    ["the server before", (old: number) => childrenOf(old)[0], 0],
    ["the keeper before", (old: number) => old, null],
  ] as const) {
    it(`takes over although ${victim} is killed while it prepares`, async () => {
      const upstream = await openUpstream();
      const path = join(folder, `${oldEnds}.sock`);
      const old = await startNodens((port) => corefile(port, upstream.port), ["--handover", path]);
      assert.equal(await askA(old.port), "192.0.2.1");
      await upstream.close();
      const ended = once(old.child, "exit");
      const next = spawn(process.execPath, [BIN, "serve", "-c", old.corefile, "--handover", path], {
        stdio: ["ignore", "pipe", "pipe"],
      });
      let said = "";
      for (const stream of [next.stdout, next.stderr]) stream.setEncoding("utf8").on("data", (text) => (said += text));
      try {
        const endsAt = performance.now() + PATIENCE_MS;
        while (!old.output().includes("prepares to take over") && performance.now() < endsAt) await sleep(2);
        process.kill(pidOf(old.child.pid ?? 0) ?? 0, "SIGKILL");
        const [code] = (await ended) as [number | null];
        assert.equal(code, oldEnds, `${old.output()}\n${said}`);
        while (!said.includes("\nNodens-") && performance.now() < endsAt) await sleep(5);
        // Only a cache knows the name.
        assert.equal(await askA(old.port), "192.0.2.1", said);
        assert.ok(existsSync(path), "the next one can take over");
      } finally {
        next.kill("SIGTERM");
        await once(next, "exit");
        await old.end();
      }
    });
  }

  it("answers what the server before had in flight when that is killed before its end", async () => {
    const upstream = await openUpstream();
    const path = join(folder, "flight.sock");
    const old = await startNodens((port) => corefile(port, upstream.port), ["--handover", path]);
    // Some are in flight at any time.
    upstream.delayMs = 300;
    const asking = new Asking(old.port, (i) => `n${i}.example.org`);
    const [server = 0] = childrenOf(old.child.pid ?? 0);
    const ended = once(old.child, "exit");
    const next = spawn(process.execPath, [BIN, "serve", "-c", old.corefile, "--handover", path], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    let said = "";
    for (const stream of [next.stdout, next.stderr]) stream.setEncoding("utf8").on("data", (text) => (said += text));
    try {
      const endsAt = performance.now() + PATIENCE_MS;
      while (!old.output().includes("serves now") && performance.now() < endsAt) await sleep(2);
      process.kill(server, "SIGKILL");
      assert.deepEqual(await asking.end(), ["192.0.2.1"], `${old.output()}\n${said}`);
      const [code] = (await ended) as [number | null];
      assert.equal(code, 0, old.output());
      assert.match(old.output(), /what it had not answered goes to the one that took over/);
    } finally {
      next.kill("SIGTERM");
      await once(next, "exit");
      await old.end();
      await upstream.close();
    }
  });

  it("changes nothing when it is killed before it serves", async () => {
    const upstream = await openUpstream();
    const path = join(folder, "two.sock");
    const old = await startNodens((port) => corefile(port, upstream.port), ["--handover", path]);
    const next = spawn(process.execPath, [BIN, "serve", "-c", old.corefile, "--handover", path], { stdio: "ignore" });
    const endsAt = performance.now() + PATIENCE_MS;
    while (!old.output().includes("prepares to take over") && performance.now() < endsAt) await sleep(2);
    next.kill("SIGKILL");
    while (!old.output().includes("this one goes on") && performance.now() < endsAt) await sleep(5);
    assert.match(old.output(), /has gone; this one goes on/);
    assert.equal(await askA(old.port), "192.0.2.1");
    assert.equal(await old.end(), 0);
    await upstream.close();
  });
});
