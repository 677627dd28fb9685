/**
 * Questions that come to the standby and are not cached.
 *
 * Where the server's plan says which upstreams a zone's questions may be put to as they are, they are put there, over UDP, and
 * the answers go to the clients; they are remembered for five seconds at most. What has no answer after 1.8 s, or nobody to ask, gets a stale one where there
 * is one. What has none when a server comes back is left to that server, in the ring; what has none after four seconds gets
 * SERVFAIL, before its client gives up.
 */
import type { SocketAddress } from "../../base/address.ts";
import type { Clock } from "../../base/clock.ts";
import { FLAG_TC, FLAGS_AT, HEADER_BYTES, ID_AT, RCODE_MASK, readU16 } from "../../dns/header.ts";
import { admitQuery, QueryView, VERDICT_ACCEPT } from "../../dns/query-view.ts";
import { writeRefusal } from "../../dns/refusal.ts";
import { ResponseScan } from "../../dns/response-scan.ts";
import { answerInOrder } from "../../dns/scrub.ts";
import { RCODE_SERVFAIL } from "../../dns/types.ts";
import { finishReply, REPLY_ROOM_BYTES } from "../chain/finish-reply.ts";
import { Query, type ServerIdentity } from "../chain/query.ts";
import type { Relay } from "../fastpath/fast-path.ts";
import { pushLeft } from "../fastpath/left-queries.ts";
import type { LeftQuery } from "../fastpath/left-query.ts";
import { asForwarder, copyWithoutOpt } from "../upstream/forwarded-answer.ts";
import { RandomIds } from "../upstream/random-ids.ts";
import { judgeReply, REPLY_ACCEPTED } from "../upstream/reply-check.ts";
import type { UpstreamPort, UpstreamPorts } from "../upstream/upstream-ports.ts";
import { stampQuery, upstreamQueryBytes, writeUpstreamQuery } from "../upstream/upstream-query.ts";
import { AnswerMemo, memoKey } from "./answer-memo.ts";

/** Questions that may wait at once. What comes then is left to the next server, or, when that takes long, gets SERVFAIL at once. */
const WAITING_MAX = 4096;
/** With so many waiting, who can have a stale answer gets it at once: upstreams, or this process, do not keep up. */
const BUSY = 1024;
/** A server that has not come by then does not come soon. */
const SOON_MS = 2000;
/** Without an answer for so long another upstream is asked. */
const RETRY_MS = 800;
/** A client that waits longer gets a stale answer if there is any (RFC 8767 §5). */
const STALE_MS = 1800;
const GIVE_UP_MS = 4000;
const LOOK_MS = 100;
/** A socket toward an upstream is replaced after so many questions: ids and ports are hard to guess only together. */
const PORT_USES_MAX = 500;

/** Upstreams for a question that came by a listener: perhaps none. */
export type UpstreamsOf = (listener: number, wire: Uint8Array, nameLength: number) => readonly SocketAddress[];

/** Sends what is valid during the call only. */
export type SendReply = (
  listener: number,
  message: Uint8Array,
  length: number,
  sockaddr: Uint8Array,
  control: Uint8Array | undefined,
) => void;

/** Where an answer goes. */
interface Client {
  readonly listener: number;
  readonly query: Query;
  readonly control: Uint8Array | undefined;
  /** Of a client that waits for it over a connection: undefined for those that the next server can answer. */
  readonly stream: StreamClient | undefined;
}

interface Waiting extends Client {
  readonly upstreams: readonly SocketAddress[];
  /** What is asked, id apart. */
  readonly sent: Uint8Array<ArrayBuffer>;
  readonly deaths: number;
  tries: number;
  staleTried: boolean;
  triedAtMs: number;
}

interface StreamClient {
  /** @param reply a copy */
  readonly settle: (reply: Uint8Array) => void;
  readonly stale: () => Uint8Array | undefined;
}

interface Port {
  readonly port: UpstreamPort;
  readonly asked: Map<number, Waiting>;
  uses: number;
}

