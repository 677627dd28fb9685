/**
 * The upstreams of one `forward`, and the questions on their way to them.
 *
 * Equal questions fly together: twenty at once are one to the upstream (a birthday attack needs many equal ones in
 * flight, CVE-2023-30464, and a cold cache should not become a storm). Nothing here decodes a message.
 */
import { CopyBlocks } from "../../base/copy-blocks.ts";
import type { EdnsOption } from "../../dns/message.ts";
import type { QueryView } from "../../dns/query-view.ts";
import { QueryBuffers } from "./query-buffers.ts";
import type { DeadlineWheel } from "./deadline-wheel.ts";
import { FlightTable } from "./flight-table.ts";
import { Flight, type FlightGroup, type FlightTiming, TRIES_PER_SERVER, type Waiter } from "./flight.ts";
import type { Policy } from "./policy.ts";
import type { RandomIds } from "./random-ids.ts";
import type { ExchangeStats } from "./server-stats.ts";
import { UpstreamError } from "./upstream-error.ts";
import { upstreamQueryBytes, writeUpstreamQuery } from "./upstream-query.ts";
import type { UpstreamServer } from "./upstream-server.ts";
import type { UpstreamTap } from "./upstream-tap.ts";

/** Different questions in flight in one group. */
export const FLIGHTS_MAX = 16_384;
/** How often idle sockets are looked for. */
const SWEEP_MS = 1000;
const NO_OPTIONS: readonly EdnsOption[] = [];

export interface GroupSettings {
  readonly timing: FlightTiming;
  /** `force_tcp`: TCP for every question. */
  readonly forceTcp: boolean;
  /** `prefer_udp`: UDP also for those who ask by TCP. */
  readonly preferUdp: boolean;
  /** `max_fails`: an upstream with more failed health checks in a row is down; 0: never. */
  readonly maxFails: number;
  /** `max_connect_attempts`; 0: no bound but that of RFC 9520. */
  readonly maxConnectAttempts: number;
  /** `failfast_all_unhealthy_upstreams`. */
  readonly failfast: boolean;
  readonly failoverRcodes: ReadonlySet<number>;
  /** CoreDNS's way: answers keep AA, and records that do not belong to the question. */
  readonly relaysAsSent: boolean;
}

export interface GroupParts {
  /** Called when it closes. */
  readonly onClose?: () => void;
  readonly servers: readonly UpstreamServer[];
  readonly policy: Policy;
  readonly wheel: DeadlineWheel;
  readonly ids: RandomIds;
  readonly stats: ExchangeStats;
  readonly tap?: UpstreamTap | undefined;
  nowMs(): number;
}

export class UpstreamGroup implements FlightGroup {
  readonly servers: readonly UpstreamServer[];
  readonly wheel: DeadlineWheel;
  readonly timing: FlightTiming;
  readonly maxFailures: number;
  readonly failoverRcodes: ReadonlySet<number>;
  readonly relaysAsSent: boolean;
  readonly #parts: GroupParts;
  readonly #settings: GroupSettings;
  readonly #flights: FlightTable<Flight>;
  readonly blocks: CopyBlocks;
  readonly tap: UpstreamTap | undefined;
  readonly #queryBuffers: QueryBuffers;
  readonly #sweeper: NodeJS.Timeout;
  #drained: (() => void) | undefined;
  #closed: boolean;

  constructor(settings: GroupSettings, parts: GroupParts) {
    this.servers = parts.servers;
    this.wheel = parts.wheel;
    this.timing = settings.timing;
    this.maxFailures = settings.maxConnectAttempts;
    this.failoverRcodes = settings.failoverRcodes;
    this.relaysAsSent = settings.relaysAsSent;
    this.#parts = parts;
    this.#settings = settings;
    this.#flights = new FlightTable();
    this.blocks = new CopyBlocks();
    this.tap = parts.tap;
    this.#queryBuffers = new QueryBuffers();
    this.#drained = undefined;
    this.#closed = false;
    this.#sweeper = setInterval(() => this.sweep(), SWEEP_MS).unref();
  }

  /** Different questions in flight. */
  get inFlight(): number {
    return this.#flights.size;
  }

  nowMs(): number {
    return this.#parts.nowMs();
  }

