import assert from "node:assert/strict";
import { createSocket, type RemoteInfo, type Socket } from "node:dgram";
import { once } from "node:events";
import { describe, it, type TestContext } from "node:test";
import { withoutFfi } from "../../test/support/ffi.ts";
import { SOCKADDR_MAX_BYTES, writeSockaddr } from "../base/address.ts";
import { BindError } from "../base/bind-error.ts";
import { closeFd, writeFd } from "./fd.ts";
import { SEND_MAX_BYTES, SendBatch } from "./send-batch.ts";
import { isWildcard, openConnected, openListener, socketDrops, supportsSegmentation } from "./udp-socket.ts";

const ECONNREFUSED = 111;

async function peer(t: TestContext, address = "127.0.0.1"): Promise<Socket> {
  const socket = createSocket(address.includes(":") ? "udp6" : "udp4");
  socket.bind(0, address);
  await once(socket, "listening");
  t.after(() => socket.close());
  return socket;
}

/** The next datagram. */
async function next(socket: Socket): Promise<{ text: string; from: RemoteInfo }> {
  const [message, from] = (await once(socket, "message", { signal: AbortSignal.timeout(2000) })) as [
    Buffer,
    RemoteInfo,
  ];
  return { text: message.toString("latin1"), from };
}

function sockaddrOf(socket: Socket): Uint8Array {
  const out = new Uint8Array(SOCKADDR_MAX_BYTES);
  writeSockaddr(out, 0, socket.address().address, socket.address().port);
  return out;
}

describe("a listening socket", { skip: withoutFfi }, () => {
  it("tells the port that the kernel chose, and frees it when closed", (t) => {
    const socket = openListener("127.0.0.1", 0);
    assert.ok(socket.port > 0);
    assert.deepEqual([socket.address, socket.wildcard], ["127.0.0.1", false]);
    assert.throws(
      () => openListener("127.0.0.1", socket.port),
      (error) =>
        error instanceof BindError &&
        error.message === `cannot bind 127.0.0.1:${socket.port}: the address is in use` &&
        error.cause instanceof Error &&
        error.cause.message.startsWith("EADDRINUSE on udp"),
    );
    socket.close();
    const again = openListener("127.0.0.1", socket.port);
    t.after(() => again.close());
    assert.equal(again.port, socket.port);
  });

  it("says of an address that is not this machine's that it is none", () => {
    assert.throws(() => openListener("192.0.2.1", 0), /cannot bind 192\.0\.2\.1:0: no interface has this address/);
  });

  it("knows the addresses that stand for all", () => {
    for (const address of ["0.0.0.0", "::", "0:0::0"]) assert.equal(isWildcard(address), true, address);
    for (const address of ["127.0.0.1", "::1", "0.0.0.1", "nothing"]) assert.equal(isWildcard(address), false, address);
  });

  it("counts what its full buffer had no room for", async (t) => {
    const socket = openListener("127.0.0.1", 0);
    t.after(() => socket.close());
    assert.equal(socketDrops(socket.fd), 0);
    const fd = openConnected({ address: "127.0.0.1", port: socket.port }, undefined);
    const page = new Uint8Array(4096);
    // Twice 8 MiB is what the kernel gives at most, and a datagram counts for more than its bytes.
    for (let i = 0; i < 4096 && socketDrops(socket.fd) === 0; i++) writeFd(fd, page);
    assert.ok(socketDrops(socket.fd) > 0);
    closeFd(fd);
    assert.equal(supportsSegmentation(socket.fd), true);
  });
});

describe("a connected socket", { skip: withoutFfi }, () => {
  it("sends to its remote, each from a port of its own, from the address it was told", async (t) => {
    const remote = await peer(t);
    const to = { address: "127.0.0.1", port: remote.address().port };
    const ports = new Set<number>();
    for (const source of [undefined, undefined, "127.0.0.9"]) {
      const fd = openConnected(to, source);
      const received = next(remote);
      assert.ok(writeFd(fd, Buffer.from("hello")));
      const { text, from } = await received;
      assert.deepEqual([text, from.address], ["hello", source ?? "127.0.0.1"]);
      ports.add(from.port);
      closeFd(fd);
    }
    assert.equal(ports.size, 3);
  });

  it("cannot be made to what is no address, or from an address of others", () => {
    assert.throws(() => openConnected({ address: "localhost", port: 53 }, undefined), /no IP address/);
    assert.throws(() => openConnected({ address: "127.0.0.1", port: 53 }, "192.0.2.1"), BindError);
  });
});

describe("a batch to send", { skip: withoutFfi }, () => {
  const put = (batch: SendBatch, fd: number, text: string, to?: Uint8Array): void => {
    const at = batch.begin(fd);
    batch.bytes.set(Buffer.from(text, "latin1"), at);
    batch.commit(text.length, to, undefined);
  };

  it("sends more than fit into it, over several sockets, in the order of each", async (t) => {
    const [one, two] = [await peer(t), await peer(t)];
    const got: string[][] = [[], []];
    for (const [i, socket] of [one, two].entries()) socket.on("message", (message) => got[i]?.push(String(message)));
    const listener = openListener("127.0.0.1", 0);
    const fd = openConnected({ address: "127.0.0.1", port: two.address().port }, undefined);
    const batch = new SendBatch();
    const texts = Array.from({ length: 150 }, (_, i) => `message ${i}`);
    for (const [i, text] of texts.entries()) {
      put(batch, listener.fd, text, sockaddrOf(one));
      if (i % 50 === 0) put(batch, fd, text);
    }
    batch.flush();
    batch.flush();
    while ((got[0]?.length ?? 0) < 150 || (got[1]?.length ?? 0) < 3)
      await new Promise((resolve) => setTimeout(resolve, 2));
    assert.deepEqual(got, [texts, ["message 0", "message 50", "message 100"]]);
    assert.equal(batch.blockedSends + batch.refusedSends, 0);
    listener.close();
    closeFd(fd);
    batch.close();
  });

  it("takes messages of up to its room", async (t) => {
    const remote = await peer(t);
    const fd = openConnected({ address: "127.0.0.1", port: remote.address().port }, undefined);
    const batch = new SendBatch();
    const received = next(remote);
    put(batch, fd, "x".repeat(SEND_MAX_BYTES));
    put(batch, fd, "y");
    batch.flush();
    assert.equal((await received).text, "x".repeat(SEND_MAX_BYTES));
    closeFd(fd);
    batch.close();
  });

  it("tells of a refusal, and sends to others what stands behind it", async (t) => {
    const gone = openListener("127.0.0.1", 0);
    const here = await peer(t);
    const errors: [fd: number, errno: number][] = [];
    const batch = new SendBatch((fd, errno) => errors.push([fd, errno]));
    const refused = openConnected({ address: "127.0.0.1", port: gone.port }, undefined);
    const fine = openConnected({ address: "127.0.0.1", port: here.address().port }, undefined);
    gone.close();
    put(batch, refused, "into nothing");
    batch.flush();
    const received = next(here);
    put(batch, refused, "refused before it is sent");
    put(batch, fine, "hello");
    batch.flush();
    assert.equal((await received).text, "hello");
    assert.deepEqual(errors, [[refused, ECONNREFUSED]]);
    assert.equal(batch.refusedSends, 1);
    for (const fd of [refused, fine]) closeFd(fd);
    batch.close();
  });
});
