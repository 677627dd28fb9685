/**
 * One question on its way to the upstreams of a group, for all who wait for its answer.
 *
 *   0 ms       first upstream asked
 *   500 ms     no answer yet: another upstream asked (the same one when it is alone), and so on after longer waits
 *   read_timeout after each   that attempt is given up and counts as failed
 *   4000 ms    everybody is told that there is no answer
 *
 * All attempts stay open, and the first acceptable answer wins. A failure that is known at once (connection refused)
 * moves on at once. The number of attempts is bounded (RFC 9520 §3.1).
 */
import type { CopyBlocks } from "../../base/copy-blocks.ts";
import { findOption, OPTION_EXTENDED_ERROR } from "../../dns/edns.ts";
import { FLAG_TC, FLAGS_AT, RCODE_MASK, readU16 } from "../../dns/header.ts";
import type { ResponseScan } from "../../dns/response-scan.ts";
import { answerInOrder } from "../../dns/scrub.ts";
import { RCODE_BADVERS, RCODE_FORMERR, RCODE_NOTIMP } from "../../dns/types.ts";
import { Attempt, type AttemptOwner } from "./attempt.ts";
import { type DeadlineWheel, WheelEntry } from "./deadline-wheel.ts";
import type { FlightKey } from "./flight-table.ts";
import { asForwarder, copyWithoutOpt } from "./forwarded-answer.ts";
import { type FailureKind, UpstreamError } from "./upstream-error.ts";
import type { UpstreamServer } from "./upstream-server.ts";
import { sentWire, type UpstreamTap } from "./upstream-tap.ts";

/** Attempts at one upstream over one transport for one question (RFC 9520 §3.1: at most 3). */
export const TRIES_PER_SERVER = 3;
/** Who may wait for one question. */
export const WAITERS_MAX = 16_384;

/** Somebody who waits for an answer. One of the two is called, once; `failed` perhaps before asking has returned. */
export interface Waiter {
  /**
   * @param message whole, well formed, with the question that was asked, without OPT; to keep, not to change: all who
   *   wait for one question get the same
   * @param extendedError that the upstream sent along (RFC 8914)
   */
  answered(message: Uint8Array, to: string, extendedError: ExtendedError | undefined): void;
  failed(error: UpstreamError): void;
}

export interface ExtendedError {
  readonly code: number;
  readonly text: string;
}

export interface FlightTiming {
  /** Waits before the second, third … attempt; the last one repeats. */
  readonly retryWaitsMs: readonly number[];
  /** For the whole question. */
  readonly totalMs: number;
  /** For each attempt. */
  readonly readTimeoutMs: number;
}

/** What a flight shares with the others of its group. */
export interface FlightGroup {
  readonly servers: readonly UpstreamServer[];
  readonly wheel: DeadlineWheel;
  readonly timing: FlightTiming;
  /** Failed attempts after which no more are made; 0: no such bound. */
  readonly maxFailures: number;
  readonly failoverRcodes: ReadonlySet<number>;
  /** Answers keep AA, and records that do not belong to the question. */
  readonly relaysAsSent: boolean;
  /** Where answers are copied to. */
  readonly blocks: CopyBlocks;
  /** Sees what leaves and comes, if anybody wants to. */
  readonly tap: UpstreamTap | undefined;
  nowMs(): number;
  /** Next upstream for a flight that has `tries` of each. @returns index in `servers`, or -1 */
  choose(flight: Flight, nowMs: number): number;
  /** Nobody may join it any more. */
  finished(flight: Flight): void;
}

/** Nearly all questions need one attempt: arrays are made with it, for an empty one that grows takes room for 17. */
const NO_ATTEMPTS: Attempt[] = [];
const NO_TRIES: number[] = [];

