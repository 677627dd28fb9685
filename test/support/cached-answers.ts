/** A store with a clock that a test turns, and the look of the fast path at it. */
import { FakeClock } from "../../src/base/clock.ts";
import { FLAG_CD, FLAG_QR, FLAGS_AT, writeU16 } from "../../src/dns/header.ts";
import { ResponseScan, scanResponse } from "../../src/dns/response-scan.ts";
import { AnswerReader } from "../../src/server/cache/answer-reader.ts";
import { AnswerStore, type AnswerStoreOptions } from "../../src/server/cache/answer-store.ts";
import { KIND_SUCCESS } from "../../src/server/cache/region-layout.ts";
import type { EntryTerms } from "../../src/server/cache/slot-writer.ts";
import type { Query } from "../../src/server/chain/query.ts";

export const PARTITION = 1;

export class StoreBench {
  readonly clock: FakeClock;
  readonly store: AnswerStore;
  readonly #reader: AnswerReader;
  readonly #staleReader: AnswerReader;
  readonly #scan: ResponseScan;
  readonly #words: Int32Array;
  readonly #bytes: Uint8Array;

  constructor(options: Partial<AnswerStoreOptions> = {}, clock: FakeClock = new FakeClock()) {
    this.clock = clock;
    this.store = AnswerStore.create({ bytes: 4 << 20, clock: this.clock, ...options });
    this.#reader = new AnswerReader(this.store.handle);
    this.#staleReader = new AnswerReader(this.store.handle, true);
    this.#scan = new ResponseScan();
    this.#words = new Int32Array(2 * 8192);
    this.#bytes = new Uint8Array(this.#words.buffer);
  }

  put(query: Query, wire: Uint8Array, terms: Partial<EntryTerms> = {}, partition: number = PARTITION): boolean {
    if (scanResponse(wire, 0, wire.length, this.#scan) !== 0) throw new Error("a test's response is malformed");
    return this.store.put(query.wire, query.view, partition, wire, this.#scan, {
      kind: KIND_SUCCESS,
      ttlS: 30,
      staleS: 0,
      deniesName: false,
      aside: false,
      keepTtl: false,
      authoritative: false,
      answers: true,
      ...terms,
    });
  }

  /**
   * Asks as the fast path does, in another part of a slab than 0.
   *
   * @param stale as the standby does, whom expired answers are good enough
   * @returns the whole reply without OPT, or undefined on a miss
   */
  read(query: Query, partition: number = PARTITION, room = 16_000, stale = false): Uint8Array | undefined {
    const start = 4 * 256;
    const { view, wire } = query;
    this.#bytes.fill(0xee);
    this.#bytes.set(wire, start);
    const reader = stale ? this.#staleReader : this.#reader;
    const nowS = reader.secondsAt(this.clock.monotonicMs());
    const variant = (view.dnssecOk ? 1 : 0) | ((view.flags & FLAG_CD) === 0 ? 0 : 2);
    const slot = reader.find(
      this.#bytes,
      this.#words,
      start,
      view.nameLength,
      view.qtype,
      view.qclass,
      variant,
      partition,
      nowS,
    );
    if (slot < 0) return undefined;
    const before = this.#bytes.slice(start, start + wire.length);
    const tail = reader.copy(slot, this.#bytes, this.#words, start, view.nameLength, room, nowS);
    if (tail < 0) {
      const after = this.#bytes.slice(start, start + wire.length);
      if (Buffer.compare(before, after) !== 0) throw new Error("a copy that failed changed the packet");
      return undefined;
    }
    const end = start + view.questionEnd + tail;
    if (this.#bytes[end + 3] !== 0xee) throw new Error("more than three bytes behind the copy were written");
    const message = this.#bytes.slice(start, end);
    writeU16(message, FLAGS_AT, FLAG_QR | reader.headerFlags);
    writeU16(message, 6, reader.answerCount);
    writeU16(message, 8, reader.authorityCount);
    writeU16(message, 10, reader.additionalCount);
    return message;
  }

  advanceS(seconds: number): void {
    this.clock.advanceMs(seconds * 1000);
  }
}
