import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { CONTROL_ACCEPT, CONTROL_FINISH, controlFrame, ControlReader, dataFrame } from "./frame-streams.ts";

describe("Frame Streams", () => {
  it("has the layout of fstrm", () => {
    assert.deepEqual([...controlFrame(3)], [0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 3]);
    const ready = [0, 0, 0, 0, 0, 0, 0, 14, 0, 0, 0, 4, 0, 0, 0, 1, 0, 0, 0, 2, 0x61, 0x62];
    assert.deepEqual([...controlFrame(4, "ab")], ready);
    assert.deepEqual([...dataFrame(Uint8Array.of(7, 8, 9))], [0, 0, 0, 3, 7, 8, 9]);
  });

  it("reads control frames however they are cut", () => {
    const bytes = Buffer.concat([controlFrame(CONTROL_ACCEPT, "protobuf:x"), controlFrame(CONTROL_FINISH)]);
    fc.assert(
      fc.property(fc.uniqueArray(fc.nat(bytes.length), { maxLength: 6 }), (cuts) => {
        const reader = new ControlReader();
        const edges = [0, ...cuts.toSorted((a, b) => a - b), bytes.length];
        const frames = edges.slice(1).flatMap((end, i) => reader.push(bytes.subarray(edges[i], end)) ?? assert.fail());
        assert.deepEqual(frames, [
          { type: CONTROL_ACCEPT, contentTypes: ["protobuf:x"] },
          { type: CONTROL_FINISH, contentTypes: [] },
        ]);
      }),
    );
  });

  it("refuses what is no control frame, and one that is too long", () => {
    for (const bytes of [
      [0, 0, 0, 1, 0, 0, 0, 4],
      [0, 0, 0, 0, 0, 0, 0, 3],
      [0, 0, 0, 0, 0, 0, 2, 1],
      [0, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0, 1, 0, 0, 0, 1],
      [0, 0, 0, 0, 0, 0, 0, 12, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 0],
      [0, 0, 0, 0, 0, 0, 0, 12, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1],
    ]) {
      assert.equal(new ControlReader().push(Uint8Array.from(bytes)), undefined, bytes.join(" "));
    }
  });

  it("never throws, whatever comes", () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => void new ControlReader().push(bytes)));
  });
});