export class Flight extends WheelEntry implements AttemptOwner {
  readonly key: FlightKey;
  nextOfBucket: Flight | undefined;
  /** Goes back to the group when the flight has ended. */
  readonly wire: Uint8Array<ArrayBuffer>;
  readonly questionEnd: number;
  /** Upstreams in the order of the policy, and the place in it of the next. */
  readonly order: readonly number[];
  position: number;
  /** TCP even for upstreams that have UDP. */
  readonly overStream: boolean;
  readonly #group: FlightGroup;
  readonly #startedAtMs: number;
  readonly #first: Waiter;
  #others: Waiter[] | undefined;
  /** Attempts that wait for a reply, oldest first. */
  #open: Attempt[];
  /** All attempts so far, as server index * 2, plus 1 over a stream. */
  #tried: number[];
  #retries: number;
  #nextTryAtMs: number;
  #failures: number;
  #lastFailure: FailureKind;
  #lastCause: unknown;
  #lastServer: UpstreamServer | undefined;
  #lastProto: "udp" | "tcp";
  #nearMisses: number;
  #failovers: number;
  /** Reply with a rcode of `failover`: used when nothing better comes. */
  #spare: Uint8Array | undefined;
  /** Upstream that is asked without EDNS because it could not read it. */
  #plainServer: number;
  #done: boolean;

  constructor(
    group: FlightGroup,
    key: FlightKey,
    wire: Uint8Array<ArrayBuffer>,
    questionEnd: number,
    order: readonly number[],
    overStream: boolean,
    waiter: Waiter,
    nowMs: number,
  ) {
    super();
    this.#group = group;
    this.key = key;
    this.nextOfBucket = undefined;
    this.wire = wire;
    this.questionEnd = questionEnd;
    this.order = order;
    this.position = 0;
    this.overStream = overStream;
    this.#startedAtMs = nowMs;
    this.#first = waiter;
    this.#others = undefined;
    this.#open = NO_ATTEMPTS;
    this.#tried = NO_TRIES;
    this.#retries = 0;
    this.#nextTryAtMs = 0;
    this.#failures = 0;
    this.#lastFailure = "no-healthy";
    this.#lastCause = undefined;
    this.#lastServer = undefined;
    this.#lastProto = "udp";
    this.#nearMisses = 0;
    this.#failovers = 0;
    this.#spare = undefined;
    this.#plainServer = -1;
    this.#done = false;
  }

  get plainLength(): number {
    return this.questionEnd;
  }

