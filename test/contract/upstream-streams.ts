/** What every implementation of `UpstreamSockets` promises of its TCP connections. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { afterEach, beforeEach, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { UpstreamSockets, UpstreamStream } from "../../src/server/upstream/upstream-ports.ts";

class Listener {
  stream: UpstreamStream | undefined;
  isReady = false;
  received = "";
  end: Error | "peer" | undefined;

  ready(): void {
    this.isReady = true;
  }

  data(bytes: Uint8Array, length: number): void {
    this.received += Buffer.from(bytes.subarray(0, length)).toString("latin1");
  }

  ended(error: Error | undefined): void {
    assert.equal(this.end, undefined);
    this.end = error ?? "peer";
  }
}

/** @param open makes them; the suite closes them */
export function upstreamStreamsContract(name: string, open: () => UpstreamSockets): void {
  describe(`${name}, as connections to upstreams`, () => {
    let sockets: UpstreamSockets;
    let server: Server;
    let port: number;
    const accepted: Socket[] = [];
    const made: Listener[] = [];

    beforeEach(async () => {
      sockets = open();
      server = createServer((socket) => {
        socket.on("error", () => undefined);
        accepted.push(socket);
      });
      server.listen(0, "127.0.0.1");
      await once(server, "listening");
      port = (server.address() as AddressInfo).port;
    });

    afterEach(async () => {
      for (const { stream } of made.splice(0)) stream?.destroy();
      for (const socket of accepted.splice(0)) socket.destroy();
      server.close();
      await sockets.close();
    });

    const connect = (to = port, source?: string): Listener => {
      const listener = new Listener();
      made.push(listener);
      listener.stream = sockets.connect({ address: "127.0.0.1", port: to }, source, listener);
      return listener;
    };
    const connected = async (source?: string): Promise<{ listener: Listener; peer: Socket }> => {
      const before = accepted.length;
      const listener = connect(port, source);
      await until(() => listener.isReady && accepted.length > before);
      const peer = accepted[before];
      assert.ok(peer);
      return { listener, peer };
    };
    const write = ({ stream }: Listener, text: string): void => stream?.write(Buffer.from(`${text}rest`), text.length);

    it("carry bytes both ways, as they were when written", async () => {
      const { listener, peer } = await connected("127.0.0.3");
      assert.equal(peer.remoteAddress, "127.0.0.3");
      let got = "";
      peer.on("data", (chunk: Buffer) => (got += chunk.toString("latin1")));
      const bytes = Buffer.from("0");
      for (const text of ["a", "b", "c"]) {
        bytes.write(text);
        listener.stream?.write(bytes, 1);
      }
      await until(() => got === "abc");
      peer.write("re abc");
      await until(() => listener.received === "re abc");
    });

    it("keep what the kernel does not take, in order", async () => {
      const { listener, peer } = await connected();
      peer.pause();
      const parts = Array.from({ length: 200 }, (_, i) => String.fromCharCode(65 + (i % 26)).repeat(100_000));
      for (const part of parts) write(listener, part);
      await sleep(20);
      const hash: string[] = [];
      let length = 0;
      peer.on("data", (chunk: Buffer) => {
        for (let i = 0; i < chunk.length; i++) {
          if ((length + i) % 100_000 === 0) hash.push(String.fromCharCode(chunk[i] ?? 0));
        }
        length += chunk.length;
      });
      peer.resume();
      await until(() => length === 200 * 100_000);
      assert.equal(hash.join(""), parts.map((part) => part[0]).join(""));
    });

    it("take more than one read holds", async () => {
      const { listener, peer } = await connected();
      peer.write("x".repeat(1_000_000));
      await until(() => listener.received.length === 1_000_000);
    });

    it("tell of a refusal, later", async () => {
      server.close();
      for (const socket of accepted) socket.destroy();
      await once(server, "close");
      const listener = connect();
      assert.equal(listener.end, undefined);
      await until(() => listener.end !== undefined);
      assert.equal(codeOf(listener.end), "ECONNREFUSED");
      assert.equal(listener.isReady, false);
    });

    it("tell of an address that cannot be connected from, later", async () => {
      const listener = connect(port, "192.0.2.1");
      assert.equal(listener.end, undefined);
      await until(() => listener.end !== undefined);
      assert.equal(codeOf(listener.end), "EADDRNOTAVAIL");
    });

    it("tell of the end, and of what came before it", async () => {
      const { listener, peer } = await connected();
      peer.end("last words");
      await until(() => listener.end !== undefined);
      assert.equal(listener.received, "last words");
      assert.equal(listener.end, "peer");
      write(listener, "to nobody");
    });

    it("tell of a reset", async () => {
      const { listener, peer } = await connected();
      write(listener, "unread");
      peer.resetAndDestroy();
      await until(() => listener.end !== undefined);
      assert.equal(codeOf(listener.end), "ECONNRESET");
    });

    it("say nothing once they are destroyed", async () => {
      const { listener, peer } = await connected();
      const closed = new Promise((resolve) => peer.once("close", resolve));
      peer.write("too late");
      peer.resume();
      listener.stream?.destroy();
      const refused = connect(1);
      refused.stream?.destroy();
      await closed;
      await sleep(20);
      assert.deepEqual([listener.received, listener.end, refused.end], ["", undefined, undefined]);
    });
  });
}

function codeOf(error: Listener["end"]): unknown {
  return error instanceof Error && "code" in error ? error.code : error;
}

async function until(isSo: () => boolean): Promise<void> {
  for (let waits = 0; !isSo(); waits++) {
    assert.ok(waits < 1000, "it did not come");
    await sleep(5);
  }
}
