/**
 * The fate of every query of a drill, one row each, in memory that the load's thread writes and others read.
 *
 *   0       256              ┊ capacity rows in each column
 *   | words | sentMs f64 … | latencyMs f32 … | question i32 … | fate u8 … | rcode u8 … |
 *
 * Times are milliseconds since the load began, by CLOCK_MONOTONIC. Rows are written once when the query leaves and once
 * when the first reply to it comes.
 */

/** Nothing has come yet, or never. */
export const FATE_WAITING = 0;
export const FATE_ANSWERED = 1;
/** The first reply was not what was asked for. */
export const FATE_WRONG = 2;

/** Not 0: the load's thread ends. */
export const STOP_WORD = 0;
/** Queries sent so far: rows in use. */
export const SENT_WORD = 1;
/** Right replies to queries that had one. Harmless: who takes over may answer once more. */
export const REPEATED_WORD = 2;
/** Replies to no query, or wrong ones to queries that had a reply. */
export const STRAY_WORD = 3;
/** Times that the kernel said that the port is closed. */
export const REFUSED_WORD = 4;
/** Queries that the sending kernel had no room for. */
export const UNSENT_WORD = 5;
/** Replies that the load's own socket buffers had no room for: losses that are not the server's. */
export const OVERFLOWN_WORD = 6;
const WORDS = 7;
const PAUSE_AT = 64;
const HEADER_BYTES = 256;
const ROW_BYTES = 8 + 4 + 4 + 1 + 1;

export class QueryRecords {
  readonly capacity: number;
  readonly words: Int32Array;
  readonly sentMs: Float64Array;
  readonly latencyMs: Float32Array;
  readonly question: Int32Array;
  readonly fate: Uint8Array;
  readonly rcode: Uint8Array;
  readonly #pause: Float64Array;

  /** @param shared made by `QueryRecords.create` */
  constructor(shared: SharedArrayBuffer) {
    const capacity = Math.floor((shared.byteLength - HEADER_BYTES) / ROW_BYTES);
    let at = HEADER_BYTES;
    const take = (bytes: number): number => (at += capacity * bytes) - capacity * bytes;
    this.capacity = capacity;
    this.words = new Int32Array(shared, 0, WORDS);
    this.sentMs = new Float64Array(shared, take(8), capacity);
    this.latencyMs = new Float32Array(shared, take(4), capacity);
    this.question = new Int32Array(shared, take(4), capacity);
    this.fate = new Uint8Array(shared, take(1), capacity);
    this.rcode = new Uint8Array(shared, take(1), capacity);
    this.#pause = new Float64Array(shared, PAUSE_AT, 1);
  }

  /** @param capacity queries at most; rounded up to an even number */
  static create(capacity: number): { readonly records: QueryRecords; readonly shared: SharedArrayBuffer } {
    const shared = new SharedArrayBuffer(HEADER_BYTES + (capacity + (capacity & 1)) * ROW_BYTES);
    return { records: new QueryRecords(shared), shared };
  }

  get sent(): number {
    return Atomics.load(this.words, SENT_WORD);
  }

  /** Longest time that the load's thread itself stood still, milliseconds: latencies hold that much of its own. */
  get ownPauseMs(): number {
    return this.#pause[0] ?? 0;
  }

  set ownPauseMs(ms: number) {
    this.#pause[0] = ms;
  }

  /** A query leaves. @returns its row */
  add(question: number, atMs: number): number {
    const row = this.sent;
    this.sentMs[row] = atMs;
    this.question[row] = question;
    Atomics.store(this.words, SENT_WORD, row + 1);
    return row;
  }

  /** A reply to row `row` has come. @returns whether it was the first */
  settle(row: number, atMs: number, isRight: boolean, rcode: number): boolean {
    if (this.fate[row] !== FATE_WAITING) {
      this.count(isRight ? REPEATED_WORD : STRAY_WORD);
      return false;
    }
    this.latencyMs[row] = atMs - (this.sentMs[row] ?? 0);
    this.rcode[row] = rcode;
    this.fate[row] = isRight ? FATE_ANSWERED : FATE_WRONG;
    return true;
  }

  count(word: number, by = 1): void {
    this.words[word] = (this.words[word] ?? 0) + by;
  }
}
