/**
 * The fast-path threads as the main thread sees them: started, given listeners, drained, stopped.
 */
import { setImmediate as nextTurn } from "node:timers/promises";
import type { Worker } from "node:worker_threads";
import { BindError } from "../../base/bind-error.ts";
import { addToEpoll, createEpoll, type EpollHandle, removeFromEpoll } from "../../linux/epoll.ts";
import { BATCH_BYTES } from "../../linux/datagram-batch.ts";
import { createEventFd, signalEventFd } from "../../linux/event-fd.ts";
import { closeFd } from "../../linux/fd.ts";
import type { LoopWatch } from "../../linux/loop-watch.ts";
import { createRegion, type RegionHandle, type SharedRegion } from "../../linux/shared-region.ts";
import { createTimerFd, setTimerFd } from "../../linux/timer-fd.ts";
import { ASK_REGION_BYTES, AskReader } from "../clients/ask-ring.ts";
import type { AnswerStoreHandle } from "../cache/region.ts";
import type { MetricsHandle } from "../metrics/metrics.ts";
import type { AlarmHandle } from "./alarm.ts";
import { leaveThread, takeThread } from "./begin-thread.ts";
import { openWarmUpSockets } from "./plant-warm-up.ts";
import { RECORD_HEADER_BYTES, RelayReader, RING_BYTES, RING_REGION_BYTES } from "./relay-ring.ts";
import {
  CONTROL_BYTES,
  MESSAGE_WORD,
  PARKED_LOOK_MS,
  PARKED_WORD,
  RECEIVES_WORD,
  STOP_WORD,
  TAG_MESSAGE,
  WOKEN_WORD,
} from "./thread-control.ts";
import type { FastListener, ListenerSet, ThreadMessage, ThreadStart, WarmUpPlan } from "./thread-messages.ts";

/** After the first listeners: the start of the rest of the process comes first, on a machine with one core. */
const WARM_UP_AFTER_MS = 400;
/** Records taken in one turn of the event loop, so that timers and TCP get theirs. */
const RECORDS_PER_TURN = 512;
/** Nor does a turn last longer by them: a query may take a millisecond in a process that has just started, and answers wait to be read. */
const TURN_MS = 20;
const RECORDS_PER_LOOK = 32;
/** The alarm of parked threads is left alone for so long: setting it is a system call. */
const PUT_OFF_MS = 2;
/** As many as a full ring takes. */
const DRAIN_TURNS: number = Math.ceil(RING_BYTES / RECORD_HEADER_BYTES / RECORDS_PER_TURN);

export interface FastPathThreadsOptions {
  /** 1 or more. */
  readonly threads: number;
  /** Index of the first thread's page of counters; the others follow. */
  readonly firstPage: number;
  readonly store: AnswerStoreHandle;
  readonly metrics: MetricsHandle;
  readonly segmentation: boolean;
  /** Makes the plan when it is time for it. */
  readonly planWarmUp: () => WarmUpPlan;
  /** Where the threads' control words are, all zero; default: memory of this process alone. */
  readonly controls?: ThreadControls | undefined;
  /** Of the main thread's loop. */
  readonly watch: LoopWatch;
  /** Called for each relayed query with the reader standing on it. Must not throw. */
  readonly onQuery: (record: RelayReader) => void;
  /** Called when a ring has been drained. @param records that stood in it */
  readonly onDrained: (records: number) => void;
  /** A thread ended by itself: a defect. */
  readonly onCrash: (error: unknown) => void;
}

export interface ThreadRegions {
  readonly batch: RegionHandle;
  readonly ring: RegionHandle;
}

/** Room for the control words of several threads, `CONTROL_BYTES` each. */
export interface ThreadControls {
  readonly region: SharedRegion;
  /** Of the first thread's, in bytes. */
  readonly at: number;
  /** What the threads tend; undefined: nobody hears it. */
  readonly alarm?: AlarmHandle | undefined;
}

interface RunningThread {
  readonly epoll: EpollHandle;
  readonly control: Int32Array;
  /** What it is told when it begins. */
  readonly start: ThreadStart;
  readonly eventFd: number;
  /** eventfd that the thread wakes the main thread by. */
  readonly wakeFd: number;
  readonly ring: SharedRegion;
  readonly batch: SharedRegion;
  readonly asks: AskReader;
  readonly records: RelayReader;
}

interface BegunThread {
  readonly worker: Worker;
  readonly exited: Promise<void>;
}