export interface StandbyMissesParts {
  readonly clock: Clock;
  readonly ports: UpstreamPorts;
  /** Of the next server. */
  readonly ring: Relay;
  readonly upstreamsOf: UpstreamsOf;
  readonly send: SendReply;
  /** Answers with what has expired and may still be served. @returns false when there is nothing */
  readonly answerStale: (left: LeftQuery) => boolean;
}

/** In place of the server of a query that none has in hand. */
export const NO_SERVER: ServerIdentity = { label: "", address: "", port: 0 };
const NO_BLOCKS = {
  copy: (from: Uint8Array, at: number, length: number): Uint8Array<ArrayBuffer> =>
    Uint8Array.from(from.subarray(at, at + length)),
};

export class StandbyMisses implements Relay {
  readonly #parts: StandbyMissesParts;
  readonly #ids: RandomIds;
  readonly #waiting: Set<Waiting>;
  readonly #memo: AnswerMemo;
  /** In use, by address; those that were replaced live as long as the standby serves. */
  readonly #ports: Map<SocketAddress, Port>;
  readonly #byPort: Map<UpstreamPort, Port>;
  readonly #scan: ResponseScan;
  readonly #out: Uint8Array;
  #looker: NodeJS.Timeout | undefined;
  /** A server is there: nothing new comes. */
  #resting: boolean;
  /** When the first question came after that. */
  #sinceMs: number;
  /** Servers that have died with the queries that are pushed now. */
  deaths: number;
  /** Questions come faster than they are taken: who can have a stale answer gets that. */
  isPressed: boolean;

  constructor(parts: StandbyMissesParts) {
    this.#parts = parts;
    this.#ids = new RandomIds();
    this.#waiting = new Set();
    this.#memo = new AnswerMemo();
    this.#ports = new Map();
    this.#byPort = new Map();
    this.#scan = new ResponseScan();
    this.#out = new Uint8Array(REPLY_ROOM_BYTES);
    this.#looker = undefined;
    this.#resting = true;
    this.#sinceMs = 0;
    this.deaths = 0;
    this.isPressed = false;
  }

