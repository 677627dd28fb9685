/**
 * The fast-path thread: waits on client sockets, answers hits, relays the rest.
 *
 * It cannot be ended from outside while it waits (a blocking foreign call outlives `terminate`), so each wait is
 * bounded and the loop reads a stop word.
 */
import { parentPort, receiveMessageOnPort } from "node:worker_threads";
import { systemClock } from "../../base/clock.ts";
import type { AnonymousMemory } from "../../linux/anonymous-memory.ts";
import { BATCH_DATAGRAMS, DatagramBatch } from "../../linux/datagram-batch.ts";
import { addToEpoll, createEpoll, EpollWaiter } from "../../linux/epoll.ts";
import { drainEventFd, signalEventFd } from "../../linux/event-fd.ts";
import { closeFd } from "../../linux/fd.ts";
import { openRegion, type RegionHandle } from "../../linux/shared-region.ts";
import { pause, waitAtMost } from "../../linux/socket-wait.ts";
import { AnswerReader } from "../cache/answer-reader.ts";
import { Region } from "../cache/region.ts";
import { AskWriter } from "../clients/ask-ring.ts";
import {
  addTo,
  FastpathCounters,
  GSO_PAIRS_AT,
  SEND_ERRORS_AT,
  SEND_OTHER,
  SEND_WOULD_BLOCK,
  WAKE_UPS_AT,
} from "../metrics/fastpath-counters.ts";
import { ServerRows } from "../metrics/server-rows.ts";
import { Alarm, beatAt } from "./alarm.ts";
import { Crowd } from "./crowd.ts";
import { FastPath } from "./fast-path.ts";
import { MmsgIo } from "./mmsg-io.ts";
import { ParkedWatch } from "./parked-watch.ts";
import { RelayWriter } from "./relay-ring.ts";
import {
  BEAT_WORD,
  CONTROL_BYTES,
  MESSAGE_WORD,
  PARKED_WORD,
  RECEIVES_WORD,
  STOP_WORD,
  TAG_MESSAGE,
  TAG_PARKED_ALARM,
  WAIT_MS,
  WOKEN_WORD,
} from "./thread-control.ts";
import type { FastListener, ThreadMessage, ThreadStart } from "./thread-messages.ts";
import { WarmUp } from "./warm-up.ts";
import { ZoneTable } from "./zone-table.ts";

/** Turns with something to do after which there is nothing left to be warmed up. */
const BUSY_TURNS_MAX = 10_000;

/** Batches taken from one listener before the others get their turn. */
const BATCHES_IN_A_ROW = 4;
/** From a listener that is let go of: about what its socket's buffer holds. */
const LAST_BATCHES = 100;

/** How long the thread sleeps after a turn while many come. */
const CROWD_PAUSE_US = 60;

/** Between two steps of the warm-up the sockets are looked at for so long. */
const WARM_UP_WAIT_MS = 1;

/** Between two looks for the first message, milliseconds. */
const LOOK_MS = 1;

interface ServedListener {
  readonly io: MmsgIo;
  readonly zones: ZoneTable;
}

/** The one listener that there is. */
interface SoleListener extends ServedListener {
  readonly id: number;
}

