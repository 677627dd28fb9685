import assert from "node:assert/strict";
import { fstatSync, readdirSync } from "node:fs";
import { describe, it } from "node:test";
import { withoutFfi } from "../../test/support/ffi.ts";
import { adoptRegion } from "./adopt-region.ts";
import { closeFd } from "./fd.ts";
import { createChannelPair, PACKET_MAX_BYTES, PACKET_MAX_FDS, type Packet, PacketChannel } from "./packet-channel.ts";
import { createPipe } from "./pipe.ts";
import { createRegion } from "./shared-region.ts";

function pair(timeoutMs = 1000): [PacketChannel, PacketChannel] {
  const [one, other] = createChannelPair();
  return [new PacketChannel(one, timeoutMs), new PacketChannel(other, timeoutMs)];
}

function taken(channel: PacketChannel): Packet {
  const packet = channel.receive(false);
  assert.ok(typeof packet === "object");
  return packet;
}

function openDescriptors(): number {
  return readdirSync("/proc/self/fd").length;
}

describe("a packet channel", { skip: withoutFfi }, () => {
  it("keeps packets apart and in order, and says when there is none", () => {
    const [a, b] = pair();
    assert.equal(b.receive(false), undefined);
    a.send(Uint8Array.of(1));
    a.send(new Uint8Array(PACKET_MAX_BYTES).fill(2));
    assert.deepEqual([...taken(b).bytes], [1]);
    const { bytes, fds } = taken(b);
    assert.equal(bytes.length, PACKET_MAX_BYTES);
    assert.ok(bytes.every((byte) => byte === 2));
    assert.deepEqual(fds, []);
    assert.equal(b.receive(false), undefined);
    a.close();
    b.close();
  });

  it("carries descriptors: the memory behind one is the same memory", () => {
    const [a, b] = pair();
    const region = createRegion("nodens-test", 8192);
    assert.ok(region.handle.kind === "memfd");
    new Uint8Array(region.buffer)[8191] = 9;
    a.send(Uint8Array.of(1), [region.handle.fd]);
    const [fd = -1] = taken(b).fds;
    assert.notEqual(fd, region.handle.fd);
    const adopted = adoptRegion(fd);
    assert.equal(adopted?.bytes, 8192);
    assert.equal(new Uint8Array(adopted.buffer)[8191], 9);
    adopted.close();
    region.close();
    a.close();
    b.close();
  });

  it("carries as many descriptors as it says, and refuses more", () => {
    const [a, b] = pair();
    const { readFd, writeFd } = createPipe();
    a.send(
      Uint8Array.of(1),
      Array.from({ length: PACKET_MAX_FDS }, () => readFd),
    );
    const { fds } = taken(b);
    assert.equal(fds.length, PACKET_MAX_FDS);
    for (const fd of fds) assert.ok(fstatSync(fd).isFIFO());
    for (const fd of fds) closeFd(fd);
    const many = Array.from({ length: PACKET_MAX_FDS + 1 }, () => readFd);
    assert.throws(() => a.send(Uint8Array.of(1), many), /129 descriptors/);
    assert.throws(() => a.send(new Uint8Array(PACKET_MAX_BYTES + 1)), /a packet of/);
    for (const fd of [readFd, writeFd]) closeFd(fd);
    a.close();
    b.close();
  });

  it("gives what was sent before the other end went, then says that it is gone", () => {
    const [a, b] = pair();
    a.send(Uint8Array.of(7));
    a.close();
    assert.deepEqual([...taken(b).bytes], [7]);
    assert.equal(b.receive(true), "closed");
    assert.throws(() => b.send(Uint8Array.of(1)), /EPIPE/);
    b.close();
  });

  it("does not wait for ever, for a packet or for room", () => {
    const [a, b] = pair(20);
    assert.equal(b.receive(true), undefined);
    assert.throws(() => {
      for (;;) a.send(new Uint8Array(PACKET_MAX_BYTES));
    }, /EAGAIN/);
    a.close();
    b.close();
  });

  it("knows who is at the other end", () => {
    const [a, b] = pair();
    const credentials = { pid: process.pid, uid: process.getuid?.(), gid: process.getgid?.() };
    assert.deepEqual(a.peer(), credentials);
    a.close();
    b.close();
  });

  it("leaves no descriptor open", () => {
    const before = openDescriptors();
    const [a, b] = pair();
    const { readFd, writeFd } = createPipe();
    a.send(Uint8Array.of(1), [readFd, writeFd]);
    for (const fd of [...taken(b).fds, readFd, writeFd]) closeFd(fd);
    a.close();
    b.close();
    assert.equal(openDescriptors(), before);
  });

  it("maps nothing where there is no memory", () => {
    const { readFd, writeFd } = createPipe();
    assert.equal(adoptRegion(readFd), undefined);
    for (const fd of [readFd, writeFd]) closeFd(fd);
  });
});
