/**
 * TCP of the standby.
 *
 * At first connections wait in the backlog, for a server that comes soon answers all that they ask. When none has come after half
 * a second they are accepted here: what is cached is answered, what is not is asked of the upstreams where it may be, and what
 * only a server can answer gets SERVFAIL. When a server is back it accepts, and connections that are open here are served
 * to their end. DNS over TLS waits for a server: the keeper has no keys.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { systemClock } from "../../base/clock.ts";
import { HEADER_BYTES } from "../../dns/header.ts";
import { admitQuery, QueryView, VERDICT_ACCEPT, VERDICT_DROP } from "../../dns/query-view.ts";
import { writeRefusal } from "../../dns/refusal.ts";
import { RCODE_REFUSED } from "../../dns/types.ts";
import { duplicateFd } from "../../linux/fd.ts";
import { REPLY_ROOM_BYTES } from "../chain/finish-reply.ts";
import { Query } from "../chain/query.ts";
import type { FastZone, ZoneTable } from "../fastpath/zone-table.ts";
import type { AnswerMessage } from "../stream/tcp-connection.ts";
import { type TcpListener, TcpService } from "../stream/tcp-service.ts";
import type { CachedMessages } from "./cached-messages.ts";
import { NO_SERVER, type StandbyMisses } from "./standby-misses.ts";

/** A server that comes within it answers what waits. */
const PATIENCE_MS = 500;
/** Who asks nothing is not kept for long. */
const LIMITS = { connections: 256, idleMs: 2000 };
/** The same when a server is back. */
const LAST_IDLE_MS = 300;

/** What is served while there is no server: looked at anew for each question. */
export interface StreamSource {
  readonly fresh: CachedMessages;
  readonly stale: CachedMessages;
  /** By the id of a listener; undefined when it is served no more. */
  zonesOf(listener: number): ZoneTable | undefined;
}

/** A listening socket. */
export interface KeptStream {
  readonly listener: number;
  /** Stays its owner's. */
  readonly fd: number;
}

export interface StandbyStreamsParts {
  readonly misses: StandbyMisses;
  /** undefined: nothing is known of what to serve. */
  readonly source: () => StreamSource | undefined;
}

export class StandbyStreams {
  readonly #parts: StandbyStreamsParts;
  readonly #service: TcpService;
  readonly #out: Uint8Array;
  #listening: TcpListener[];
  #timer: NodeJS.Timeout | undefined;
  /** Counts calls of `serve` and `rest`: who waited meanwhile sees that things have changed. */
  #turn: number;
  /** Questions answered from the store so far. */
  hits: number;

  constructor(parts: StandbyStreamsParts) {
    this.#parts = parts;
    this.#service = new TcpService({ limits: LIMITS });
    this.#out = new Uint8Array(REPLY_ROOM_BYTES);
    this.#listening = [];
    this.#timer = undefined;
    this.#turn = 0;
    this.hits = 0;
  }

  /** Accepts after a while, if nobody calls `rest` before. */
  serve(streams: readonly KeptStream[]): void {
    const turn = ++this.#turn;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#accept(streams, turn), PATIENCE_MS);
  }

  /** Accepts no more. */
  rest(): void {
    this.#turn++;
    clearTimeout(this.#timer);
    for (const listener of this.#listening.splice(0)) {
      listener.change({ idleMs: LAST_IDLE_MS }, undefined);
      listener.acceptNoMore();
    }
  }

  /** Waits until the connections that are open have ended, then ends those that have not. */
  async close(graceMs: number): Promise<void> {
    this.rest();
    const endsAtMs = systemClock.monotonicMs() + graceMs;
    while (this.#service.connections > 0 && systemClock.monotonicMs() < endsAtMs) await sleep(20);
    await this.#service.close(0);
  }

  async #accept(streams: readonly KeptStream[], turn: number): Promise<void> {
    for (const { listener, fd } of streams) {
      if (turn !== this.#turn) return;
      try {
        const answer: AnswerMessage = (message, _client, sockaddr) => this.#answer(listener, message, sockaddr);
        const opened = await this.#service.listen("", 0, answer, { fd: duplicateFd(fd) });
        if (turn === this.#turn) this.#listening.push(opened);
        else opened.acceptNoMore();
      } catch {
        // Out of descriptors: connections wait on for a server.
      }
    }
  }

  async #answer(listener: number, message: Uint8Array, sockaddr: Uint8Array): Promise<Uint8Array | undefined> {
    const view = new QueryView();
    const verdict = admitQuery(message, 0, message.length, view);
    if (verdict === VERDICT_DROP) return undefined;
    const isServed = verdict === VERDICT_ACCEPT && this.#zoneOf(listener, message, view) !== undefined;
    if (!isServed) {
      return message.slice(0, writeRefusal(message, 0, view, verdict === VERDICT_ACCEPT ? RCODE_REFUSED : verdict));
    }
    const query = new Query(message, view, "tcp", NO_SERVER, ".", sockaddr, systemClock.monotonicMs());
    const fresh = this.#cached(listener, query, "fresh");
    return fresh ?? (await this.#parts.misses.ask(listener, query, () => this.#cached(listener, query, "stale")));
  }

  /** Out of the store as it is now: there may have been another when the query came. */
  #cached(listener: number, query: Query, which: "fresh" | "stale"): Uint8Array | undefined {
    const zone = this.#zoneOf(listener, query.wire, query.view);
    const length = zone === undefined ? 0 : (this.#parts.source()?.[which].reply(query, zone, this.#out) ?? 0);
    if (length === 0) return undefined;
    this.hits++;
    return this.#out.slice(0, length);
  }

  #zoneOf(listener: number, wire: Uint8Array, view: QueryView): FastZone | undefined {
    const zones = this.#parts.source()?.zonesOf(listener);
    return zones?.zones[zones.match(wire, HEADER_BYTES, view.nameLength)];
  }
}
