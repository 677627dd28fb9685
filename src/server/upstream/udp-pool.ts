/**
 * UDP toward one upstream: which socket a query leaves from, and whom a datagram answers.
 *
 * Source ports are what an off-path forger has to guess besides the id (RFC 5452 §9.2). While there are few queries
 * each gets a socket that nobody used before. Opening one costs more than a query, so they are opened at a bounded
 * rate, and above it a random one of those that are open is used again, up to 10 s or 1000 times. Queries of one turn
 * of the event loop share a socket, so that the seam can hand them to the kernel in one call.
 */
import { BindError } from "../../base/bind-error.ts";
import { HEADER_BYTES, ID_AT, readU16 } from "../../dns/header.ts";
import { ResponseScan } from "../../dns/response-scan.ts";
import type { Attempt, Carrier, Place } from "./attempt.ts";
import { AttemptTable } from "./attempt-table.ts";
import type { EndOfTurn, TurnTask } from "../../base/end-of-turn.ts";
import type { RandomIds } from "./random-ids.ts";
import {
  hasQuestion,
  IGNORED_ID,
  IGNORED_NEAR_MISS,
  IGNORED_SHORT,
  judgeReply,
  REPLY_ACCEPTED,
} from "./reply-check.ts";
import { CARRIER_UDP, type ServerStats } from "./server-stats.ts";
import { type FailureKind, failureOfCode } from "./upstream-error.ts";
import { stampQuery } from "./upstream-query.ts";
import type { UpstreamPort, UpstreamPorts } from "./upstream-ports.ts";

/** Open sockets to one upstream at most. */
export const PORTS_MAX = 512;
/** A socket is retired after so many queries or milliseconds. */
export const PORT_USES_MAX = 1000;
export const PORT_LIFE_MS = 10_000;
/** New sockets: so many at once, then so many a second. With a life of 10 s, 500 are open under load. */
const FRESH_BURST = 64;
const FRESH_PER_S = 50;
/** Queries of one turn on one socket. A batch of the kernel's is no larger. */
const TURN_USES_MAX = 64;
/** In flight on one socket: keeps the ids sparse. */
const IN_FLIGHT_MAX = 4096;

class PooledPort implements Place {
  readonly openedAtMs: number;
  readonly inFlight: AttemptTable;
  port: UpstreamPort | undefined;
  uses: number;
  /** Not in the pool any more; closed when nothing waits on it. */
  retired: boolean;
  readonly #pool: UdpPool;

  constructor(pool: UdpPool, openedAtMs: number) {
    this.#pool = pool;
    this.openedAtMs = openedAtMs;
    this.inFlight = new AttemptTable();
    this.port = undefined;
    this.uses = 0;
    this.retired = false;
  }

  release(attempt: Attempt): void {
    this.inFlight.delete(attempt);
    if (this.retired && this.inFlight.size === 0) this.#pool.closePort(this);
  }

  doubt(): void {
    // A datagram socket has no state that could have gone bad.
  }
}

export interface UdpTarget {
  readonly address: string;
  readonly port: number;
  readonly sourceAddress: string | undefined;
}

export class UdpPool implements Carrier, TurnTask {
  readonly proto = "udp";
  readonly #ports: UpstreamPorts;
  readonly #target: UdpTarget;
  readonly #ids: RandomIds;
  readonly #turn: EndOfTurn;
  readonly #stats: ServerStats;
  readonly #scan: ResponseScan;
  readonly #live: PooledPort[];
  readonly #byPort: Map<UpstreamPort, PooledPort>;
  readonly #onReply: (port: UpstreamPort, message: Uint8Array) => void;
  readonly #onError: (port: UpstreamPort, errno: number) => void;
  #turnPort: PooledPort | undefined;
  #turnUses: number;
  #freshTokens: number;
  #tokensAtMs: number;

  constructor(ports: UpstreamPorts, target: UdpTarget, ids: RandomIds, turn: EndOfTurn, stats: ServerStats) {
    this.#ports = ports;
    this.#target = target;
    this.#ids = ids;
    this.#turn = turn;
    this.#stats = stats;
    this.#scan = new ResponseScan();
    this.#live = [];
    this.#byPort = new Map();
    this.#onReply = (port, message) => this.#receive(port, message);
    this.#onError = (port, errno) => this.#portFailed(port, errno);
    this.#turnPort = undefined;
    this.#turnUses = 0;
    this.#freshTokens = FRESH_BURST;
    this.#tokensAtMs = 0;
  }

  /** Sockets open now, retired ones with a query in flight included. */
  get openPorts(): number {
    return this.#byPort.size;
  }

  send(attempt: Attempt, nowMs: number): FailureKind | undefined {
    const pooled = attempt.freshPort ? this.#openPort(nowMs) : this.#choosePort(nowMs);
    if (typeof pooled === "string") return pooled;
    let id = this.#ids.next();
    while (pooled.inFlight.get(id) !== undefined) id = this.#ids.next();
    attempt.id = id;
    attempt.place = pooled;
    pooled.inFlight.add(attempt);
    const { wire } = attempt.owner;
    stampQuery(wire, id, attempt.withEdns);
    pooled.port?.send(attempt.withEdns ? wire : wire.subarray(0, attempt.length));
    if (++pooled.uses >= PORT_USES_MAX || attempt.freshPort) this.#retire(pooled);
    return undefined;
  }

  endTurn(): void {
    this.#turnPort = undefined;
  }

  sweep(nowMs: number): void {
    for (let i = this.#live.length - 1; i >= 0; i--) {
      const pooled = this.#live[i];
      if (pooled !== undefined && nowMs - pooled.openedAtMs >= PORT_LIFE_MS) this.#retire(pooled);
    }
  }