const start = untilTold();
const control = new Int32Array(openRegion(start.control.region).buffer, start.control.at, CONTROL_BYTES >> 2);
const alarm = start.alarm === undefined ? undefined : new Alarm(start.alarm);
const batch = new DatagramBatch(start.segmentation, batchMemory(start.batch));
const relay = new RelayWriter(openRegion(start.ring).buffer);
const counters = new FastpathCounters(start.metrics.fastpath);
const { floats } = counters;
const page = counters.pageAt(start.thread);
const store = Region.open(start.store);
const reader = new AnswerReader(store);
const fastPath = new FastPath({
  clock: systemClock,
  reader,
  staleReader: new AnswerReader(store, true),
  rows: new ServerRows(start.metrics.rows),
  counters,
  thread: start.thread,
  relay,
  asks: new AskWriter(openRegion(start.asks).buffer),
});
const waiter = new EpollWaiter({ fd: start.epollFd });
/** For the time in which it is parked. */
const parkedEpoll = createEpoll();
addToEpoll(parkedEpoll, start.eventFd, TAG_MESSAGE);
// Told of each time that it goes off, without reading it: several threads hear the one.
addToEpoll(parkedEpoll, start.parkedAlarmFd, TAG_PARKED_ALARM, { edge: true });
const parkedWaiter = new EpollWaiter(parkedEpoll);
const parkedWatch = new ParkedWatch();
const isSomethingWaiting = (): boolean => waiter.wait(0) > 0;
const listeners = new Map<number, ServedListener>();
/** Undefined when there are several, none, or something else to do. */
let sole: SoleListener | undefined;
/** Those of the last message. */
let given: readonly FastListener[] = [];
let warmUp: WarmUp | undefined;
let busyTurns = 0;
/** Datagrams of the last turn. */
let datagrams = 0;
const crowd = new Crowd();
/** Pairs and failures that have been counted. */
let sendEvents = 0;

// Read plainly, as the beat is written: a system call lies between two turns, and V8 makes each atomic access a call.
while (control[STOP_WORD] === 0) turns();
takeMessages();
warmUp?.close();
waiter.close();
parkedWaiter.close();
closeFd(parkedEpoll.fd);
batch.close();

/**
 * The first message. Looked for and not listened to: on a busy machine the message right behind one that was taken as an event got
 * lost (4 of 6 runs of `ffi-front.test.ts` side by side; none so).
 */
function untilTold(): ThreadStart {
  const never = new Int32Array(new SharedArrayBuffer(4));
  for (;;) {
    const received = parentPort === null ? undefined : receiveMessageOnPort(parentPort);
    if (received !== undefined) return received.message as ThreadStart;
    Atomics.wait(never, 0, 0, LOOK_MS);
  }
}

/** Called again and again, for V8 compiles that well; the loop of a module, which runs for ever, took a microsecond a turn. */
function turns(): void {
  for (let i = 0; i < 1000 && control[STOP_WORD] === 0; i++) turn();
}

/** One wait and what came of it. */
function turn(): void {
  if (control[PARKED_WORD] !== 0) {
    waitParked();
    return;
  }
  if (datagrams > 0) pauseInCrowd();
  if (sole !== undefined && control[MESSAGE_WORD] === 0) {
    waitInSole(sole);
    return;
  }
  const ready = waiter.wait(warmUp === undefined ? WAIT_MS : WARM_UP_WAIT_MS);
  if (ready === 0) {
    beat(systemClock.monotonicMs());
    goOnWarmingUp();
    return;
  }
  addTo(floats, page + WAKE_UPS_AT, 1);
  for (let i = 0; i < ready; i++) {
    const tag = waiter.tag(i);
    if (tag === TAG_MESSAGE) takeMessages();
    else datagrams += serve(tag, BATCHES_IN_A_ROW);
  }
  beat(datagrams > 0 ? fastPath.receivedAtMs : systemClock.monotonicMs());
  endTurn();
  if (warmUp !== undefined && ++busyTurns > BUSY_TURNS_MAX) {
    warmUp.close();
    warmUp = undefined;
    findSole();
  }
}

function beat(nowMs: number): void {
  control[BEAT_WORD] = beatAt(nowMs);
  alarm?.tend(nowMs);
}

function pauseInCrowd(): void {
  const crowded = crowd.came(datagrams, fastPath.receivedAtMs);
  // Where a batch is full more wait already.
  if (crowded && datagrams < BATCH_DATAGRAMS) pause(CROWD_PAUSE_US);
  datagrams = 0;
}

