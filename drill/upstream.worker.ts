/**
 * UDP side of the drills' upstream: a blocking loop that answers each query when its delay has passed.
 *
 * Replies under way stand in a ring in the order of their arrival, which is the order in which they are due.
 */
import { workerData } from "node:worker_threads";
import { SOCKADDR_MAX_BYTES } from "../src/base/address.ts";
import { systemClock } from "../src/base/clock.ts";
import { BATCH_DATAGRAMS, DatagramBatch } from "../src/linux/datagram-batch.ts";
import { addToEpoll, createEpoll, EpollWaiter } from "../src/linux/epoll.ts";
import { SendBatch } from "../src/linux/send-batch.ts";
import { answerInPlace, RESPONSE_EXTRA_BYTES } from "./upstream-answer.ts";
import { countQuery, HOLD_MAX, OVERRUN_WORD, STOP_WORD, type UpstreamWorkerData } from "./upstream-shared.ts";

/** A reply is held in one slot: the sender's address, then the message. */
const SLOT_BYTES = 512;
const REPLY_AT = 32;
/** Longest sleep, so that the stop word is seen. */
const NAP_MS = 100;

const { fd, delayMs, ttl, words } = workerData as UpstreamWorkerData;
const received = new DatagramBatch(false);
const replies = new SendBatch();
const epoll = createEpoll();
addToEpoll(epoll, fd, 0);
const waiter = new EpollWaiter(epoll);

const slots = new Uint8Array(HOLD_MAX * SLOT_BYTES);
const lengths = new Uint16Array(HOLD_MAX);
const dueMs = new Float64Array(HOLD_MAX);
let head = 0;
let held = 0;

function hold(i: number, nowMs: number): void {
  const at = received.slotAt(i);
  countQuery(words, received.bytes, at);
  const length = received.lengthOf(i);
  if (held === HOLD_MAX || length > SLOT_BYTES - REPLY_AT - RESPONSE_EXTRA_BYTES) {
    Atomics.add(words, OVERRUN_WORD, 1);
    return;
  }
  const reply = answerInPlace(received.bytes, at, length, ttl);
  if (reply === 0) return;
  const slot = (head + held) % HOLD_MAX;
  const sockaddrAt = received.sockaddrAt(i);
  slots.set(received.bytes.subarray(sockaddrAt, sockaddrAt + SOCKADDR_MAX_BYTES), slot * SLOT_BYTES);
  slots.set(received.bytes.subarray(at, at + reply), slot * SLOT_BYTES + REPLY_AT);
  lengths[slot] = reply;
  dueMs[slot] = nowMs + delayMs;
  held++;
}

function sendDue(nowMs: number): void {
  while (held > 0 && (dueMs[head] ?? 0) <= nowMs) {
    const slot = head * SLOT_BYTES;
    const length = lengths[head] ?? 0;
    replies.bytes.set(slots.subarray(slot + REPLY_AT, slot + REPLY_AT + length), replies.begin(fd));
    replies.commit(length, slots.subarray(slot, slot + SOCKADDR_MAX_BYTES), undefined);
    head = (head + 1) % HOLD_MAX;
    held--;
  }
  replies.flush();
}

while (Atomics.load(words, STOP_WORD) === 0) {
  const nowMs = systemClock.monotonicMs();
  sendDue(nowMs);
  let count = received.receive(fd, false);
  if (count <= 0) {
    waiter.wait(held === 0 ? NAP_MS : Math.min(Math.max(Math.ceil((dueMs[head] ?? 0) - nowMs), 0), NAP_MS));
    continue;
  }
  for (; count > 0; count = count === BATCH_DATAGRAMS ? received.receive(fd, false) : 0) {
    // Not the time from before: this thread may have stood still since.
    const receivedAtMs = systemClock.monotonicMs();
    for (let i = 0; i < count; i++) hold(i, receivedAtMs);
  }
}
