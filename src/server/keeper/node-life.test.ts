import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it, mock } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { systemClock } from "../../base/clock.ts";
import { MemoryLog } from "../../base/log.ts";
import type { Change, Plumbing } from "../plumbing/plumbing.ts";
import {
  NODE_BACKEND_FLOAT,
  NODE_CAPTURING_FLOAT,
  NODE_CHECKS_FLOAT,
  NODE_ERRORS_FLOAT,
  NODE_INTERCEPT_FLOAT,
  NODE_LEASED_AT_MS_FLOAT,
  NODE_RESTORED_FLOAT,
} from "./beats-layout.ts";
import { NodeLife, type NodePlan } from "./node-life.ts";

const INTERFACE: Change = { kind: "added", what: "interface nodelocaldns" };
const RULE: Change = {
  kind: "added",
  what: 'raw PREROUTING -p tcp -d 169.254.20.10 --dport 53 -j NOTRACK -m comment --comment "NodeLocal DNS Cache: skip conntrack"',
};

/** Remembers what it is asked for. */
class FakePlumbing implements Plumbing {
  readonly choice = { intercept: "address", backend: "nftables", why: "a test" } as const;
  readonly extraAddresses = [];
  readonly calls: string[] = [];
  /** What the next calls find to be changed. */
  link: readonly Change[] = [INTERFACE];
  rules: readonly Change[] = [RULE];
  leases = 0;
  removing: Promise<void> = Promise.resolve();

  async ensureInterface(): Promise<readonly Change[]> {
    this.calls.push("interface");
    const changes = this.link;
    this.link = [];
    return changes;
  }

  async ensureRules(): Promise<readonly Change[]> {
    this.calls.push("rules");
    const changes = this.rules;
    this.rules = [];
    return changes;
  }

  setFallback(fallback: readonly string[]): void {
    this.calls.push(`fallback ${fallback.join()}`);
  }

  refreshLease(): void {
    this.leases++;
  }

  async removeRules(): Promise<readonly Change[]> {
    this.calls.push("remove rules");
    await this.removing;
    return [{ ...RULE, kind: "removed" }];
  }

  async removeInterface(): Promise<readonly Change[]> {
    this.calls.push("remove interface");
    return [{ ...INTERFACE, kind: "removed" }];
  }

  close(): void {
    this.calls.push("close");
  }
}

const folder = mkdtempSync(join(tmpdir(), "nodens-test-"));
after(() => rmSync(folder, { recursive: true }));

interface Made {
  readonly plumbing: FakePlumbing;
  readonly node: NodeLife;
  readonly log: MemoryLog;
  readonly counters: Float64Array;
}

function made(plan: Partial<NodePlan> = {}): Made {
  const plumbing = new FakePlumbing();
  const log = new MemoryLog();
  const counters = new Float64Array(64);
  const node = new NodeLife({
    plumbing,
    interfaceName: "nodelocaldns",
    syncIntervalMs: 50,
    skipTeardown: false,
    pidFile: undefined,
    fallback: [],
    fallbackFile: undefined,
    log,
    clock: systemClock,
    counters,
    ...plan,
  });
  return { plumbing, node, log, counters };
}

