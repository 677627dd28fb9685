import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { withoutFfi } from "../../../test/support/ffi.ts";
import { FakeClock } from "../../base/clock.ts";
import { BATCH_BYTES, DatagramBatch } from "../../linux/datagram-batch.ts";
import { createRegion } from "../../linux/shared-region.ts";
import { AnswerReader } from "../cache/answer-reader.ts";
import { AnswerStore } from "../cache/answer-store.ts";
import { leftInBatch } from "./left-queries.ts";
import { openWarmUpSockets, plantWarmUp } from "./plant-warm-up.ts";
import { WarmUp } from "./warm-up.ts";

class CountingReader extends AnswerReader {
  finds = 0;

  override find(...args: Parameters<AnswerReader["find"]>): number {
    this.finds++;
    return super.find(...args);
  }
}

describe("a warm-up", { skip: withoutFfi }, () => {
  it("goes both ways thousands of times, misses nothing, and leaves nothing in the batch", (t) => {
    const region = createRegion("test-batch", BATCH_BYTES);
    t.after(() => region.close());
    if (region.handle.kind !== "memfd") throw new Error("no memfd");
    const { address } = region.handle;
    const batch = new DatagramBatch(true, { address, buffer: region.buffer as ArrayBuffer, free: () => undefined });
    const clock = new FakeClock();
    const store = AnswerStore.create({ bytes: 4 << 20, clock });
    const plan = plantWarmUp(store);
    const reader = new CountingReader(store.handle);
    const relay = { push: () => assert.fail("a miss") };
    const warmUp = new WarmUp({ clock, reader, batch, relay, plan, sockets: openWarmUpSockets() });
    let steps = 0;
    while (warmUp.step()) steps++;
    assert.ok(reader.finds >= 3000, `${reader.finds} searches`);
    assert.ok(steps * 32 - reader.finds >= 3000, `${steps * 32 - reader.finds} repeated`);
    assert.deepEqual([batch.pairs, batch.blockedSends, batch.refusedSends], [0, 0, 0]);
    batch.owner = 1;
    assert.deepEqual(leftInBatch(region.buffer, 0), []);
  });
});
