/**
 * The standby: answers hits from the kept answer store while there is no server.
 *
 * It runs in the keeper's one thread, on its event loop, for that has nothing else to do then; a thread of its own, parked
 * for most of its life, would take 10 MiB. It is the fast path over the kept sockets: hits are answered, what else comes
 * is put to the upstreams where it may be (`standby-misses.ts`), and left to the next server in a ring where not (`LeftBehind`
 * of the daemon). Parked it costs nothing.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { SocketAddress } from "../../base/address.ts";
import { systemClock } from "../../base/clock.ts";
import { HEADER_BYTES } from "../../dns/header.ts";
import { adoptRegion } from "../../linux/adopt-region.ts";
import { DatagramBatch } from "../../linux/datagram-batch.ts";
import { closeFd, duplicateFd } from "../../linux/fd.ts";
import { giveBackMemory } from "../../linux/give-back-memory.ts";
import type { LoopWatch } from "../../linux/loop-watch.ts";
import { SendBatch } from "../../linux/send-batch.ts";
import { createRegion, type SharedRegion } from "../../linux/shared-region.ts";
import type { AnswerReader } from "../cache/answer-reader.ts";
import { BatchPorts } from "../fastpath/batch-ports.ts";
import { FastPath, type Relay } from "../fastpath/fast-path.ts";
import { leftIn, leftInRing, pushLeft } from "../fastpath/left-queries.ts";
import type { LeftQuery } from "../fastpath/left-query.ts";
import { MmsgIo } from "../fastpath/mmsg-io.ts";
import { RelayReader, RelayWriter, RING_REGION_BYTES } from "../fastpath/relay-ring.ts";
import { ZoneTable } from "../fastpath/zone-table.ts";
import { FastpathCounters, HANDED_OVER_AT, HITS_AT } from "../metrics/fastpath-counters.ts";
import { ServerRows } from "../metrics/server-rows.ts";
import { CachedMessages } from "./cached-messages.ts";
import { openStore } from "./open-store.ts";
import type { DescriptorStore } from "./descriptor-store.ts";
import { LEFT_PREFIX } from "./names.ts";
import { ReplayIo } from "./replay-io.ts";
import { type ListeningEndpoint, StandbyHttp } from "./standby-http.ts";
import { StandbyMisses } from "./standby-misses.ts";
import { StandbyStreams, type StreamSource } from "./standby-streams.ts";
import type { StandbyListener, StandbyPlan } from "./standby-plan.ts";

/** Batches taken from one socket before the others, and the rest of the keeper, get their turn. */
const BATCHES_IN_A_ROW = 4;
const FULL_BATCH = 64;
/** Between two looks whether all is answered, milliseconds. */
const DRAIN_LOOK_MS = 20;
/** A server that is back has all that the standby held for it by then; until then a collection would keep clients waiting. */
const TIDY_AFTER_MS = 1000;

interface Served {
  readonly id: number;
  readonly fd: number;
  readonly io: MmsgIo;
  /** Of TCP. */
  readonly streamFd: number | undefined;
  readonly zones: ZoneTable;
  /** By zone. */
  readonly upstreams: readonly (readonly SocketAddress[])[];
}

/** What a plan needs, held by the standby itself: the keeper's descriptors may be dropped at any time. */
interface Prepared {
  readonly store: SharedRegion;
  readonly fastPath: FastPath;
  /** The same with answers that have expired. */
  readonly stalePath: FastPath;
  readonly streams: StreamSource;
  readonly sockets: readonly Served[];
  readonly endpoints: readonly (ListeningEndpoint & { readonly name: string })[];
}

export class Standby {
  /** Where misses go; kept, for the servers to come. */
  readonly ring: SharedRegion;
  readonly #watch: LoopWatch;
  readonly #ringEnd: RelayWriter;
  readonly #misses: StandbyMisses;
  readonly #streams: StandbyStreams;
  readonly #http: StandbyHttp;
  readonly #replies: SendBatch;
  readonly #counters: FastpathCounters;
  /** Nobody looks at them: they are for the labels of a server. */
  readonly #rows: ServerRows;
  /** Made when it is first needed. */
  #batch: DatagramBatch | undefined;
  #prepared: Prepared | undefined;
  #serving: boolean;
  #tidier: NodeJS.Timeout | undefined;