export class FastPathThreads {
  readonly #threads: RunningThread[];
  readonly #onQuery: (record: RelayReader) => void;
  readonly #onDrained: (records: number) => void;
  readonly #watch: LoopWatch;
  readonly #waiters: Map<number, () => void>;
  readonly #onCrash: (error: Error) => void;
  /** Of each thread, from the first listeners on. */
  #begun: readonly BegunThread[];
  #listeners: readonly FastListener[];
  readonly #planWarmUp: () => WarmUpPlan;
  #sequence: number;
  /** Undefined before the first listeners. */
  #warmUp: NodeJS.Timeout | undefined;
  #stopping: boolean;
  readonly #parkedAlarmFd: number;
  #putOffAtMs: number;

  constructor(options: FastPathThreadsOptions) {
    this.#onQuery = options.onQuery;
    this.#onDrained = options.onDrained;
    this.#watch = options.watch;
    this.#waiters = new Map();
    this.#onCrash = options.onCrash;
    this.#begun = [];
    this.#listeners = [];
    this.#planWarmUp = options.planWarmUp;
    this.#sequence = 0;
    this.#warmUp = undefined;
    this.#stopping = false;
    this.#parkedAlarmFd = createTimerFd();
    this.#putOffAtMs = 0;
    const { threads } = options;
    const controls: ThreadControls = options.controls ?? {
      region: createRegion("nodens-control", threads * CONTROL_BYTES),
      at: 0,
    };
    this.#threads = Array.from({ length: threads }, (_, i) => this.#start(options, controls, i));
    for (const thread of this.#threads) this.#drainWhenWoken(thread);
  }

  /** Memory of each thread in which a query may stand. */
  get regions(): readonly ThreadRegions[] {
    return this.#threads.map(({ batch, ring }) => ({ batch: batch.handle, ring: ring.handle }));
  }

  /** Of each thread: who asked it. */
  get asks(): readonly AskReader[] {
    return this.#threads.map(({ asks }) => asks);
  }

  /** Whether there have been listeners. */
  get haveBegun(): boolean {
    return this.#begun.length > 0;
  }

  /** Makes `listeners` the ones that are served, in place of those before. Resolves when every thread has taken them. */
  async setListeners(listeners: readonly FastListener[]): Promise<void> {
    if (!this.haveBegun) this.#begun = this.#threads.map(({ start }, i) => this.#begin(start, i));
    const known = new Set(this.#listeners.map((listener) => listener.fd));
    const wanted = new Set(listeners.map((listener) => listener.fd));
    const sequence = ++this.#sequence;
    const message: ListenerSet = { sequence, listeners };
    const taken = this.#threads.map(async (thread, i) => {
      const key = sequence * this.#threads.length + i;
      // Before the thread is told: a wake-up (EPOLLEXCLUSIVE) that goes to who has let go of the listener is nobody's. What has woken
      // it until now it takes when it is told.
      for (const fd of known) if (!wanted.has(fd)) removeFromEpoll(thread.epoll, fd);
      const done = new Promise<void>((resolve) => this.#waiters.set(key, resolve));
      this.#tell(i, message);
      await done;
      for (const listener of listeners) {
        // The id is the tag, and it stays with the descriptor over reloads.
        if (!known.has(listener.fd)) {
          addToEpoll(thread.epoll, listener.fd, listener.id, { exclusive: this.#threads.length > 1 });
        }
      }
    });
    this.#listeners = listeners;
    await Promise.all(taken);
    await this.#drainAll();
    this.#warmUp ??= setTimeout(() => this.#beginWarmUp(), WARM_UP_AFTER_MS).unref();
  }

  get listeners(): readonly FastListener[] {
    return this.#listeners;
  }

  /** From now on the main thread reads. Each of the threads may have received something until it sees that. */
  park(nowMs: number): void {
    this.#putOff(nowMs);
    for (const { control } of this.#threads) Atomics.store(control, PARKED_WORD, 1);
  }

  /** To be called with each receive while they are parked. @returns false when one has gone back to work by itself */
  stayParked(nowMs: number): boolean {
    let parked = true;
    for (const { control } of this.#threads) {
      control[RECEIVES_WORD] = ((control[RECEIVES_WORD] ?? 0) + 1) | 0;
      if (control[PARKED_WORD] === 0) parked = false;
    }
    // After the receive is counted: who hears the alarm looks at that.
    if (nowMs - this.#putOffAtMs >= PUT_OFF_MS) this.#putOff(nowMs);
    return parked;
  }

  #putOff(nowMs: number): void {
    this.#putOffAtMs = nowMs;
    setTimerFd(this.#parkedAlarmFd, PARKED_LOOK_MS);
  }

  unpark(): void {
    for (const { control, eventFd } of this.#threads) {
      if (Atomics.exchange(control, PARKED_WORD, 0) === 0) continue;
      signalEventFd(eventFd);
    }
  }

  /** Ends the threads; what they had received has been handed over when this resolves. */
  async stop(): Promise<void> {
    if (this.#stopping) return;
    this.#stopping = true;
    clearTimeout(this.#warmUp);
    for (const thread of this.#threads) {
      Atomics.store(thread.control, STOP_WORD, 1);
      signalEventFd(thread.eventFd);
    }
    await Promise.all(this.#begun.map(({ exited }) => exited));
    if (!this.haveBegun) leaveThread();
    await this.#drainAll();
  }

  #beginWarmUp(): void {
    const plan = this.#planWarmUp();
    try {
      for (const i of this.#threads.keys()) this.#tell(i, { plan, sockets: openWarmUpSockets() });
    } catch (error) {
      // Without descriptors to spare it gets warm by its clients' queries.
      if (!(error instanceof BindError)) throw error;
    }
  }

  /**
   * Hands over what is in the rings now. In turns: a query that is answered at once is in flight until the turn ends, and
   * a ring holds more than may be in flight.
   */
  async #drainAll(): Promise<void> {
    for (const { records } of this.#threads) {
      for (let turns = DRAIN_TURNS; turns > 0 && !records.empty; turns--) {
        for (let left = RECORDS_PER_TURN; left > 0 && records.next(); left--) this.#onQuery(records);
        await nextTurn();
      }
    }
  }

  /** After `stop`, when no record is looked at any more. */
  close(): void {
    closeFd(this.#parkedAlarmFd);
    for (const thread of this.#threads) {
      closeFd(thread.eventFd);
      this.#watch.remove(thread.wakeFd);
      closeFd(thread.wakeFd);
      closeFd(thread.epoll.fd);
    }
  }

  #start(options: FastPathThreadsOptions, controls: ThreadControls, index: number): RunningThread {
    const epoll = createEpoll();
    const eventFd = createEventFd();
    addToEpoll(epoll, eventFd, TAG_MESSAGE);
    const wakeFd = createEventFd();
    const control = { region: controls.region.handle, at: controls.at + index * CONTROL_BYTES };
    const ring = createRegion("nodens-relay", RING_REGION_BYTES);
    const batch = createRegion("nodens-batch", BATCH_BYTES);
    const asks = createRegion("nodens-asks", ASK_REGION_BYTES);
    const start: ThreadStart = {
      thread: options.firstPage + index,
      epollFd: epoll.fd,
      eventFd,
      wakeFd,
      parkedAlarmFd: this.#parkedAlarmFd,
      control,
      alarm: controls.alarm,
      ring: ring.handle,
      batch: batch.handle,
      asks: asks.handle,
      store: options.store,
      metrics: options.metrics,
      segmentation: options.segmentation,
    };
    return {
      start,
      epoll,
      eventFd,
      wakeFd,
      control: new Int32Array(controls.region.buffer, control.at, CONTROL_BYTES >> 2),
      ring,
      batch,
      asks: new AskReader(asks.buffer),
      records: new RelayReader(ring.buffer),
    };
  }

  #begin(start: ThreadStart, index: number): BegunThread {
    const worker = takeThread(index);
    worker.postMessage(start);
    worker.on("message", (sequence: number) => {
      const key = sequence * this.#threads.length + index;
      this.#waiters.get(key)?.();
      this.#waiters.delete(key);
    });
    worker.on("error", this.#onCrash);
    const exited = new Promise<void>((resolve) => {
      worker.on("exit", () => {
        resolve();
        if (!this.#stopping) this.#onCrash(new Error("a fast-path thread ended"));
      });
    });
    return { worker, exited };
  }

  /** Drains a thread's ring whenever the thread says that there is something. */
  #drainWhenWoken(thread: RunningThread): void {
    let again = false;
    const drain = (): void => {
      again = false;
      // Before the ring is read: what is put in after the last look makes a new wake-up.
      Atomics.store(thread.control, WOKEN_WORD, 0);
      const untilMs = performance.now() + TURN_MS;
      for (let left = RECORDS_PER_TURN; left > 0; left--) {
        if (!thread.records.next()) {
          this.#onDrained(RECORDS_PER_TURN - left);
          return;
        }
        this.#onQuery(thread.records);
        if (left % RECORDS_PER_LOOK === 0 && performance.now() > untilMs) break;
      }
      again = true;
      setImmediate(drain);
    };
    const onWake = (): void => {
      if (!again) drain();
    };
    this.#watch.add(thread.wakeFd, onWake, { edge: true });
  }

  #tell(index: number, message: ThreadMessage): void {
    const thread = this.#threads[index];
    if (thread === undefined) return;
    this.#begun[index]?.worker.postMessage(message);
    Atomics.store(thread.control, MESSAGE_WORD, 1);
    signalEventFd(thread.eventFd);
  }
}
