/** `UdpFront` on `node:dgram`: the same fast path, run by the main thread. */
import type { Socket } from "node:dgram";
import type { Clock } from "../../base/clock.ts";
import { readSockaddr } from "../../base/address.ts";
import { AnswerReader } from "../cache/answer-reader.ts";
import { ASK_REGION_BYTES, AskReader, AskWriter } from "../clients/ask-ring.ts";
import type { AnswerStoreHandle } from "../cache/region.ts";
import { DROP_KERNEL_QUEUE, DROPS_AT } from "../metrics/fastpath-counters.ts";
import type { Metrics } from "../metrics/metrics.ts";
import { DgramPorts } from "../upstream/dgram-ports.ts";
import type { UpstreamSockets } from "../upstream/upstream-ports.ts";
import { DgramIo } from "./dgram-io.ts";
import { bindDgram } from "./dgram-socket.ts";
import { FastPath, type Relay } from "./fast-path.ts";
import type { QueryListener, ServedEndpoint, UdpEndpoint, UdpFront } from "./udp-front.ts";
import { ZoneTable } from "./zone-table.ts";

export interface DgramFrontOptions {
  readonly store: AnswerStoreHandle;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly onQuery: QueryListener;
}

interface DgramEndpoint extends UdpEndpoint {
  readonly socket: Socket;
  readonly io: DgramIo;
  zones: ZoneTable | undefined;
}

/** The main thread's page of counters. */
const MAIN_PAGE = 0;
const SOCKADDR_BYTES = 28;

export class DgramFront implements UdpFront {
  readonly description: string;
  readonly ports: UpstreamSockets;
  readonly asks: readonly AskReader[];
  readonly #fastPath: FastPath;
  readonly #endpoints: Map<number, DgramEndpoint>;
  readonly #stopCounting: () => void;
  /** Drops of sockets that were closed. */
  #pastDrops: number;
  #nextId: number;

  constructor(options: DgramFrontOptions) {
    this.description = "node:dgram on the main thread, slower: no FFI on this machine";
    this.ports = new DgramPorts();
    const asks = new SharedArrayBuffer(ASK_REGION_BYTES);
    this.asks = [new AskReader(asks)];
    this.#endpoints = new Map();
    this.#pastDrops = 0;
    this.#nextId = 0;
    this.#stopCounting = options.metrics.beforeScrape(() => this.#countDrops(options.metrics));
    const relay: Relay = {
      push: (_kind, id, receivedAtMs, from, payloadAt, payloadLength, sockaddrAt) => {
        const wire = from.slice(payloadAt, payloadAt + payloadLength);
        void options.onQuery(id, wire, from.slice(sockaddrAt, sockaddrAt + SOCKADDR_BYTES), undefined, receivedAtMs);
        return true;
      },
    };
    this.#fastPath = new FastPath({
      clock: options.clock,
      reader: new AnswerReader(options.store),
      rows: options.metrics.rows,
      counters: options.metrics.fastpath,
      thread: MAIN_PAGE,
      relay,
      asks: new AskWriter(asks),
    });
  }

  async open(address: string, port: number): Promise<UdpEndpoint> {
    const socket = await bindDgram(address, port);
    // An error of one datagram (ICMP) is no reason to end.
    socket.on("error", () => undefined);
    const id = ++this.#nextId;
    const io = new DgramIo(socket, () => setImmediate(() => this.#serveAll(id)));
    const endpoint: DgramEndpoint = { id, address, port: socket.address().port, socket, io, zones: undefined };
    this.#endpoints.set(id, endpoint);
    return endpoint;
  }

  serve(endpoints: readonly ServedEndpoint[]): Promise<void> {
    for (const { id } of this.#endpoints.values()) this.#serveAll(id);
    for (const endpoint of this.#endpoints.values()) endpoint.zones = undefined;
    for (const { endpoint, zones } of endpoints) {
      this.#own(endpoint).zones = new ZoneTable(zones);
      // What came while nobody served it has been announced already.
      setImmediate(() => this.#serveAll(endpoint.id));
    }
    return Promise.resolve();
  }

  reply(endpoint: UdpEndpoint, message: Uint8Array, length: number, sockaddr: Uint8Array): void {
    const client = readSockaddr(sockaddr, 0);
    if (client === undefined) return;
    this.#own(endpoint).socket.send(message.slice(0, length), client.port, client.address, () => undefined);
  }

  close(endpoint: UdpEndpoint): void {
    const { socket, io } = this.#own(endpoint);
    this.#pastDrops += io.dropped;
    this.#endpoints.delete(endpoint.id);
    socket.close();
  }

  async end(): Promise<void> {
    this.#stopCounting();
    await this.ports.close();
    for (const endpoint of this.#endpoints.values()) endpoint.socket.close();
    this.#endpoints.clear();
  }

  #serveAll(id: number): void {
    const endpoint = this.#endpoints.get(id);
    if (endpoint?.zones === undefined) return;
    while (this.#fastPath.serve(endpoint.io, id, endpoint.zones) > 0);
  }

  #countDrops({ fastpath }: Metrics): void {
    let drops = this.#pastDrops;
    for (const { io } of this.#endpoints.values()) drops += io.dropped;
    fastpath.floats[fastpath.pageAt(MAIN_PAGE) + DROPS_AT + DROP_KERNEL_QUEUE] = drops;
  }

  #own(endpoint: UdpEndpoint): DgramEndpoint {
    const own = this.#endpoints.get(endpoint.id);
    if (own === undefined) throw new Error(`endpoint ${endpoint.id} is not open`);
    return own;
  }
}