/** The main thread reads. Should it not, for it is busy with something else, then this thread does again. */
function waitParked(): void {
  const told = parkedWaiter.wait(parkedWatch.waitMs);
  beat(systemClock.monotonicMs());
  let alarmed = false;
  for (let i = 0; i < told; i++) {
    if (parkedWaiter.tag(i) === TAG_MESSAGE) takeMessages();
    else alarmed = true;
  }
  if (parkedWatch.look(control[RECEIVES_WORD] ?? 0, alarmed, isSomethingWaiting))
    Atomics.store(control, PARKED_WORD, 0);
}

/** With one socket to serve the thread waits in it: a system call and a foreign call less for each wake-up. */
function waitInSole({ io, id, zones }: SoleListener): void {
  const n = fastPath.serve(io, id, zones);
  if (n <= 0) beat(systemClock.monotonicMs());
  if (n === 0) return;
  if (n > 0) beat(fastPath.receivedAtMs);
  datagrams = n;
  // A socket with an error does not wait.
  if (n < 0) sole = undefined;
  addTo(floats, page + WAKE_UPS_AT, 1);
  endTurn();
}

function endTurn(): void {
  if (fastPath.takeRelayed() > 0 && Atomics.exchange(control, WOKEN_WORD, 1) === 0) signalEventFd(start.wakeFd);
  const events = batch.blockedSends + batch.refusedSends + batch.pairs;
  if (events === sendEvents) return;
  sendEvents = events;
  floats[page + SEND_ERRORS_AT + SEND_WOULD_BLOCK] = batch.blockedSends;
  floats[page + SEND_ERRORS_AT + SEND_OTHER] = batch.refusedSends;
  floats[page + GSO_PAIRS_AT] = batch.pairs;
}

function findSole(): void {
  const [listener] = given;
  sole = undefined;
  if (listener === undefined || given.length > 1 || warmUp !== undefined) return;
  const { fd, id, wildcard, zones } = listener;
  waitAtMost(fd, WAIT_MS);
  sole = { id, io: new MmsgIo(batch, fd, wildcard, id, true), zones: new ZoneTable(zones) };
}

function goOnWarmingUp(): void {
  if (warmUp === undefined || warmUp.step()) return;
  warmUp = undefined;
  findSole();
}

/** Mapped for the whole process; the main thread takes it away again. */
function batchMemory(handle: RegionHandle): AnonymousMemory | undefined {
  if (handle.kind !== "memfd") return undefined;
  return { address: handle.address, buffer: openRegion(handle).buffer as ArrayBuffer, free: () => undefined };
}

/**
 * @param enough datagrams of a receive after which there may be more; default: a full batch. After fewer asking again would mostly
 *   cost for nothing, and where it would not epoll says so
 * @returns datagrams taken from that listener
 */
function serve(listener: number, batches: number, enough: number = BATCH_DATAGRAMS): number {
  const served = listeners.get(listener);
  if (served === undefined) return 0;
  let taken = 0;
  for (let i = 0; i < batches; i++) {
    const n = fastPath.serve(served.io, listener, served.zones);
    taken += Math.max(n, 0);
    if (n < enough) break;
  }
  return taken;
}

function takeMessages(): void {
  // Before the first look: what comes after the last one writes it again.
  control[MESSAGE_WORD] = 0;
  drainEventFd(start.eventFd);
  if (parentPort === null) return;
  for (;;) {
    const received = receiveMessageOnPort(parentPort) as { message: ThreadMessage } | undefined;
    if (received === undefined) return;
    if ("plan" in received.message) {
      warmUp = new WarmUp({ clock: systemClock, reader, batch, relay, ...received.message });
      sole = undefined;
      continue;
    }
    const set = received.message;
    // No wake-up comes any more for what waits there.
    for (const id of listeners.keys())
      if (!set.listeners.some((listener) => listener.id === id)) serve(id, LAST_BATCHES, 1);
    listeners.clear();
    for (const listener of set.listeners) {
      listeners.set(listener.id, {
        io: new MmsgIo(batch, listener.fd, listener.wildcard, listener.id),
        zones: new ZoneTable(listener.zones),
      });
    }
    given = set.listeners;
    findSole();
    parentPort.postMessage(set.sequence);
  }
}
