import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { MemoryIo } from "../../../test/support/memory-io.ts";
import { queryFor } from "../../../test/support/dns-client.ts";
import { nameToText } from "../../dns/name-text.ts";
import { ASK_REGION_BYTES, AskReader, AskWriter } from "./ask-ring.ts";

const NXDOMAIN = 3;

function ring(): { writer: AskWriter; reader: AskReader } {
  const buffer = new SharedArrayBuffer(ASK_REGION_BYTES);
  return { writer: new AskWriter(buffer), reader: new AskReader(buffer) };
}

/** Queries in slots as they are when they have been answered. */
function answered(wires: readonly Uint8Array[], client: string, rcode = 0): MemoryIo {
  const io = new MemoryIo();
  io.put(wires);
  for (const i of wires.keys()) io.bytes[io.slotAt(i) + 3] = rcode;
  io.put(
    wires.map((_, i) => io.bytes.slice(io.slotAt(i), io.slotAt(i) + (wires[i]?.length ?? 0))),
    client,
  );
  return io;
}

function put(writer: AskWriter, io: MemoryIo, wires: readonly Uint8Array[], atMs = 5): void {
  if (!writer.begin()) return;
  for (const [i, wire] of wires.entries()) writer.put(io, i, wire.length, wire.length, atMs);
  writer.end();
}

function take(reader: AskReader): { name: string; address: string; rcode: number; qtype: number; weight: number }[] {
  const records = [];
  while (reader.next()) {
    records.push({
      name: reader.nameBytes === 0 ? "" : nameToText(reader.bytes, reader.nameAt),
      address: Buffer.from(reader.bytes.subarray(reader.addressAt, reader.addressAt + 16)).toString("hex"),
      rcode: reader.rcode,
      qtype: reader.qtype,
      weight: reader.weight,
    });
  }
  return records;
}

describe("the ring of who asked", () => {
  it("tells nothing until somebody wants to know", () => {
    const { writer, reader } = ring();
    const wires = [queryFor("a.example.", 1)];
    put(writer, answered(wires, "10.244.0.7"), wires);
    assert.deepEqual(take(reader), []);
    reader.every = 1;
    put(writer, answered(wires, "10.244.0.7"), wires);
    assert.equal(take(reader).length, 1);
    reader.every = 0;
    put(writer, answered(wires, "10.244.0.7"), wires);
    assert.deepEqual([take(reader), reader.lost], [[], 0]);
  });

  it("tells address, name, type and response code", () => {
    const { writer, reader } = ring();
    reader.every = 1;
    const v4 = [queryFor("A.Example.", 28)];
    put(writer, answered(v4, "10.244.0.7", NXDOMAIN), v4);
    const v6 = [queryFor(".", 2)];
    put(writer, answered(v6, "fd00::1:7"), v6);
    assert.deepEqual(take(reader), [
      { name: "A.Example.", address: "00000000000000000000ffff0af40007", rcode: NXDOMAIN, qtype: 28, weight: 1 },
      { name: ".", address: "fd000000000000000000000000010007", rcode: 0, qtype: 2, weight: 1 },
    ]);
  });

  it("knows no name of a reply without a question, whatever the question was before", () => {
    const { writer, reader } = ring();
    reader.every = 1;
    const wire = queryFor("a.example.", 1);
    const io = answered([wire], "10.244.0.7", 1);
    io.bytes[io.slotAt(0) + 5] = 0;
    assert.ok(writer.begin());
    writer.put(io, 0, wire.length, 12, 5);
    io.bytes[io.slotAt(0) + 5] = 1;
    writer.put(io, 0, wire.length, 12, 5);
    writer.end();
    assert.deepEqual(
      take(reader).map(({ name, rcode }) => [name, rcode]),
      [
        ["", 1],
        ["", 1],
      ],
    );
  });

  it("gives records back in order and whole, however they wrap, and counts those that find it full", () => {
    const labels = fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 40 });
    fc.assert(
      fc.property(labels, fc.integer({ min: 1, max: 9000 }), (lengths, drainEvery) => {
        const { writer, reader } = ring();
        reader.every = 1;
        const texts = lengths.map((length, i) => `${"x".repeat(length)}.${i}.example.`);
        const wires = texts.map((text) => queryFor(text, 1));
        const io = answered(wires, "10.244.0.7");
        let expected: string[] = [];
        for (let n = 0; n < 9000; n++) {
          const i = n % wires.length;
          const lost = reader.lost;
          const length = wires[i]?.length ?? 0;
          assert.ok(writer.begin());
          writer.put(io, i, length, length, 5);
          writer.end();
          if (reader.lost === lost) expected.push(texts[i] ?? "");
          if (n % drainEvery !== 0) continue;
          assert.deepEqual(
            take(reader).map(({ name }) => name),
            expected,
          );
          expected = [];
        }
        assert.deepEqual(
          take(reader).map(({ name }) => name),
          expected,
        );
        assert.equal(reader.fill, 0);
      }),
      { numRuns: 30 },
    );
  });

  it("tells about one in so many, with that weight", () => {
    const { writer, reader } = ring();
    reader.every = 4;
    const wires = Array.from({ length: 64 }, (_, i) => queryFor("a.example.", i % 2 === 0 ? 1 : 28));
    const io = answered(wires, "10.244.0.7");
    const records = [];
    for (let round = 0; round < 250; round++) {
      put(writer, io, wires);
      records.push(...take(reader));
    }
    assert.ok(records.every(({ weight }) => weight === 4));
    for (const type of [1, 28]) {
      const told = records.filter(({ qtype }) => qtype === type).length * 4;
      assert.ok(Math.abs(told - 8000) < 800, `${told} of 8000 with type ${type}`);
    }
  });
});
