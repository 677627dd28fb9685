import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { describe, it, type TestContext } from "node:test";
import { queryFor } from "../../../test/support/dns-client.ts";
import { withoutFfi } from "../../../test/support/ffi.ts";
import { readSockaddr } from "../../base/address.ts";
import { BATCH_BYTES, BATCH_LAYOUT, UNKNOWN_LENGTH, DatagramBatch } from "../../linux/datagram-batch.ts";
import { HEADER_WORDS, LENGTH_WORD, NAME_BYTES, NAMELEN_WORD } from "../../linux/message-headers.ts";
import { createRegion } from "../../linux/shared-region.ts";
import { openListener } from "../../linux/udp-socket.ts";
import { drainRing, leftInBatch, leftInRing } from "./left-queries.ts";
import type { LeftQuery } from "./left-query.ts";
import { MmsgIo } from "./mmsg-io.ts";
import { leftInPending, PENDING_BYTES, PendingQueries } from "./pending-queries.ts";
import { KIND_QUERY, RelayReader, RelayWriter, RING_BYTES, RING_REGION_BYTES } from "./relay-ring.ts";

const LISTENER = 7;
const HEADER_AND_QUESTION = 12 + "\x04name\x04test\x00".length + 4;
const query = (id: number): Uint8Array => Uint8Array.from(queryFor("name.test", 1, { id, opt: 1232 }));

interface Bench {
  readonly io: MmsgIo;
  readonly memory: ArrayBufferLike;
  readonly clientPort: number;
  /** Sends and receives `count` queries with the ids 1, 2, 3 … */
  receive(count: number): Promise<void>;
}

async function bench(t: TestContext): Promise<Bench> {
  const region = createRegion("test-batch", BATCH_BYTES);
  if (region.handle.kind !== "memfd") throw new Error("no memfd");
  const { address } = region.handle;
  const batch = new DatagramBatch(false, { address, buffer: region.buffer as ArrayBuffer, free: () => undefined });
  const socket = openListener("127.0.0.1", 0);
  const client = createSocket("udp4").bind(0, "127.0.0.1");
  await once(client, "listening");
  t.after(() => {
    client.close();
    socket.close();
    region.close();
  });
  const io = new MmsgIo(batch, socket.fd, socket.wildcard, LISTENER);
  const receive = async (count: number): Promise<void> => {
    for (let id = 1; id <= count; id++) {
      await new Promise((resolve) => client.send(query(id), socket.port, "127.0.0.1", resolve));
    }
    assert.equal(io.receive(), count);
  };
  return { io, memory: region.buffer, clientPort: client.address().port, receive };
}

