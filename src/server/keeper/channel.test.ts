import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { describe, it } from "node:test";
import { withoutFfi } from "../../../test/support/ffi.ts";
import { closeFd } from "../../linux/fd.ts";
import { createChannelPair, PacketChannel } from "../../linux/packet-channel.ts";
import { createPipe } from "../../linux/pipe.ts";
import { Channel, type Received } from "./channel.ts";
import { KeeperError } from "./keeper-error.ts";

const openDescriptors = (): number => readdirSync("/proc/self/fd").length;

function taken(channel: Channel): Received {
  const received = channel.receive(false);
  assert.ok(typeof received === "object");
  return received;
}

describe("a channel of messages", { skip: withoutFfi }, () => {
  it("carries messages of any length, with descriptors", () => {
    const before = openDescriptors();
    const [one, other] = createChannelPair().map((fd) => new Channel(fd));
    assert.ok(one !== undefined && other !== undefined);
    const { readFd, writeFd } = createPipe();
    for (const text of ["", "ä", "x".repeat(300_000)]) {
      one.send({ text }, [readFd]);
      const { value, fds } = taken(other);
      assert.deepEqual(value, { text });
      assert.equal(fds.length, 1);
      for (const fd of fds) closeFd(fd);
    }
    assert.equal(other.receive(false), undefined);
    one.close();
    assert.equal(other.receive(false), "closed");
    assert.throws(() => other.send({}), KeeperError);
    other.close();
    for (const fd of [readFd, writeFd]) closeFd(fd);
    assert.equal(openDescriptors(), before);
  });

  it("refuses what is no message, closes its descriptors, and goes on", () => {
    const [ours, theirs] = createChannelPair();
    const channel = new Channel(ours);
    const stranger = new PacketChannel(theirs, 1000);
    const { readFd, writeFd } = createPipe();
    const before = openDescriptors();
    for (const bytes of ["{", "@", "\x00", "ÿ"]) {
      stranger.send(new TextEncoder().encode(bytes), [readFd]);
      assert.throws(() => channel.receive(false), KeeperError, bytes);
    }
    stranger.send(Uint8Array.of(0x40));
    assert.throws(() => channel.receive(false), /without its body/);
    assert.equal(openDescriptors(), before);
    stranger.send(new TextEncoder().encode("{}"));
    assert.deepEqual(taken(channel).value, {});
    for (const fd of [readFd, writeFd]) closeFd(fd);
    stranger.close();
    channel.close();
  });
});
