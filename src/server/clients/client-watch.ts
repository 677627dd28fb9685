/**
 * Counting by client in a running server: what the fast path and the main thread tell of queries goes into a ledger, a few
 * times a second, in the order in which the queries came.
 *
 * Unless it is wanted all along, it is on only while somebody looks. More than `BUDGET` queries in `DRAIN_MS` are not all
 * looked at: the fast path then tells of one in two, four, … and each stands for as many.
 */
import type { Clock } from "../../base/clock.ts";
import { AF_INET6 } from "../../base/address.ts";
import { lowerCaseName, NAME_MAX_BYTES } from "../../dns/name.ts";
import type { Metrics } from "../metrics/metrics.ts";
import type { AskReader } from "./ask-ring.ts";
import { type Asked, ClientLedger } from "./client-ledger.ts";
import { showClients } from "./client-metrics.ts";
import { type ClientReport, reportClients, type ReportWish } from "./client-report.ts";
import type { WhoIs } from "./who-is.ts";
import type { Counting, LedgerSizes } from "./counting.ts";

/** How long it goes on after somebody has looked. */
export const WATCH_MS = 600_000;
export const DRAIN_MS = 100;
/** Queries looked at in `DRAIN_MS`: some 2 % of a core. */
const BUDGET = 1500;
/** Drains below a quarter of it before more of the queries are looked at again. */
const CALM_DRAINS = 20;
const EVERY_MAX = 1 << 16;
/** Records taken in one turn of the event loop. */
const RECORDS_PER_TURN = 2048;
/** Queries of the main thread that wait to be counted. */
const WAITING_MAX = 8192;
const HEADER_BYTES = 12;

/** Told of each query that the main thread answered. */
export interface AskedListener {
  /** False: nothing is to be told. */
  readonly on: boolean;
  /**
   * @param wire of the query
   * @param nameBytes 0: its name could not be read
   * @param seconds that the answer took; -1 when the cache had it
   */
  asked(
    wire: Uint8Array,
    nameBytes: number,
    sockaddr: Uint8Array,
    rcode: number,
    receivedAtMs: number,
    seconds: number,
  ): void;
}

export interface ClientWatchOptions {
  readonly clock: Clock;
  readonly metrics: Metrics;
  /** Of the fast path. */
  readonly asks: readonly AskReader[];
  readonly counting: Counting;
  readonly sizes: LedgerSizes;
  readonly whoIs?: WhoIs | undefined;
}

export interface ClientCounts extends ClientReport {
  readonly counting: Counting;
  /** One query in so many is looked at. */
  readonly every: number;
  /** Queries that were counted, and those that came too fast for it, since the start of the server. */
  readonly counted: number;
  readonly uncounted: number;
}

export class ClientWatch implements AskedListener {
  readonly #options: ClientWatchOptions;
  readonly #nameBytes: Buffer;
  readonly #addressBytes: Buffer;
  #ledger: ClientLedger | undefined;
  #timer: NodeJS.Timeout | undefined;
  #untilMs: number;
  /** Told by the main thread, in the order of their answers. */
  #waiting: Asked[];
  #every: number;
  #calmDrains: number;
  #counted: number;
  /** Of the main thread's queries. */
  #lost: number;
  /** What the rings had lost at the drain before. */
  #lostBefore: number;

