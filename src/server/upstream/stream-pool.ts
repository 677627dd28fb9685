/**
 * TCP or TLS connections to one upstream.
 *
 * A question joins the connection of this turn or the least loaded one; another is opened while all that there are
 * have work, up to a bound. So one batch of misses is one write, and a server that answers strictly in order still gets
 * several at a time.
 */
import type { Attempt, Carrier } from "./attempt.ts";
import type { EndOfTurn, TurnTask } from "../../base/end-of-turn.ts";
import { type ConnectionOwner, type ConnectionServices, type Dial, StreamConnection } from "./stream-connection.ts";
import type { FailureKind } from "./upstream-error.ts";

/** Connections to one upstream at most. */
export const CONNECTIONS_MAX = 8;
/** Queries in flight on one connection at most. */
export const IN_FLIGHT_MAX = 2048;
/** Another connection is opened when the least loaded one has so many queries in flight. */
const GROW_AT = 4;
/** The same while that one is still connecting: it may be ready any moment. */
const GROW_DIALING_AT = 32;
/** Queries of one turn that stay together on one connection. */
const TURN_USES_MAX = 16;
/** Dialing for longer than this is given up: whoever waits has gone elsewhere. */
const DIAL_MAX_MS = 3000;

export interface StreamLimits {
  /** An idle connection is closed after this; CoreDNS's `expire`. */
  readonly expireMs: number;
  /** No query goes to a connection older than this; 0 means no bound. CoreDNS's `max_age`. */
  readonly maxAgeMs: number;
  /** Idle connections kept; 0 means no bound. CoreDNS's `max_idle_conns`. */
  readonly maxIdle: number;
}

export interface StreamServices extends ConnectionServices {
  readonly turn: EndOfTurn;
  /** `CARRIER_TCP` or `CARRIER_TLS`: where connections used again are counted. */
  readonly carrierLabel: number;
}

export class StreamPool implements Carrier, ConnectionOwner, TurnTask {
  readonly proto = "tcp";
  readonly #services: StreamServices;
  readonly #limits: StreamLimits;
  readonly #dial: Dial;
  readonly #connections: StreamConnection[];
  #turnConnection: StreamConnection | undefined;
  #turnUses: number;
  /** Connection for queries of others that were closed this turn. */
  #rescue: StreamConnection | undefined;
  #turnPending: boolean;

  constructor(services: StreamServices, limits: StreamLimits, dial: Dial) {
    this.#services = services;
    this.#limits = limits;
    this.#dial = dial;
    this.#connections = [];
    this.#turnConnection = undefined;
    this.#turnUses = 0;
    this.#rescue = undefined;
    this.#turnPending = false;
  }

  get openConnections(): number {
    return this.#connections.length;
  }

  send(attempt: Attempt, nowMs: number): FailureKind | undefined {
    const connection = this.#choose(nowMs);
    if (connection === undefined) return "busy";
    connection.send(attempt, nowMs);
    return undefined;
  }

  sweep(nowMs: number): void {
    for (let i = this.#connections.length - 1; i >= 0; i--) {
      const connection = this.#connections[i];
      if (connection === undefined) continue;
      if (!connection.isReady) {
        if (nowMs - connection.openedAtMs > DIAL_MAX_MS) connection.abandon();
      } else if (connection.inFlight.size === 0 && !this.#usable(connection, nowMs)) {
        this.#discard(connection);
      }
    }
  }

