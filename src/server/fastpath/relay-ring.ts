/**
 * What the fast-path thread hands to the main thread: a ring of records in shared memory, one writer, one reader.
 *
 *   region:  0            64           128        192        4096
 *            | head u32 … | tail u32 … | base u32 | unused … | records …
 *
 *   record:  0       4       8     12        16            24            52           56         96
 *            | bytes | kind  | id  | length  | received f64 | sockaddr[28] | controlLen | control[40] | payload …
 *
 * `head` (next byte to write) and `tail` (next byte to read) count bytes for ever, modulo 2^32; positions are the low bits of
 * what they are ahead of `base`. `bytes` is the whole record, a multiple of 8. A record never wraps: when it does not fit before
 * the end, a record of kind `KIND_SKIP` fills the rest.
 *
 * A writer that finds the ring empty may begin at its first record again (`base` becomes `head`), so that pages which no backlog
 * ever reached are never touched. The reader has then freed all that it read, and looks at `base` after `head`.
 */

import { CopyBlocks } from "../../base/copy-blocks.ts";
import type { QueryRecord } from "./query-record.ts";

export const KIND_SKIP = 0;
/** A client's query; id is the listener. What stands above the lowest byte is `left-queries.ts`'s. */
export const KIND_QUERY = 1;
export const RECORD_HEADER_BYTES = 96;
const HEAD_WORD = 0;
const TAIL_WORD = 16;
const BASE_WORD = 32;
const RECORDS_AT = 4096;
const SOCKADDR_AT = 24;
const SOCKADDR_BYTES = 28;
const CONTROL_LENGTH_AT = 52;
const CONTROL_AT = 56;
const CONTROL_MAX_BYTES = 40;

/**
 * A power of two: about 30,000 queries of usual size. A server that has just started takes 0.1 ms for each of its first ones; on a busy
 * node what comes in its first second must find room, for what does not is lost.
 */
export const RING_BYTES: number = 4 * 1024 * 1024;
/** With so much in it the reader is some tenths of a second behind, and does not keep up. */
const PRESSED_BYTES: number = RING_BYTES / 8;
/** An empty ring is begun anew beyond it. */
const RESTART_BYTES = 64 * 1024;
export const RING_REGION_BYTES: number = RECORDS_AT + RING_BYTES;

/** The writing end, in the fast-path thread. */
export class RelayWriter {
  readonly #words: Int32Array;
  readonly #bytes: Uint8Array;
  readonly #floats: Float64Array;

  /** @param buffer at least `RING_REGION_BYTES`, zeroed before first use */
  constructor(buffer: ArrayBufferLike) {
    this.#words = new Int32Array(buffer, 0, RING_REGION_BYTES >> 2);
    this.#bytes = new Uint8Array(buffer, 0, RING_REGION_BYTES);
    this.#floats = new Float64Array(buffer, 0, RING_REGION_BYTES >> 3);
  }

  /** The reader is far behind: who can be answered without it should be. */
  get isPressed(): boolean {
    const words = this.#words;
    return ((Atomics.load(words, HEAD_WORD) - Atomics.load(words, TAIL_WORD)) | 0) > PRESSED_BYTES;
  }

  /**
   * Copies one record in. Pass -1 for `sockaddrAt` and 0 for `controlLength` where there is none.
   *
   * @param from memory that holds payload, address and control
   * @returns false when the ring is full: the caller drops and counts
   */
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
    const words = this.#words;
    const size = (RECORD_HEADER_BYTES + payloadLength + 7) & ~7;
    let head = Atomics.load(words, HEAD_WORD);
    const used = (head - Atomics.load(words, TAIL_WORD)) | 0;
    let position = (head - (words[BASE_WORD] ?? 0)) & (RING_BYTES - 1);
    if (used === 0 && position > RESTART_BYTES) {
      Atomics.store(words, BASE_WORD, head);
      position = 0;
    }
    const toEnd = RING_BYTES - position;
    const needed = size > toEnd ? toEnd + size : size;
    if (used + needed > RING_BYTES) return false;
    let at = RECORDS_AT + position;
    if (size > toEnd) {
      words[at >> 2] = toEnd;
      words[(at >> 2) + 1] = KIND_SKIP;
      head = (head + toEnd) | 0;
      at = RECORDS_AT;
    }
    const word = at >> 2;
    words[word] = size;
    words[word + 1] = kind;
    words[word + 2] = id;
    words[word + 3] = payloadLength;
    this.#floats[(at + 16) >> 3] = receivedAtMs;
    const bytes = this.#bytes;
    if (sockaddrAt >= 0)
      for (let i = 0; i < SOCKADDR_BYTES; i++) bytes[at + SOCKADDR_AT + i] = from[sockaddrAt + i] ?? 0;
    const control = controlLength > CONTROL_MAX_BYTES ? 0 : controlLength;
    words[(at + CONTROL_LENGTH_AT) >> 2] = control;
    for (let i = 0; i < control; i++) bytes[at + CONTROL_AT + i] = from[controlAt + i] ?? 0;
    const to = at + RECORD_HEADER_BYTES;
    for (let i = 0; i < payloadLength; i++) bytes[to + i] = from[payloadAt + i] ?? 0;
    Atomics.store(words, HEAD_WORD, (head + size) | 0);
    return true;
  }
}

