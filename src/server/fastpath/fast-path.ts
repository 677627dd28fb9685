/**
 * The hot loop's body: one batch of datagrams from one listener.
 *
 * Each query is judged, its zone found, its answer looked up and copied behind the question that the client sent, in
 * place. What cannot be answered so is relayed to the main thread, which answers on the same socket. While that is far behind, what
 * may be answered stale is, here. Nothing here allocates, throws, logs or waits, and no message is decoded.
 */
import type { Clock } from "../../base/clock.ts";
import {
  addBareError,
  BARE_ERROR_BYTES,
  EDE_STALE_ANSWER,
  EDE_STALE_NXDOMAIN,
  OPT_BYTES,
  SERVER_UDP_SIZE,
  writeOpt,
} from "../../dns/edns.ts";
import {
  ANCOUNT_AT,
  ARCOUNT_AT,
  FLAG_AA,
  FLAG_AD,
  FLAG_CD,
  FLAG_QR,
  FLAG_RA,
  FLAG_RD,
  FLAGS_AT,
  HEADER_BYTES,
  NSCOUNT_AT,
  QDCOUNT_AT,
  RCODE_MASK,
  writeU16,
} from "../../dns/header.ts";
import { admitQuery, QueryView, VERDICT_ACCEPT, VERDICT_DROP } from "../../dns/query-view.ts";
import { writeRefusal } from "../../dns/refusal.ts";
import { truncateByRrset } from "../../dns/truncate.ts";
import { CLASS_IN, RCODE_NXDOMAIN, RCODE_REFUSED, TYPE_DS } from "../../dns/types.ts";
import type { AnswerReader } from "../cache/answer-reader.ts";
import type { AskWriter } from "../clients/ask-ring.ts";
import {
  addTo,
  countBatch,
  countDrop,
  countRefusal,
  DROP_OVERSIZED,
  DROP_RESPONSE,
  DROP_RING_FULL,
  DROP_SHORT,
  type FastpathCounters,
  HANDED_OVER_AT,
  HITS_AT,
  RING_FULL_AT,
} from "../metrics/fastpath-counters.ts";
import { FAMILY_V4, FAMILY_V6, PLUGIN_CACHE, TRANSPORT_UDP } from "../metrics/row-layout.ts";
import {
  countCacheHit,
  countDuration,
  countRequest,
  countResponse,
  countServedStale,
  type ServerRows,
} from "../metrics/server-rows.ts";
import type { DatagramIo } from "./datagram-io.ts";
import { KIND_QUERY } from "./relay-ring.ts";
import { RepeatedQueries } from "./repeated-queries.ts";
import type { ZoneTable } from "./zone-table.ts";

/** Where queries go that need the chain. */
export interface Relay {
  /** Who takes them does not keep up. */
  readonly isPressed?: boolean;
  /** Signature of `RelayWriter.push`. */
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
  ): boolean;
}

export interface FastPathParts {
  readonly clock: Clock;
  readonly reader: AnswerReader;
  /** Finds what has expired too: for what the relay is pressed. Default: none, all is relayed. */
  readonly staleReader?: AnswerReader | undefined;
  readonly rows: ServerRows;
  readonly counters: FastpathCounters;
  /** Index of this thread's page of counters. */
  readonly thread: number;
  readonly relay: Relay;
  /** Told who asked; default: nobody is. */
  readonly asks?: AskWriter | undefined;
}

/** A power of two. */
const LONE_SAMPLES = 16;
const AF_INET6 = 10;
/** Bytes that a reply may take in its slot; `AnswerReader.copy` may write three more. */
const SLOT_ROOM = 4096;

export class FastPath {
  readonly #clock: Clock;
  readonly #reader: AnswerReader;
  readonly #staleReader: AnswerReader | undefined;
  readonly #rows: ServerRows;
  /** Counters of all threads; this one's begin at `#page`. */
  readonly #counters: Float64Array;
  readonly #page: number;
  readonly #thread: number;
  readonly #relay: Relay;
  readonly #asks: AskWriter | undefined;
  readonly #view: QueryView;
  readonly #repeated: RepeatedQueries;
  /**
   * When the last batch was received, in milliseconds of CLOCK_MONOTONIC; how many seconds a batch took that was measured last. In an
   * array, for V8 makes an object of a fraction in a field.
   */
  readonly #times: Float64Array;
  #nowS: number;
  #relayed: number;
  #batches: number;

  constructor(parts: FastPathParts) {
    this.#clock = parts.clock;
    this.#reader = parts.reader;
    this.#staleReader = parts.staleReader;
    this.#rows = parts.rows;
    this.#counters = parts.counters.floats;
    this.#page = parts.counters.pageAt(parts.thread);
    this.#thread = parts.thread;
    this.#relay = parts.relay;
    this.#asks = parts.asks;
    this.#view = new QueryView();
    this.#repeated = new RepeatedQueries();
    this.#times = new Float64Array(2);
    this.#nowS = 0;
    this.#relayed = 0;
    this.#batches = 0;
  }

