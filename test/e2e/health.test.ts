/** Probes of an instance whose server dies: never refused, and told the truth. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { get } from "node:http";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { childrenOf } from "../../bench/process-accounts.ts";
import { withoutFfi } from "../support/ffi.ts";
import { freePort } from "../support/free-port.ts";
import { type NodensProcess, startNodens } from "../support/nodens-process.ts";
import { until } from "../support/until.ts";

const BIN = fileURLToPath(new URL("../../bin/nodens.js", import.meta.url));
const PATIENCE_MS = 15_000;
const PROBE_EVERY_MS = 50;
/** As in the manifests of node-cache; kubelet's default is 1 s. */
const PROBE_TIMEOUT_MS = 5000;

interface Places {
  readonly health: string;
  readonly ready: string;
  readonly metrics: string;
}

function corefile(port: number, { health, ready, metrics }: Places): string {
  return `.:${port} {
    bind 127.0.0.1
    cache
    hosts {
        192.0.2.1 a.example.org
    }
    health ${health}
    ready ${ready}
    prometheus ${metrics}
}
`;
}

async function places(): Promise<Places> {
  const [health, ready, metrics] = [await freePort(), await freePort(), await freePort()];
  return { health: `127.0.0.1:${health}`, ready: `127.0.0.1:${ready}`, metrics: `127.0.0.1:${metrics}` };
}

/** As a kubelet asks: a connection of its own. @returns "200 OK", or the name of the failure */
function probe(address: string, path: string): Promise<string> {
  return new Promise((resolve) => {
    const request = get(`http://${address}${path}`, { agent: false, timeout: PROBE_TIMEOUT_MS }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (part: string) => (text += part));
      response.on("end", () => resolve(`${response.statusCode} ${text.trim()}`));
      response.on("error", (error) => resolve(nameOf(error)));
    });
    request.on("timeout", () => request.destroy(new Error("timeout")));
    request.on("error", (error) => resolve(nameOf(error)));
  });
}

function nameOf(error: Error): string {
  return "code" in error && typeof error.code === "string" ? error.code : error.message;
}

/** Probes again and again, whatever comes of those before. */
class Probing {
  readonly #seen: Map<string, number>;
  readonly #under: Set<Promise<void>>;
  readonly #timer: NodeJS.Timeout;
  worstMs: number;

