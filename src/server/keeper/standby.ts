/** The standby thread as the keeper sees it: given a plan, started, stopped. */
import { Worker } from "node:worker_threads";
import { workerUrl } from "../../base/worker-url.ts";
import { adoptRegion } from "../../linux/adopt-region.ts";
import { createEventFd, signalEventFd } from "../../linux/event-fd.ts";
import { closeFd, duplicateFd } from "../../linux/fd.ts";
import { createRegion, type SharedRegion } from "../../linux/shared-region.ts";
import { RING_REGION_BYTES } from "../fastpath/relay-ring.ts";
import { FastpathCounters, HANDED_OVER_AT, HITS_AT } from "../metrics/fastpath-counters.ts";
import type { DescriptorStore } from "./descriptor-store.ts";
import { STANDBY_STOP_WORD, type StandbySocket, type StandbyStart, type ToStandby } from "./standby-messages.ts";
import type { StandbyPlan } from "./standby-plan.ts";

/** What a plan needs, held by the standby itself: the descriptors of the store may be dropped at any time. */
interface Prepared {
  readonly store: SharedRegion;
  readonly sockets: readonly StandbySocket[];
}

export class Standby {
  /** Where misses go; kept, for the servers to come. */
  readonly ring: SharedRegion;
  readonly #worker: Worker;
  readonly #eventFd: number;
  readonly #control: Int32Array;
  readonly #counters: FastpathCounters;
  readonly #waiters: Map<number, () => void>;
  #sequence: number;
  /** What the thread has. */
  #current: Prepared | undefined;
  #serving: Promise<void> | undefined;
  #wanted: boolean;
  #crashed: boolean;
  #closing: boolean;
  /** Plans are handed over one after the other, each to a thread that is parked. */
  #changes: Promise<void>;

  /** @param onCrash the thread ended by itself: a defect */
  constructor(onCrash: (error: unknown) => void) {
    this.ring = createRegion("nodens-standby", RING_REGION_BYTES);
    this.#eventFd = createEventFd();
    const control = new SharedArrayBuffer(64);
    this.#control = new Int32Array(control);
    this.#counters = FastpathCounters.create(1);
    this.#waiters = new Map();
    this.#sequence = 0;
    this.#current = undefined;
    this.#serving = undefined;
    this.#wanted = false;
    this.#crashed = false;
    this.#closing = false;
    this.#changes = Promise.resolve();
    const start: StandbyStart = {
      eventFd: this.#eventFd,
      control,
      ring: this.ring.handle,
      counters: this.#counters.handle,
    };
    this.#worker = new Worker(workerUrl("./standby.worker", import.meta.url), {
      workerData: start,
      name: "standby",
      resourceLimits: { maxYoungGenerationSizeMb: 2, maxOldGenerationSizeMb: 32, codeRangeSizeMb: 8 },
    });
    this.#worker.on("message", (sequence: number) => {
      this.#waiters.get(sequence)?.();
      this.#waiters.delete(sequence);
    });
    this.#worker.on("error", onCrash);
    this.#worker.on("exit", () => {
      if (this.#closing) return;
      this.#crashed = true;
      for (const resolve of this.#waiters.values()) resolve();
      this.#waiters.clear();
    });
    this.#worker.unref();
  }

  get isServing(): boolean {
    return this.#serving !== undefined;
  }

  /** Queries answered so far. */
  get hits(): number {
    return this.#counters.floats[HITS_AT] ?? 0;
  }

  /** Queries left to the next server so far. */
  get misses(): number {
    return this.#counters.floats[HANDED_OVER_AT] ?? 0;
  }

  /**
   * What to serve from the next `serve` on. Takes hold of the descriptors now; those that are not kept are passed over.
   *
   * @returns false when the plan's store is not kept
   */
  plan(plan: StandbyPlan, kept: DescriptorStore): boolean {
    const storeFd = kept.get(plan.store)?.fd;
    const copy = storeFd === undefined ? -1 : duplicateFd(storeFd);
    const store = copy < 0 ? undefined : adoptRegion(copy);
    if (store === undefined) {
      if (copy >= 0) closeFd(copy);
      return false;
    }
    const sockets: StandbySocket[] = [];
    for (const { id, socket, wildcard, zones } of plan.listeners) {
      const fd = kept.get(socket)?.fd;
      if (fd !== undefined) sockets.push({ id, fd: duplicateFd(fd), wildcard, zones });
    }
    const prepared: Prepared = { store, sockets };
    this.#changes = this.#changes.then(() => this.#use(prepared));
    return true;
  }

  /** Answers from now on. */
  serve(): void {
    this.#wanted = true;
    if (this.#serving !== undefined || this.#crashed) return;
    Atomics.store(this.#control, STANDBY_STOP_WORD, 0);
    this.#serving = this.#post((sequence) => ({ kind: "serve", sequence }));
  }

  /** Resolves when the thread has sent what it had received. */
  async park(): Promise<void> {
    this.#wanted = false;
    const serving = this.#serving;
    if (serving === undefined) return;
    Atomics.store(this.#control, STANDBY_STOP_WORD, 1);
    signalEventFd(this.#eventFd);
    await serving;
    if (this.#serving !== serving) return;
    this.#serving = undefined;
    // Called back while it was on its way.
    if (this.#wanted) this.serve();
  }

  /** Ends the thread, and lets go of everything. */
  async close(): Promise<void> {
    this.#worker.ref();
    await this.park();
    await this.#changes;
    this.#closing = true;
    await this.#worker.terminate();
    release(this.#current);
    this.ring.close();
    closeFd(this.#eventFd);
  }

  async #use(prepared: Prepared): Promise<void> {
    // A thread that serves takes no messages.
    await this.#serving;
    const { store, sockets } = prepared;
    await this.#post((sequence) => ({ kind: "plan", sequence, store: store.handle, sockets }));
    release(this.#current);
    this.#current = prepared;
  }

  #post(message: (sequence: number) => ToStandby): Promise<void> {
    const sequence = ++this.#sequence;
    if (this.#crashed) return Promise.resolve();
    return new Promise((resolve) => {
      this.#waiters.set(sequence, resolve);
      this.#worker.postMessage(message(sequence));
    });
  }
}

function release(prepared: Prepared | undefined): void {
  for (const { fd } of prepared?.sockets ?? []) closeFd(fd);
  prepared?.store.close();
}