  /**
   * Serves one batch.
   *
   * @param listener id that relayed queries carry
   * @returns datagrams received; 0 when none waited; -errno
   */
  serve(io: DatagramIo, listener: number, zones: ZoneTable): number {
    const n = io.receive();
    if (n <= 0) return n;
    const receivedAtMs = this.#clock.monotonicMs();
    this.#times[0] = receivedAtMs;
    this.#nowS = this.#reader.secondsAt(receivedAtMs);
    const asks = this.#asks?.begin() === true ? this.#asks : undefined;
    for (let i = 0; i < n; i++) {
      const length = this.#answer(io, i, listener, zones);
      if (length <= 0) continue;
      asks?.put(io, i, this.#view.questionEnd, length, receivedAtMs);
      io.reply(i, length);
    }
    asks?.end();
    io.flush();
    countBatch(this.#counters, this.#page, n);
    this.#measure(n);
    return n;
  }

  /** When the last batch was received, in milliseconds of CLOCK_MONOTONIC. */
  get receivedAtMs(): number {
    return this.#times[0] ?? 0;
  }

  /** Queries handed to the main thread since the last call: when there are any, it must be woken. */
  takeRelayed(): number {
    const relayed = this.#relayed;
    this.#relayed = 0;
    return relayed;
  }

  /** @returns length of the reply now in the slot; 0 when there is none to send here */
  #answer(io: DatagramIo, i: number, listener: number, zones: ZoneTable): number {
    const { bytes } = io;
    const start = io.slotAt(i);
    const length = io.lengthOf(i);
    const view = this.#view;
    if (length < 0) {
      countDrop(this.#counters, this.#page, DROP_OVERSIZED);
      return 0;
    }
    if (this.#repeated.find(io.words, start >> 2, length, zones.id, this.#nowS)) {
      const repeated = this.#repeat(io, i, length);
      if (repeated > 0) return repeated;
    }
    const verdict = admitQuery(bytes, start, length, view);
    if (verdict === VERDICT_DROP) {
      countDrop(this.#counters, this.#page, length < HEADER_BYTES ? DROP_SHORT : DROP_RESPONSE);
      return 0;
    }
    if (verdict !== VERDICT_ACCEPT) return this.#refuse(bytes, start, verdict);
    const index = zones.match(bytes, start + HEADER_BYTES, view.nameLength);
    if (index < 0) return this.#refuse(bytes, start, RCODE_REFUSED);
    const zone = zones.zones[index];
    if (zone === undefined || zone.slow || view.qclass !== CLASS_IN || view.qtype === TYPE_DS) {
      return this.#toMain(io, i, listener, length);
    }
    let reader = this.#reader;
    const variant = (view.dnssecOk ? 1 : 0) | ((view.flags & FLAG_CD) === 0 ? 0 : 2);
    let slot = this.#find(reader, io, start, variant, zone.partition);
    if (slot < 0 && this.#staleReader !== undefined && this.#relay.isPressed === true) {
      reader = this.#staleReader;
      slot = this.#find(reader, io, start, variant, zone.partition);
    }
    if (slot < 0 || (zone.seesDenials && reader.rcodeOf(slot) === RCODE_NXDOMAIN)) {
      return this.#toMain(io, i, listener, length);
    }
    const tail = reader.copy(
      slot,
      bytes,
      io.words,
      start,
      view.nameLength,
      SLOT_ROOM - view.questionEnd - OPT_BYTES,
      this.#nowS,
    );
    if (tail < 0) return this.#toMain(io, i, listener, length);
    const replyLength = this.#finish(reader, bytes, start, tail);
    if (reader === this.#reader) this.#remember(io, start, replyLength, zone.row, slot);
    else countServedStale(this.#rows.floats, this.#rows.rowAt(this.#thread, zone.row));
    this.#countHit(io, i, zone.row, view.qtype, view.dnssecOk, reader.kind, length, replyLength);
    return replyLength;
  }

  /** Answers what `#repeated` found. @returns length of the reply; 0 when the answer is no longer that */
  #repeat(io: DatagramIo, i: number, length: number): number {
    const repeated = this.#repeated;
    if (!this.#reader.isStill(repeated.slot, repeated.sequence, this.#nowS)) return 0;
    const replyLength = repeated.repeat(io.words, io.slotAt(i) >> 2);
    this.#view.questionEnd = repeated.questionEnd;
    this.#countHit(io, i, repeated.row, repeated.qtype, repeated.dnssecOk, repeated.kind, length, replyLength);
    return replyLength;
  }

  #remember({ words }: DatagramIo, start: number, length: number, row: number, slot: number): void {
    const { qtype, dnssecOk, questionEnd } = this.#view;
    const { kind, foundSequence } = this.#reader;
    const at = start >> 2;
    this.#repeated.remember(
      words,
      at,
      length,
      this.#nowS,
      row,
      qtype,
      dnssecOk,
      kind,
      questionEnd,
      slot,
      foundSequence,
    );
  }

  #countHit(
    io: DatagramIo,
    i: number,
    row: number,
    qtype: number,
    dnssecOk: boolean,
    kind: number,
    length: number,
    replyLength: number,
  ): void {
    const { bytes } = io;
    const at = this.#rows.rowAt(this.#thread, row);
    const { floats } = this.#rows;
    const family = isIpv6(bytes, io.sockaddrAt(i)) ? FAMILY_V6 : FAMILY_V4;
    const rcode = (bytes[io.slotAt(i) + FLAGS_AT + 1] ?? 0) & RCODE_MASK;
    countRequest(floats, at, TRANSPORT_UDP, family, qtype, length, dnssecOk);
    countResponse(floats, at, TRANSPORT_UDP, rcode, PLUGIN_CACHE, replyLength);
    countCacheHit(floats, at, kind);
    countDuration(floats, at, this.#times[1] ?? 0);
    addTo(this.#counters, this.#page + HITS_AT, 1);
  }

  #find(reader: AnswerReader, { bytes, words }: DatagramIo, start: number, variant: number, partition: number): number {
    const { nameLength, qtype, qclass } = this.#view;
    return reader.find(bytes, words, start, nameLength, qtype, qclass, variant, partition, this.#nowS);
  }

  /** Writes header and OPT around the answer that the reader copied. @returns length of the whole reply */
  #finish(reader: AnswerReader, bytes: Uint8Array, start: number, tail: number): number {
    const view = this.#view;
    let flags = FLAG_QR | FLAG_RA | (view.flags & (FLAG_RD | FLAG_CD));
    flags |= reader.headerFlags & (FLAG_AA | RCODE_MASK);
    // AD only to those who showed that they understand it (RFC 6840 §5.7), and not of what may have changed since.
    const isFresh = reader === this.#reader;
    if (isFresh && (view.dnssecOk || (view.flags & FLAG_AD) !== 0)) flags |= reader.headerFlags & FLAG_AD;
    writeU16(bytes, start + FLAGS_AT, flags);
    writeU16(bytes, start + QDCOUNT_AT, 1);
    writeU16(bytes, start + ANCOUNT_AT, reader.answerCount);
    writeU16(bytes, start + NSCOUNT_AT, reader.authorityCount);
    writeU16(bytes, start + ARCOUNT_AT, reader.additionalCount);
    let length = view.questionEnd + tail;
    const limit = view.udpSize < SERVER_UDP_SIZE ? view.udpSize : SERVER_UDP_SIZE;
    const optBytes = view.hasOpt ? OPT_BYTES : 0;
    if (length + optBytes > limit) length = truncateByRrset(bytes, start, length, limit - optBytes);
    if (!view.hasOpt) return length;
    const arcount = start + ARCOUNT_AT;
    writeU16(bytes, arcount, (((bytes[arcount] ?? 0) << 8) | (bytes[arcount + 1] ?? 0)) + 1);
    const optAt = start + length;
    writeOpt(bytes, optAt, SERVER_UDP_SIZE, 0, view.dnssecOk);
    if (isFresh || length + OPT_BYTES + BARE_ERROR_BYTES > limit) return length + OPT_BYTES;
    return (
      length +
      addBareError(bytes, optAt, (flags & RCODE_MASK) === RCODE_NXDOMAIN ? EDE_STALE_NXDOMAIN : EDE_STALE_ANSWER)
    );
  }

  #toMain(io: DatagramIo, i: number, listener: number, length: number): number {
    const taken = this.#relay.push(
      KIND_QUERY,
      listener,
      this.receivedAtMs,
      io.bytes,
      io.slotAt(i),
      length,
      io.sockaddrAt(i),
      io.controlAt(i),
      io.controlLength(i),
    );
    if (taken) {
      addTo(this.#counters, this.#page + HANDED_OVER_AT, 1);
      this.#relayed++;
    } else {
      addTo(this.#counters, this.#page + RING_FULL_AT, 1);
      countDrop(this.#counters, this.#page, DROP_RING_FULL);
    }
    return 0;
  }

  #refuse(bytes: Uint8Array, start: number, rcode: number): number {
    countRefusal(this.#counters, this.#page, rcode);
    return writeRefusal(bytes, start, this.#view, rcode);
  }

  /**
   * How long hits take, said of those of the next batch. Of lone queries one in `LONE_SAMPLES` is measured: a look at the clock costs as
   * much as all that is counted for one.
   */
  #measure(datagrams: number): void {
    this.#batches = (this.#batches + 1) & (LONE_SAMPLES - 1);
    if (datagrams === 1 && this.#batches !== 0) return;
    this.#times[1] = (this.#clock.monotonicMs() - this.receivedAtMs) / 1000;
  }
}

/** An IPv4 client of a dual-stack socket counts as IPv4. */
function isIpv6(bytes: Uint8Array, sockaddrAt: number): boolean {
  if (bytes[sockaddrAt] !== AF_INET6) return false;
  if (bytes[sockaddrAt + 18] !== 0xff || bytes[sockaddrAt + 19] !== 0xff) return true;
  for (let i = 8; i < 18; i++) if (bytes[sockaddrAt + i] !== 0) return true;
  return false;
}
