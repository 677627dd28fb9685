/**
 * The fast-path threads as the main thread sees them: started, given listeners, drained, stopped.
 */
import { Socket } from "node:net";
import { Worker } from "node:worker_threads";
import { workerUrl } from "../../base/worker-url.ts";
import { addToEpoll, createEpoll, type EpollHandle, removeFromEpoll } from "../../linux/epoll.ts";
import { createEventFd, signalEventFd } from "../../linux/event-fd.ts";
import { closeFd } from "../../linux/fd.ts";
import { createPipe, type Pipe } from "../../linux/pipe.ts";
import { createRegion, type SharedRegion } from "../../linux/shared-region.ts";
import type { AnswerStoreHandle } from "../cache/region.ts";
import type { MetricsHandle } from "../metrics/metrics.ts";
import { openWarmUpSockets } from "./plant-warm-up.ts";
import { RelayReader, RING_REGION_BYTES } from "./relay-ring.ts";
import { BEAT_WORD, CONTROL_BYTES, STOP_WORD, TAG_MESSAGE, WOKEN_WORD } from "./thread-control.ts";
import type { FastListener, ListenerSet, ThreadStart, WarmUpPlan } from "./thread-messages.ts";

/** Records taken in one turn of the event loop, so that timers and TCP get theirs. */
const RECORDS_PER_TURN = 512;

export interface FastPathThreadsOptions {
  /** 1 or more. */
  readonly threads: number;
  /** Index of the first thread's page of counters; the others follow. */
  readonly firstPage: number;
  readonly store: AnswerStoreHandle;
  readonly metrics: MetricsHandle;
  readonly segmentation: boolean;
  readonly warmUp: WarmUpPlan;
  /** Called for each record with the reader standing on it. Must not throw. @param thread index of the thread */
  readonly onRecord: (thread: number, record: RelayReader) => void;
  /** A thread ended by itself: a defect. */
  readonly onCrash: (error: unknown) => void;
}

/** One thread and what it shares with the main thread. */
export interface FastPathThread {
  readonly epoll: EpollHandle;
  readonly control: Int32Array;
}

interface RunningThread extends FastPathThread {
  readonly worker: Worker;
  readonly eventFd: number;
  readonly wake: Pipe;
  readonly ring: SharedRegion;
  readonly records: RelayReader;
  readonly exited: Promise<void>;
}

export class FastPathThreads {
  readonly #threads: RunningThread[];
  readonly #onRecord: (thread: number, record: RelayReader) => void;
  /** Reading ends of the wake pipes. */
  readonly #wakeups: readonly Socket[];
  readonly #waiters: Map<number, () => void>;
  #listeners: readonly FastListener[];
  #sequence: number;
  #stopping: boolean;

  constructor(options: FastPathThreadsOptions) {
    this.#onRecord = options.onRecord;
    this.#waiters = new Map();
    this.#listeners = [];
    this.#sequence = 0;
    this.#stopping = false;
    this.#threads = Array.from({ length: options.threads }, (_, i) => this.#start(options, i));
    this.#wakeups = this.#threads.map((thread, index) => this.#watch(index, thread));
  }

  get threads(): readonly FastPathThread[] {
    return this.#threads;
  }

