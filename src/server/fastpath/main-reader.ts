/**
 * The fast path in the main thread: for the time in which nearly every query is a miss.
 *
 * A miss is the main thread's work. When a thread of its own reads the query, two threads wake for it, and at 10,000 a second
 * that is a quarter of what it costs. So while most are misses and they come one by one, the main thread reads the client
 * sockets itself, hits with them. The fast-path threads are parked meanwhile (`thread-control.ts`): they look now and then
 * whether what waits is read, and if not take the sockets back by themselves.
 */
import type { Clock } from "../../base/clock.ts";
import type { AnonymousMemory } from "../../linux/anonymous-memory.ts";
import { DatagramBatch } from "../../linux/datagram-batch.ts";
import type { LoopWatch } from "../../linux/loop-watch.ts";
import type { SharedRegion } from "../../linux/shared-region.ts";
import type { AnswerReader } from "../cache/answer-reader.ts";
import type { AskWriter } from "../clients/ask-ring.ts";
import { addTo, GSO_PAIRS_AT, WAKE_UPS_AT } from "../metrics/fastpath-counters.ts";
import type { Metrics } from "../metrics/metrics.ts";
import { DirectRelay } from "./direct-relay.ts";
import type { QueryRecord } from "./query-record.ts";
import { FastPath } from "./fast-path.ts";
import { MmsgIo } from "./mmsg-io.ts";
import type { FastListener } from "./thread-messages.ts";
import { ZoneTable } from "./zone-table.ts";

export interface MainReaderParts {
  readonly watch: LoopWatch;
  readonly clock: Clock;
  readonly reader: AnswerReader;
  readonly metrics: Metrics;
  readonly segmentation: boolean;
  /** `BATCH_BYTES`: what it has received stays there when the process dies. */
  readonly batch: SharedRegion;
  readonly asks: AskWriter;
  readonly onQuery: (record: QueryRecord) => void;
  /** After each receive. @param misses among the datagrams @param nowMs CLOCK_MONOTONIC */
  readonly onReceived: (datagrams: number, misses: number, nowMs: number) => void;
}

/** The main thread's page of counters. */
const MAIN_PAGE = 0;

export class MainReader {
  readonly #parts: MainReaderParts;
  readonly #batch: DatagramBatch;
  readonly #fastPath: FastPath;
  /** Descriptors that are read. */
  readonly #reading: number[];

  constructor(parts: MainReaderParts) {
    const { metrics, reader, batch, clock, asks } = parts;
    this.#parts = parts;
    this.#batch = new DatagramBatch(parts.segmentation, memoryOf(batch));
    this.#fastPath = new FastPath({
      clock,
      reader,
      rows: metrics.rows,
      counters: metrics.fastpath,
      thread: MAIN_PAGE,
      relay: new DirectRelay(parts.onQuery),
      asks,
    });
    this.#reading = [];
  }

  get isReading(): boolean {
    return this.#reading.length > 0;
  }

  /** Replies not sent because the send buffer was full. */
  get blockedSends(): number {
    return this.#batch.blockedSends;
  }

  /** Replies that the kernel refused for another reason. */
  get refusedSends(): number {
    return this.#batch.refusedSends;
  }

  begin(listeners: readonly FastListener[]): void {
    for (const { fd, id, wildcard, zones } of listeners) {
      const io = new MmsgIo(this.#batch, fd, wildcard, id);
      const table = new ZoneTable(zones);
      this.#parts.watch.add(fd, () => this.#read(io, id, table));
      this.#reading.push(fd);
    }
  }

  end(): void {
    for (const fd of this.#reading) this.#parts.watch.remove(fd);
    this.#reading.length = 0;
  }

  close(): void {
    this.end();
    this.#batch.close();
  }

  #read(io: MmsgIo, id: number, zones: ZoneTable): void {
    const n = this.#fastPath.serve(io, id, zones);
    if (n <= 0) {
      // Somebody else was faster: a thread that is parked no more.
      this.#parts.onReceived(0, 0, this.#parts.clock.monotonicMs());
      return;
    }
    const { floats } = this.#parts.metrics.fastpath;
    const page = this.#parts.metrics.fastpath.pageAt(MAIN_PAGE);
    addTo(floats, page + WAKE_UPS_AT, 1);
    floats[page + GSO_PAIRS_AT] = this.#batch.pairs;
    this.#parts.onReceived(n, this.#fastPath.takeRelayed(), this.#fastPath.receivedAtMs);
  }
}

/** Undefined where it has no address: memory of this process alone then does. The region stays who made it's. */
function memoryOf({ handle, buffer }: SharedRegion): AnonymousMemory | undefined {
  if (handle.kind !== "memfd") return undefined;
  return { address: handle.address, buffer: buffer as ArrayBuffer, free: () => undefined };
}
