/** What every implementation of `UpstreamPorts` promises. */
import assert from "node:assert/strict";
import { createSocket, type RemoteInfo, type Socket } from "node:dgram";
import { afterEach, beforeEach, describe, it } from "node:test";
import type { UpstreamPort, UpstreamPorts } from "../../src/server/upstream/upstream-ports.ts";

const ECONNREFUSED = 111;

interface Received {
  readonly message: string;
  readonly remote: RemoteInfo;
}

/** A socket on 127.0.0.1 that keeps what it gets. */
class Peer {
  readonly socket: Socket;
  readonly received: Received[] = [];
  port = 0;

  constructor() {
    this.socket = createSocket("udp4");
    this.socket.on("message", (message, remote) => this.received.push({ message: String(message), remote }));
  }

  bind(): Promise<void> {
    return new Promise((resolve) =>
      this.socket.bind(0, "127.0.0.1", () => {
        this.port = this.socket.address().port;
        resolve();
      }),
    );
  }

  reply(text: string, to: RemoteInfo): void {
    this.socket.send(text, to.port, to.address);
  }

  close(): Promise<void> {
    return new Promise((resolve) => this.socket.close(() => resolve()));
  }
}

/** @param open makes one; the suite closes it */
export function upstreamPortsContract(name: string, open: () => UpstreamPorts | Promise<UpstreamPorts>): void {
  describe(`${name}, as upstream ports`, () => {
    let ports: UpstreamPorts;
    let peer: Peer;
    const replies: { port: UpstreamPort; text: string }[] = [];
    const errors: { port: UpstreamPort; errno: number }[] = [];

    beforeEach(async () => {
      ports = await open();
      peer = new Peer();
      await peer.bind();
      replies.length = 0;
      errors.length = 0;
    });

    afterEach(async () => {
      await ports.close();
      await peer.close();
    });

    const openPort = (remotePort: number = peer.port, sourceAddress?: string): UpstreamPort =>
      ports.open(
        { address: "127.0.0.1", port: remotePort },
        sourceAddress,
        (port, message) => replies.push({ port, text: Buffer.from(message).toString() }),
        (port, errno) => errors.push({ port, errno }),
      );

    it("send from a port of their own, each from another", async () => {
      for (const text of ["a", "b", "c"]) openPort().send(Buffer.from(text));
      await until(() => peer.received.length === 3);
      assert.equal(new Set(peer.received.map(({ remote }) => remote.port)).size, 3);
    });

    it("send all messages of a turn from one port, as they were when sent", async () => {
      const port = openPort();
      const message = Buffer.from("0");
      for (let i = 0; i < 20; i++) {
        message[0] = 0x41 + i;
        port.send(message);
      }
      await until(() => peer.received.length === 20);
      assert.equal(peer.received.map(({ message: text }) => text).join(""), "ABCDEFGHIJKLMNOPQRST");
      assert.equal(new Set(peer.received.map(({ remote }) => remote.port)).size, 1);
    });

    it("send again in later turns", async () => {
      const port = openPort();
      port.send(Buffer.from("first"));
      await until(() => peer.received.length === 1);
      port.send(Buffer.from("second"));
      await until(() => peer.received.length === 2);
      assert.equal(peer.received[0]?.remote.port, peer.received[1]?.remote.port);
    });

    it("hand over each reply with the port it came to", async () => {
      const [one, two] = [openPort(), openPort()];
      one.send(Buffer.from("one"));
      two.send(Buffer.from("two"));
      await until(() => peer.received.length === 2);
      for (const { message, remote } of peer.received) peer.reply(`re ${message}`, remote);
      await until(() => replies.length === 2);
      assert.equal(replies.find(({ text }) => text === "re one")?.port, one);
      assert.equal(replies.find(({ text }) => text === "re two")?.port, two);
    });

    it("take datagrams of no bytes and of many", async () => {
      openPort().send(Buffer.from("hello"));
      await until(() => peer.received.length === 1);
      const [first] = peer.received;
      assert.ok(first);
      peer.reply("", first.remote);
      peer.reply("x".repeat(4096), first.remote);
      await until(() => replies.length === 2);
      assert.deepEqual(
        replies.map(({ text }) => text.length),
        [0, 4096],
      );
    });

    it("never see what another address or port sends", async () => {
      openPort().send(Buffer.from("hello"));
      await until(() => peer.received.length === 1);
      const [first] = peer.received;
      assert.ok(first);
      const stranger = new Peer();
      await stranger.bind();
      stranger.reply("forged", first.remote);
      await new Promise((resolve) => setTimeout(resolve, 20));
      peer.reply("real", first.remote);
      await until(() => replies.length > 0);
      await stranger.close();
      assert.deepEqual(
        replies.map(({ text }) => text),
        ["real"],
      );
    });

    it("tell of a refusal", async () => {
      const gone = new Peer();
      await gone.bind();
      await gone.close();
      const port = openPort(gone.port);
      port.send(Buffer.from("hello"));
      await until(() => errors.length > 0);
      assert.equal(errors[0]?.port, port);
      assert.equal(errors[0]?.errno, ECONNREFUSED);
    });

    it("tell of a refusal that a later message of the same turn runs into", async () => {
      const gone = new Peer();
      await gone.bind();
      await gone.close();
      for (let i = 0; i < 10; i++) {
        errors.length = 0;
        const port = openPort(gone.port);
        port.send(Buffer.from("refused"));
        // Another port's message between them: the second leaves after the refusal of the first has come.
        openPort().send(Buffer.from("hello"));
        port.send(Buffer.from("never sent"));
        await until(() => errors.length > 0);
        assert.equal(errors[0]?.port, port);
        assert.equal(errors[0]?.errno, ECONNREFUSED);
      }
    });

    it("send from the address they are told", async () => {
      openPort(peer.port, "127.0.0.9").send(Buffer.from("hello"));
      await until(() => peer.received.length === 1);
      assert.equal(peer.received[0]?.remote.address, "127.0.0.9");
    });

    it("are silent once closed, and may be closed twice, and in the middle of a reply", async () => {
      const closing: UpstreamPort = ports.open(
        { address: "127.0.0.1", port: peer.port },
        undefined,
        (port, message) => {
          replies.push({ port, text: Buffer.from(message).toString() });
          closing.close();
          closing.close();
          closing.send(Buffer.from("into nothing"));
        },
        (port, errno) => errors.push({ port, errno }),
      );
      closing.send(Buffer.from("hello"));
      await until(() => peer.received.length === 1);
      const [first] = peer.received;
      assert.ok(first);
      peer.reply("one", first.remote);
      peer.reply("two", first.remote);
      const other = openPort();
      other.send(Buffer.from("other"));
      await until(() => peer.received.length === 2);
      const [, second] = peer.received;
      assert.ok(second);
      peer.reply("three", second.remote);
      await until(() => replies.length >= 2);
      assert.deepEqual(replies.map(({ text }) => text).toSorted(), ["one", "three"]);
    });

    it("may be closed before anything was sent", async () => {
      openPort().close();
      const port = openPort();
      port.send(Buffer.from("never mind"));
      port.close();
      await ports.close();
      assert.deepEqual(errors, []);
    });

    it("are all closed together", async () => {
      const port = openPort();
      port.send(Buffer.from("hello"));
      await until(() => peer.received.length === 1);
      await ports.close();
      const [first] = peer.received;
      assert.ok(first);
      peer.reply("late", first.remote);
      await new Promise((resolve) => setTimeout(resolve, 20));
      assert.deepEqual(replies, []);
    });
  });
}

async function until(holds: () => boolean): Promise<void> {
  const deadline = performance.now() + 2000;
  while (!holds()) {
    assert.ok(performance.now() < deadline, "waited too long");
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