  renew(): number {
    const before = [...this.#connections];
    this.#turnConnection = undefined;
    for (const connection of before) connection.abandon();
    return before.length;
  }

  close(): void {
    for (const connection of this.#connections.splice(0)) connection.close();
  }

  endTurn(): void {
    this.#turnPending = false;
    this.#turnConnection = undefined;
    this.#rescue = undefined;
  }

  connectionIdle(connection: StreamConnection): void {
    const nowMs = this.#services.nowMs();
    const { maxIdle } = this.#limits;
    const idle = maxIdle === 0 ? 0 : this.#connections.filter((c) => c.isReady && c.inFlight.size === 0).length;
    connection.activeAtMs = nowMs;
    if (!this.#usable(connection, nowMs) || idle > maxIdle) this.#discard(connection);
  }

  connectionClosed(
    connection: StreamConnection,
    unanswered: readonly Attempt[],
    kind: FailureKind,
    cause: unknown,
  ): void {
    this.#remove(connection);
    for (const attempt of unanswered) {
      // A peer may close whenever it likes; a query that was on its way is asked again, once (RFC 7766 §6.2.4).
      if (connection.isReady && !attempt.resent) {
        attempt.resent = true;
        this.#resend(attempt);
      } else {
        attempt.owner.failed(attempt, kind, cause);
      }
    }
  }

  #resend(attempt: Attempt): void {
    const nowMs = this.#services.nowMs();
    let connection = this.#rescue;
    if (connection === undefined || connection.closed || connection.inFlight.size >= IN_FLIGHT_MAX) {
      connection = this.#open(nowMs);
      this.#rescue = connection;
      this.#watchTurn();
    }
    connection.send(attempt, nowMs);
  }

  #choose(nowMs: number): StreamConnection | undefined {
    const together = this.#turnConnection;
    if (together !== undefined && this.#turnUses < TURN_USES_MAX && !together.closed && !together.doubtful) {
      this.#turnUses++;
      this.#services.stats.hit(this.#services.carrierLabel);
      return together;
    }
    const chosen = this.#leastLoadedOrNew(nowMs);
    this.#turnConnection = chosen;
    this.#turnUses = 1;
    this.#watchTurn();
    return chosen;
  }

  #leastLoadedOrNew(nowMs: number): StreamConnection | undefined {
    let best: StreamConnection | undefined;
    let bestLoad = IN_FLIGHT_MAX;
    for (let i = this.#connections.length - 1; i >= 0; i--) {
      const connection = this.#connections[i];
      if (connection === undefined) continue;
      if (!this.#usable(connection, nowMs)) {
        if (connection.inFlight.size === 0 && connection.isReady) this.#discard(connection);
        continue;
      }
      const load = connection.load(nowMs);
      if (load < bestLoad) {
        best = connection;
        bestLoad = load;
      }
    }
    if (best === undefined || bestLoad >= (best.isReady ? GROW_AT : GROW_DIALING_AT)) {
      if (this.#connections.length < CONNECTIONS_MAX) return this.#open(nowMs);
    }
    if (best === undefined) {
      const dead = this.#connections.find((connection) => connection.doubtful);
      if (dead === undefined) return undefined;
      // Later, since its queries may fail over, and one of them may be the caller.
      this.#remove(dead);
      setImmediate(() => dead.abandon());
      return this.#open(nowMs);
    }
    this.#services.stats.hit(this.#services.carrierLabel);
    return best;
  }

  #usable(connection: StreamConnection, nowMs: number): boolean {
    const { expireMs, maxAgeMs } = this.#limits;
    if (connection.closed || connection.doubtful) return false;
    if (maxAgeMs > 0 && nowMs - connection.openedAtMs > maxAgeMs) return false;
    return connection.inFlight.size > 0 || !connection.isReady || nowMs - connection.activeAtMs <= expireMs;
  }

  #open(nowMs: number): StreamConnection {
    this.#services.stats.miss(this.#services.carrierLabel);
    const connection = new StreamConnection(this, this.#services, this.#dial, nowMs);
    this.#connections.push(connection);
    return connection;
  }

  #watchTurn(): void {
    if (this.#turnPending) return;
    this.#turnPending = true;
    this.#services.turn.add(this);
  }

  #discard(connection: StreamConnection): void {
    this.#remove(connection);
    connection.close();
  }

  #remove(connection: StreamConnection): void {
    const at = this.#connections.indexOf(connection);
    if (at >= 0) this.#connections.splice(at, 1);
  }
}
