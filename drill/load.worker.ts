/**
 * The load: queries at a fixed rate from many sockets, each one's fate written down.
 *
 * An open loop: what is due is sent, answers or not, and when this thread itself was late it catches up. A query is
 * timed from just before it is sent to just after epoll says that its answer is there.
 */
import { parentPort, workerData } from "node:worker_threads";
import { systemClock } from "../src/base/clock.ts";
import { BATCH_DATAGRAMS, DatagramBatch } from "../src/linux/datagram-batch.ts";
import { addToEpoll, createEpoll, EpollWaiter } from "../src/linux/epoll.ts";
import { ECONNREFUSED } from "../src/linux/errno.ts";
import { closeFd } from "../src/linux/fd.ts";
import { SendBatch } from "../src/linux/send-batch.ts";
import { socketDrops } from "../src/linux/udp-socket.ts";
import { openClientSockets } from "./client-sockets.ts";
import { queriesOf, questionOf, type LoadWorkerData } from "./load-shared.ts";
import { OVERFLOWN_WORD, QueryRecords, REFUSED_WORD, STOP_WORD, STRAY_WORD, UNSENT_WORD } from "./query-records.ts";
import { isRightAnswer, QUERY_BYTES, writeQuery } from "./questions.ts";

/** Queries that leave at once at most, by one socket. */
const BURST = 64;
const IDS = 65_536;

const plan = workerData as LoadWorkerData;
const records = new QueryRecords(plan.shared);
const total = queriesOf(plan);
const sockets = openClientSockets(plan.sockets, plan.port);
const epoll = createEpoll();
for (const [i, fd] of sockets.entries()) addToEpoll(epoll, fd, i);
const waiter = new EpollWaiter(epoll);
const received = new DatagramBatch(false);
let refusedSends = 0;
const leaving = new SendBatch((_fd, errno) => {
  if (errno === ECONNREFUSED) refusedSends++;
});

/** Row + 1 of the query that has this id on this socket; 0 for none. An id comes again after 65,536 others. */
const rowOf = new Int32Array(plan.sockets * IDS);
const nextId = new Uint16Array(plan.sockets);
let unsettled = 0;
let turn = 0;

function send(count: number, atMs: number): void {
  const socket = turn++ % sockets.length;
  const fd = sockets[socket] ?? -1;
  for (let i = 0; i < count; i++) {
    const question = questionOf(records.sent, plan);
    const id = nextId[socket] ?? 0;
    nextId[socket] = id + 1;
    writeQuery(leaving.bytes, leaving.begin(fd), id, question);
    leaving.commit(QUERY_BYTES, undefined, undefined);
    rowOf[socket * IDS + id] = records.add(question, atMs) + 1;
  }
  unsettled += count;
  leaving.flush();
}

function receive(socket: number): void {
  const fd = sockets[socket] ?? -1;
  for (;;) {
    const count = received.receive(fd, false);
    if (count === -ECONNREFUSED) records.count(REFUSED_WORD);
    // Not the time from before: this thread may have stood still since.
    const atMs = systemClock.monotonicMs() - startMs;
    for (let i = 0; i < count; i++) {
      const at = received.slotAt(i);
      const length = received.lengthOf(i);
      const id = ((received.bytes[at] ?? 0) << 8) | (received.bytes[at + 1] ?? 0);
      const row = (length < 2 ? 0 : (rowOf[socket * IDS + id] ?? 0)) - 1;
      if (row < 0) {
        records.count(STRAY_WORD);
        continue;
      }
      const isRight = isRightAnswer(received.bytes, at, length, records.question[row] ?? 0);
      if (records.settle(row, atMs, isRight, (received.bytes[at + 3] ?? 0) & 15)) unsettled--;
    }
    if (count < BATCH_DATAGRAMS) return;
  }
}

const startMs = systemClock.monotonicMs();
parentPort?.postMessage({ startMs });
let lastTurnMs = 0;
let lastSentMs = 0;
while (Atomics.load(records.words, STOP_WORD) === 0) {
  const nowMs = systemClock.monotonicMs() - startMs;
  // A wait is one millisecond at most.
  if (nowMs - lastTurnMs > records.ownPauseMs) records.ownPauseMs = nowMs - lastTurnMs;
  lastTurnMs = nowMs;
  const due = Math.min(Math.floor((nowMs * plan.rate) / 1000) + 1, total);
  const sent = records.sent;
  if (sent < due) {
    send(Math.min(due - sent, BURST), nowMs);
    lastSentMs = nowMs;
  } else if (sent === total && (unsettled === 0 || nowMs - lastSentMs > plan.lostAfterMs)) {
    break;
  }
  const ready = waiter.wait(due - sent > BURST ? 0 : 1);
  for (let i = 0; i < ready; i++) receive(waiter.tag(i));
}
records.count(REFUSED_WORD, refusedSends);
records.count(UNSENT_WORD, leaving.blockedSends + leaving.refusedSends - refusedSends);
for (const fd of sockets) {
  records.count(OVERFLOWN_WORD, socketDrops(fd));
  closeFd(fd);
}
