/** What every `DatagramIo` must do. */
import assert from "node:assert/strict";
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { readSockaddr } from "../../src/base/address.ts";
import type { DatagramIo } from "../../src/server/fastpath/datagram-io.ts";

export interface OpenedIo {
  readonly io: DatagramIo;
  readonly port: number;
  close(): void;
}

export function datagramIoContract(name: string, open: () => Promise<OpenedIo>): void {
  describe(`${name} as a DatagramIo`, () => {
    it("gives 0 when nothing waits", async () => {
      const { io, close } = await open();
      assert.equal(io.receive(), 0);
      close();
    });

    it("receives datagrams whole and in order, with their senders, and replies in place", async () => {
      const { io, port, close } = await open();
      const client = await clientSocket();
      const replies: string[] = [];
      client.on("message", (message) => replies.push(message.toString("latin1")));
      for (const text of ["one", "twotwo", "three"]) client.send(text, port, "127.0.0.1");
      const n = await receiveSome(io, 3);
      const seen: string[] = [];
      for (let i = 0; i < n; i++) {
        const at = io.slotAt(i);
        assert.equal(at % 4, 0);
        seen.push(Buffer.from(io.bytes.subarray(at, at + io.lengthOf(i))).toString("latin1"));
        assert.deepEqual(readSockaddr(io.bytes, io.sockaddrAt(i)), {
          address: "127.0.0.1",
          port: client.address().port,
        });
        io.bytes[at] = 0x52;
        io.reply(i, io.lengthOf(i));
      }
      assert.deepEqual(seen, ["one", "twotwo", "three"]);
      assert.equal(io.flush(), 3);
      while (replies.length < 3) await sleep(2);
      // Two replies to one socket may leave together, the longer one first.
      assert.deepEqual(replies.toSorted(), ["Rhree", "Rne", "Rwotwo"]);
      client.close();
      close();
    });

    it("answers only those it is told to, each with its own bytes", async () => {
      const { io, port, close } = await open();
      const clients = await Promise.all([clientSocket(), clientSocket(), clientSocket()]);
      const got: string[][] = clients.map(() => []);
      for (const [c, client] of clients.entries()) {
        client.on("message", (message) => got[c]?.push(message.toString("latin1")));
        client.send(`a${c}`, port, "127.0.0.1");
        client.send(`bb${c}`, port, "127.0.0.1");
      }
      const n = await receiveSome(io, 6);
      for (let i = 0; i < n; i++) if (io.bytes[io.slotAt(i) + io.lengthOf(i) - 1] !== 0x31) io.reply(i, io.lengthOf(i));
      assert.equal(io.flush(), 4);
      while ((got[0]?.length ?? 0) < 2 || (got[2]?.length ?? 0) < 2) await sleep(2);
      assert.deepEqual(
        got.map((texts) => texts.toSorted()),
        [["a0", "bb0"], [], ["a2", "bb2"]],
      );
      for (const client of clients) client.close();
      close();
    });

    it("reports a datagram that is longer than a slot as -1", async () => {
      const { io, port, close } = await open();
      const client = await clientSocket();
      client.send(new Uint8Array(5000), port, "127.0.0.1");
      client.send("after", port, "127.0.0.1");
      assert.equal(await receiveSome(io, 2), 2);
      assert.equal(io.lengthOf(0), -1);
      assert.equal(io.lengthOf(1), 5);
      client.close();
      close();
    });

    it("takes at most one batch and leaves the rest for the next", async () => {
      const { io, port, close } = await open();
      const client = await clientSocket();
      for (let i = 0; i < 100; i++) client.send(`n${i}`, port, "127.0.0.1");
      await sleep(30);
      const first = io.receive();
      const second = io.receive();
      assert.ok(first > 0 && first <= 64, String(first));
      assert.equal(first + second, 100);
      client.close();
      close();
    });
  });
}

async function clientSocket(): Promise<Socket> {
  const socket = createSocket("udp4");
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  return socket;
}

/** Waits until `count` datagrams are in the socket, then takes them in one batch. */
async function receiveSome(io: DatagramIo, count: number): Promise<number> {
  await sleep(20);
  const n = io.receive();
  assert.equal(n, count);
  return n;
}
