import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { it } from "node:test";
import {
  childrenOf,
  cpuBetween,
  parsePss,
  parseSchedstat,
  parseStat,
  proportionalMemory,
  sampleCpu,
} from "./process-accounts.ts";

const skip = existsSync("/proc/self/schedstat") ? false : "no /proc/PID/schedstat here";

it("reads a recorded schedstat", () => {
  assert.equal(parseSchedstat("330188318 3087137 13\n"), 330_188_318);
  assert.throws(() => parseSchedstat(""), /not a schedstat/);
});

it("reads a recorded stat whose name holds spaces and parentheses", () => {
  const recorded = "14518 (a) b) R 14491 14491 3363 0 -1 4194304 99 0 0 0 17 5 0 0 20 0 1 0 233276 3133440 382";
  assert.deepEqual(parseStat(recorded), { parent: 14491, userTicks: 17, systemTicks: 5 });
});

it("reads the Pss of a recorded smaps_rollup, and not Pss_Dirty", () => {
  assert.equal(
    parsePss("Rss:                1640 kB\nPss:                 349 kB\nPss_Dirty:           112 kB\n"),
    357_376,
  );
  assert.throws(() => parsePss("Rss: 1 kB\n"), /no Pss/);
});

it("counts threads that were there, that came, and not those that went", () => {
  const before = {
    threads: new Map([
      [1, 100],
      [2, 50],
    ]),
    userTicks: 10,
    systemTicks: 10,
  };
  const after = {
    threads: new Map([
      [1, 150],
      [3, 7],
    ]),
    userTicks: 11,
    systemTicks: 13,
  };
  assert.deepEqual(cpuBetween(before, after), { ns: 57, userShare: 0.25 });
});

it("sees what a process tree uses", { skip }, async () => {
  const child = spawn("sh", ["-c", "sleep 10 & wait"], { stdio: "ignore", detached: true });
  const pid = child.pid ?? 0;
  try {
    for (let i = 0; i < 200 && childrenOf(pid).length === 0; i++)
      await new Promise((resolve) => setTimeout(resolve, 5));
    assert.equal(childrenOf(pid).length, 1);
    assert.ok(childrenOf(process.pid).includes(pid));
    assert.equal(sampleCpu(pid).threads.size, 2);
    assert.ok(proportionalMemory(pid) > 0);
  } finally {
    process.kill(-pid, "SIGKILL");
  }
  const before = sampleCpu(process.pid);
  for (const start = performance.now(); performance.now() - start < 20;);
  assert.ok(cpuBetween(before, sampleCpu(process.pid)).ns > 1_000_000);
});
