import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import { withoutFfi } from "../../test/support/ffi.ts";
import { createEventFd, drainEventFd, signalEventFd } from "./event-fd.ts";
import { closeFd } from "./fd.ts";
import { LoopWatch } from "./loop-watch.ts";

describe("watching descriptors with the event loop", { skip: withoutFfi }, () => {
  let watch: LoopWatch;
  let fd: number;

  beforeEach(() => {
    watch = new LoopWatch();
    fd = createEventFd();
  });

  afterEach(() => {
    watch.close();
    closeFd(fd);
  });

  it("calls the listener while there is something to read, and no more after", async () => {
    let calls = 0;
    watch.add(fd, () => {
      if (++calls === 3) drainEventFd(fd);
    });
    signalEventFd(fd);
    while (calls < 3) await sleep(1);
    await sleep(20);
    assert.equal(calls, 3);
  });

  it("calls it once an arrival with edge", async () => {
    let calls = 0;
    watch.add(fd, () => calls++, true);
    signalEventFd(fd);
    while (calls < 1) await sleep(1);
    await sleep(20);
    assert.equal(calls, 1);
    signalEventFd(fd);
    while (calls < 2) await sleep(1);
  });

  it("wakes a loop that has nothing else to do", async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    watch.add(fd, () => {
      drainEventFd(fd);
      resolve();
    });
    // From another thread, for a timer of this one would itself wake the loop.
    const worker = new Worker(
      `const { setTimeout } = require("node:timers");
       setTimeout(() => require("node:fs").writeSync(${fd}, Buffer.from([1, 0, 0, 0, 0, 0, 0, 0])), 20);`,
      { eval: true },
    );
    await promise;
    await worker.terminate();
  });

  it("is silent about what was removed", async () => {
    let calls = 0;
    watch.add(fd, () => calls++);
    watch.remove(fd);
    signalEventFd(fd);
    await sleep(20);
    assert.equal(calls, 0);
  });

  it("does not make the loop turn idly", async () => {
    const before = process.cpuUsage();
    await sleep(200);
    const { user, system } = process.cpuUsage(before);
    assert.ok(user + system < 150_000, `${user + system} µs of 200,000`);
  });
});