  /** Questions without an answer so far. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** Takes a question in hand. @returns false when it is lost */
  push(
    kind: number,
    id: number,
    receivedAtMs: number,
    from: Uint8Array,
    payloadAt: number,
    payloadLength: number,
    sockaddrAt: number,
    controlAt: number,
    controlLength: number,
  ): boolean {
    const inPlace = from.subarray(payloadAt, payloadAt + payloadLength);
    const view = new QueryView();
    if (admitQuery(inPlace, 0, payloadLength, view) !== VERDICT_ACCEPT) {
      const { ring } = this.#parts;
      return ring.push(kind, id, receivedAtMs, from, payloadAt, payloadLength, sockaddrAt, controlAt, controlLength);
    }
    const sender = from.subarray(sockaddrAt, sockaddrAt + 28);
    const packetInfo = controlLength === 0 ? undefined : from.subarray(controlAt, controlAt + controlLength);
    // Copies are for those that wait: memory of their own for each hot name's query would keep the collector busy.
    const queryOf = (wire: Uint8Array, sockaddr: Uint8Array): Query =>
      new Query(wire, view, "udp", NO_SERVER, ".", sockaddr, receivedAtMs);
    const client = { listener: id, query: queryOf(inPlace, sender), control: packetInfo, stream: undefined };
    if (this.#answerAgain(client)) return true;
    return this.#begin({ ...client, query: queryOf(inPlace.slice(), sender.slice()), control: packetInfo?.slice() });
  }

  /**
   * Asks for a client of a connection, which no other process can answer.
   *
   * @param query admitted
   * @param stale looks for what has expired and may still be served
   * @returns the reply: SERVFAIL when there is none in time
   */
  ask(listener: number, query: Query, stale: () => Uint8Array | undefined): Promise<Uint8Array> {
    return new Promise((settle) => {
      const client = { listener, query, control: undefined, stream: { settle, stale } };
      if (!this.#answerAgain(client)) this.#begin(client);
    });
  }

  /** With what an upstream has just said. @returns false when none has */
  #answerAgain(client: Client): boolean {
    const { listener, query } = client;
    const said = this.#memo.get(memoKey(listener, query.wire, query.view), this.#parts.clock.monotonicMs());
    if (said === undefined) return false;
    this.#reply(client, said);
    return true;
  }

  /** @param client keeps what it has @returns false when it is lost */
  #begin(client: Client): boolean {
    const { listener, query, stream } = client;
    const { view, wire } = query;
    const nowMs = this.#parts.clock.monotonicMs();
    if (this.#resting) this.#sinceMs = nowMs;
    this.#resting = false;
    const sent = new Uint8Array(upstreamQueryBytes(view.questionEnd));
    writeUpstreamQuery(sent, wire, view.questionEnd, view.flags, view.dnssecOk);
    const waiting: Waiting = {
      ...client,
      upstreams: this.#parts.upstreamsOf(listener, wire, view.nameLength),
      sent,
      deaths: this.deaths,
      tries: this.#ids.next(),
      triedAtMs: 0,
      staleTried: false,
    };
    const { size } = this.#waiting;
    if ((waiting.upstreams.length === 0 || size >= BUSY) && this.#answerStale(waiting)) return true;
    if (size >= WAITING_MAX) {
      const isSoon = stream === undefined && nowMs - this.#sinceMs < SOON_MS;
      if (!isSoon || !pushLeft(this.#parts.ring, leftOf(waiting))) this.#fail(waiting);
      return true;
    }
    this.#waiting.add(waiting);
    this.#looker ??= setInterval(() => this.#look(), LOOK_MS);
    this.#ask(waiting);
    return true;
  }

  #fail(waiting: Waiting): void {
    const failure = failureOf(waiting.query);
    this.#send(waiting, failure, failure.length);
  }

  /** Leaves what has no answer to the next server. What that cannot answer is gone on with where an upstream may. */
  leave(): void {
    for (const waiting of this.#waiting) {
      if (waiting.stream === undefined) {
        if (!pushLeft(this.#parts.ring, leftOf(waiting))) this.#fail(waiting);
      } else if (waiting.upstreams.length > 0) continue;
      else waiting.stream.settle(failureOf(waiting.query));
      this.#waiting.delete(waiting);
    }
    this.#resting = true;
    this.#restWhenDone();
  }

  #restWhenDone(): void {
    if (!this.#resting || this.#waiting.size > 0) return;
    clearInterval(this.#looker);
    this.#looker = undefined;
    this.#memo.clear();
    for (const { port } of this.#byPort.values()) port.close();
    this.#byPort.clear();
    this.#ports.clear();
  }

  #answerStale(waiting: Waiting): boolean {
    const { stream } = waiting;
    if (stream === undefined) return this.#parts.answerStale(leftOf(waiting));
    const reply = stream.stale();
    if (reply !== undefined) stream.settle(reply);
    return reply !== undefined;
  }

  /** @param wire an upstream's answer, without OPT */
  #reply(client: Client, wire: Uint8Array): void {
    this.#send(client, this.#out, finishReply(client.query, { wire, plugin: "forward" }, this.#out));
  }

  #send({ listener, query, control, stream }: Client, message: Uint8Array, length: number): void {
    if (stream === undefined) this.#parts.send(listener, message, length, query.sockaddr, control);
    else stream.settle(message.slice(0, length));
  }

  #ask(waiting: Waiting): void {
    const { upstreams, sent } = waiting;
    waiting.triedAtMs = this.#parts.clock.monotonicMs();
    const upstream = upstreams[waiting.tries++ % Math.max(upstreams.length, 1)];
    const open = upstream === undefined ? undefined : this.#portTo(upstream);
    if (open === undefined) return;
    let id = this.#ids.next();
    while (open.asked.has(id)) id = this.#ids.next();
    open.asked.set(id, waiting);
    open.uses++;
    stampQuery(sent, id, true);
    open.port.send(sent);
  }

  /** @returns undefined when no socket can be had: the question waits for the server */
  #portTo(upstream: SocketAddress): Port | undefined {
    const open = this.#ports.get(upstream);
    if (open !== undefined && open.uses < PORT_USES_MAX) return open;
    try {
      const port = this.#parts.ports.open(
        upstream,
        undefined,
        (from, message) => this.#answered(from, message),
        (from) => this.#failed(from, upstream),
      );
      const opened: Port = { port, asked: new Map(), uses: 0 };
      this.#ports.set(upstream, opened);
      this.#byPort.set(port, opened);
      return opened;
    } catch {
      return undefined;
    }
  }

  #answered(from: UpstreamPort, message: Uint8Array): void {
    if (message.length < HEADER_BYTES) return;
    const open = this.#byPort.get(from);
    const id = readU16(message, ID_AT);
    const waiting = open?.asked.get(id);
    if (open === undefined || waiting === undefined) return;
    const scan = this.#scan;
    const { query, sent } = waiting;
    if (judgeReply(message, sent, query.view.questionEnd, true, scan) !== REPLY_ACCEPTED) return;
    open.asked.delete(id);
    this.#closeWhenDone(open);
    // Cut, or about our EDNS: the server knows what to do then.
    if ((readU16(message, FLAGS_AT) & FLAG_TC) !== 0 || scan.nameLength === 0 || scan.extendedRcode > RCODE_MASK)
      return;
    const copy = copyWithoutOpt(message, scan, NO_BLOCKS);
    const wire = copy === undefined ? undefined : asForwarder(copy, answerInOrder(message, 0, scan));
    // Asked twice, and answered before.
    if (wire === undefined || !this.#waiting.delete(waiting)) return;
    const key = memoKey(waiting.listener, query.wire, query.view);
    this.#memo.put(key, wire, this.#parts.clock.monotonicMs());
    this.#reply(waiting, wire);
  }

  /** A refusal (ICMP) of some question: all that were asked there are asked elsewhere at the next look. */
  #failed(from: UpstreamPort, upstream: SocketAddress): void {
    const open = this.#byPort.get(from);
    if (open === undefined) return;
    for (const waiting of open.asked.values()) waiting.triedAtMs = 0;
    open.asked.clear();
    if (this.#ports.get(upstream) === open) this.#ports.delete(upstream);
    this.#close(open);
  }

  #closeWhenDone(open: Port): void {
    if (open.uses >= PORT_USES_MAX && open.asked.size === 0) this.#close(open);
  }

