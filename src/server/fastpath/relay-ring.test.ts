import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { KIND_QUERY, RelayReader, RelayWriter, RING_BYTES, RING_REGION_BYTES } from "./relay-ring.ts";

function ring(): { writer: RelayWriter; reader: RelayReader } {
  const buffer = new SharedArrayBuffer(RING_REGION_BYTES);
  return { writer: new RelayWriter(buffer), reader: new RelayReader(buffer) };
}

/** Memory with a payload at 100, an address at 0 and control data at 40. */
function memory(payload: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(100 + payload.length);
  for (let i = 0; i < 80; i++) bytes[i] = i;
  bytes.set(payload, 100);
  return bytes;
}

describe("relay ring", () => {
  it("gives records back in order and whole, however they wrap", () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 4096 }), { maxLength: 60 }), fc.nat(200), (payloads, rounds) => {
        const { writer, reader } = ring();
        let expected: Uint8Array[] = [];
        for (let round = 0; round < 3 + (rounds % 60); round++) {
          for (const payload of payloads) {
            const pushed = writer.push(KIND_QUERY, round, 12.5, memory(payload), 100, payload.length, 0, 40, 32);
            if (pushed) expected.push(payload);
            else {
              drain(reader, expected);
              expected = [];
            }
          }
        }
        drain(reader, expected);
        assert.equal(reader.next(), false);
      }),
      { numRuns: 40 },
    );
  });

  it("carries address, packet info and time", () => {
    const { writer, reader } = ring();
    writer.push(KIND_QUERY, 7, 1234.5, memory(Uint8Array.of(9, 8)), 100, 2, 0, 40, 32);
    assert.equal(reader.next(), true);
    assert.deepEqual([reader.kind, reader.id, reader.length, reader.receivedAtMs], [KIND_QUERY, 7, 2, 1234.5]);
    assert.deepEqual([...reader.payload()], [9, 8]);
    assert.deepEqual(
      [...reader.sockaddr()],
      Array.from({ length: 28 }, (_, i) => i),
    );
    assert.deepEqual(
      [...(reader.control() ?? [])],
      Array.from({ length: 32 }, (_, i) => 40 + i),
    );
    writer.push(KIND_QUERY, 1, 0, memory(new Uint8Array(0)), 100, 0, -1, 0, 0);
    assert.equal(reader.next(), true);
    assert.equal(reader.control(), undefined);
  });

  it("begins anew when it is empty: memory that no backlog needed is never touched", () => {
    const buffer = new SharedArrayBuffer(RING_REGION_BYTES);
    const [writer, reader] = [new RelayWriter(buffer), new RelayReader(buffer)];
    const query = memory(new Uint8Array(40).fill(0xee));
    for (let round = 0; round < 2000; round++) {
      for (let i = 0; i < 100; i++) assert.ok(writer.push(KIND_QUERY, i, 0, query, 100, 40, 0, 40, 32));
      for (let i = 0; i < 100; i++) assert.ok(reader.next() && reader.id === i && reader.payload()[39] === 0xee);
      // While the reader stands on a record nothing is begun anew, whoever reads on from there.
      assert.ok(writer.push(KIND_QUERY, 7, 0, query, 100, 40, 0, 40, 32));
      assert.ok(reader.next() && reader.id === 7 && !reader.next() && reader.empty);
    }
    const touched = new Uint8Array(buffer).findLastIndex((byte) => byte !== 0);
    assert.ok(touched < 128 * 1024, String(touched));
    const later = new RelayReader(buffer);
    assert.ok(writer.push(KIND_QUERY, 9, 0, query, 100, 40, 0, 40, 32) && later.next() && later.id === 9);
  });

  it("refuses what does not fit and takes it after the reader moved on", () => {
    const { writer, reader } = ring();
    const payload = memory(new Uint8Array(4096));
    let pushed = 0;
    while (writer.push(KIND_QUERY, pushed, 0, payload, 100, 4096, -1, 0, 0)) pushed++;
    assert.ok(pushed >= RING_BYTES / 4300 && pushed <= RING_BYTES / 4096, String(pushed));
    assert.equal(reader.next() && reader.next() && reader.next(), true);
    assert.equal(writer.push(KIND_QUERY, pushed, 0, payload, 100, 4096, -1, 0, 0), true);
    let seen = 3;
    while (reader.next()) assert.equal(reader.id, seen++);
    assert.equal(seen, pushed + 1);
  });
});

function drain(reader: RelayReader, expected: readonly Uint8Array[]): void {
  for (const payload of expected) {
    assert.equal(reader.next(), true);
    assert.deepEqual(reader.payload(), payload);
  }
}
