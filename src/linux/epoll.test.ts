import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { withoutFfi } from "../../test/support/ffi.ts";
import { addToEpoll, createEpoll, EpollWaiter, removeFromEpoll } from "./epoll.ts";
import { createEventFd, drainEventFd, signalEventFd } from "./event-fd.ts";
import { closeFd } from "./fd.ts";

function tagsOf(waiter: EpollWaiter, ready: number): number[] {
  return Array.from({ length: ready }, (_, i) => waiter.tag(i)).toSorted((a, b) => a - b);
}

describe("epoll", { skip: withoutFfi }, () => {
  it("tells the tags of what can be read, and nothing in time when nothing can", () => {
    const epoll = createEpoll();
    const waiter = new EpollWaiter(epoll);
    const fds = Array.from({ length: 3 }, () => createEventFd());
    const tags = [-1, 7, (1 << 30) | 5];
    for (const [i, fd] of fds.entries()) addToEpoll(epoll, fd, tags[i] ?? 0, { exclusive: i === 0 });
    assert.equal(waiter.wait(0), 0);
    signalEventFd(fds[0] ?? -1);
    signalEventFd(fds[2] ?? -1);
    assert.deepEqual(tagsOf(waiter, waiter.wait(100)), [-1, (1 << 30) | 5]);
    // Level-triggered: it stays so until somebody reads.
    assert.deepEqual(tagsOf(waiter, waiter.wait(100)), [-1, (1 << 30) | 5]);
    removeFromEpoll(epoll, fds[0] ?? -1);
    assert.deepEqual(tagsOf(waiter, waiter.wait(100)), [(1 << 30) | 5]);
    for (const fd of fds) closeFd(fd);
    waiter.close();
    closeFd(epoll.fd);
  });

  it("says what it cannot watch", () => {
    const epoll = createEpoll();
    assert.throws(() => addToEpoll(epoll, -1, 0), /epoll_ctl add -1: errno 9/);
    closeFd(epoll.fd);
  });

  it("wakes on an eventfd until that is drained, however often it was signalled", () => {
    const epoll = createEpoll();
    const waiter = new EpollWaiter(epoll);
    const eventFd = createEventFd();
    addToEpoll(epoll, eventFd, 1);
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