/** The reading end, in the main thread. Fields hold the record that `next` stepped onto until the next `next`. */
export class RelayReader implements QueryRecord {
  kind: number;
  id: number;
  length: number;
  receivedAtMs: number;
  /** Offset of the payload in `bytes`. */
  payloadAt: number;
  readonly bytes: Uint8Array;
  readonly #words: Int32Array;
  readonly #floats: Float64Array;
  #at: number;
  #size: number;
  readonly #blocks: CopyBlocks;

  constructor(buffer: ArrayBufferLike) {
    this.kind = KIND_SKIP;
    this.id = 0;
    this.length = 0;
    this.receivedAtMs = 0;
    this.payloadAt = 0;
    this.bytes = new Uint8Array(buffer, 0, RING_REGION_BYTES);
    this.#words = new Int32Array(buffer, 0, RING_REGION_BYTES >> 2);
    this.#floats = new Float64Array(buffer, 0, RING_REGION_BYTES >> 3);
    this.#at = 0;
    this.#size = 0;
    this.#blocks = new CopyBlocks();
  }

  get empty(): boolean {
    return Atomics.load(this.#words, HEAD_WORD) === ((Atomics.load(this.#words, TAIL_WORD) + this.#size) | 0);
  }

  /**
   * Frees the record before and steps onto the next. What stands there may be another process's: a record that cannot be one
   * empties the ring.
   *
   * @returns false when there is none
   */
  next(): boolean {
    const words = this.#words;
    for (;;) {
      if (this.#size > 0) {
        Atomics.store(words, TAIL_WORD, (Atomics.load(words, TAIL_WORD) + this.#size) | 0);
        this.#size = 0;
      }
      const tail = Atomics.load(words, TAIL_WORD);
      const head = Atomics.load(words, HEAD_WORD);
      if (head === tail) return false;
      const position = (tail - Atomics.load(words, BASE_WORD)) & (RING_BYTES - 1);
      const at = RECORDS_AT + position;
      const word = at >> 2;
      this.#at = at;
      const size = words[word] ?? 0;
      this.kind = words[word + 1] ?? KIND_SKIP;
      this.length = words[word + 3] ?? 0;
      if (!this.#isRecord((head - tail) | 0, position, size)) {
        Atomics.store(words, TAIL_WORD, head);
        return false;
      }
      this.#size = size;
      if (this.kind === KIND_SKIP) continue;
      this.id = words[word + 2] ?? 0;
      this.receivedAtMs = this.#floats[(at + 16) >> 3] ?? 0;
      this.payloadAt = at + RECORD_HEADER_BYTES;
      return true;
    }
  }

  #isRecord(used: number, position: number, size: number): boolean {
    if (used < 0 || used > RING_BYTES || size <= 0 || (size & 7) !== 0) return false;
    if (size > used || size > RING_BYTES - position) return false;
    return this.kind === KIND_SKIP || (this.length >= 0 && this.length <= size - RECORD_HEADER_BYTES);
  }

  get sockaddrAt(): number {
    return this.#at + SOCKADDR_AT;
  }

  get controlAt(): number {
    return this.#at + CONTROL_AT;
  }

  get controlLength(): number {
    const length = this.#words[(this.#at + CONTROL_LENGTH_AT) >> 2] ?? 0;
    return length <= 0 || length > CONTROL_MAX_BYTES ? 0 : length;
  }

  /** Copy of the payload. */
  payload(): Uint8Array {
    return this.#blocks.copy(this.bytes, this.payloadAt, this.length);
  }

  /** Copy of the client's address. */
  sockaddr(): Uint8Array {
    return this.#blocks.copy(this.bytes, this.sockaddrAt, SOCKADDR_BYTES);
  }

  /** Copy of the packet info; undefined when there is none. */
  control(): Uint8Array | undefined {
    const length = this.controlLength;
    return length === 0 ? undefined : this.#blocks.copy(this.bytes, this.controlAt, length);
  }
}