  /** How often this server was asked over that transport. */
  tries(serverIndex: number, stream: boolean): number {
    const wanted = serverIndex * 2 + (stream ? 1 : 0);
    let count = 0;
    for (const tried of this.#tried) if (tried === wanted) count++;
    return count;
  }

  /** @returns false when too many wait already */
  join(waiter: Waiter): boolean {
    this.#others ??= [];
    if (this.#others.length + 1 >= WAITERS_MAX) return false;
    this.#others.push(waiter);
    return true;
  }

  /** Makes the first attempt. The waiter may be told of a failure before this returns. */
  begin(nowMs: number): void {
    if (this.#tryNext(nowMs)) this.#schedule();
    else this.#giveUp();
  }

  due(nowMs: number): void {
    const { timing } = this.#group;
    if (nowMs >= this.#startedAtMs + timing.totalMs) {
      for (const attempt of this.#open) this.#noteFailure(attempt, "timeout", nowMs);
      this.#giveUp();
      return;
    }
    for (
      let oldest = this.#open[0];
      oldest !== undefined && nowMs >= oldest.sentAtMs + timing.readTimeoutMs;
      oldest = this.#open[0]
    ) {
      this.#forget(oldest);
      oldest.place?.doubt(oldest);
      oldest.cancel();
      this.#noteFailure(oldest, "timeout", nowMs);
    }
    if (this.#open.length === 0) {
      if (!this.#tryNext(nowMs)) {
        this.#giveUp();
        return;
      }
    } else if (nowMs >= this.#nextTryAtMs) {
      for (const attempt of this.#open) {
        attempt.place?.doubt(attempt);
        this.#server(attempt.serverIndex).doubtSince(attempt.sentAtMs, nowMs);
      }
      this.#retries++;
      if (!this.#tryNext(nowMs)) this.#nextTryAtMs = Number.POSITIVE_INFINITY;
    }
    this.#schedule();
  }

  answered(attempt: Attempt, message: Uint8Array, scan: ResponseScan): void {
    this.#forget(attempt);
    const nowMs = this.#group.nowMs();
    const index = attempt.serverIndex;
    const server = this.#server(index);
    const overUdp = attempt.carrier === server.udp;
    const flags = readU16(message, FLAGS_AT);
    const cut = overUdp && (flags & FLAG_TC) !== 0;
    const rcode = cut ? flags & RCODE_MASK : scan.extendedRcode;
    server.answered(nowMs);
    const { tap } = this.#group;
    if (tap !== undefined) {
      tap.received({ to: server.to, proto: attempt.carrier.proto, sentAtMs: attempt.sentAtMs, wire: message });
    }
    server.stats.observe(rcode, (nowMs - attempt.sentAtMs) / 1000);

    if (cut) {
      server.stats.truncated.add();
      if (this.#try(index, true, attempt.withEdns, false, false, nowMs)) this.#schedule();
      else this.#moveOn(nowMs);
      return;
    }
    const refusesEdns =
      rcode === RCODE_BADVERS || ((rcode === RCODE_FORMERR || rcode === RCODE_NOTIMP) && scan.optAt < 0);
    if (attempt.withEdns && refusesEdns) {
      server.stats.ednsFallbacks.add();
      this.#plainServer = index;
      if (this.#try(index, !overUdp, false, false, false, nowMs)) {
        this.#schedule();
        return;
      }
    }
    if (this.#plainServer === index && !attempt.withEdns && !refusesEdns) server.forgetEdns(nowMs);
    if (scan.nameLength === 0) {
      // A bare header that says FORMERR, to a plain query: there is nothing in it for a client.
      this.#fail(attempt, "protocol", undefined, nowMs);
      return;
    }
    const { blocks, relaysAsSent } = this.#group;
    let copy = rcode > RCODE_MASK ? undefined : copyWithoutOpt(message, scan, blocks);
    if (copy !== undefined && !relaysAsSent) copy = asForwarder(copy, answerInOrder(message, 0, scan));
    if (copy === undefined) {
      // Without the OPT nothing would be left of such a code but its low bits, which mean something else.
      this.#fail(attempt, "protocol", undefined, nowMs);
      return;
    }
    if (this.#group.failoverRcodes.has(rcode) && ++this.#failovers < this.#group.servers.length) {
      this.#spare = copy;
      this.#lastServer = server;
      this.#moveOn(nowMs);
      return;
    }
    this.#deliver(copy, server.to, scan.optionsLength === 0 ? undefined : extendedErrorOf(message, scan));
  }

  failed(attempt: Attempt, kind: FailureKind, cause?: unknown): void {
    this.#forget(attempt);
    const nowMs = this.#group.nowMs();
    if (kind === "near-miss") {
      this.#nearMisses++;
      // Somebody may be guessing ids: another port, and then a connection, which cannot be guessed into.
      const stream = this.#nearMisses > 1;
      if (this.#try(attempt.serverIndex, stream, attempt.withEdns, true, false, nowMs)) this.#schedule();
      else this.#moveOn(nowMs);
      return;
    }
    this.#fail(attempt, kind, cause, nowMs);
  }

  #fail(attempt: Attempt, kind: FailureKind, cause: unknown, nowMs: number): void {
    this.#noteFailure(attempt, kind, nowMs, cause);
    const server = this.#server(attempt.serverIndex);
    if (this.#nearMisses > 1 && !this.overStream && attempt.carrier === server.stream && server.udp !== undefined) {
      // No TCP there: the last resort is to wait among wrong ids, on one more port.
      if (this.#try(attempt.serverIndex, false, attempt.withEdns, true, true, nowMs)) {
        this.#schedule();
        return;
      }
    }
    this.#moveOn(nowMs);
  }

  /** Something came to nothing: the next upstream now, or wait for what is still open. */
  #moveOn(nowMs: number): void {
    if (this.#tryNext(nowMs) || this.#open.length > 0) this.#schedule();
    else this.#giveUp();
  }

  #tryNext(nowMs: number): boolean {
    const { maxFailures } = this.#group;
    while (maxFailures === 0 || this.#failures < maxFailures) {
      const index = this.#group.choose(this, nowMs);
      if (index < 0) return false;
      const withEdns = this.#plainServer !== index && this.#server(index).speaksEdns(nowMs);
      if (this.#try(index, this.overStream, withEdns, false, false, nowMs)) return true;
    }
    return false;
  }

  /** @param stream over TCP, also when the upstream has UDP */
  #try(index: number, stream: boolean, edns: boolean, fresh: boolean, tolerant: boolean, nowMs: number): boolean {
    const server = this.#server(index);
    const carrier = stream ? server.stream : (server.udp ?? server.stream);
    const overStream = carrier === server.stream;
    if (this.tries(index, overStream) >= TRIES_PER_SERVER) return false;
    const tried = index * 2 + (overStream ? 1 : 0);
    if (this.#tried.length === 0) {
      this.#tried = [tried];
    } else {
      this.#tried.push(tried);
      server.stats.retries.value++;
    }
    const attempt = new Attempt(this, carrier, index, edns, nowMs, fresh, tolerant);
    const refusal = carrier.send(attempt, nowMs);
    if (refusal !== undefined) {
      this.#noteFailure(attempt, refusal, nowMs);
      return false;
    }
    this.#group.tap?.sent({ to: server.to, proto: carrier.proto, sentAtMs: nowMs, wire: sentWire(attempt) });
    server.stats.inFlight.add(1);
    if (this.#open.length === 0) this.#open = [attempt];
    else this.#open.push(attempt);
    const waits = this.#group.timing.retryWaitsMs;
    this.#nextTryAtMs = nowMs + (waits[Math.min(this.#retries, waits.length - 1)] ?? 0);
    return true;
  }

  #noteFailure(attempt: Attempt, kind: FailureKind, nowMs: number, cause?: unknown): void {
    const server = this.#server(attempt.serverIndex);
    this.#failures++;
    this.#lastFailure = kind;
    this.#lastCause = cause;
    this.#lastServer = server;
    this.#lastProto = attempt.carrier.proto;
    server.stats.failures.add();
    if (kind === "timeout") server.doubtSince(attempt.sentAtMs, nowMs);
    else if (kind !== "busy") server.doubt(nowMs);
  }

  #schedule(): void {
    const { timing, wheel } = this.#group;
    let dueAtMs = Math.min(this.#startedAtMs + timing.totalMs, this.#nextTryAtMs);
    const oldest = this.#open[0];
    if (oldest !== undefined) dueAtMs = Math.min(dueAtMs, oldest.sentAtMs + timing.readTimeoutMs);
    wheel.schedule(this, dueAtMs);
  }

  #deliver(message: Uint8Array, to: string, extendedError: ExtendedError | undefined): void {
    if (!this.#finish()) return;
    this.#first.answered(message, to, extendedError);
    if (this.#others === undefined) return;
    for (const waiter of this.#others) waiter.answered(message, to, extendedError);
  }

  #giveUp(): void {
    const to = this.#lastServer?.to ?? "";
    if (this.#spare !== undefined) {
      this.#deliver(this.#spare, to, undefined);
      return;
    }
    if (!this.#finish()) return;
    const error = new UpstreamError(this.#lastFailure, this.#lastProto, to, this.#lastCause);
    this.#first.failed(error);
    for (const waiter of this.#others ?? []) waiter.failed(error);
  }

  #finish(): boolean {
    if (this.#done) return false;
    this.#done = true;
    this.#group.wheel.cancel(this);
    for (const attempt of this.#open) {
      attempt.cancel();
      this.#server(attempt.serverIndex).stats.inFlight.add(-1);
    }
    this.#open = NO_ATTEMPTS;
    this.#group.finished(this);
    return true;
  }

  #forget(attempt: Attempt): void {
    const at = this.#open.indexOf(attempt);
    if (at < 0) return;
    if (this.#open.length === 1) this.#open = NO_ATTEMPTS;
    else this.#open.splice(at, 1);
    this.#server(attempt.serverIndex).stats.inFlight.add(-1);
  }

  #server(index: number): UpstreamServer {
    const server = this.#group.servers[index];
    if (server === undefined) throw new Error(`no upstream ${index}`);
    return server;
  }
}

const utf8 = new TextDecoder();

function extendedErrorOf(message: Uint8Array, scan: ResponseScan): ExtendedError | undefined {
  const at = findOption(message, scan.optionsAt, scan.optionsLength, OPTION_EXTENDED_ERROR);
  if (at < 0) return undefined;
  const length = readU16(message, at + 2);
  const end = at + 4 + length;
  if (length < 2 || end > scan.optionsAt + scan.optionsLength) return undefined;
  return { code: readU16(message, at + 4), text: utf8.decode(message.subarray(at + 6, end)) };
}
