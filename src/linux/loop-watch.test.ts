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
    watch.add(fd, () => calls++, { edge: true });
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

  it("lets timers, immediates and promises have their turn while there is always something to read", async () => {
    let calls = 0;
    let immediates = 0;
    let promises = 0;
    watch.add(fd, () => {
      calls++;
      void Promise.resolve().then(() => promises++);
    });
    signalEventFd(fd);
    const again = (): void => {
      if (++immediates < 20) setImmediate(again);
    };
    setImmediate(again);
    const startedAt = performance.now();
    await sleep(30);
    const took = performance.now() - startedAt;
    drainEventFd(fd);
    assert.equal(immediates, 20);
    assert.ok(calls > 100, `${calls} calls`);
    assert.ok(Math.abs(promises - calls) <= 1, `${promises} promises of ${calls} calls`);
    assert.ok(took < 200, `a timer of 30 ms took ${took} ms`);
  });

  it("wakes a loop that was busy and has nothing to do any more", async () => {
    let calls = 0;
    watch.add(fd, () => {
      calls++;
      drainEventFd(fd);
    });
    for (let round = 1; round <= 5; round++) {
      for (let i = 0; i < 20; i++) {
        signalEventFd(fd);
        await sleep(1);
      }
      const before = calls;
      assert.ok(before >= round * 20);
      await sleep(50);
      signalEventFd(fd);
      const startedAt = performance.now();
      while (calls === before) await sleep(1);
      assert.ok(performance.now() - startedAt < 100);
    }
  });

  it("may be closed by a listener, also while it is busy", async () => {
    for (const closesAt of [1, 2, 3, 50]) {
      const other = new LoopWatch();
      const fds = [createEventFd(), createEventFd()];
      let calls = 0;
      for (const one of fds) {
        signalEventFd(one);
        other.add(one, () => {
          if (++calls === closesAt) other.close();
        });
      }
      await sleep(20);
      assert.equal(calls, closesAt);
      for (const one of fds) closeFd(one);
    }
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