  /** Makes `listeners` the ones that are served, in place of those before. Resolves when every thread has taken them. */
  async setListeners(listeners: readonly FastListener[]): Promise<void> {
    const known = new Set(this.#listeners.map((listener) => listener.fd));
    const wanted = new Set(listeners.map((listener) => listener.fd));
    const sequence = ++this.#sequence;
    const message: ListenerSet = { sequence, listeners };
    const taken = this.#threads.map(async (thread, i) => {
      const key = sequence * this.#threads.length + i;
      const done = new Promise<void>((resolve) => this.#waiters.set(key, resolve));
      thread.worker.postMessage(message);
      signalEventFd(thread.eventFd);
      await done;
      for (const listener of listeners) {
        // The id is the tag, and it stays with the descriptor over reloads.
        if (!known.has(listener.fd)) addToEpoll(thread.epoll, listener.fd, listener.id, this.#threads.length > 1);
      }
      for (const fd of known) if (!wanted.has(fd)) removeFromEpoll(thread.epoll, fd);
    });
    this.#listeners = listeners;
    await Promise.all(taken);
    this.#drainAll();
  }

  /** Ends the threads; what they had received has been handed over when this resolves. */
  async stop(): Promise<void> {
    if (this.#stopping) return;
    this.#stopping = true;
    for (const thread of this.#threads) {
      Atomics.store(thread.control, STOP_WORD, 1);
      signalEventFd(thread.eventFd);
    }
    await Promise.all(this.#threads.map((thread) => thread.exited));
    this.#drainAll();
    for (const socket of this.#wakeups) socket.destroy();
  }

  #drainAll(): void {
    for (const [index, thread] of this.#threads.entries()) {
      while (thread.records.next()) this.#onRecord(index, thread.records);
    }
  }

  /** After `stop`, when no record is looked at any more. */
  close(): void {
    for (const thread of this.#threads) {
      closeFd(thread.eventFd);
      closeFd(thread.wake.writeFd);
      closeFd(thread.epoll.fd);
    }
  }

  #start(options: FastPathThreadsOptions, index: number): RunningThread {
    const epoll = createEpoll();
    const eventFd = createEventFd();
    addToEpoll(epoll, eventFd, TAG_MESSAGE, false);
    const wake = createPipe();
    const control = new SharedArrayBuffer(CONTROL_BYTES);
    const ring = createRegion("nodens-relay", RING_REGION_BYTES);
    const start: ThreadStart = {
      thread: options.firstPage + index,
      epollFd: epoll.fd,
      eventFd,
      wakeFd: wake.writeFd,
      control,
      ring: ring.handle,
      store: options.store,
      metrics: options.metrics,
      segmentation: options.segmentation,
      warmUp: options.warmUp,
      warmUpSockets: openWarmUpSockets(),
    };
    const worker = new Worker(workerUrl("./fastpath.worker", import.meta.url), {
      workerData: start,
      name: `fastpath-${index}`,
      // The loop allocates next to nothing once it runs.
      resourceLimits: { maxYoungGenerationSizeMb: 8, maxOldGenerationSizeMb: 64, codeRangeSizeMb: 16 },
    });
    worker.on("message", (sequence: number) => {
      const key = sequence * options.threads + index;
      this.#waiters.get(key)?.();
      this.#waiters.delete(key);
    });
    worker.on("error", options.onCrash);
    const exited = new Promise<void>((resolve) => {
      worker.on("exit", () => {
        resolve();
        if (!this.#stopping) options.onCrash(new Error("a fast-path thread ended"));
      });
    });
    return {
      worker,
      epoll,
      eventFd,
      wake,
      control: new Int32Array(control),
      ring,
      records: new RelayReader(ring.buffer),
      exited,
    };
  }

  /** Drains a thread's ring whenever the thread says that there is something. @returns the reading end of its wake pipe */
  #watch(index: number, thread: RunningThread): Socket {
    let again = false;
    const drain = (): void => {
      again = false;
      // Before the ring is read: what is put in after the last look makes a new wake-up.
      Atomics.store(thread.control, WOKEN_WORD, 0);
      for (let left = RECORDS_PER_TURN; left > 0; left--) {
        if (!thread.records.next()) return;
        this.#onRecord(index, thread.records);
      }
      again = true;
      setImmediate(drain);
    };
    const onWake = (): boolean => {
      if (!again) drain();
      return true;
    };
    return new Socket({
      fd: thread.wake.readFd,
      readable: true,
      writable: false,
      onread: { buffer: new Uint8Array(64), callback: onWake },
    });
  }
}

/** Turns of a thread's loop so far: two more mean that it holds no descriptor from before. */
export function beatsOf(thread: FastPathThread): number {
  return Atomics.load(thread.control, BEAT_WORD);
}
