/**
 * Who asked what, as a fast-path thread tells it: a ring of records in shared memory, one writer, one reader.
 *
 *   region:  0                         64             128         136      4096
 *            | every u32 | head u32 …  | tail u32 …   | lost f64  | unused | records …
 *
 *   record:  0       4        8              16            32          34     36
 *            | bytes | weight | received f64 | address[16] | name u16  | rcode u16 | name, type, class …
 *
 * `every` is the reader's: 0 while nobody wants to know, else one reply in that many is told (a power of two, chosen at
 * random, so that pairs of A and AAAA are not split by it), with that number as its weight. `head` (next byte to write) and `tail`
 * (next byte to read) count bytes for ever, modulo 2^32. `bytes` is the whole record, a multiple of 8; one with weight 0 fills
 * what is left at the end. The name is as in the reply: the client's spelling. IPv4 addresses are mapped (::ffff:a.b.c.d).
 * What finds the ring full is added to `lost` and is not told.
 */
import { nameLength } from "../../dns/name.ts";

/** Some 3,000 records; pages that are never used are never touched. */
export const ASK_RING_BYTES: number = 256 * 1024;
const RECORDS_AT = 4096;
export const ASK_REGION_BYTES: number = RECORDS_AT + ASK_RING_BYTES;

const EVERY_WORD = 0;
const HEAD_WORD = 1;
const TAIL_WORD = 16;
const LOST_FLOAT = 16;
const ADDRESS_AT = 16;
const ADDRESS_BYTES = 16;
const QUESTION_AT = 36;
const HEADER_BYTES = 12;
/** QDCOUNT, its low byte. */
const QDCOUNT_AT = 5;
const RCODE_AT = 3;
const TYPE_AND_CLASS_BYTES = 4;
const AF_INET6 = 10;

/** The part of `DatagramIo` that a record is made from. */
export interface AskedDatagrams {
  readonly bytes: Uint8Array;
  readonly words: Int32Array;
  slotAt(i: number): number;
  sockaddrAt(i: number): number;
}

/** The writing end, in the thread that answers. Nothing here allocates, throws or waits. */
export class AskWriter {
  readonly #words: Int32Array;
  readonly #bytes: Uint8Array;
  readonly #floats: Float64Array;
  #every: number;
  #head: number;
  #tail: number;
  #random: number;

  /** @param buffer at least `ASK_REGION_BYTES`, zeroed before first use */
  constructor(buffer: ArrayBufferLike) {
    this.#words = new Int32Array(buffer, 0, ASK_REGION_BYTES >> 2);
    this.#bytes = new Uint8Array(buffer, 0, ASK_REGION_BYTES);
    this.#floats = new Float64Array(buffer, 0, ASK_REGION_BYTES >> 3);
    this.#every = 0;
    this.#head = this.#words[HEAD_WORD] ?? 0;
    this.#tail = 0;
    this.#random = 0x2545f491;
  }

