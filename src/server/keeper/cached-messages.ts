/** Whole replies out of an answer store, for clients that are not limited to what a datagram holds. */
import { systemClock } from "../../base/clock.ts";
import {
  ANCOUNT_AT,
  ARCOUNT_AT,
  FLAG_CD,
  FLAGS_AT,
  HEADER_BYTES,
  NSCOUNT_AT,
  QDCOUNT_AT,
  writeU16,
} from "../../dns/header.ts";
import { NAME_MAX_BYTES } from "../../dns/name.ts";
import { CLASS_IN, TYPE_DS } from "../../dns/types.ts";
import type { AnswerReader } from "../cache/answer-reader.ts";
import { SLOT_MAX_BYTES } from "../cache/region-layout.ts";
import { finishReply } from "../chain/finish-reply.ts";
import type { Query } from "../chain/query.ts";
import type { FastZone } from "../fastpath/zone-table.ts";

const QUESTION_MAX_BYTES = HEADER_BYTES + NAME_MAX_BYTES + 4;
/** `AnswerReader.copy` may write three bytes more than it is given. */
const ROOM_BYTES = (QUESTION_MAX_BYTES + SLOT_MAX_BYTES + 8) & ~7;

export class CachedMessages {
  readonly #reader: AnswerReader;
  readonly #bytes: Uint8Array;
  readonly #words: Int32Array;

  constructor(reader: AnswerReader) {
    const room = new ArrayBuffer(ROOM_BYTES);
    this.#reader = reader;
    this.#bytes = new Uint8Array(room);
    this.#words = new Int32Array(room);
  }

  /**
   * @param query admitted
   * @param zone of the question
   * @param out `REPLY_ROOM_BYTES`
   * @returns length of the reply in `out`; 0 when there is none
   */
  reply(query: Query, zone: FastZone, out: Uint8Array): number {
    const { view, wire } = query;
    const { nameLength, qtype, qclass, questionEnd } = view;
    if (zone.slow || qclass !== CLASS_IN || qtype === TYPE_DS) return 0;
    const reader = this.#reader;
    const bytes = this.#bytes;
    const words = this.#words;
    bytes.set(wire.subarray(0, questionEnd));
    const variant = (view.dnssecOk ? 1 : 0) | ((view.flags & FLAG_CD) === 0 ? 0 : 2);
    const nowS = reader.secondsAt(systemClock.monotonicMs());
    const slot = reader.find(bytes, words, 0, nameLength, qtype, qclass, variant, zone.partition, nowS);
    const tail = slot < 0 ? -1 : reader.copy(slot, bytes, words, 0, nameLength, SLOT_MAX_BYTES, nowS);
    if (tail < 0) return 0;
    writeU16(bytes, FLAGS_AT, reader.headerFlags);
    writeU16(bytes, QDCOUNT_AT, 1);
    writeU16(bytes, ANCOUNT_AT, reader.answerCount);
    writeU16(bytes, NSCOUNT_AT, reader.authorityCount);
    writeU16(bytes, ARCOUNT_AT, reader.additionalCount);
    return finishReply(query, { wire: bytes.subarray(0, questionEnd + tail), plugin: "cache" }, out);
  }
}
