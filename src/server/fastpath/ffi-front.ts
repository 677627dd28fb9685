/** `UdpFront` with threads that receive and send in batches through FFI. */
import { systemClock } from "../../base/clock.ts";
import { endOfTurn, type TurnTask } from "../../base/end-of-turn.ts";
import { BATCH_BYTES } from "../../linux/datagram-batch.ts";
import { closeFd } from "../../linux/fd.ts";
import { LoopWatch } from "../../linux/loop-watch.ts";
import { SendBatch } from "../../linux/send-batch.ts";
import { createRegion, type RegionHandle, type SharedRegion } from "../../linux/shared-region.ts";
import {
  adoptListener,
  openListener,
  socketDrops,
  supportsSegmentation,
  type UdpSocket,
} from "../../linux/udp-socket.ts";
import { ASK_REGION_BYTES, AskReader, AskWriter } from "../clients/ask-ring.ts";
import type { AnswerStore } from "../cache/answer-store.ts";
import {
  addTo,
  DROP_KERNEL_QUEUE,
  DROPS_AT,
  HITS_AT,
  SEND_ERRORS_AT,
  SEND_OTHER,
  SEND_WOULD_BLOCK,
  UPSTREAM_DATAGRAMS_AT,
} from "../metrics/fastpath-counters.ts";
import type { Metrics } from "../metrics/metrics.ts";
import type { UpstreamSockets } from "../upstream/upstream-ports.ts";
import { BatchPorts } from "./batch-ports.ts";
import type { QueryRecord } from "./query-record.ts";
import { FastPathThreads, type ThreadControls } from "./fast-path-threads.ts";
import { MainReader } from "./main-reader.ts";
import { plantWarmUp } from "./plant-warm-up.ts";
import type { LeftQuery } from "./left-query.ts";
import { PENDING_BYTES, PendingQueries } from "./pending-queries.ts";
import type { FastListener } from "./thread-messages.ts";
import type { KeptEndpoint, QueryListener, ServedEndpoint, UdpEndpoint, UdpFront } from "./udp-front.ts";
import { WhoReads } from "./who-reads.ts";

export interface FfiFrontOptions {
  readonly threads: number;
  readonly store: AnswerStore;
  readonly metrics: Metrics;
  readonly onQuery: QueryListener;
  /** Somebody will look at what stands in `regions` when this process is dead; default false. */
  readonly outlived?: boolean;
  readonly onCrash: (error: unknown) => void;
  /** Default: memory of this process alone. */
  readonly controls?: ThreadControls | undefined;
}

interface FfiEndpoint extends UdpEndpoint {
  readonly socket: UdpSocket;
}

/** The main thread's page of counters. */
const MAIN_PAGE = 0;

export class FfiFront implements UdpFront {
  readonly description: string;
  readonly ports: UpstreamSockets;
  readonly asks: readonly AskReader[];
  readonly #threads: FastPathThreads;
  /** Made when it is needed first: a start has enough to do. */
  #reader: MainReader | undefined;
  readonly #makeReader: () => MainReader;
  readonly #readerBatch: SharedRegion;
  readonly #whoReads: WhoReads;
  /** The main thread reads because the others are not up yet. */
  #isFirst: boolean;
  readonly #replies: SendBatch;
  readonly #watch: LoopWatch;
  readonly #onQuery: QueryListener;
  readonly #endpoints: Map<number, FfiEndpoint>;
  readonly #metrics: Metrics;
  readonly #stopCounting: () => void;
  /** Drops of sockets that were closed. */
  #pastDrops: number;
  #nextId: number;
  #flushScheduled: boolean;
  readonly #flush: TurnTask;
  readonly #pendingRegion: SharedRegion | undefined;
  /** Undefined too when the front has ended: its memory is gone, and a query may be answered later still. */
  #pending: PendingQueries | undefined;
  /** Slots of pending queries whose replies leave with the next flush. */
  readonly #done: number[];

