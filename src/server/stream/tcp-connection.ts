/**
 * One client's connection: queries in, answers out in whatever order they are ready (RFC 7766 §6.2.1.1).
 *
 * What was read is served by a loop, never by recursion, and only as fast as the answers leave: with `inFlight` queries
 * owed, or with bytes that the client does not take, reading stops. So the memory of a connection is bounded by one
 * read (64 KiB), the stream's own buffer, `inFlight` queries, and `unsentBytes`.
 *
 *   open ──(client's FIN, last allowed query, shutdown)──> draining ──(all answered and sent)──> ending ──> closed
 *     └────(idle, a time-out, nonsense)───────────────────────────────────────────────────────────────────────┘
 */
import type { Socket } from "node:net";
import { SOCKADDR_MAX_BYTES, writeSockaddr, type SocketAddress } from "../../base/address.ts";
import type { Clock } from "../../base/clock.ts";
import { FrameReader } from "../../dns/frame.ts";
import { HEADER_BYTES } from "../../dns/header.ts";
import { Outgoing } from "./outgoing.ts";
import { idleLimitMs, type TcpLimits } from "./tcp-limits.ts";
import type { TcpCloseReason, TcpStats } from "./tcp-stats.ts";

/**
 * Answers one message.
 *
 * Must neither throw nor reject: that would be a defect, and ends the connection.
 *
 * @param message whole, without its length; the callee's to keep
 * @param sockaddr of the client, as `base/address.ts` writes it; the same bytes for the connection's life
 * @returns the whole answer (at most 65,535 bytes; copied when it is given), now or later; undefined: no answer at all
 */
export type AnswerMessage = (
  message: Uint8Array,
  client: SocketAddress,
  sockaddr: Uint8Array,
) => Uint8Array | undefined | Promise<Uint8Array | undefined>;

/** What the connections of a listener share. */
export interface ConnectionHost {
  /** May change while connections are open. */
  readonly limits: TcpLimits;
  readonly clock: Clock;
  readonly stats: TcpStats;
  /** Calls `flush` of the connection once, at the end of this turn of the event loop. */
  flushSoon(connection: TcpConnection): void;
  /** The connection is gone; called once. */
  gone(connection: TcpConnection): void;
}

/** Bytes given to the frame reader at once: bounds the messages that wait for room in `inFlight`. */
const PIECE_BYTES = 1024;
/** Answers of one turn are sent before its end when they are more than this. */
const FLUSH_BYTES = 64 * 1024;
/** What two bytes of length can say. */
const MESSAGE_MAX_BYTES = 0xffff;
const NOTHING = new Uint8Array(0);

export class TcpConnection {
  readonly client: SocketAddress;
  readonly #socket: Socket;
  /** Under TLS the TCP socket below it: only that one can be reset. */
  readonly #raw: Socket;
  readonly #host: ConnectionHost;
  readonly #answer: AnswerMessage;
  readonly #sockaddr: Uint8Array;
  readonly #reader: FrameReader;
  readonly #outgoing: Outgoing;
  /** Read and not yet given to the frame reader. */
  #unread: Uint8Array;
  /** Whole messages not yet asked, from `#waitingAt` on. */
  #waiting: Uint8Array[];
  #waitingAt: number;
  #state: "open" | "draining" | "ending" | "closed";
  #reason: TcpCloseReason;
  #inFlight: number;
  #queries: number;
  /** Whole messages taken off the stream. */
  #messages: number;
  #paused: boolean;
  /** The kernel did not take all that was written. */
  #blocked: boolean;
  #openedAtMs: number;
  #activeAtMs: number;
  #messageBeganAtMs: number;
  #progressAtMs: number;
  #endingAtMs: number;