  /**
   * Asks the question of a query.
   *
   * @param query whole message; copied as far as needed
   * @param overTcp how the client asked: its upstream is asked the same way unless the settings say otherwise
   * @param options EDNS options to send along; questions with different ones fly apart
   */
  ask(
    query: Uint8Array,
    view: QueryView,
    overTcp: boolean,
    waiter: Waiter,
    options: readonly EdnsOption[] = NO_OPTIONS,
  ): void {
    const { stats, policy } = this.#parts;
    const key = this.#flights.keyOf(query, view, options.length === 0 ? "" : optionsKey(options));
    const under = this.#flights.find(key, query, view.questionEnd);
    if (under !== undefined && under.join(waiter)) {
      stats.coalesced.value++;
      return;
    }
    if (under !== undefined || this.#flights.size >= FLIGHTS_MAX || this.#closed) {
      stats.overloads.add();
      waiter.failed(new UpstreamError("busy", "udp", ""));
      return;
    }
    const { forceTcp, preferUdp } = this.#settings;
    const overStream = forceTcp || (overTcp && !preferUdp);
    const wire = this.#queryBuffers.take(upstreamQueryBytes(view.questionEnd, options));
    writeUpstreamQuery(wire, query, view.questionEnd, view.flags, view.dnssecOk, options);
    const nowMs = this.nowMs();
    const flight = new Flight(this, key, wire, view.questionEnd, policy.order(), overStream, waiter, nowMs);
    this.#flights.add(flight);
    stats.inFlight.add(1);
    flight.begin(nowMs);
  }

  choose(flight: Flight, nowMs: number): number {
    const preferred = this.#nextUp(flight, nowMs, false);
    const index = preferred >= 0 ? preferred : this.#nextUp(flight, nowMs, true);
    if (index >= 0) return index;
    const { maxFails, failfast } = this.#settings;
    if (this.servers.some((server) => !server.isDown(maxFails))) return -1;
    // All are down: then it is more likely that the health checks are wrong than that nothing works.
    this.#parts.stats.healthcheckBroken.add();
    if (failfast) return -1;
    const left = flight.order.filter((i) => this.#triesLeft(flight, i));
    return left[this.#parts.ids.below(left.length)] ?? -1;
  }

  finished(flight: Flight): void {
    if (!this.#flights.remove(flight)) return;
    this.#queryBuffers.giveBack(flight.wire);
    this.#parts.stats.inFlight.add(-1);
    if (this.#flights.size === 0) this.#drained?.();
  }

  /** Closes idle and old sockets. Called once a second. */
  sweep(): void {
    const nowMs = this.nowMs();
    for (const server of this.servers) server.sweep(nowMs);
  }

  /** Closes connections to an address (`OpenGroups.renew`). @returns how many */
  renew(address: string): number {
    const to = address.includes(":") ? `[${address}]:` : `${address}:`;
    let closed = 0;
    for (const server of this.servers) if (server.to.startsWith(to)) closed += server.renew();
    return closed;
  }

  /** Waits for the questions in flight, at most as long as one may last, then closes all sockets. */
  async close(): Promise<void> {
    if (this.#flights.size > 0) {
      await new Promise<void>((resolve) => {
        this.#drained = resolve;
      });
    }
    this.#closed = true;
    clearInterval(this.#sweeper);
    this.#parts.onClose?.();
    for (const server of this.servers) server.close();
  }

  /** First upstream from the flight's place on that is up and may still be asked. */
  #nextUp(flight: Flight, nowMs: number, avoidedToo: boolean): number {
    const { order } = flight;
    for (let step = 0; step < order.length; step++) {
      const place = (flight.position + step) % order.length;
      const index = order[place] ?? 0;
      const server = this.servers[index];
      if (server === undefined || server.isDown(this.#settings.maxFails)) continue;
      if (!avoidedToo && server.isAvoided(nowMs)) continue;
      if (!this.#triesLeft(flight, index)) continue;
      flight.position = place + 1;
      return index;
    }
    return -1;
  }

  #triesLeft(flight: Flight, index: number): boolean {
    const stream = flight.overStream || this.servers[index]?.udp === undefined;
    return flight.tries(index, stream) < TRIES_PER_SERVER;
  }
}

function optionsKey(options: readonly EdnsOption[]): string {
  return options.map(({ code, data }) => `${code}:${Buffer.from(data).toString("hex")};`).join("");
}