  close(): void {
    for (const pooled of this.#byPort.values()) pooled.port?.close();
    this.#byPort.clear();
    this.#live.length = 0;
    this.#turnPort = undefined;
  }

  /** Of a retired port on which nothing waits. */
  closePort(pooled: PooledPort): void {
    const { port } = pooled;
    if (port === undefined || !this.#byPort.delete(port)) return;
    port.close();
  }

  #choosePort(nowMs: number): PooledPort | FailureKind {
    const shared = this.#turnPort;
    if (shared !== undefined && !shared.retired && this.#turnUses < TURN_USES_MAX) {
      this.#turnUses++;
      this.#stats.hit(CARRIER_UDP);
      return shared;
    }
    let chosen: PooledPort | FailureKind | undefined;
    if (this.#live.length === 0 || this.#takeFreshToken(nowMs)) chosen = this.#openPort(nowMs);
    // No descriptor left is no reason to fail while another socket is open.
    if (chosen === undefined || chosen === "busy") chosen = this.#randomLive(nowMs) ?? chosen ?? this.#openPort(nowMs);
    if (typeof chosen !== "string") {
      if (this.#turnPort === undefined) this.#turn.add(this);
      this.#turnPort = chosen;
      this.#turnUses = 1;
    }
    return chosen;
  }

  #takeFreshToken(nowMs: number): boolean {
    const gained = ((nowMs - this.#tokensAtMs) * FRESH_PER_S) / 1000;
    this.#freshTokens = Math.min(FRESH_BURST, this.#freshTokens + gained);
    this.#tokensAtMs = nowMs;
    if (this.#freshTokens < 1 || this.#live.length >= PORTS_MAX) return false;
    this.#freshTokens -= 1;
    return true;
  }

  #randomLive(nowMs: number): PooledPort | undefined {
    while (this.#live.length > 0) {
      const pooled = this.#live[this.#ids.below(this.#live.length)];
      if (pooled === undefined) return undefined;
      if (nowMs - pooled.openedAtMs < PORT_LIFE_MS && pooled.inFlight.size < IN_FLIGHT_MAX) {
        this.#stats.hit(CARRIER_UDP);
        return pooled;
      }
      this.#retire(pooled);
    }
    return undefined;
  }

  #openPort(nowMs: number): PooledPort | FailureKind {
    if (this.#byPort.size >= PORTS_MAX * 2) return "busy";
    const pooled = new PooledPort(this, nowMs);
    try {
      pooled.port = this.#ports.open(this.#target, this.#target.sourceAddress, this.#onReply, this.#onError);
    } catch (error) {
      if (!(error instanceof BindError)) throw error;
      return failureOfCode(codeOf(error.cause));
    }
    this.#stats.miss(CARRIER_UDP);
    this.#byPort.set(pooled.port, pooled);
    this.#live.push(pooled);
    return pooled;
  }

  #retire(pooled: PooledPort): void {
    if (pooled.retired) return;
    pooled.retired = true;
    const at = this.#live.indexOf(pooled);
    const last = this.#live.pop();
    if (last !== undefined && last !== pooled) this.#live[at] = last;
    if (pooled.inFlight.size === 0) this.closePort(pooled);
  }

  #receive(port: UpstreamPort, message: Uint8Array): void {
    const pooled = this.#byPort.get(port);
    if (pooled === undefined) return;
    if (message.length < HEADER_BYTES) {
      this.#stats.ignore(IGNORED_SHORT);
      return;
    }
    const attempt = pooled.inFlight.get(readU16(message, ID_AT));
    if (attempt === undefined) {
      this.#stray(pooled, message);
      return;
    }
    const { owner } = attempt;
    const verdict = judgeReply(message, owner.wire, owner.questionEnd, true, this.#scan);
    if (verdict !== REPLY_ACCEPTED) {
      this.#stats.ignore(verdict);
      return;
    }
    attempt.cancel();
    owner.answered(attempt, message, this.#scan);
  }

  /** A reply to nobody: a late or repeated one, or a guess at a query that waits here. */
  #stray(pooled: PooledPort, message: Uint8Array): void {
    const attempt = pooled.inFlight.find(({ owner }) => hasQuestion(message, owner.wire, owner.questionEnd));
    this.#stats.ignore(attempt === undefined ? IGNORED_ID : IGNORED_NEAR_MISS);
    if (attempt === undefined) return;
    this.#retire(pooled);
    if (attempt.tolerant) return;
    attempt.cancel();
    attempt.owner.failed(attempt, "near-miss");
  }

  #portFailed(port: UpstreamPort, errno: number): void {
    const pooled = this.#byPort.get(port);
    if (pooled === undefined) return;
    this.#retire(pooled);
    const kind = failureOfErrno(errno);
    for (const attempt of pooled.inFlight.all()) {
      // The owner of one before has given this one up too.
      if (attempt.place !== pooled) continue;
      attempt.cancel();
      attempt.owner.failed(attempt, kind);
    }
  }
}

const ECONNREFUSED = 111;
const EMFILE = 24;
const ENFILE = 23;

function failureOfErrno(errno: number): FailureKind {
  if (errno === ECONNREFUSED) return "refused";
  return errno === EMFILE || errno === ENFILE ? "busy" : "unreachable";
}

/** The code in an error of the runtime, or at the front of a message of ours (`EMFILE on udp …`). */
function codeOf(cause: unknown): string | undefined {
  if (!(cause instanceof Error)) return undefined;
  if ("code" in cause && typeof cause.code === "string") return cause.code;
  return /^E[A-Z0-9]+/.exec(cause.message)?.[0];
}
