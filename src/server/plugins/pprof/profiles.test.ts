import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { text } from "node:stream/consumers";
import type { Readable } from "node:stream";
import { allocationProfile, Busy, cpuProfile, heapSnapshot } from "./profiles.ts";

function busyFor(ms: number): void {
  const until = performance.now() + ms;
  while (performance.now() < until);
}

async function destroyed(stream: Readable): Promise<void> {
  const closed = new Promise((resolve) => stream.once("close", resolve));
  stream.on("error", () => {});
  stream.destroy();
  await closed;
}

/** The parts of V8's formats that tests look at. */
interface CpuProfile {
  readonly nodes: readonly { readonly callFrame: { readonly functionName: string } }[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}
interface HeapSnapshot {
  readonly snapshot: { readonly node_count: number };
}

describe("profiles", () => {
  it("of the CPU name the function that was busy", async () => {
    const profile = text(cpuProfile(60));
    await new Promise((resolve) => setTimeout(resolve, 5));
    busyFor(30);
    const { nodes, samples, timeDeltas } = JSON.parse(await profile) as CpuProfile;
    assert.ok(nodes.some((node) => node.callFrame.functionName === "busyFor"));
    assert.equal(samples.length, timeDeltas.length);
  });

  it("of allocations are a tree", async () => {
    const profile = text(allocationProfile(10));
    assert.ok("head" in (JSON.parse(await profile) as object));
  });

  it("of the heap are a snapshot", async () => {
    const { snapshot } = JSON.parse(await text(heapSnapshot())) as HeapSnapshot;
    assert.ok(snapshot.node_count > 1000);
  });

  it("are made one at a time, and end when nobody reads them any more", async () => {
    const first = cpuProfile(60_000);
    first.resume();
    await new Promise((resolve) => setImmediate(resolve));
    assert.throws(() => cpuProfile(1), Busy);
    assert.throws(() => allocationProfile(1), Busy);
    assert.throws(() => heapSnapshot(), Busy);
    await destroyed(first);
    assert.ok("nodes" in (JSON.parse(await text(cpuProfile(1))) as object));
    const snapshot = heapSnapshot();
    await destroyed(snapshot);
    await destroyed(cpuProfile(60_000));
    assert.ok("head" in (JSON.parse(await text(allocationProfile(1))) as object));
  });
});
