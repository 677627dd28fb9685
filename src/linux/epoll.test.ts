import assert from "node:assert/strict";
import { readSync } from "node:fs";
import { describe, it } from "node:test";
import { withoutFfi } from "../../test/support/ffi.ts";
import { addToEpoll, createEpoll, EpollWaiter, removeFromEpoll } from "./epoll.ts";
import { createEventFd, drainEventFd, signalEventFd } from "./event-fd.ts";
import { closeFd, writeFd } from "./fd.ts";
import { createPipe } from "./pipe.ts";

const BYTE = Uint8Array.of(42);

function tagsOf(waiter: EpollWaiter, ready: number): number[] {
  return Array.from({ length: ready }, (_, i) => waiter.tag(i)).toSorted((a, b) => a - b);
}

describe("epoll", { skip: withoutFfi }, () => {
  it("tells the tags of what can be read, and nothing in time when nothing can", () => {
    const epoll = createEpoll();
    const waiter = new EpollWaiter(epoll);
    const pipes = Array.from({ length: 3 }, () => createPipe());
    const tags = [-1, 7, (1 << 30) | 5];
    for (const [i, pipe] of pipes.entries()) addToEpoll(epoll, pipe.readFd, tags[i] ?? 0, i === 0);
    assert.equal(waiter.wait(0), 0);
    assert.ok(writeFd(pipes[0]?.writeFd ?? -1, BYTE));
    assert.ok(writeFd(pipes[2]?.writeFd ?? -1, BYTE));
    assert.deepEqual(tagsOf(waiter, waiter.wait(100)), [-1, (1 << 30) | 5]);
    // Level-triggered: it stays so until somebody reads.
    assert.deepEqual(tagsOf(waiter, waiter.wait(100)), [-1, (1 << 30) | 5]);
    removeFromEpoll(epoll, pipes[0]?.readFd ?? -1);
    assert.deepEqual(tagsOf(waiter, waiter.wait(100)), [(1 << 30) | 5]);
    for (const fd of pipes.flatMap((pipe) => [pipe.readFd, pipe.writeFd])) closeFd(fd);
    waiter.close();
    closeFd(epoll.fd);
  });

  it("says what it cannot watch", () => {
    const epoll = createEpoll();
    assert.throws(() => addToEpoll(epoll, -1, 0, false), /epoll_ctl add -1: errno 9/);
    closeFd(epoll.fd);
  });

  it("wakes on an eventfd until that is drained, however often it was signalled", () => {
    const epoll = createEpoll();
    const waiter = new EpollWaiter(epoll);
    const eventFd = createEventFd();
    addToEpoll(epoll, eventFd, 1, false);
    assert.equal(waiter.wait(0), 0);
    for (let i = 0; i < 3; i++) signalEventFd(eventFd);
    assert.equal(waiter.wait(100), 1);
    drainEventFd(eventFd);
    assert.equal(waiter.wait(0), 0);
    drainEventFd(eventFd); // of nothing: does not block
    waiter.close();
    closeFd(eventFd);
    closeFd(epoll.fd);
  });
});

describe("a pipe", { skip: withoutFfi }, () => {
  it("carries what is written, never blocks, and takes nothing when full", () => {
    const { readFd, writeFd: end } = createPipe();
    assert.throws(() => readSync(readFd, new Uint8Array(1)), { code: "EAGAIN" });
    assert.ok(writeFd(end, BYTE));
    const read = new Uint8Array(2);
    assert.equal(readSync(readFd, read), 1);
    assert.equal(read[0], 42);
    const page = new Uint8Array(4096);
    let pages = 0;
    while (writeFd(end, page)) pages++;
    assert.ok(pages > 0);
    assert.equal(writeFd(end, page), false);
    closeFd(end);
    closeFd(readFd);
    assert.equal(writeFd(end, BYTE), false);
  });
});
