/** `UdpFront` with threads that receive and send in batches through FFI. */
import { SendBatch } from "../../linux/send-batch.ts";
import { openListener, socketDrops, supportsSegmentation, type UdpSocket } from "../../linux/udp-socket.ts";
import type { AnswerStore } from "../cache/answer-store.ts";
import { DROP_KERNEL_QUEUE, DROPS_AT } from "../metrics/fastpath-counters.ts";
import type { Metrics } from "../metrics/metrics.ts";
import type { UpstreamPorts } from "../upstream/upstream-ports.ts";
import { FastPathThreads } from "./fast-path-threads.ts";
import { plantWarmUp } from "./plant-warm-up.ts";
import { KIND_PORT_ERROR, KIND_QUERY, KIND_REPLY, type RelayReader } from "./relay-ring.ts";
import { RelayedPorts } from "./relayed-ports.ts";
import type { FastListener } from "./thread-messages.ts";
import type { QueryListener, ServedEndpoint, UdpEndpoint, UdpFront } from "./udp-front.ts";

export interface FfiFrontOptions {
  readonly threads: number;
  readonly store: AnswerStore;
  readonly metrics: Metrics;
  readonly onQuery: QueryListener;
  readonly onCrash: (error: unknown) => void;
}

interface FfiEndpoint extends UdpEndpoint {
  readonly socket: UdpSocket;
}

export class FfiFront implements UdpFront {
  readonly description: string;
  readonly ports: UpstreamPorts;
  readonly #threads: FastPathThreads;
  readonly #relayed: RelayedPorts;
  readonly #replies: SendBatch;
  readonly #queries: SendBatch;
  readonly #onQuery: QueryListener;
  readonly #endpoints: Map<number, FfiEndpoint>;
  readonly #metrics: Metrics;
  readonly #stopCounting: () => void;
  /** Drops of sockets that were closed. */
  #pastDrops: number;
  #nextId: number;
  #flushScheduled: boolean;

  constructor(options: FfiFrontOptions) {
    this.description = `${options.threads} fast-path thread${options.threads === 1 ? "" : "s"}`;
    this.#onQuery = options.onQuery;
    this.#metrics = options.metrics;
    this.#replies = new SendBatch();
    this.#queries = new SendBatch((fd, errno) => this.#relayed.sendFailed(fd, errno));
    this.#endpoints = new Map();
    this.#pastDrops = 0;
    this.#nextId = 0;
    this.#flushScheduled = false;
    const probe = openListener("127.0.0.1", 0);
    const segmentation = supportsSegmentation(probe.fd);
    probe.close();
    this.#threads = new FastPathThreads({
      threads: options.threads,
      firstPage: 1,
      store: options.store.handle,
      metrics: options.metrics.handle,
      segmentation,
      warmUp: plantWarmUp(options.store),
      onRecord: (thread, record) => this.#take(thread, record),
      onCrash: options.onCrash,
    });
    this.#relayed = new RelayedPorts(this.#threads.threads, this.#queries);
    this.ports = this.#relayed;
    this.#stopCounting = options.metrics.beforeScrape(() => this.#countDrops());
  }

  // Async although nothing is awaited: a failure to bind is a rejection.
  async open(address: string, port: number): Promise<UdpEndpoint> {
    const socket = openListener(address, port);
    const endpoint: FfiEndpoint = { id: this.#freeId(), address, port: socket.port, socket };
    this.#endpoints.set(endpoint.id, endpoint);
    return endpoint;
  }

  serve(endpoints: readonly ServedEndpoint[]): Promise<void> {
    const listeners: FastListener[] = [];
    for (const { endpoint, zones } of endpoints) {
      const { socket } = this.#own(endpoint);
      listeners.push({ id: endpoint.id, fd: socket.fd, wildcard: socket.wildcard, zones });
    }
    return this.#threads.setListeners(listeners);
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
    if (this.#flushScheduled) return;
    this.#flushScheduled = true;
    setImmediate(() => {
      this.#flushScheduled = false;
      batch.flush();
    });
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
    await this.#threads.stop();
    this.#replies.flush();
    await this.ports.close();
    for (const endpoint of this.#endpoints.values()) endpoint.socket.close();
    this.#endpoints.clear();
    this.#threads.close();
  }

  #take(thread: number, record: RelayReader): void {
    if (record.kind === KIND_QUERY) {
      this.#onQuery(record.id, record.payload(), record.sockaddr(), record.control(), record.receivedAtMs);
    } else if (record.kind === KIND_REPLY) {
      const { payloadAt } = record;
      this.#relayed.deliver(thread, record.id, record.bytes.subarray(payloadAt, payloadAt + record.length), 0);
    } else if (record.kind === KIND_PORT_ERROR) {
      this.#relayed.deliver(thread, record.id, undefined, record.length);
    }
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

  #countDrops(): void {
    let drops = this.#pastDrops;
    for (const { socket } of this.#endpoints.values()) drops += socketDrops(socket.fd);
    const { fastpath } = this.#metrics;
    fastpath.floats[fastpath.pageAt(0) + DROPS_AT + DROP_KERNEL_QUEUE] = drops;
  }
}
