/**
 * Queries that reached the main thread: to the right chain, and back to the client.
 */
import type { Clock } from "../../base/clock.ts";
import { lowerCaseName } from "../../dns/name.ts";
import { nameFromText } from "../../dns/name-text.ts";
import { FLAGS_AT, RCODE_MASK, readU16 } from "../../dns/header.ts";
import { admitQuery, QueryView, VERDICT_ACCEPT, VERDICT_DROP } from "../../dns/query-view.ts";
import { writeRefusal } from "../../dns/refusal.ts";
import { CLASS_IN, RCODE_REFUSED, TYPE_DS } from "../../dns/types.ts";
import type { Answer } from "../chain/answer.ts";
import { emptyResponse, serverFailure } from "../chain/failure.ts";
import type { AskedListener } from "../clients/client-watch.ts";
import { finishReply, REPLY_ROOM_BYTES } from "../chain/finish-reply.ts";
import { Query, type ServerIdentity, type Transport } from "../chain/query.ts";
import { type FastZone, ZoneTable } from "../fastpath/zone-table.ts";
import { countDrop, countRefusal, DROP_OTHER, DROP_PLUGIN } from "../metrics/fastpath-counters.ts";
import type { Metrics } from "../metrics/metrics.ts";
import { FAMILY_V4, FAMILY_V6, TRANSPORT_TCP, TRANSPORT_UDP } from "../metrics/row-layout.ts";
import { countDuration, countRequest, countResponse } from "../metrics/server-rows.ts";
import type { StandbyZone } from "../keeper/standby-plan.ts";
import type { Block } from "./block.ts";
import type { PlannedListener } from "./listener-plan.ts";
import { standbyUpstreams } from "./standby-upstreams.ts";

/** The main thread's page of counters. */
const MAIN_PAGE = 0;
const AF_INET6 = 10;
const LENGTH_BYTE = 1;
/** Who answers from the cache. What took longer than this was waited for all the same: a stale answer. */
const CACHE = "cache";
const CACHE_SECONDS = 0.01;

interface RoutedZone {
  readonly zone: string;
  readonly block: Block;
  readonly row: number;
  /** Where a query goes that the block's view does not take: the zone's next block, then the zone above. */
  otherwise: RoutedZone | undefined;
}

/** One listener's zones, with the chains behind them. */
export class Route {
  readonly server: ServerIdentity;
  readonly zones: readonly FastZone[];
  readonly #table: ZoneTable;
  readonly #routed: readonly RoutedZone[];

  constructor(planned: PlannedListener, metrics: Metrics) {
    this.server = planned.identity;
    const blocksOf = Map.groupBy(planned.zones, ({ zone }) => zone);
    const chains = [...blocksOf].map(([zone, blocks]) =>
      blocks.map(({ block }): RoutedZone => {
        const row = metrics.row(planned.identity.label, zone, block.view);
        return { zone, block, row, otherwise: undefined };
      }),
    );
    this.zones = chains.map((routed) => fastZone(routed));
    this.#table = new ZoneTable(this.zones);
    this.#routed = chains.flatMap(([first]) => (first === undefined ? [] : [first]));
    for (const [i, routed] of chains.entries()) {
      for (const [j, one] of routed.entries()) one.otherwise = routed[j + 1] ?? this.#above(i);
    }
  }

  /** For the time without a server. */
  get standbyZones(): readonly StandbyZone[] {
    return this.zones.map((zone, i) => {
      const routed = this.#routed[i];
      // Without a server a denial is better than nothing.
      return { ...zone, seesDenials: false, upstreams: routed === undefined ? [] : standbyUpstreams(routed.block) };
    });
  }

  /** @returns undefined when no block serves the name */
  find(wire: Uint8Array, view: QueryView): RoutedZone | undefined {
    const whole = this.#table.match(wire, 12, view.nameLength);
    if (whole < 0 || view.qtype !== TYPE_DS || view.nameLength === 1) return this.#routed[whole];
    // DS lives with the parent: only if no zone above is served does the zone itself answer.
    const above = this.#table.match(wire, 12, view.nameLength, (wire[12] ?? 0) + LENGTH_BYTE);
    return this.#routed[above < 0 ? whole : above];
  }

  /** The next zone above one of this listener's. */
  #above(index: number): RoutedZone | undefined {
    const name = this.zones[index]?.name;
    if (name === undefined || name.length === 1) return undefined;
    return this.#routed[this.#table.match(name, 0, name.length, (name[0] ?? 0) + LENGTH_BYTE)];
  }
}

/** One zone for the fast path. What views share must be seen by all of them. */
function fastZone(routed: readonly RoutedZone[]): FastZone {
  const [first] = routed;
  if (first === undefined) throw new Error("a zone without a block");
  const name = nameFromText(first.zone);
  lowerCaseName(name, 0, name.length);
  const slow = routed.some(({ block }) => block.slow || block.accepts !== undefined);
  const seesDenials = routed.some(({ block }) => block.seesDenials);
  return { name, partition: first.block.partition, row: first.row, slow, seesDenials };
}

/** Where the reply to one query goes. */
export type SendReply = (message: Uint8Array, length: number) => void;

export class Dispatcher {
  readonly #clock: Clock;
  readonly #metrics: Metrics;
  readonly #maxInFlight: number;
  readonly #onDefect: (error: unknown, block: Block) => void;
  readonly #asked: AskedListener | undefined;
  readonly #out: Uint8Array;
  #inFlight: number;
  #idle: (() => void) | undefined;

