import assert from "node:assert/strict";
import { readFileSync, readlinkSync } from "node:fs";
import { describe, it } from "node:test";
import { Worker } from "node:worker_threads";
import { withoutFfi } from "../../test/support/ffi.ts";
import { createRegion, openRegion, type RegionHandle, type SharedRegion } from "./shared-region.ts";

/** What the thread does: adds 5 to the first word, and writes its bytes' sum into the second. */
const ADDER = `
const { workerData } = require("node:worker_threads");
import(workerData.module).then(({ openRegion }) => {
  const { buffer, bytes } = openRegion(workerData.handle);
  const words = new Int32Array(buffer);
  Atomics.add(words, 0, 5);
  words[1] = bytes;
});
`;

async function addInThread(handle: RegionHandle): Promise<void> {
  const module = new URL("./shared-region.ts", import.meta.url).href;
  const worker = new Worker(ADDER, { eval: true, workerData: { module, handle } });
  await new Promise<void>((resolve, reject) => {
    worker.once("error", reject);
    worker.once("exit", () => resolve());
  });
}

function regions(name: string, make: (bytes: number) => SharedRegion): void {
  describe(`a shared region, ${name}`, () => {
    it("is zeroed, and has the size that was asked for", () => {
      const region = make(8192);
      assert.equal(region.bytes, 8192);
      assert.equal(region.buffer.byteLength, 8192);
      assert.ok(new Uint8Array(region.buffer).every((byte) => byte === 0));
      region.close();
    });

    it("is the same memory wherever its handle is opened", () => {
      const region = make(4096);
      const again = openRegion(region.handle);
      new Uint8Array(region.buffer)[4095] = 7;
      assert.equal(new Uint8Array(again.buffer)[4095], 7);
      region.close();
    });

    it("is the same memory in another thread", async () => {
      const region = make(4096);
      const words = new Int32Array(region.buffer);
      words[0] = 1;
      await addInThread(region.handle);
      assert.deepEqual([Atomics.load(words, 0), words[1]], [6, 4096]);
      region.close();
    });
  });
}

regions("a SharedArrayBuffer", (bytes) => openRegion({ kind: "buffer", buffer: new SharedArrayBuffer(bytes) }));

describe("with FFI", { skip: withoutFfi }, () => {
  regions("a memfd", (bytes) => createRegion("nodens-test", bytes));

  it("a region is a memfd of its name, which is gone when closed", () => {
    const region = createRegion("nodens-named", 4096);
    const { handle } = region;
    assert.ok(handle.kind === "memfd");
    assert.match(readlinkSync(`/proc/self/fd/${handle.fd}`), /^\/memfd:nodens-named/);
    assert.match(readFileSync("/proc/self/maps", "latin1"), /memfd:nodens-named/);
    region.close();
    assert.doesNotMatch(readFileSync("/proc/self/maps", "latin1"), /memfd:nodens-named/);
    assert.throws(() => assert.doesNotMatch(readlinkSync(`/proc/self/fd/${handle.fd}`), /./));
  });
});
