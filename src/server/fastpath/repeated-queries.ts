/**
 * Replies to queries that came before, byte for byte the same but for their ids: most of what a node's cache is asked.
 *
 * Such a query needs neither be read nor its answer looked up and put together again: a reply stands here as it was sent, and only
 * the id differs. It holds for the second in which it was made (its TTLs say what remains then) and only while the answer's
 * slot in the store is untouched, which the caller asks `AnswerReader.isStill`; what was replaced or removed is never repeated.
 *
 * One place for each hash of a query. A query gets it when it has come twice without another in between, so that names
 * that are asked once do not push out those that are asked always. Nothing here allocates. Belongs to one thread.
 */
import { HEADER_BYTES } from "../../dns/header.ts";

const PLACES = 1024;
/** Longer queries and replies are not kept. */
const QUERY_MAX_BYTES = 128;
const REPLY_MAX_BYTES = 512;

// Words of a place.
/** `ZoneTable.id`. */
const ZONES_WORD = 0;
const SECOND_WORD = 1;
const SLOT_WORD = 2;
const SEQUENCE_WORD = 3;
/** Row of its zone's counters, type of the question in the upper half. */
const ROW_TYPE_WORD = 4;
/** End of the question, DO bit, kind of the answer. */
const REST_WORD = 5;
const QUERY_WORD = 6;
const REPLY_WORD: number = QUERY_WORD + QUERY_MAX_BYTES / 4;
const PLACE_WORDS: number = REPLY_WORD + REPLY_MAX_BYTES / 4;

/** Bits of a last word that belong to a message, by `length & 3`. */
const LAST_WORD_MASKS = Int32Array.of(-1, 0xff, 0xffff, 0xffffff);
const ID_MASK = 0xffff;

export class RepeatedQueries {
  // Of the query that `find` found.
  /** Of its zone's counters. */
  row: number;
  qtype: number;
  dnssecOk: boolean;
  /** `KIND_SUCCESS` or `KIND_DENIAL`. */
  kind: number;
  /** Offset after the question, in query and reply. */
  questionEnd: number;
  /** What `AnswerReader.isStill` is asked. */
  slot: number;
  sequence: number;
  /**
   * By place two words, which stand apart, for most queries come once only and touch nothing else: the hash; the length of the query in
   * bytes, the reply's in the upper half, 0: only the hash is of use.
   */
  readonly #heads: Int32Array;
  readonly #words: Int32Array;
  /** The place that `repeat` reads and `remember` fills, or -1. */
  #place: number;

  constructor() {
    this.row = 0;
    this.qtype = 0;
    this.dnssecOk = false;
    this.kind = 0;
    this.questionEnd = 0;
    this.slot = 0;
    this.sequence = 0;
    this.#heads = new Int32Array(PLACES * 2);
    this.#words = new Int32Array(PLACES * PLACE_WORDS);
    this.#place = -1;
  }