  /** Before each batch. @returns false when nobody wants to know: then nothing is `put`, and `end` is not called */
  begin(): boolean {
    this.#every = this.#words[EVERY_WORD] ?? 0;
    if (this.#every === 0) return false;
    this.#tail = Atomics.load(this.#words, TAIL_WORD);
    return true;
  }

  /**
   * Tells of one reply.
   *
   * @param questionEnd offset in the reply after its question
   * @param length of the reply that stands in slot `i`
   */
  put(io: AskedDatagrams, i: number, questionEnd: number, length: number, receivedAtMs: number): void {
    const every = this.#every;
    if (every > 1) {
      let x = this.#random;
      x ^= x << 13;
      x ^= x >>> 17;
      x ^= x << 5;
      this.#random = x;
      if ((x & (every - 1)) !== 0) return;
    }
    const from = io.bytes;
    const start = io.slotAt(i);
    // An error that says nothing of its question has none.
    const question = from[start + QDCOUNT_AT] === 1 && questionEnd <= length ? questionEnd - HEADER_BYTES : 0;
    const size = (QUESTION_AT + question + 7) & ~7;
    const words = this.#words;
    let head = this.#head;
    const position = head & (ASK_RING_BYTES - 1);
    const toEnd = ASK_RING_BYTES - position;
    const needed = size > toEnd ? toEnd + size : size;
    if (((head - this.#tail) | 0) + needed > ASK_RING_BYTES) {
      this.#floats[LOST_FLOAT] = (this.#floats[LOST_FLOAT] ?? 0) + every;
      return;
    }
    let at = RECORDS_AT + position;
    if (size > toEnd) {
      words[at >> 2] = toEnd;
      words[(at >> 2) + 1] = 0;
      head = (head + toEnd) | 0;
      at = RECORDS_AT;
    }
    const word = at >> 2;
    words[word] = size;
    words[word + 1] = every;
    this.#floats[(at + 8) >> 3] = receivedAtMs;
    const bytes = this.#bytes;
    const sockaddr = io.sockaddrAt(i);
    if (from[sockaddr] === AF_INET6) {
      for (let b = 0; b < ADDRESS_BYTES; b++) bytes[at + ADDRESS_AT + b] = from[sockaddr + 8 + b] ?? 0;
    } else {
      words[word + 4] = 0;
      words[word + 5] = 0;
      words[word + 6] = -65_536;
      for (let b = 0; b < 4; b++) bytes[at + ADDRESS_AT + 12 + b] = from[sockaddr + 4 + b] ?? 0;
    }
    words[word + 8] = question | (((from[start + RCODE_AT] ?? 0) & 0xf) << 16);
    const source = (start + HEADER_BYTES) >> 2;
    const { words: sourceWords } = io;
    for (let w = (question + 3) >> 2; --w >= 0;) words[word + 9 + w] = sourceWords[source + w] ?? 0;
    this.#head = (head + size) | 0;
  }

  /** After each batch: from now on the reader sees what was put. */
  end(): void {
    Atomics.store(this.#words, HEAD_WORD, this.#head);
  }
}

/** The reading end. Fields hold the record that `next` stepped onto. */
export class AskReader {
  receivedAtMs: number;
  weight: number;
  rcode: number;
  qtype: number;
  /** Where address (16 bytes) and name stand in `bytes`, and how long the name is; 0: the reply had none. */
  addressAt: number;
  nameAt: number;
  nameBytes: number;
  readonly bytes: Uint8Array;
  readonly #words: Int32Array;
  readonly #floats: Float64Array;
  #size: number;

  constructor(buffer: ArrayBufferLike) {
    this.receivedAtMs = 0;
    this.weight = 0;
    this.rcode = 0;
    this.qtype = 0;
    this.addressAt = 0;
    this.nameAt = 0;
    this.nameBytes = 0;
    this.bytes = new Uint8Array(buffer, 0, ASK_REGION_BYTES);
    this.#words = new Int32Array(buffer, 0, ASK_REGION_BYTES >> 2);
    this.#floats = new Float64Array(buffer, 0, ASK_REGION_BYTES >> 3);
    this.#size = 0;
  }

  /** Of how many replies one is told; 0: of none. */
  get every(): number {
    return this.#words[EVERY_WORD] ?? 0;
  }

  set every(value: number) {
    this.#words[EVERY_WORD] = value;
  }

  /** Replies that were not told because the ring was full. */
  get lost(): number {
    return this.#floats[LOST_FLOAT] ?? 0;
  }

  /** Share of the ring that is in use, 0 to 1. */
  get fill(): number {
    return ((Atomics.load(this.#words, HEAD_WORD) - Atomics.load(this.#words, TAIL_WORD)) | 0) / ASK_RING_BYTES;
  }

  /** Throws away what is in the ring. */
  skip(): void {
    this.#size = 0;
    Atomics.store(this.#words, TAIL_WORD, Atomics.load(this.#words, HEAD_WORD));
  }

  /** Frees the record before and steps onto the next. @returns false when there is none */
  next(): boolean {
    const words = this.#words;
    for (;;) {
      if (this.#size > 0) {
        Atomics.store(words, TAIL_WORD, (Atomics.load(words, TAIL_WORD) + this.#size) | 0);
        this.#size = 0;
      }
      const tail = Atomics.load(words, TAIL_WORD);
      if (Atomics.load(words, HEAD_WORD) === tail) return false;
      const at = RECORDS_AT + (tail & (ASK_RING_BYTES - 1));
      const word = at >> 2;
      this.#size = words[word] ?? 0;
      this.weight = words[word + 1] ?? 0;
      if (this.weight === 0) continue;
      this.receivedAtMs = this.#floats[(at + 8) >> 3] ?? 0;
      this.addressAt = at + ADDRESS_AT;
      this.nameAt = at + QUESTION_AT;
      const lengthAndRcode = words[word + 8] ?? 0;
      this.rcode = lengthAndRcode >> 16;
      const nameBytes = (lengthAndRcode & 0xffff) - TYPE_AND_CLASS_BYTES;
      const whole = nameBytes > 0 && nameLength(this.bytes, this.nameAt, this.nameAt + nameBytes) === nameBytes;
      this.nameBytes = whole ? nameBytes : 0;
      const typeAt = this.nameAt + nameBytes;
      this.qtype = whole ? ((this.bytes[typeAt] ?? 0) << 8) | (this.bytes[typeAt + 1] ?? 0) : 0;
      return true;
    }
  }
}