describe("what a dead server left", { skip: withoutFfi }, () => {
  it("in its batch: all that was received and not flushed, with sender and listener", async (t) => {
    const { memory, clientPort, receive } = await bench(t);
    await receive(3);
    const left = leftInBatch(memory, 1000);
    assert.deepEqual(
      left.map(({ wire }) => wire),
      [query(1), query(2), query(3)],
    );
    for (const { listener, sockaddr, control, receivedAtMs } of left) {
      assert.deepEqual([listener, control, receivedAtMs], [LISTENER, undefined, 1000]);
      assert.deepEqual(readSockaddr(sockaddr, 0), { address: "127.0.0.1", port: clientPort });
    }
  });

  it("in its batch: nothing after the flush, with replies and without", async (t) => {
    const { io, memory, receive } = await bench(t);
    await receive(3);
    io.reply(1, io.lengthOf(1));
    io.flush();
    assert.deepEqual(leftInBatch(memory, 0), []);
    await receive(2);
    io.flush();
    assert.deepEqual(leftInBatch(memory, 0), []);
  });

  it("in its batch: a query whose length was not written any more", async (t) => {
    const { io, memory, receive } = await bench(t);
    await receive(1);
    const words = new Int32Array(memory, BATCH_LAYOUT.headers, HEADER_WORDS);
    words[LENGTH_WORD] = UNKNOWN_LENGTH;
    io.bytes.fill(0xee, io.slotAt(0) + query(1).length, io.slotAt(0) + 4096);
    assert.deepEqual(
      leftInBatch(memory, 0).map(({ wire }) => wire),
      [query(1)],
    );
    words[NAMELEN_WORD] = NAME_BYTES;
    assert.deepEqual(leftInBatch(memory, 0), [], "the kernel had brought nothing");
  });

  it("in its batch: the bare question where a reply was begun", async (t) => {
    const { io, memory, receive } = await bench(t);
    await receive(3);
    // Flags and counts of a reply, as the fast path writes them, and an answer over the OPT.
    io.bytes.set([0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0], io.slotAt(1) + 2);
    io.bytes.fill(0xc0, io.slotAt(1) + HEADER_AND_QUESTION, io.slotAt(1) + 100);
    // Killed after the answer was copied, before the header was written.
    io.bytes.fill(0xc0, io.slotAt(2) + HEADER_AND_QUESTION, io.slotAt(2) + 100);
    const bare = (id: number): number[] => {
      const wire = [...query(id).subarray(0, HEADER_AND_QUESTION)];
      wire[11] = 0;
      return wire;
    };
    const [first, second, third] = leftInBatch(memory, 0).map(({ wire }) => [...wire]);
    assert.deepEqual(first, [...query(1)]);
    assert.deepEqual(second?.slice(4), bare(2).slice(4));
    assert.deepEqual(third?.slice(4), bare(3).slice(4));
    assert.deepEqual(second?.slice(0, 4), [0, 2, 1, 0]);
  });

  it("in its ring, in order, once", () => {
    const region = new ArrayBuffer(RING_REGION_BYTES);
    const writer = new RelayWriter(region);
    for (let id = 1; id <= 3; id++) writer.push(KIND_QUERY, LISTENER, id, query(id), 0, query(id).length, -1, 0, 0);
    const reader = new RelayReader(region);
    reader.next();
    reader.next(); // the first is done with now
    assert.deepEqual(
      leftInRing(region).map(({ wire, receivedAtMs }) => [wire, receivedAtMs]),
      [
        [query(2), 2],
        [query(3), 3],
      ],
    );
    assert.deepEqual(leftInRing(region), []);
  });

  it("in its ring, a few at a time, none twice", () => {
    const region = new ArrayBuffer(RING_REGION_BYTES);
    const writer = new RelayWriter(region);
    for (let id = 1; id <= 5; id++) writer.push(KIND_QUERY, LISTENER, id, query(id), 0, query(id).length, -1, 0, 0);
    const looks = [1, 2, 3, 4].map(() => {
      const taken: number[] = [];
      drainRing(region, ({ receivedAtMs }) => taken.push(receivedAtMs), 2);
      return taken;
    });
    assert.deepEqual(looks, [[1, 2], [3, 4], [5], []]);
  });

  it("in hand: what was put there and not freed", () => {
    const region = new ArrayBuffer(PENDING_BYTES);
    const pending = new PendingQueries(region);
    const left = (id: number, deaths = 0): LeftQuery => ({
      listener: LISTENER,
      wire: query(id),
      sockaddr: Uint8Array.from({ length: 28 }, (_, i) => i + id),
      control: id === 2 ? Uint8Array.of(9, 9, 9, 9) : undefined,
      receivedAtMs: id * 1.5,
      deaths,
    });
    const slots = [1, 2, 3].map((id) => pending.putLeft(left(id)));
    pending.free(slots[0] ?? -1);
    assert.deepEqual(leftInPending(region), [left(2, 1), left(3, 1)]);
    pending.putLeft(left(4));
    assert.deepEqual(leftInPending(region), [left(4, 1), left(2, 1), left(3, 1)]);
    assert.equal(pending.putLeft({ ...left(5), wire: new Uint8Array(600) }), -1);
    pending.free(-1);
    const again = new ArrayBuffer(PENDING_BYTES);
    const next = new PendingQueries(again);
    for (const deaths of [1, 2]) next.putLeft(left(6 + deaths, deaths));
    assert.deepEqual(leftInPending(again), [left(7, 2)], "what has killed three is not asked again");
  });

  it("empties a ring whose records cannot be", () => {
    const region = new ArrayBuffer(RING_REGION_BYTES);
    const words = new Int32Array(region);
    for (const [head, tail, size, kind, length] of [
      [8, 0, 0, 0, 0],
      [96, 0, 0, KIND_QUERY, 0],
      [96, 0, -96, KIND_QUERY, 0],
      [96, 0, 104, KIND_QUERY, 4],
      [96, 0, 96, KIND_QUERY, 1],
      [96, 0, 96, KIND_QUERY, -1],
      [0, 96, 96, KIND_QUERY, 0],
      [96 + 8, -8, 96, KIND_QUERY, 0],
      [0x7fffffff, 0, 0x7ffffff8, KIND_QUERY, 0x7fffff00],
    ]) {
      words.fill(0);
      words[0] = head ?? 0;
      words[16] = tail ?? 0;
      const at = (4096 + ((tail ?? 0) & (RING_BYTES - 1))) >> 2;
      for (const [i, word] of [size ?? 0, kind ?? 0, 0, length ?? 0].entries()) words[at + i] = word;
      assert.deepEqual(leftInRing(region), []);
      assert.ok(new RelayReader(region).empty);
    }
  });

  it("is nothing where the memory is too short or holds something else", () => {
    for (const bytes of [0, 64, 4096, BATCH_BYTES, RING_REGION_BYTES, PENDING_BYTES]) {
      const buffer = new ArrayBuffer(bytes);
      for (const fill of [0x00, 0x01, 0x7f, 0xff]) {
        new Uint8Array(buffer).fill(fill);
        for (const look of [leftInRing, leftInPending, (b: ArrayBuffer) => leftInBatch(b, 0)]) {
          for (const { wire } of look(buffer)) assert.ok(wire.length <= 4096);
        }
      }
    }
  });
});
