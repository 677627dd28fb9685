import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import { cpuOfThreads, isStarving } from "./thread-cpu.ts";

describe("what threads get of the processors", { skip: process.platform !== "linux" }, () => {
  it("is what they use", async (t) => {
    const others = new Set(readdirSync("/proc/self/task"));
    const worker = new Worker("for (;;);", { eval: true });
    t.after(() => worker.terminate());
    await sleep(200);
    const before = cpuOfThreads(process.pid);
    await sleep(300);
    const after = cpuOfThreads(process.pid);
    const used = [...after].map(([id, { isRunnable, usedMs }]) => ({
      id,
      isRunnable,
      ms: usedMs - (before.get(id)?.usedMs ?? NaN),
    }));
    const busy = used.filter(({ id, ms }) => !others.has(id) && ms > 30);
    assert.equal(busy.length, 1);
    assert.equal(busy[0]?.isRunnable, true);
    assert.ok((busy[0]?.ms ?? Infinity) < 400);
    assert.equal(after.get(String(process.pid))?.isRunnable, true, "who asks runs");
    assert.ok(used.some(({ isRunnable, ms }) => !isRunnable && ms < 20));
  });

  it("is nothing where there is no process", () => {
    assert.equal(cpuOfThreads(0).size, 0);
  });
});

describe("starving", () => {
  const of = (...threads: readonly (readonly [boolean, number])[]) =>
    new Map(threads.map(([isRunnable, usedMs], i) => [String(i), { isRunnable, usedMs }] as const));

  it("is who would run and is not let", () => {
    const before = of([true, 100], [false, 50]);
    assert.equal(isStarving(before, of([true, 110], [false, 50]), 50), true);
    assert.equal(isStarving(before, of([true, 145], [false, 50]), 50), false, "it runs");
    assert.equal(isStarving(before, of([false, 110], [false, 50]), 50), false, "it waits");
    assert.equal(isStarving(before, of([true, 145], [true, 50]), 50), true, "one of them");
    assert.equal(isStarving(of(), of([true, 110]), 50), false, "it has just begun");
  });
});
