/**
 * One TCP or TLS connection to an upstream, with many queries on their way at once (RFC 7766 §6.2.1.1).
 *
 * What one turn of the event loop sends goes out in one write. Replies come in any order and are matched by id and
 * question. When the peer closes, queries without a reply go back to the pool.
 */
import { FRAME_PREFIX_BYTES, FrameReader } from "../../dns/frame.ts";
import { HEADER_BYTES, ID_AT, readU16, writeU16 } from "../../dns/header.ts";
import { ResponseScan } from "../../dns/response-scan.ts";
import type { Attempt, Place } from "./attempt.ts";
import { AttemptTable } from "./attempt-table.ts";
import type { EndOfTurn, TurnTask } from "../../base/end-of-turn.ts";
import type { RandomIds } from "./random-ids.ts";
import { IGNORED_ID, IGNORED_SHORT, judgeReply, REPLY_ACCEPTED } from "./reply-check.ts";
import type { ServerStats } from "./server-stats.ts";
import { type FailureKind, failureOfCode } from "./upstream-error.ts";
import type { StreamListener, UpstreamStream } from "./upstream-ports.ts";
import { stampQuery } from "./upstream-query.ts";

/** Begins to connect; called once per connection. */
export type Dial = (listener: StreamListener) => UpstreamStream;

/** What a connection tells its pool. */
export interface ConnectionOwner {
  /** Nothing is in flight on it any more. */
  connectionIdle(connection: StreamConnection): void;
  /** It is closed; it was never usable when `isReady` is false. These attempts had no reply. */
  connectionClosed(
    connection: StreamConnection,
    unanswered: readonly Attempt[],
    kind: FailureKind,
    cause: unknown,
  ): void;
}

/** A connection that has had queries for so long and sent nothing is taken for stalled: a server that does one query
 * after another makes the others wait. */
const STALLED_MS = 10;
const FIRST_OUT_BYTES = 1024;

export interface ConnectionServices {
  readonly ids: RandomIds;
  readonly turn: EndOfTurn;
  readonly stats: ServerStats;
  nowMs(): number;
}

export class StreamConnection implements Place, TurnTask, StreamListener {
  readonly openedAtMs: number;
  readonly inFlight: AttemptTable;
  /** Connected, and the handshake is done. */
  isReady: boolean;
  closed: boolean;
  /** Takes no new queries: something waited on it for long while nothing came. */
  doubtful: boolean;
  /** Last moment at which something came, or at which it stopped being idle. */
  activeAtMs: number;
  readonly #owner: ConnectionOwner;
  readonly #services: ConnectionServices;
  readonly #stream: UpstreamStream;
  readonly #reader: FrameReader;
  readonly #scan: ResponseScan;
  readonly #onMessage: (message: Uint8Array) => void;
  #out: Uint8Array;
  #outBytes: number;
  #turnPending: boolean;

  constructor(owner: ConnectionOwner, services: ConnectionServices, dial: Dial, openedAtMs: number) {
    this.#owner = owner;
    this.#services = services;
    this.openedAtMs = openedAtMs;
    this.inFlight = new AttemptTable();
    this.closed = false;
    this.doubtful = false;
    this.activeAtMs = openedAtMs;
    this.#reader = new FrameReader();
    this.#scan = new ResponseScan();
    this.#onMessage = (message) => this.#receive(message);
    this.#out = new Uint8Array(FIRST_OUT_BYTES);
    this.#outBytes = 0;
    this.#turnPending = false;
    this.isReady = false;
    this.#stream = dial(this);
  }

  ready(): void {
    this.isReady = true;
    this.activeAtMs = this.#services.nowMs();
    this.#flush();
  }

  data(chunk: Uint8Array, length: number): void {
    if (this.closed) return;
    this.activeAtMs = this.#services.nowMs();
    this.doubtful = false;
    if (this.#reader.push(chunk, this.#onMessage, length) < 0) this.abandon();
  }

  ended(error: Error | undefined): void {
    if (this.closed) return;
    this.closed = true;
    const unanswered = this.inFlight.all();
    this.inFlight.clear();
    for (const attempt of unanswered) attempt.place = undefined;
    this.#owner.connectionClosed(this, unanswered, failureKind(error), error);
  }

  /** Queries on it, and a penalty when it seems to stall. */
  load(nowMs: number): number {
    const size = this.inFlight.size;
    return size > 0 && nowMs - this.activeAtMs > STALLED_MS ? size + 16 : size;
  }

  send(attempt: Attempt, nowMs: number): void {
    let id = this.#services.ids.next();
    while (this.inFlight.get(id) !== undefined) id = this.#services.ids.next();
    attempt.id = id;
    attempt.place = this;
    if (this.inFlight.size === 0) this.activeAtMs = nowMs;
    this.inFlight.add(attempt);
    const { wire } = attempt.owner;
    stampQuery(wire, id, attempt.withEdns);
    this.#queue(wire, attempt.length);
    if (!this.#turnPending) {
      this.#turnPending = true;
      this.#services.turn.add(this);
    }
  }

  release(attempt: Attempt): void {
    if (this.inFlight.delete(attempt) && this.inFlight.size === 0 && !this.closed) this.#owner.connectionIdle(this);
  }

  doubt(attempt: Attempt): void {
    if (this.activeAtMs <= attempt.sentAtMs || !this.isReady) this.doubtful = true;
  }

  endTurn(): void {
    this.#turnPending = false;
    if (this.isReady) this.#flush();
  }

  /** Queries on it are forgotten without a call. */
  close(): void {
    this.inFlight.clear();
    this.closed = true;
    this.#stream.destroy();
  }

  /** As if the peer had closed it. */
  abandon(): void {
    this.#stream.destroy();
    this.ended(undefined);
  }

  #queue(wire: Uint8Array, length: number): void {
    const needed = this.#outBytes + FRAME_PREFIX_BYTES + length;
    if (needed > this.#out.length) {
      const grown = new Uint8Array(Math.max(needed, this.#out.length * 2));
      grown.set(this.#out.subarray(0, this.#outBytes));
      this.#out = grown;
    }
    const out = this.#out;
    let at = this.#outBytes;
    writeU16(out, at, length);
    at += FRAME_PREFIX_BYTES;
    for (let i = 0; i < length; i++) out[at++] = wire[i] ?? 0;
    this.#outBytes = at;
  }

  #flush(): void {
    if (this.#outBytes === 0 || this.closed) return;
    this.#stream.write(this.#out, this.#outBytes);
    this.#outBytes = 0;
  }

  #receive(message: Uint8Array): void {
    if (this.closed) return;
    const { stats } = this.#services;
    if (message.length < HEADER_BYTES) {
      stats.ignore(IGNORED_SHORT);
      return;
    }
    const attempt = this.inFlight.get(readU16(message, ID_AT));
    if (attempt === undefined) {
      stats.ignore(IGNORED_ID);
      return;
    }
    const { owner } = attempt;
    const verdict = judgeReply(message, owner.wire, owner.questionEnd, false, this.#scan);
    if (verdict !== REPLY_ACCEPTED) {
      stats.ignore(verdict);
      return;
    }
    attempt.cancel();
    owner.answered(attempt, message, this.#scan);
  }
}

function failureKind(error: Error | undefined): FailureKind {
  if (error === undefined) return "closed";
  return failureOfCode("code" in error && typeof error.code === "string" ? error.code : undefined);
}
