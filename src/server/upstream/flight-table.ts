/**
 * Questions in flight, found by question.
 *
 * By a keyed hash (HalfSipHash) and a comparison of the bytes: making a string of each question to look it up in a map costs
 * more than all else that joins a flight.
 */
import { randomFillSync } from "node:crypto";
import { FLAG_CD, FLAG_RD, HEADER_BYTES } from "../../dns/header.ts";
import { NAME_MAX_BYTES, sameName } from "../../dns/name.ts";
import type { QueryView } from "../../dns/query-view.ts";
import { QuestionHash } from "../cache/question-hash.ts";

/** A power of two: chains stay short up to some thousands of questions. */
const BUCKETS = 1024;

/** What a flight is found by; all of it stays the same. */
export interface FlightKey {
  readonly hash: number;
  /** RD, CD and DO. */
  readonly scope: number;
  /** Of the EDNS options that are sent along; "" without any. */
  readonly options: string;
}

export interface TabledFlight {
  readonly key: FlightKey;
  /** The question stands at 12, in any spelling. */
  readonly wire: Uint8Array;
  readonly questionEnd: number;
  /** Only the table writes it: another flight of the same bucket. */
  nextOfBucket: this | undefined;
}

export class FlightTable<F extends TabledFlight & { nextOfBucket: F | undefined }> {
  size: number;
  /** Chains, by the low bits of the hash: a `Map` that fills and empties with each question costs several times as much. */
  readonly #buckets: (F | undefined)[];
  readonly #hash: QuestionHash;
  readonly #nameWords: Int32Array;
  readonly #nameBytes: Uint8Array;

  constructor() {
    const [key0 = 0, key1 = 0] = randomFillSync(new Int32Array(2));
    this.size = 0;
    this.#buckets = Array.from({ length: BUCKETS }, () => undefined);
    this.#hash = new QuestionHash(key0, key1);
    this.#nameWords = new Int32Array((NAME_MAX_BYTES + 4) >> 2);
    this.#nameBytes = new Uint8Array(this.#nameWords.buffer);
  }

  /** @param options see `FlightKey` */
  keyOf(query: Uint8Array, view: QueryView, options: string): FlightKey {
    const { nameLength, flags } = view;
    const scope = ((flags & FLAG_RD) >> 8) | ((flags & FLAG_CD) >> 3) | (view.dnssecOk ? 4 : 0);
    const bytes = this.#nameBytes;
    for (let i = 0; i < nameLength; i++) bytes[i] = query[HEADER_BYTES + i] ?? 0;
    this.#hash.begin(scope, this.#nameWords, 0, nameLength);
    return { hash: this.#hash.finish(view.qtype | (view.qclass << 16)), scope, options };
  }

  /** @param query whose question the key was made of */
  find(key: FlightKey, query: Uint8Array, questionEnd: number): F | undefined {
    for (let flight = this.#buckets[key.hash & (BUCKETS - 1)]; flight !== undefined; flight = flight.nextOfBucket) {
      if (flight.key.hash !== key.hash || flight.questionEnd !== questionEnd || flight.key.scope !== key.scope)
        continue;
      if (flight.key.options === key.options && sameQuestion(flight.wire, query, questionEnd)) return flight;
    }
    return undefined;
  }

  add(flight: F): void {
    const bucket = flight.key.hash & (BUCKETS - 1);
    flight.nextOfBucket = this.#buckets[bucket];
    this.#buckets[bucket] = flight;
    this.size++;
  }

  /** @returns false when it is not there */
  remove(flight: F): boolean {
    const bucket = flight.key.hash & (BUCKETS - 1);
    const first = this.#buckets[bucket];
    if (first === flight) {
      this.#buckets[bucket] = flight.nextOfBucket;
    } else {
      let before = first;
      while (before !== undefined && before.nextOfBucket !== flight) before = before.nextOfBucket;
      if (before === undefined) return false;
      before.nextOfBucket = flight.nextOfBucket;
    }
    flight.nextOfBucket = undefined;
    this.size--;
    return true;
  }
}

function sameQuestion(a: Uint8Array, b: Uint8Array, questionEnd: number): boolean {
  const nameEnd = questionEnd - 4;
  for (let at = nameEnd; at < questionEnd; at++) if (a[at] !== b[at]) return false;
  return sameName(a, HEADER_BYTES, b, HEADER_BYTES, nameEnd - HEADER_BYTES);
}