  constructor(watch: LoopWatch) {
    this.ring = createRegion("nodens-standby", RING_REGION_BYTES);
    this.#watch = watch;
    this.#ringEnd = new RelayWriter(this.ring.buffer);
    this.#replies = new SendBatch();
    this.#misses = new StandbyMisses({
      clock: systemClock,
      ports: new BatchPorts(watch, () => undefined),
      ring: this.#ringEnd,
      upstreamsOf: (listener, wire, nameLength) => this.#upstreamsOf(listener, wire, nameLength),
      send: (listener, message, length, sockaddr, control) => this.#reply(listener, message, length, sockaddr, control),
      answerStale: (left) => this.#answerStale(left),
    });
    this.#streams = new StandbyStreams({ misses: this.#misses, source: () => this.#prepared?.streams });
    this.#http = new StandbyHttp();
    this.#counters = FastpathCounters.create(1);
    this.#rows = ServerRows.create(1);
    this.#batch = undefined;
    this.#prepared = undefined;
    this.#serving = false;
    this.#tidier = undefined;
  }

  /** Queries answered so far. */
  get hits(): number {
    return (this.#counters.floats[HITS_AT] ?? 0) + this.#streams.hits;
  }

  /** Queries left to the next server so far. */
  get misses(): number {
    return this.#counters.floats[HANDED_OVER_AT] ?? 0;
  }

  /**
   * What to serve from now on, or when there is no server. Sockets that are not kept are passed over.
   *
   * @returns false when the plan's store is not kept, or is none that this program knows: the plan before stays
   */
  plan(plan: StandbyPlan, kept: DescriptorStore): boolean {
    const storeFd = copyOf(kept.get(plan.store)?.fd);
    const store = storeFd === undefined ? undefined : openStore(storeFd);
    if (store === undefined) return false;
    const { region, fresh, stale } = store;
    const sockets = plan.listeners.flatMap((listener) => this.#socketOf(listener, kept) ?? []);
    const prepared: Prepared = {
      store: region,
      fastPath: this.#pathOf(fresh, this.#misses, stale),
      stalePath: this.#pathOf(stale, NOWHERE),
      streams: {
        fresh: new CachedMessages(fresh),
        stale: new CachedMessages(stale),
        zonesOf: (listener) => sockets.find(({ id }) => id === listener)?.zones,
      },
      sockets,
      endpoints: plan.endpoints.flatMap(({ socket, replies }) => {
        const fd = copyOf(kept.get(socket)?.fd);
        return fd === undefined ? [] : [{ name: socket, fd, replies }];
      }),
    };
    const serving = this.#serving;
    this.#release();
    this.#prepared = prepared;
    if (serving) this.serve();
    return true;
  }

  /** Is not to serve an endpoint any more: the socket is to be free. @param name of a kept descriptor, of whatever */
  forget(name: string): void {
    const prepared = this.#prepared;
    const endpoint = prepared?.endpoints.find((each) => each.name === name);
    if (prepared === undefined || endpoint === undefined) return;
    this.#prepared = { ...prepared, endpoints: prepared.endpoints.filter((each) => each !== endpoint) };
    if (this.#serving) this.#http.serve(this.#prepared.endpoints);
    closeFd(endpoint.fd);
  }

  /** Answers from now on, what waits first. */
  serve(): void {
    if (this.#serving) return;
    this.#serving = true;
    clearTimeout(this.#tidier);
    for (const served of this.#prepared?.sockets ?? []) {
      this.#take(served);
      this.#watch.add(served.fd, () => this.#take(served));
    }
    this.#streams.serve(
      (this.#prepared?.sockets ?? []).flatMap(({ id, streamFd }) =>
        streamFd === undefined ? [] : [{ listener: id, fd: streamFd }],
      ),
    );
    this.#http.serve(this.#prepared?.endpoints ?? []);
  }

  /** Takes in hand what the servers that are dead had received and not answered. To be called before `serve`. */
  finish(kept: DescriptorStore): void {
    const nowMs = systemClock.monotonicMs();
    // What a server that is dead now had not yet taken out of the ring.
    const left = leftInRing(this.ring.buffer);
    for (const { name } of kept.items) {
      const fd = name.startsWith(LEFT_PREFIX) ? kept.take(name) : undefined;
      if (fd === undefined) continue;
      const region = adoptRegion(fd);
      if (region === undefined) {
        closeFd(fd);
        continue;
      }
      left.push(...leftIn(name.split("/")[2], region.buffer, nowMs));
      region.close();
    }
    this.#finish(left);
  }

  /** What another keeper has left: for the server, or in hand while there is none. */
  take(left: readonly LeftQuery[]): void {
    if (this.#serving) this.#finish(left);
    else for (const query of left) pushLeft(this.#ringEnd, query);
  }

  /** Something is in the ring that no server has taken. */
  get hasLeft(): boolean {
    return !new RelayReader(this.ring.buffer).empty;
  }

  #finish(left: readonly LeftQuery[]): void {
    const { fastPath, sockets } = this.#prepared ?? { fastPath: undefined, sockets: [] };
    for (const { id, zones } of sockets) {
      for (const [deaths, queries] of Map.groupBy(left.filter(isOf(id)), (query) => query.deaths)) {
        const io = new ReplayIo(queries, (message, sockaddr, control) =>
          this.#reply(id, message, message.length, sockaddr, control),
        );
        this.#misses.deaths = deaths;
        while (fastPath !== undefined && fastPath.serve(io, id, zones) > 0);
        this.#misses.deaths = 0;
      }
    }
  }

  /** Receives no more. What it has received is answered, or in the ring. */
  park(): void {
    this.#receiveNoMore();
    this.#misses.leave();
    // What that has answered for want of room too: the sockets may be closed next.
    this.#replies.flush();
    clearTimeout(this.#tidier);
    // V8 would wait until garbage is several times what lives, and gives back nothing of a heap that is at rest.
    this.#tidier = setTimeout(giveBackMemory, TIDY_AFTER_MS).unref();
  }

  /** Receives no more, and waits until what it has received is answered. Only where no server comes after it. */
  async drain(timeoutMs: number): Promise<void> {
    this.#receiveNoMore();
    const endsAtMs = systemClock.monotonicMs() + timeoutMs;
    await this.#streams.close(timeoutMs);
    while (this.#misses.waiting > 0 && systemClock.monotonicMs() < endsAtMs) await sleep(DRAIN_LOOK_MS);
    this.#replies.flush();
  }

  #receiveNoMore(): void {
    if (!this.#serving) return;
    this.#serving = false;
    for (const { fd } of this.#prepared?.sockets ?? []) this.#watch.remove(fd);
    this.#streams.rest();
    this.#http.rest();
  }

  close(): void {
    this.#release();
    clearTimeout(this.#tidier);
    void this.#streams.close(0);
    this.#http.close();
    this.#batch?.close();
    this.#replies.close();
    this.ring.close();
  }

  #take({ id, io, zones }: Served): void {
    const fastPath = this.#prepared?.fastPath;
    if (fastPath === undefined) return;
    for (let i = 0; i < BATCHES_IN_A_ROW; i++) {
      if (fastPath.serve(io, id, zones) >= FULL_BATCH) continue;
      this.#misses.isPressed = false;
      return;
    }
    // More waits: what upstreams are asked takes twenty times what is served stale, and beside the start of a server it is too much.
    this.#misses.isPressed = true;
  }

  #pathOf(reader: AnswerReader, relay: Relay, staleReader?: AnswerReader): FastPath {
    const rows = this.#rows;
    const counters = this.#counters;
    return new FastPath({ clock: systemClock, reader, staleReader, rows, counters, thread: 0, relay });
  }

  #answerStale(left: LeftQuery): boolean {
    const served = this.#prepared?.sockets.find(({ id }) => id === left.listener);
    if (served === undefined) return false;
    let answered = false;
    const io = new ReplayIo([left], (message, sockaddr, control) => {
      this.#reply(left.listener, message, message.length, sockaddr, control);
      answered = true;
    });
    this.#prepared?.stalePath.serve(io, left.listener, served.zones);
    return answered;
  }

  #upstreamsOf(listener: number, wire: Uint8Array, nameLength: number): readonly SocketAddress[] {
    const served = this.#prepared?.sockets.find(({ id }) => id === listener);
    return served?.upstreams[served.zones.match(wire, HEADER_BYTES, nameLength)] ?? [];
  }

  #reply(
    listener: number,
    message: Uint8Array,
    length: number,
    sockaddr: Uint8Array,
    control: Uint8Array | undefined,
  ): void {
    const served = this.#prepared?.sockets.find(({ id }) => id === listener);
    if (served === undefined) return;
    if (!this.#replies.pending) process.nextTick(() => this.#replies.flush());
    const at = this.#replies.begin(served.fd);
    this.#replies.bytes.set(message.subarray(0, length), at);
    this.#replies.commit(length, sockaddr, control);
  }

  #socketOf({ id, socket, stream, wildcard, zones }: StandbyListener, kept: DescriptorStore): Served | undefined {
    const fd = copyOf(kept.get(socket)?.fd);
    if (fd === undefined) return undefined;
    // Segmented sends save CPU under load; who serves for some tenths of a second can do without.
    const batch = (this.#batch ??= new DatagramBatch(false));
    return {
      id,
      fd,
      io: new MmsgIo(batch, fd, wildcard, id),
      streamFd: stream === undefined ? undefined : copyOf(kept.get(stream)?.fd),
      zones: new ZoneTable(zones),
      upstreams: zones.map(({ upstreams }) => upstreams),
    };
  }

  #release(): void {
    this.park();
    const prepared = this.#prepared;
    this.#prepared = undefined;
    for (const { fd, streamFd } of prepared?.sockets ?? []) {
      closeFd(fd);
      if (streamFd !== undefined) closeFd(streamFd);
    }
    for (const { fd } of prepared?.endpoints ?? []) closeFd(fd);
    prepared?.store.close();
  }
}

/** What has no stale answer stays where it is. */
const NOWHERE: Relay = { push: () => false };

function isOf(listener: number): (query: LeftQuery) => boolean {
  return (query) => query.listener === listener;
}

/** @returns undefined too when there are no descriptors left: what cannot be served is passed over, and the keeper goes on */
function copyOf(fd: number | undefined): number | undefined {
  try {
    return fd === undefined ? undefined : duplicateFd(fd);
  } catch {
    return undefined;
  }
}