  constructor(options: ClientWatchOptions) {
    this.#options = options;
    this.#nameBytes = Buffer.alloc(NAME_MAX_BYTES);
    this.#addressBytes = Buffer.alloc(16);
    this.#ledger = undefined;
    this.#timer = undefined;
    this.#untilMs = 0;
    this.#waiting = [];
    this.#every = 1;
    this.#calmDrains = 0;
    this.#counted = 0;
    this.#lost = 0;
    this.#lostBefore = 0;
    const { counting, metrics } = options;
    if (counting === "always" || counting === "metrics") {
      this.#untilMs = Number.POSITIVE_INFINITY;
      this.#begin();
    }
    const counted = metrics.counter("nodens_clients_counted_total").with();
    const uncounted = metrics.counter("nodens_clients_uncounted_total").with();
    metrics.beforeScrape(() => {
      counted.value = this.#counted;
      uncounted.value = this.#uncounted;
    });
    if (counting === "metrics") showClients(metrics, () => this.#ledger);
  }

  get on(): boolean {
    return this.#ledger !== undefined;
  }

  asked(
    wire: Uint8Array,
    nameBytes: number,
    sockaddr: Uint8Array,
    rcode: number,
    receivedAtMs: number,
    seconds: number,
  ): void {
    if (this.#waiting.length >= WAITING_MAX) {
      this.#lost++;
      return;
    }
    const address = this.#addressBytes;
    if (sockaddr[0] === AF_INET6) {
      for (let i = 0; i < 16; i++) address[i] = sockaddr[8 + i] ?? 0;
    } else {
      address.fill(0, 0, 10).fill(0xff, 10, 12);
      for (let i = 0; i < 4; i++) address[12 + i] = sockaddr[4 + i] ?? 0;
    }
    this.#waiting.push({
      address: address.toString("latin1"),
      name: this.#nameKey(wire, HEADER_BYTES, nameBytes),
      rcode,
      atMs: receivedAtMs,
      weight: 1,
      seconds,
    });
  }

  /** Somebody wants to know: unless it is never to be, counting is on for `WATCH_MS` from now. */
  look(): void {
    if (this.#options.counting === "never") return;
    this.#untilMs = Math.max(this.#untilMs, this.#options.clock.monotonicMs() + WATCH_MS);
    if (this.#ledger === undefined) this.#begin();
  }

  /** @returns undefined while nothing is counted */
  report(wish: ReportWish): ClientCounts | undefined {
    if (this.#ledger === undefined) return undefined;
    this.#drain(Number.POSITIVE_INFINITY);
    return {
      counting: this.#options.counting,
      every: this.#every,
      counted: this.#counted,
      uncounted: this.#uncounted,
      ...reportClients(this.#ledger, this.#options.clock.monotonicMs(), wish),
    };
  }

  stop(): void {
    clearInterval(this.#timer);
    for (const reader of this.#options.asks) reader.every = 0;
    this.#ledger = undefined;
    this.#waiting = [];
  }

  get #uncounted(): number {
    return this.#lost + this.#options.asks.reduce((sum, reader) => sum + reader.lost, 0);
  }

  #begin(): void {
    const { clock, asks, sizes, whoIs } = this.#options;
    this.#ledger = new ClientLedger(sizes, clock.monotonicMs(), whoIs);
    this.#every = 1;
    this.#calmDrains = 0;
    this.#lostBefore = this.#uncounted;
    for (const reader of asks) {
      reader.skip();
      reader.every = this.#every;
    }
    this.#timer = setInterval(() => this.#turn(), DRAIN_MS).unref();
  }

  #turn(): void {
    if (this.#options.clock.monotonicMs() > this.#untilMs) {
      this.stop();
      return;
    }
    const before = this.#counted;
    const drainOn = (): void => {
      if (this.#drain(RECORDS_PER_TURN)) setImmediate(drainOn);
      else this.#pace(this.#counted - before);
    };
    drainOn();
  }

  /** Counts what has been told, at most `limit` records. @returns whether there may be more */
  #drain(limit: number): boolean {
    const ledger = this.#ledger;
    if (ledger === undefined) return false;
    const { asks } = this.#options;
    const waiting = this.#waiting.toSorted((a, b) => a.atMs - b.atMs);
    this.#waiting = [];
    const open = asks.filter((reader) => reader.next());
    let at = 0;
    for (let left = limit; left > 0; left--) {
      let first: AskReader | undefined;
      for (const reader of open) if (first === undefined || reader.receivedAtMs < first.receivedAtMs) first = reader;
      const own = waiting[at];
      if (own !== undefined && (first === undefined || own.atMs <= first.receivedAtMs)) {
        ledger.add(own);
        this.#counted++;
        at++;
      } else if (first !== undefined) {
        ledger.add(this.#told(first));
        this.#counted += first.weight;
        if (!first.next()) open.splice(open.indexOf(first), 1);
      } else {
        return false;
      }
    }
    // The records that the readers stand on are theirs still.
    for (const reader of open) ledger.add(this.#told(reader));
    for (const reader of open) this.#counted += reader.weight;
    this.#waiting.unshift(...waiting.slice(at));
    return true;
  }

  #told(reader: AskReader): Asked {
    const { bytes, addressAt } = reader;
    const address = this.#addressBytes;
    for (let i = 0; i < 16; i++) address[i] = bytes[addressAt + i] ?? 0;
    return {
      address: address.toString("latin1"),
      name: this.#nameKey(bytes, reader.nameAt, reader.nameBytes),
      rcode: reader.rcode,
      atMs: reader.receivedAtMs,
      weight: reader.weight,
      seconds: -1,
    };
  }

  /** Looks at fewer of the queries when there are too many, and at more again when there are few. */
  #pace(counted: number): void {
    const { asks } = this.#options;
    const uncounted = this.#uncounted;
    const came = counted + uncounted - this.#lostBefore;
    this.#lostBefore = uncounted;
    let wanted = 1;
    while (came / wanted > BUDGET && wanted < EVERY_MAX) wanted *= 2;
    if (wanted < this.#every) {
      const calm = came / this.#every < BUDGET / 4;
      this.#calmDrains = calm ? this.#calmDrains + 1 : 0;
      if (this.#calmDrains < CALM_DRAINS) return;
      wanted = this.#every / 2;
    }
    this.#calmDrains = 0;
    if (wanted === this.#every) return;
    this.#every = wanted;
    for (const reader of asks) reader.every = wanted;
  }

  #nameKey(bytes: Uint8Array, at: number, length: number): string {
    const name = this.#nameBytes;
    for (let i = 0; i < length; i++) name[i] = bytes[at + i] ?? 0;
    lowerCaseName(name, 0, length);
    return name.toString("latin1", 0, length);
  }
}