  /**
   * @param client of `socket`; kept
   * @param raw the TCP socket when `socket` is TLS on it
   */
  constructor(
    socket: Socket,
    client: SocketAddress,
    answer: AnswerMessage,
    host: ConnectionHost,
    raw: Socket = socket,
  ) {
    const now = host.clock.monotonicMs();
    const sockaddr = new Uint8Array(SOCKADDR_MAX_BYTES);
    this.client = client;
    this.#socket = socket;
    this.#raw = raw;
    this.#host = host;
    this.#answer = answer;
    this.#sockaddr = sockaddr.subarray(0, Math.max(0, writeSockaddr(sockaddr, 0, client.address, client.port)));
    this.#reader = new FrameReader();
    this.#outgoing = new Outgoing();
    this.#unread = NOTHING;
    this.#waiting = [];
    this.#waitingAt = 0;
    this.#state = "open";
    this.#reason = "client";
    this.#inFlight = 0;
    this.#queries = 0;
    this.#messages = 0;
    this.#paused = false;
    this.#blocked = false;
    this.#openedAtMs = now;
    this.#activeAtMs = now;
    this.#messageBeganAtMs = now;
    this.#progressAtMs = now;
    this.#endingAtMs = now;
    socket.setNoDelay(true);
    socket.on("data", (chunk: Uint8Array) => this.#onData(chunk));
    socket.on("end", () => this.#drain("client"));
    socket.on("error", () => this.#close("error"));
    socket.on("close", () => this.#onClose());
  }

  /** Milliseconds since it last had a query or an answer; -1 while it has something to do. */
  idleMs(nowMs: number): number {
    const busy = this.#state !== "open" || this.#owes || this.#reader.inMessage;
    return busy ? -1 : nowMs - this.#activeAtMs;
  }

  /** Takes no more queries; answers those it has read; ends. A connection without any ends at once. */
  shutDown(): void {
    if (this.#state !== "open") return;
    if (this.#owes) this.#drain("shutdown");
    else this.#close("shutdown");
  }

  /** Ends it now, whatever it owes. */
  drop(reason: TcpCloseReason): void {
    this.#close(reason);
  }

  /** Resolves when it is gone and counted. */
  whenClosed(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#socket.closed) resolve();
      else this.#socket.once("close", () => resolve());
    });
  }

  /**
   * Looks at the clock: called for every connection a few times a second.
   *
   * @param open connections open now, of all listeners
   */
  tick(nowMs: number, open: number): void {
    const { limits } = this.#host;
    if (this.#blocked) {
      if (nowMs - this.#progressAtMs >= limits.slowReaderMs) this.#reset("slow_reader");
      return;
    }
    if (this.#state === "ending") {
      if (nowMs - this.#endingAtMs >= limits.lingerMs) this.#close(this.#reason);
      return;
    }
    if (this.#state !== "open" || this.#owes) return;
    if (this.#messages === 0) {
      if (nowMs - this.#openedAtMs >= limits.firstMessageMs) this.#close("first_message");
    } else if (this.#reader.inMessage) {
      if (nowMs - this.#messageBeganAtMs >= limits.partialMessageMs) this.#close("partial_message");
    } else if (nowMs - this.#activeAtMs >= idleLimitMs(limits, open)) this.#close("idle");
  }

  /** Writes the answers of this turn. */
  flush(): void {
    if (this.#state === "closed" || this.#outgoing.length === 0) return;
    this.#activeAtMs = this.#host.clock.monotonicMs();
    this.#socket.write(this.#outgoing.view(), this.#onWritten);
    const unsent = this.#socket.writableLength;
    if (unsent === 0) {
      this.#outgoing.reuse();
      this.#endIfDrained();
      return;
    }
    this.#outgoing.letGo();
    if (!this.#blocked) this.#progressAtMs = this.#activeAtMs;
    this.#blocked = true;
    if (unsent > this.#host.limits.unsentBytes) this.#reset("slow_reader");
    else this.#setReading();
  }

  /** Something read is not answered, or something answered is not sent. */
  get #owes(): boolean {
    return (
      this.#inFlight > 0 ||
      this.#blocked ||
      this.#outgoing.length > 0 ||
      this.#waitingAt < this.#waiting.length ||
      this.#unread.length > 0
    );
  }

  /** Nothing holds back the next query. */
  get #hasRoom(): boolean {
    return this.#inFlight < this.#host.limits.inFlight && !this.#blocked;
  }

  #onData(chunk: Uint8Array): void {
    if (this.#state !== "open") return;
    this.#activeAtMs = this.#host.clock.monotonicMs();
    this.#unread = this.#unread.length === 0 ? chunk : Buffer.concat([this.#unread, chunk]);
    this.#serve();
  }

  /** Asks what was read, as far as there is room. */
  #serve(): void {
    while (this.#state === "open" || this.#state === "draining") {
      if (this.#waitingAt < this.#waiting.length) {
        if (!this.#hasRoom) break;
        this.#ask(this.#waiting[this.#waitingAt++] ?? NOTHING);
        continue;
      }
      this.#waiting = [];
      this.#waitingAt = 0;
      if (this.#unread.length === 0) break;
      this.#readPiece();
    }
    this.#setReading();
    this.#endIfDrained();
  }

  #readPiece(): void {
    const wasInMessage = this.#reader.inMessage;
    const messagesBefore = this.#messages;
    const piece = this.#unread.subarray(0, PIECE_BYTES);
    this.#unread = this.#unread.length > PIECE_BYTES ? this.#unread.subarray(PIECE_BYTES) : NOTHING;
    if (this.#reader.push(piece, this.#onMessage) < 0) {
      this.#close("malformed");
    } else if (this.#reader.inMessage && (!wasInMessage || this.#messages > messagesBefore)) {
      this.#messageBeganAtMs = this.#activeAtMs;
    }
  }

  readonly #onMessage = (message: Uint8Array): void => {
    this.#messages++;
    if (this.#state === "closed") return;
    if (message.length < HEADER_BYTES) this.#close("malformed");
    else this.#waiting.push(message.slice());
  };

  #ask(message: Uint8Array): void {
    this.#queries++;
    const answer = this.#answer(message, this.client, this.#sockaddr);
    if (answer instanceof Promise) {
      this.#inFlight++;
      answer.then(this.#onAnswer, this.#onDefect);
    } else this.#send(answer);
    if (this.#queries < this.#host.limits.queriesPerConnection) return;
    this.#waiting = [];
    this.#waitingAt = 0;
    this.#unread = NOTHING;
    this.#drain("queries");
  }

  readonly #onAnswer = (answer: Uint8Array | undefined): void => {
    this.#inFlight--;
    this.#send(answer);
    if (this.#paused || this.#state === "draining") this.#serve();
  };

  readonly #onDefect = (): void => {
    this.#inFlight--;
    this.#close("defect");
  };

  #send(answer: Uint8Array | undefined): void {
    if (answer === undefined || this.#state === "closed") return;
    if (answer.length > MESSAGE_MAX_BYTES) {
      this.#close("defect");
      return;
    }
    if (this.#outgoing.length === 0) this.#host.flushSoon(this);
    this.#outgoing.add(answer);
    if (this.#outgoing.length >= FLUSH_BYTES) this.flush();
  }

  readonly #onWritten = (): void => {
    if (this.#state === "closed") return;
    this.#progressAtMs = this.#host.clock.monotonicMs();
    if (!this.#blocked || this.#socket.writableLength > 0) return;
    this.#blocked = false;
    this.#activeAtMs = this.#progressAtMs;
    this.#serve();
  };

  /** Reads on when there is room; else leaves the rest to the kernel, which then holds the client back. */
  #setReading(): void {
    if (this.#state !== "open") return;
    const pause = !this.#hasRoom || this.#waitingAt < this.#waiting.length;
    if (pause === this.#paused) return;
    this.#paused = pause;
    if (pause) {
      this.#host.stats.paused();
      this.#socket.pause();
    } else {
      this.#messageBeganAtMs = this.#host.clock.monotonicMs();
      this.#socket.resume();
    }
  }

  #drain(reason: TcpCloseReason): void {
    if (this.#state !== "open") return;
    this.#state = "draining";
    this.#reason = reason;
    // What still comes is read and thrown away: bytes left unread would make the kernel reset the connection, and the
    // client might lose answers that are on their way.
    this.#socket.resume();
    this.#endIfDrained();
  }

  #endIfDrained(): void {
    if (this.#state !== "draining" || this.#owes) return;
    this.#state = "ending";
    this.#endingAtMs = this.#host.clock.monotonicMs();
    this.#socket.end();
  }

  #close(reason: TcpCloseReason): void {
    if (this.#state === "closed") return;
    if (this.#state === "open") this.#reason = reason;
    this.#state = "closed";
    this.#socket.destroy();
  }

  /** Also frees what the kernel holds for a client that does not take it. */
  #reset(reason: TcpCloseReason): void {
    if (this.#state === "closed") return;
    this.#state = "closed";
    this.#reason = reason;
    this.#raw.resetAndDestroy();
    if (this.#raw !== this.#socket) this.#socket.destroy();
  }

  #onClose(): void {
    this.#state = "closed";
    this.#unread = NOTHING;
    this.#waiting = [];
    this.#host.stats.closed(this.#reason);
    this.#host.gone(this);
  }
}