describe("the life of a node", () => {
  it("has its order: interface, then rules and lease; at the end rules, then interface", async () => {
    const { plumbing, node, log, counters } = made({ syncIntervalMs: 60_000 });
    await node.prepare();
    assert.deepEqual(plumbing.calls, ["fallback ", "interface"]);
    assert.deepEqual([counters[NODE_INTERCEPT_FLOAT], counters[NODE_BACKEND_FLOAT]], [1, 1]);
    assert.equal(counters[NODE_CAPTURING_FLOAT], 0);
    node.serves();
    assert.equal(plumbing.leases, 0);
    await node.capture();
    await node.capture();
    assert.equal(counters[NODE_CAPTURING_FLOAT], 1);
    assert.ok((counters[NODE_LEASED_AT_MS_FLOAT] ?? 0) > 0);
    await sleep(700);
    assert.ok(plumbing.leases >= 3, `${plumbing.leases} leases`);
    await node.release();
    assert.equal(counters[NODE_CAPTURING_FLOAT], 0);
    const { leases } = plumbing;
    await sleep(400);
    assert.equal(plumbing.leases, leases, "the lease is not refreshed any more");
    await node.finish(true);
    assert.deepEqual(plumbing.calls, ["fallback ", "interface", "rules", "remove rules", "remove interface", "close"]);
    assert.deepEqual(log.lines, [
      "[INFO] node: intercept address, rules nftables: a test",
      "[INFO] Added interface - nodelocaldns",
      "[INFO] Added back nodelocaldns rule - {raw PREROUTING [-p tcp -d 169.254.20.10 --dport 53 -j NOTRACK -m comment --comment NodeLocal DNS Cache: skip conntrack]}",
      "[INFO] node: answers are ready, and queries of this node come here",
      "[INFO] Tearing down",
      "[INFO] Removed nodelocaldns rule - {raw PREROUTING [-p tcp -d 169.254.20.10 --dport 53 -j NOTRACK -m comment --comment NodeLocal DNS Cache: skip conntrack]}",
      "[INFO] Removed interface - nodelocaldns",
    ]);
  });

  it("puts back what somebody takes away, and counts it", async () => {
    const { plumbing, node, counters } = made();
    await node.prepare();
    await node.capture();
    assert.equal(counters[NODE_RESTORED_FLOAT], 0);
    plumbing.rules = [{ ...RULE, kind: "restored" }];
    plumbing.link = [{ ...INTERFACE, kind: "restored" }];
    await sleep(200);
    assert.equal(counters[NODE_RESTORED_FLOAT], 2);
    assert.ok((counters[NODE_CHECKS_FLOAT] ?? 0) >= 1);
    await node.finish(true);
  });

  it("counts failures by their type and goes on", async () => {
    const { plumbing, node, log, counters } = made({ syncIntervalMs: 60_000 });
    const failed = (errorType: "iptables_lock" | "interface_add", what: string): Change => ({
      kind: "failed",
      what,
      failure: { errorType, reason: "somebody has it" },
    });
    plumbing.link = [failed("interface_add", "interface nodelocaldns")];
    plumbing.rules = [failed("iptables_lock", "rules")];
    await node.prepare();
    await node.capture();
    assert.deepEqual([...counters.subarray(NODE_ERRORS_FLOAT, NODE_ERRORS_FLOAT + 4)], [0, 1, 1, 0]);
    assert.ok(log.lines.includes("[ERROR] rules: somebody has it"));
    await node.finish(true);
  });

  it("captures nothing, and takes its interface away, when no server came to serve", async () => {
    const { plumbing, node } = made();
    await node.prepare();
    await node.finish(false);
    assert.deepEqual(plumbing.calls, ["fallback ", "interface", "remove interface", "close"]);
    const other = made();
    other.plumbing.link = [];
    await other.node.prepare();
    await other.node.finish(false);
    assert.deepEqual(other.plumbing.calls, ["fallback ", "interface", "close"], "what was there before stays");
  });

  it("captures nothing any more when it has been told to end", async () => {
    const { plumbing, node } = made();
    await node.prepare();
    await node.release();
    await node.capture();
    assert.ok(!plumbing.calls.includes("rules"));
    await node.finish(true);
  });

  it("leaves all as it is with skipTeardown, and when another instance has taken over", async () => {
    const skipping = made({ skipTeardown: true });
    const left = made();
    for (const { node } of [skipping, left]) {
      await node.prepare();
      await node.capture();
    }
    left.node.leave();
    for (const { node, plumbing } of [skipping, left]) {
      await node.release();
      await node.finish(true);
      assert.deepEqual(plumbing.calls, ["fallback ", "interface", "rules", "close"]);
    }
  });

  it("does not wait for ever for somebody who holds a lock", async () => {
    mock.timers.enable({ apis: ["setTimeout"] });
    const { plumbing, node, log } = made({ syncIntervalMs: 60_000 });
    await node.prepare();
    await node.capture();
    const held = Promise.withResolvers<void>();
    plumbing.removing = held.promise;
    const released = node.release();
    await Promise.resolve();
    mock.timers.tick(8000);
    await released;
    mock.timers.reset();
    assert.match(log.lines.at(-1) ?? "", /^\[ERROR\] packet rules cannot be removed within 8 s/);
    held.resolve();
    await node.finish(true);
  });

  it("writes a file with its process id while it serves", async () => {
    const pidFile = join(folder, "node-cache.pid");
    const { node } = made({ pidFile });
    await node.prepare();
    assert.ok(!existsSync(pidFile));
    node.serves();
    assert.equal(readFileSync(pidFile, "utf8"), `${process.pid}\n`);
    await node.finish(true);
    assert.ok(!existsSync(pidFile));
    const unwritable = made({ pidFile: join(folder, "no/folder/pid") });
    unwritable.node.serves();
    assert.match(unwritable.log.lines[0] ?? "", /^\[WARNING\] cannot write the pid file .*: ENOENT/);
    await unwritable.node.finish(true);
  });

  it("has the rules follow the endpoints that a file or a server names", async () => {
    const fallbackFile = join(folder, "endpoints");
    writeFileSync(fallbackFile, "10.244.1.2 # one\n10.244.1.3:5353,\n");
    const { plumbing, node } = made({ fallbackFile, fallback: ["10.96.0.99"], syncIntervalMs: 60_000 });
    await node.prepare();
    await node.capture();
    writeFileSync(fallbackFile, "");
    for (let i = 0; i < 100 && plumbing.calls.length < 5; i++) await sleep(20);
    node.tellFallback(["10.244.9.9:53"]);
    await sleep(10);
    await node.finish(true);
    assert.deepEqual(plumbing.calls.slice(0, -3), [
      "fallback 10.244.1.2,10.244.1.3:5353",
      "interface",
      "rules",
      "fallback 10.96.0.99",
      "rules",
      "fallback 10.244.9.9:53",
      "rules",
    ]);
  });
});