  /**
   * Looks whether this query came before in this second, and sets the fields.
   *
   * @param words with the packet, which begins at word `start`; up to three bytes after it are read
   * @param length of the packet in bytes
   * @param zones `ZoneTable.id`: what is repeated for one listener need not be the answer of another
   * @returns whether `repeat` has a reply; if not, `remember` may be given the one that is made
   */
  find(words: Int32Array, start: number, length: number, zones: number, nowS: number): boolean {
    this.#place = -1;
    if (length < HEADER_BYTES || length > QUERY_MAX_BYTES) return false;
    const last = ((length + 3) >> 2) - 1;
    const lastMask = LAST_WORD_MASKS[length & 3] ?? -1;
    let hash = (zones ^ ((words[start] ?? 0) >>> 16)) | 0;
    for (let i = 1; i < last; i++) hash = (Math.imul(hash, 0x01000193) + (words[start + i] ?? 0)) | 0;
    hash = Math.imul(hash ^ ((words[start + last] ?? 0) & lastMask), 0x9e3779b1);
    hash ^= hash >>> 15;
    const place = hash & (PLACES - 1);
    const heads = this.#heads;
    if (heads[place * 2] !== hash) {
      heads[place * 2] = hash;
      heads[place * 2 + 1] = 0;
      return false;
    }
    this.#place = place;
    const own = this.#words;
    const at = place * PLACE_WORDS;
    if (((heads[place * 2 + 1] ?? 0) & 0xffff) !== length || own[at + ZONES_WORD] !== zones) {
      this.#keepQuery(words, start, length, zones);
      return false;
    }
    const query = at + QUERY_WORD;
    let differs = ((words[start] ?? 0) ^ (own[query] ?? 0)) >>> 16;
    for (let i = 1; i < last; i++) differs |= (words[start + i] ?? 0) ^ (own[query + i] ?? 0);
    differs |= ((words[start + last] ?? 0) ^ (own[query + last] ?? 0)) & lastMask;
    if (differs !== 0) {
      this.#keepQuery(words, start, length, zones);
      return false;
    }
    if (own[at + SECOND_WORD] !== nowS) return false;
    const rowType = own[at + ROW_TYPE_WORD] ?? 0;
    const rest = own[at + REST_WORD] ?? 0;
    this.row = rowType & 0xffff;
    this.qtype = rowType >>> 16;
    this.questionEnd = rest & 0xffff;
    this.dnssecOk = (rest & 0x10000) !== 0;
    this.kind = rest >>> 17;
    this.slot = own[at + SLOT_WORD] ?? 0;
    this.sequence = own[at + SEQUENCE_WORD] ?? 0;
    return true;
  }

  /**
   * Writes the reply to the query that was just found over it, but for its id.
   *
   * Whole words are written: up to three bytes after the reply too.
   *
   * @returns length of the reply in bytes
   */
  repeat(words: Int32Array, start: number): number {
    const own = this.#words;
    const length = (this.#heads[this.#place * 2 + 1] ?? 0) >>> 16;
    const reply = this.#place * PLACE_WORDS + REPLY_WORD;
    const end = (length + 3) >> 2;
    words[start] = ((words[start] ?? 0) & ID_MASK) | ((own[reply] ?? 0) & ~ID_MASK);
    words[start + 1] = own[reply + 1] ?? 0;
    words[start + 2] = own[reply + 2] ?? 0;
    // The question stands there already.
    for (let i = this.questionEnd >> 2; i < end; i++) words[start + i] = own[reply + i] ?? 0;
    return length;
  }

  /**
   * Keeps the reply that was made to the query of the last `find`, if that has a place.
   *
   * @param length of the reply, which stands at word `start` of `words`
   */
  remember(
    words: Int32Array,
    start: number,
    length: number,
    nowS: number,
    row: number,
    qtype: number,
    dnssecOk: boolean,
    kind: number,
    questionEnd: number,
    slot: number,
    sequence: number,
  ): void {
    const place = this.#place;
    if (place < 0) return;
    const own = this.#words;
    const at = place * PLACE_WORDS;
    if (length > REPLY_MAX_BYTES) {
      own[at + SECOND_WORD] = -1;
      return;
    }
    this.#heads[place * 2 + 1] = ((this.#heads[place * 2 + 1] ?? 0) & 0xffff) | (length << 16);
    own[at + SECOND_WORD] = nowS;
    own[at + SLOT_WORD] = slot;
    own[at + SEQUENCE_WORD] = sequence;
    own[at + ROW_TYPE_WORD] = row | (qtype << 16);
    own[at + REST_WORD] = questionEnd | (dnssecOk ? 0x10000 : 0) | (kind << 17);
    const end = (length + 3) >> 2;
    for (let i = 0; i < end; i++) own[at + REPLY_WORD + i] = words[start + i] ?? 0;
  }

  #keepQuery(words: Int32Array, start: number, length: number, zones: number): void {
    const own = this.#words;
    const at = this.#place * PLACE_WORDS;
    this.#heads[this.#place * 2 + 1] = length;
    own[at + ZONES_WORD] = zones;
    own[at + SECOND_WORD] = -1;
    const end = (length + 3) >> 2;
    for (let i = 0; i < end; i++) own[at + QUERY_WORD + i] = words[start + i] ?? 0;
  }
}