  constructor(options: FfiFrontOptions) {
    this.description = `${options.threads} fast-path thread${options.threads === 1 ? "" : "s"}`;
    this.#onQuery = options.onQuery;
    this.#metrics = options.metrics;
    this.#replies = new SendBatch();
    this.#watch = new LoopWatch();
    this.#endpoints = new Map();
    this.#pastDrops = 0;
    this.#nextId = 0;
    this.#flushScheduled = false;
    this.#flush = { endTurn: () => this.#flushNow() };
    this.#pendingRegion = options.outlived === true ? createRegion("nodens-pending", PENDING_BYTES) : undefined;
    this.#pending = this.#pendingRegion === undefined ? undefined : new PendingQueries(this.#pendingRegion.buffer);
    this.#done = [];
    const probe = openListener("127.0.0.1", 0);
    const segmentation = supportsSegmentation(probe.fd);
    probe.close();
    this.#threads = new FastPathThreads({
      threads: options.threads,
      firstPage: 1,
      store: options.store.handle,
      metrics: options.metrics.handle,
      segmentation,
      planWarmUp: () => plantWarmUp(options.store),
      controls: options.controls,
      watch: this.#watch,
      onQuery: (record) => this.#take(record),
      onDrained: (records) => this.#handedOver(records),
      onCrash: options.onCrash,
    });
    const { fastpath } = options.metrics;
    const asks = createRegion("nodens-asks", ASK_REGION_BYTES);
    this.asks = [...this.#threads.asks, new AskReader(asks.buffer)];
    this.#isFirst = false;
    this.#whoReads = new WhoReads(systemClock.monotonicMs());
    this.#readerBatch = createRegion("nodens-batch", BATCH_BYTES);
    this.#reader = undefined;
    this.#makeReader = () =>
      new MainReader({
        watch: this.#watch,
        clock: systemClock,
        reader: options.store.newReader(),
        metrics: options.metrics,
        segmentation,
        batch: this.#readerBatch,
        asks: new AskWriter(asks.buffer),
        onQuery: (record) => this.#take(record),
        onReceived: (datagrams, misses, nowMs) => this.#received(datagrams, misses, nowMs),
      });
    const page = fastpath.pageAt(MAIN_PAGE);
    this.ports = new BatchPorts(this.#watch, (count) => addTo(fastpath.floats, page + UPSTREAM_DATAGRAMS_AT, count));
    this.#stopCounting = options.metrics.beforeScrape(() => this.#count());
  }

  /** Memory in which a query may stand that has been received and not answered, by names that a server after this knows. */
  get regions(): ReadonlyMap<string, RegionHandle> {
    const regions = new Map<string, RegionHandle>();
    for (const [thread, { batch, ring }] of this.#threads.regions.entries()) {
      regions.set(`batch/${thread}`, batch);
      regions.set(`ring/${thread}`, ring);
    }
    regions.set("batch/main", this.#readerBatch.handle);
    if (this.#pendingRegion !== undefined) regions.set("pending/0", this.#pendingRegion.handle);
    return regions;
  }

  /**
   * Asks what a server before this one left. Its endpoint must be open by the same id; what came by another is dropped. When this
   * returns, it is this server's to leave.
   */
  askAgain(query: LeftQuery): void {
    const slot = this.#pending?.putLeft(query) ?? -1;
    const { listener, wire, sockaddr, control, receivedAtMs } = query;
    this.#finishWith(slot, this.#onQuery(listener, wire, sockaddr, control, receivedAtMs));
  }

  // Async although nothing is awaited: a failure to bind is a rejection.
  async open(address: string, port: number, kept?: KeptEndpoint): Promise<UdpEndpoint> {
    const adopted = kept === undefined ? undefined : adoptListener(kept.fd, address, port);
    if (kept !== undefined && adopted === undefined) closeFd(kept.fd);
    const socket = adopted ?? openListener(address, port);
    const { fd, wildcard } = socket;
    const id = kept === undefined || this.#endpoints.has(kept.id) ? this.#freeId() : kept.id;
    const endpoint: FfiEndpoint = { id, address, port: socket.port, shared: { fd, wildcard }, socket };
    this.#endpoints.set(endpoint.id, endpoint);
    return endpoint;
  }

  serve(endpoints: readonly ServedEndpoint[]): Promise<void> {
    const listeners: FastListener[] = [];
    for (const { endpoint, zones } of endpoints) {
      const { socket } = this.#own(endpoint);
      listeners.push({ id: endpoint.id, fd: socket.fd, wildcard: socket.wildcard, zones });
    }
    this.#giveBack();
    if (this.#threads.haveBegun) return this.#threads.setListeners(listeners);
    return listeners.length === 0 ? Promise.resolve() : this.#serveFirst(listeners);
  }

  /** The main thread reads until the others are up: that takes them as long as all the rest of a start. */
  async #serveFirst(listeners: readonly FastListener[]): Promise<void> {
    const reader = (this.#reader ??= this.#makeReader());
    this.#isFirst = true;
    reader.begin(listeners);
    try {
      await this.#threads.setListeners(listeners);
    } finally {
      if (this.#isFirst) reader.end();
      this.#isFirst = false;
    }
  }

  reply(
    endpoint: UdpEndpoint,
    message: Uint8Array,
    length: number,
    sockaddr: Uint8Array,
    control: Uint8Array | undefined,
  ): void {
    const { socket } = this.#own(endpoint);
    const batch = this.#replies;
    const at = batch.begin(socket.fd);
    const { bytes } = batch;
    for (let i = 0; i < length; i++) bytes[at + i] = message[i] ?? 0;
    batch.commit(length, sockaddr, control);
    if (!this.#flushScheduled) this.#flushSoon();
  }

  close(endpoint: UdpEndpoint): void {
    const { socket } = this.#own(endpoint);
    this.#replies.flush();
    this.#pastDrops += socketDrops(socket.fd);
    this.#endpoints.delete(endpoint.id);
    socket.close();
  }

  async end(): Promise<void> {
    this.#stopCounting();
    this.#giveBack();
    await this.#threads.stop();
    this.#replies.flush();
    await this.ports.close();
    for (const endpoint of this.#endpoints.values()) endpoint.socket.close();
    this.#endpoints.clear();
    this.#threads.close();
    this.#reader?.close();
    this.#watch.close();
    this.#pending = undefined;
    this.#pendingRegion?.close();
  }

  /** Some queries came from a fast-path thread. */
  #handedOver(queries: number): void {
    if (this.#reader?.isReading === true) return;
    const takes = this.#whoReads.handedOver(
      queries,
      () => this.#hits(),
      () => systemClock.monotonicMs(),
    );
    if (!takes) return;
    this.#threads.park(systemClock.monotonicMs());
    this.#reader ??= this.#makeReader();
    this.#reader.begin(this.#threads.listeners);
  }

  /** Some came to the main thread itself. */
  #received(datagrams: number, misses: number, nowMs: number): void {
    if (this.#isFirst) return;
    if (!this.#threads.stayParked(nowMs)) {
      this.#giveBack();
      this.#whoReads.takenBack(nowMs);
    } else if (!this.#whoReads.received(datagrams, misses, () => systemClock.monotonicMs())) {
      this.#giveBack();
    }
  }

  /** The fast-path threads read again. */
  #giveBack(): void {
    if (this.#reader?.isReading !== true) return;
    this.#isFirst = false;
    this.#reader.end();
    this.#threads.unpark();
  }

  /** Answered by the fast-path threads so far. */
  #hits(): number {
    const { fastpath } = this.#metrics;
    let hits = 0;
    for (let thread = 1; thread < fastpath.handle.threads; thread++) {
      hits += fastpath.floats[fastpath.pageAt(thread) + HITS_AT] ?? 0;
    }
    return hits;
  }

  #take(record: QueryRecord): void {
    const slot = this.#pending?.put(record) ?? -1;
    const { id, receivedAtMs } = record;
    this.#finishWith(slot, this.#onQuery(id, record.payload(), record.sockaddr(), record.control(), receivedAtMs));
  }

  /** The query stays pending until its reply has left. */
  #finishWith(slot: number, done: Promise<void>): void {
    if (slot < 0) return;
    void done.then(() => {
      this.#done.push(slot);
      if (!this.#flushScheduled) this.#flushSoon();
    });
  }

  #flushSoon(): void {
    this.#flushScheduled = true;
    endOfTurn.add(this.#flush);
  }

  #flushNow(): void {
    this.#flushScheduled = false;
    this.#replies.flush();
    for (let slot = this.#done.pop(); slot !== undefined; slot = this.#done.pop()) this.#pending?.free(slot);
  }

  #own(endpoint: UdpEndpoint): FfiEndpoint {
    const own = this.#endpoints.get(endpoint.id);
    if (own === undefined) throw new Error(`endpoint ${endpoint.id} is not open`);
    return own;
  }

  /** Ids are epoll tags and must not come back while a relayed query may carry them: they count up and wrap late. */
  #freeId(): number {
    do this.#nextId = (this.#nextId + 1) & 0xfffff;
    while (this.#endpoints.has(this.#nextId));
    return this.#nextId;
  }

  /** What the kernel did not let in, and what the main thread could not send. */
  #count(): void {
    let drops = this.#pastDrops;
    for (const { socket } of this.#endpoints.values()) drops += socketDrops(socket.fd);
    const { fastpath } = this.#metrics;
    const { floats } = fastpath;
    const page = fastpath.pageAt(MAIN_PAGE);
    floats[page + DROPS_AT + DROP_KERNEL_QUEUE] = drops;
    const read = this.#reader ?? { blockedSends: 0, refusedSends: 0 };
    floats[page + SEND_ERRORS_AT + SEND_WOULD_BLOCK] = this.#replies.blockedSends + read.blockedSends;
    floats[page + SEND_ERRORS_AT + SEND_OTHER] = this.#replies.refusedSends + read.refusedSends;
  }
}