  #close(open: Port): void {
    this.#byPort.delete(open.port);
    open.port.close();
  }

  #look(): void {
    const nowMs = this.#parts.clock.monotonicMs();
    for (const waiting of this.#waiting) {
      const { query } = waiting;
      if (nowMs - query.receivedAtMs >= GIVE_UP_MS) {
        this.#waiting.delete(waiting);
        this.#fail(waiting);
      } else if (!waiting.staleTried && nowMs - query.receivedAtMs >= STALE_MS) {
        waiting.staleTried = true;
        if (this.#answerStale(waiting)) this.#waiting.delete(waiting);
      } else if (nowMs - waiting.triedAtMs >= RETRY_MS) {
        this.#ask(waiting);
      }
    }
    for (const open of this.#byPort.values()) {
      for (const [id, waiting] of open.asked) if (!this.#waiting.has(waiting)) open.asked.delete(id);
      this.#closeWhenDone(open);
    }
    this.#restWhenDone();
  }
}

/** SERVFAIL, in the place of the query. */
function failureOf({ view, wire }: Query): Uint8Array {
  return wire.subarray(0, writeRefusal(wire, 0, view, RCODE_SERVFAIL));
}

function leftOf({ listener, query, control, deaths }: Waiting): LeftQuery {
  const { wire, sockaddr, receivedAtMs } = query;
  return { listener, wire, sockaddr, control, receivedAtMs, deaths };
}