  /**
   * @param maxInFlight queries that may be in chains at once; more are dropped (UDP) or left unanswered (TCP)
   * @param onDefect a handler broke its contract
   * @param asked told who asked
   */
  constructor(
    clock: Clock,
    metrics: Metrics,
    maxInFlight: number,
    onDefect: (error: unknown, block: Block) => void,
    asked?: AskedListener,
  ) {
    this.#clock = clock;
    this.#metrics = metrics;
    this.#maxInFlight = maxInFlight;
    this.#onDefect = onDefect;
    this.#asked = asked;
    this.#out = new Uint8Array(REPLY_ROOM_BYTES);
    this.#inFlight = 0;
    this.#idle = undefined;
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  /**
   * Answers one query.
   *
   * @param wire the callee's to keep and to write to
   * @param send called at most once, with bytes that are only valid during the call; not called when there is no reply
   * @returns when it is done; never rejects
   */
  async serve(
    route: Route,
    transport: Transport,
    wire: Uint8Array,
    sockaddr: Uint8Array,
    receivedAtMs: number,
    send: SendReply,
  ): Promise<void> {
    const view = new QueryView();
    const verdict = admitQuery(wire, 0, wire.length, view);
    if (verdict === VERDICT_DROP) return;
    let routed = verdict === VERDICT_ACCEPT ? route.find(wire, view) : undefined;
    let query: Query | undefined;
    while (routed !== undefined) {
      query = new Query(wire, view, transport, route.server, routed.zone, sockaddr, receivedAtMs);
      const { accepts } = routed.block;
      if (accepts === undefined || accepts(query)) break;
      routed = routed.otherwise;
    }
    const served = view.qclass === CLASS_IN || (routed !== undefined && answersClass(routed.block, wire, view));
    if (routed === undefined || query === undefined || !served) {
      const rcode = verdict === VERDICT_ACCEPT ? RCODE_REFUSED : verdict;
      countRefusal(this.#metrics.fastpath.floats, this.#metrics.fastpath.pageAt(MAIN_PAGE), rcode);
      if (this.#asked?.on === true) this.#asked.asked(wire, view.nameLength, sockaddr, rcode, receivedAtMs, -1);
      send(wire, writeRefusal(wire, 0, view, rcode));
      return;
    }
    if (this.#inFlight >= this.#maxInFlight) {
      countDrop(this.#metrics.fastpath.floats, this.#metrics.fastpath.pageAt(MAIN_PAGE), DROP_OTHER);
      return;
    }
    const { rows } = this.#metrics;
    const at = rows.rowAt(MAIN_PAGE, routed.row);
    const over = transport === "tcp" ? TRANSPORT_TCP : TRANSPORT_UDP;
    countRequest(rows.floats, at, over, familyOf(query), view.qtype, wire.length, view.dnssecOk);
    this.#inFlight++;
    let answer: Answer;
    try {
      answer = await routed.block.chain.serve(query);
    } catch (error) {
      this.#onDefect(error, routed.block);
      answer = serverFailure(query, "");
    }
    this.#inFlight--;
    if (this.#inFlight === 0) this.#idle?.();
    if (answer.dropped === true) {
      countDrop(this.#metrics.fastpath.floats, this.#metrics.fastpath.pageAt(MAIN_PAGE), DROP_PLUGIN);
      return;
    }
    const length = finishReply(query, answer, this.#out);
    const rcode = readU16(this.#out, FLAGS_AT) & RCODE_MASK;
    countResponse(rows.floats, at, over, rcode, this.#metrics.pluginIndex(answer.plugin), length);
    const seconds = (this.#clock.monotonicMs() - receivedAtMs) / 1000;
    countDuration(rows.floats, at, seconds);
    if (this.#asked?.on === true) {
      const took = answer.plugin === CACHE && seconds < CACHE_SECONDS ? -1 : seconds;
      this.#asked.asked(query.wire, query.view.nameLength, sockaddr, rcode, receivedAtMs, took);
    }
    send(this.#out, length);
  }

  /** Answers a question that a plugin has for the server: no client waits for it, and it counts as no request. */
  async ask(route: Route, query: Query): Promise<Answer> {
    let routed = route.find(query.wire, query.view);
    while (routed !== undefined && routed.block.accepts?.(query) === false) routed = routed.otherwise;
    if (routed === undefined) return { wire: emptyResponse(query, RCODE_REFUSED), plugin: "" };
    try {
      return await routed.block.chain.serve(query.inZone(routed.zone));
    } catch (error) {
      this.#onDefect(error, routed.block);
      return serverFailure(query, "");
    }
  }

  /** Resolves when nothing is in flight, or after `timeoutMs`. */
  drained(timeoutMs: number): Promise<void> {
    if (this.#inFlight === 0) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, timeoutMs);
      this.#idle = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

/** Whether a plugin of the block answers a question of another class than IN. */
function answersClass(block: Block, wire: Uint8Array, view: QueryView): boolean {
  return block.plugins.some(({ instance }) => instance.answersClass?.(wire, view) === true);
}

function familyOf(query: Query): number {
  if (query.sockaddr[0] !== AF_INET6) return FAMILY_V4;
  return query.client.address.includes(":") ? FAMILY_V6 : FAMILY_V4;
}
