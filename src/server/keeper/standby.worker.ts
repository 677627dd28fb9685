/**
 * The standby thread: parked while a server lives; answers hits from its store while there is none.
 *
 * Parked it waits in its event loop and costs nothing. Serving it is the fast path's loop over the kept sockets and the kept
 * answer store: hits are answered, what else comes goes into a ring of its own for the next server. It cannot be ended
 * from outside while it waits for packets, so each wait is bounded, and it looks at a stop word.
 */
import { parentPort, workerData } from "node:worker_threads";
import { systemClock } from "../../base/clock.ts";
import { DatagramBatch } from "../../linux/datagram-batch.ts";
import { addToEpoll, createEpoll, EpollWaiter } from "../../linux/epoll.ts";
import { drainEventFd } from "../../linux/event-fd.ts";
import { closeFd } from "../../linux/fd.ts";
import { openRegion } from "../../linux/shared-region.ts";
import { AnswerReader } from "../cache/answer-reader.ts";
import { StoreRegionError } from "../cache/region.ts";
import { FastPath } from "../fastpath/fast-path.ts";
import { MmsgIo } from "../fastpath/mmsg-io.ts";
import { RelayWriter } from "../fastpath/relay-ring.ts";
import { ZoneTable } from "../fastpath/zone-table.ts";
import { FastpathCounters } from "../metrics/fastpath-counters.ts";
import { ServerRows } from "../metrics/server-rows.ts";
import { STANDBY_STOP_WORD, type StandbySocket, type StandbyStart, type ToStandby } from "./standby-messages.ts";

/** Longest wait for packets, milliseconds: bounds how late a stop is seen. */
const WAIT_MS = 100;
const BATCHES_IN_A_ROW = 4;
const TAG_STOP = -1;

interface Served {
  readonly id: number;
  readonly fd: number;
  readonly io: MmsgIo;
  readonly zones: ZoneTable;
}

const start = workerData as StandbyStart;
const control = new Int32Array(start.control);
const relay = new RelayWriter(openRegion(start.ring).buffer);
const counters = new FastpathCounters(start.counters);
// Nobody looks at the rows, which are for labels of a server: its own live no longer.
const rows = ServerRows.create(1);
let batch: DatagramBatch | undefined;
let fastPath: FastPath | undefined;
let served: Served[] = [];

parentPort?.on("message", (message: ToStandby) => {
  if (message.kind === "plan") usePlan(message.sockets, readerOf(message));
  else serveUntilStopped();
  parentPort?.postMessage(message.sequence);
});

/** A store that cannot be read (another version's) is as good as none. */
function readerOf(message: ToStandby & { kind: "plan" }): AnswerReader | undefined {
  try {
    return new AnswerReader({ region: message.store });
  } catch (error) {
    if (error instanceof StoreRegionError) return undefined;
    throw error;
  }
}

function usePlan(sockets: readonly StandbySocket[], reader: AnswerReader | undefined): void {
  if (reader === undefined) {
    fastPath = undefined;
    served = [];
    return;
  }
  // Segmented sends save CPU under load; a thread that serves for some tenths of a second can do without.
  const io = (batch ??= new DatagramBatch(false));
  fastPath = new FastPath({ clock: systemClock, reader, rows, counters, thread: 0, relay });
  served = sockets.map(({ id, fd, wildcard, zones }) => ({
    id,
    fd,
    io: new MmsgIo(io, fd, wildcard, id),
    zones: new ZoneTable(zones),
  }));
}

function serveUntilStopped(): void {
  const epoll = createEpoll();
  const waiter = new EpollWaiter(epoll);
  addToEpoll(epoll, start.eventFd, TAG_STOP);
  for (const [index, { fd }] of served.entries()) addToEpoll(epoll, fd, index);
  while (control[STANDBY_STOP_WORD] === 0) turn(waiter);
  drainEventFd(start.eventFd);
  waiter.close();
  closeFd(epoll.fd);
}

function turn(waiter: EpollWaiter): void {
  const ready = waiter.wait(WAIT_MS);
  for (let i = 0; i < ready; i++) {
    const one = served[waiter.tag(i)];
    if (one !== undefined && fastPath !== undefined) serve(one, fastPath);
  }
}

function serve({ io, id, zones }: Served, path: FastPath): void {
  for (let i = 0; i < BATCHES_IN_A_ROW; i++) if (path.serve(io, id, zones) < 64) return;
}