  constructor(address: string, path: string) {
    this.#seen = new Map();
    this.#under = new Set();
    this.worstMs = 0;
    this.#timer = setInterval(() => {
      const beganMs = performance.now();
      const one = probe(address, path).then((said) => {
        this.#seen.set(said, (this.#seen.get(said) ?? 0) + 1);
        this.worstMs = Math.max(this.worstMs, performance.now() - beganMs);
        this.#under.delete(one);
      });
      this.#under.add(one);
    }, PROBE_EVERY_MS).unref();
  }

  /** @returns how often what was said */
  async end(): Promise<Readonly<Record<string, number>>> {
    clearInterval(this.#timer);
    await Promise.all(this.#under);
    return Object.fromEntries(this.#seen);
  }
}

function serverOf(nodens: NodensProcess): number | undefined {
  return childrenOf(nodens.child.pid ?? 0)[0];
}

function returnsOf(nodens: NodensProcess): number {
  return nodens.output().split("a server serves again").length - 1;
}

async function kill(nodens: NodensProcess): Promise<void> {
  const before = returnsOf(nodens);
  process.kill(serverOf(nodens) ?? 0, "SIGKILL");
  await until(() => returnsOf(nodens) > before, "a server serves again", PATIENCE_MS);
}

/** What a dead server had accepted and not answered is reset: at most one probe a death. The rest must be `allowed`. */
function assertOnly(seen: Readonly<Record<string, number>>, allowed: readonly string[], deaths: number): void {
  const { ECONNRESET: reset = 0, "socket hang up": hungUp = 0, ...others } = seen;
  const text = JSON.stringify(seen);
  assert.ok(reset + hungUp <= deaths, text);
  assert.deepEqual(
    Object.keys(others).filter((said) => !allowed.includes(said)),
    [],
    text,
  );
  assert.ok(Object.keys(others).length > 0, text);
}

describe("probes of an instance", { skip: withoutFfi }, () => {
  it("are answered while its server is killed again and again: alive always, ready and metrics when they can be", async (t) => {
    const where = await places();
    const nodens = await startNodens((port) => corefile(port, where));
    t.after(() => nodens.end("SIGKILL"));
    const [health, ready] = [new Probing(where.health, "/health"), new Probing(where.ready, "/ready")];
    const deaths = 5;
    for (let i = 0; i < deaths; i++) {
      await sleep(100);
      await kill(nodens);
    }
    const [saidHealth, saidReady] = [await health.end(), await ready.end()];
    assertOnly(saidHealth, ["200 OK"], deaths);
    assertOnly(saidReady, ["200 OK", "503 No server"], deaths);
    assert.ok(health.worstMs < 1000, `a kubelet waits for a second: ${health.worstMs} ms`);
    // On the kept socket, by a server that was not there when it was opened.
    assert.match(await probe(where.metrics, "/metrics"), /^200 .*coredns_build_info/s);
    assert.equal(await nodens.end(), 0);
  });

  it("say in a crash loop that it lives and is not ready, until it is", async (t) => {
    const where = await places();
    const nodens = await startNodens((port) => corefile(port, where));
    t.after(() => nodens.end("SIGKILL"));
    const health = new Probing(where.health, "/health");
    nodens.configure("this is { no Corefile\n");
    process.kill(serverOf(nodens) ?? 0, "SIGKILL");
    await until(() => nodens.output().split("ended with code 1").length > 3, "several have died", PATIENCE_MS);
    assert.equal(await probe(where.ready, "/ready"), "503 No server");
    assert.equal(await probe(where.metrics, "/metrics"), "503 No server");
    nodens.configure(corefile(nodens.port, where));
    await until(() => returnsOf(nodens) > 0, "a server serves again", PATIENCE_MS);
    assertOnly(await health.end(), ["200 OK"], 1);
    assert.equal(await probe(where.ready, "/ready"), "200 OK");
    assert.match(await probe(where.metrics, "/metrics"), /nodens_keeper_restarts_total [1-9]/);
    assert.equal(await nodens.end(), 0);
    assert.equal(await probe(where.health, "/health"), "ECONNREFUSED");
  });

  it("find nobody at addresses that a reload, or the configuration after a death, no longer names", async (t) => {
    const where = await places();
    const nodens = await startNodens((port) => corefile(port, where));
    t.after(() => nodens.end("SIGKILL"));
    const moved = await places();
    nodens.configure(corefile(nodens.port, moved));
    nodens.child.kill("SIGUSR1");
    await until(() => nodens.output().includes("Reloading complete"), "it reloads", PATIENCE_MS);
    const isFree = async (address: string, path: string): Promise<void> => {
      const endsAt = performance.now() + PATIENCE_MS;
      let said = "";
      while ((said = await probe(address, path)) !== "ECONNREFUSED") {
        assert.ok(performance.now() < endsAt, said);
        await sleep(50);
      }
    };
    for (const [address, path] of [
      [where.health, "/health"],
      [where.ready, "/ready"],
      [where.metrics, "/metrics"],
    ] as const) {
      await isFree(address, path);
    }
    await kill(nodens);
    assert.equal(await probe(moved.health, "/health"), "200 OK");
    // Another address on the same port: the socket of before must not be in the way.
    const port = moved.health.split(":")[1] ?? "";
    nodens.configure(corefile(nodens.port, { ...moved, health: `:${port}`, ready: where.ready }));
    await kill(nodens);
    assert.equal(await probe(`127.0.0.2:${port}`, "/health"), "200 OK");
    assert.equal(await probe(where.ready, "/ready"), "200 OK");
    await isFree(moved.ready, "/ready");
    assert.equal(await nodens.end(), 0);
  });

  it("are not refused while another instance takes over", async (t) => {
    const folder = mkdtempSync(join(tmpdir(), "nodens-health-"));
    const path = join(folder, "handover.sock");
    const where = await places();
    const old = await startNodens((port) => corefile(port, where), ["--handover", path]);
    t.after(() => old.end("SIGKILL"));
    const health = new Probing(where.health, "/health");
    const ended = once(old.child, "exit");
    const next = spawn(process.execPath, [BIN, "serve", "-c", old.corefile, "--handover", path, "--admin", "none"], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    t.after(() => next.kill("SIGKILL"));
    let said = "";
    for (const stream of [next.stdout, next.stderr]) stream.setEncoding("utf8").on("data", (text) => (said += text));
    const [code] = (await ended) as [number | null];
    await sleep(300);
    const seen = await health.end();
    next.kill("SIGTERM");
    await once(next, "exit");
    await old.end();
    rmSync(folder, { recursive: true });
    assert.equal(code, 0, said);
    assertOnly(seen, ["200 OK"], 0);
  });
});
