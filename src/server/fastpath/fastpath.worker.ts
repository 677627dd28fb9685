/**
 * The fast-path thread: waits on client and upstream sockets, answers hits, relays the rest.
 *
 * It cannot be ended from outside while it waits (a blocking foreign call outlives `terminate`), so each wait is
 * bounded and the loop reads a stop word.
 */
import { parentPort, receiveMessageOnPort, workerData } from "node:worker_threads";
import { systemClock } from "../../base/clock.ts";
import { DatagramBatch } from "../../linux/datagram-batch.ts";
import { EpollWaiter } from "../../linux/epoll.ts";
import { drainEventFd } from "../../linux/event-fd.ts";
import { writeFd } from "../../linux/fd.ts";
import { openRegion } from "../../linux/shared-region.ts";
import { AnswerReader } from "../cache/answer-reader.ts";
import {
  addTo,
  FastpathCounters,
  GSO_PAIRS_AT,
  RING_FULL_AT,
  SEND_ERRORS_AT,
  SEND_OTHER,
  SEND_WOULD_BLOCK,
  UPSTREAM_DATAGRAMS_AT,
  WAKE_UPS_AT,
} from "../metrics/fastpath-counters.ts";
import { ServerRows } from "../metrics/server-rows.ts";
import { FastPath } from "./fast-path.ts";
import { MmsgIo } from "./mmsg-io.ts";
import { KIND_PORT_ERROR, KIND_REPLY, RelayWriter } from "./relay-ring.ts";
import { BEAT_WORD, isPortTag, portFd, STOP_WORD, TAG_MESSAGE, WAIT_MS, WOKEN_WORD } from "./thread-control.ts";
import type { ListenerSet, ThreadStart } from "./thread-messages.ts";
import { WarmUp } from "./warm-up.ts";
import { ZoneTable } from "./zone-table.ts";

/** Batches taken from one listener before the others get their turn. */
const BATCHES_IN_A_ROW = 4;

/** The start of the rest of the process comes first, on a machine with one core. */
const WARM_UP_AFTER_MS = 400;
/** Between two steps of the warm-up the sockets are looked at for so long. */
const WARM_UP_WAIT_MS = 1;

/** A full pipe is readable already, so that it does not matter whether the byte goes in. */
const WAKE = new Uint8Array(1);

interface ServedListener {
  readonly io: MmsgIo;
  readonly zones: ZoneTable;
}

const start = workerData as ThreadStart;
const control = new Int32Array(start.control);
const batch = new DatagramBatch(start.segmentation);
const relay = new RelayWriter(openRegion(start.ring).buffer);
const counters = new FastpathCounters(start.metrics.fastpath);
const { floats } = counters;
const page = counters.pageAt(start.thread);
const reader = new AnswerReader(start.store);
const fastPath = new FastPath({
  clock: systemClock,
  reader,
  rows: new ServerRows(start.metrics.rows),
  counters,
  thread: start.thread,
  relay,
});
const waiter = new EpollWaiter({ fd: start.epollFd });
const listeners = new Map<number, ServedListener>();
const warmUpAtMs = systemClock.monotonicMs() + WARM_UP_AFTER_MS;
let warmUp: WarmUp | "due" | undefined = "due";

while (Atomics.load(control, STOP_WORD) === 0) turn();
endWarmUp();
waiter.close();
batch.close();

/** One wait and what came of it. A function, for V8 compiles what is called often, and hardly what runs for ever. */
function turn(): void {
  const ready = waiter.wait(typeof warmUp === "object" ? WARM_UP_WAIT_MS : WAIT_MS);
  Atomics.add(control, BEAT_WORD, 1);
  if (ready === 0) {
    goOnWarmingUp();
    return;
  }
  addTo(floats, page + WAKE_UPS_AT, 1);
  let relayed = 0;
  for (let i = 0; i < ready; i++) {
    const tag = waiter.tag(i);
    if (tag === TAG_MESSAGE) takeMessages();
    else if (isPortTag(tag)) relayed += relayReplies(tag);
    else serve(tag);
  }
  relayed += fastPath.takeRelayed();
  if (relayed > 0 && Atomics.exchange(control, WOKEN_WORD, 1) === 0) writeFd(start.wakeFd, WAKE);
  floats[page + SEND_ERRORS_AT + SEND_WOULD_BLOCK] = batch.blockedSends;
  floats[page + SEND_ERRORS_AT + SEND_OTHER] = batch.refusedSends;
  floats[page + GSO_PAIRS_AT] = batch.pairs;
}

/** Runs a step of the warm-up when it is time for it. */
function goOnWarmingUp(): void {
  if (warmUp === "due" && systemClock.monotonicMs() >= warmUpAtMs) {
    warmUp = beginWarmUp();
  }
  if (typeof warmUp !== "object" || warmUp.step()) return;
  warmUp = undefined;
}

function beginWarmUp(): WarmUp {
  return new WarmUp({
    clock: systemClock,
    reader,
    batch,
    relay,
    plan: start.warmUp,
    sockets: start.warmUpSockets,
  });
}

function endWarmUp(): void {
  if (warmUp === "due") warmUp = beginWarmUp();
  warmUp?.close();
}

function serve(listener: number): void {
  const served = listeners.get(listener);
  if (served === undefined) return;
  for (let i = 0; i < BATCHES_IN_A_ROW; i++) {
    // A batch that is not full leaves the socket empty: asking again would only cost.
    if (fastPath.serve(served.io, listener, served.zones) < 64) return;
  }
}

/** Hands what waits on an upstream socket to the main thread. @returns records put into the ring */
function relayReplies(tag: number): number {
  const fd = portFd(control, tag);
  if (fd < 0) return 0;
  const n = batch.receive(fd, false);
  const nowMs = systemClock.monotonicMs();
  // The errno travels as the length of a payload of that many meaningless bytes: errors are rare, a second form is not worth it.
  if (n < 0) return relay.push(KIND_PORT_ERROR, tag, nowMs, batch.bytes, 0, -n, -1, 0, 0) ? 1 : 0;
  for (let i = 0; i < n; i++) {
    const length = batch.lengthOf(i);
    const taken = relay.push(KIND_REPLY, tag, nowMs, batch.bytes, batch.slotAt(i), Math.max(length, 0), -1, 0, 0);
    addTo(floats, page + (taken ? UPSTREAM_DATAGRAMS_AT : RING_FULL_AT), 1);
  }
  return n;
}

function takeMessages(): void {
  drainEventFd(start.eventFd);
  if (parentPort === null) return;
  for (;;) {
    const received = receiveMessageOnPort(parentPort) as { message: ListenerSet } | undefined;
    if (received === undefined) return;
    const set = received.message;
    listeners.clear();
    for (const listener of set.listeners) {
      listeners.set(listener.id, {
        io: new MmsgIo(batch, listener.fd, listener.wildcard),
        zones: new ZoneTable(listener.zones),
      });
    }
    parentPort.postMessage(set.sequence);
  }
}
