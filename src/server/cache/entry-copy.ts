/**
 * One entry out of memory or a file that may be anybody's: copied first, judged on the copy.
 *
 * Nothing is believed. Lengths are checked before the copy; then the check sum, every field, and the message by the scan
 * that answers from upstream go through. What passes may be stored like an answer that has just come.
 */
import {
  ANCOUNT_AT,
  ARCOUNT_AT,
  FLAG_QR,
  FLAGS_AT,
  HEADER_BYTES,
  NSCOUNT_AT,
  QDCOUNT_AT,
  readU16,
  writeU16,
  writeU32,
} from "../../dns/header.ts";
import { NAME_MAX_BYTES } from "../../dns/name.ts";
import { ResponseScan, scanResponse } from "../../dns/response-scan.ts";
import {
  CHECK_WORD,
  COUNTS_WORD,
  EXPIRES_S_WORD,
  FLAGS_WORD,
  IMAGE_BYTE,
  KIND_DENIAL,
  KIND_FAILURE,
  LENGTHS_WORD,
  MARK_ANSWERS,
  MARK_KEEP_TTL,
  MORE_COUNTS_WORD,
  SCOPE_ASIDE,
  SCOPE_WORD,
  SLOT_MAX_BYTES,
  STALE_UNTIL_S_WORD,
  STORED_FLAGS,
  STORED_S_WORD,
  TYPE_CLASS_WORD,
} from "./region-layout.ts";
import { slotCheck } from "./slot-check.ts";

/** Scopes use these bits. */
const SCOPE_MASK: number = SCOPE_ASIDE * 2 - 1;
/** Seconds that fit into a TTL. */
const LIFETIME_MAX_S = 0x7fffffff;

export class EntryCopy {
  /** The slot, as `region-layout.ts` draws it. */
  readonly words: Int32Array;
  /** Hits of the slot it stood in; near enough. */
  hits: number;
  /** Second of the last hit, in seconds of its source. */
  lastHitS: number;
  readonly #halves: Uint16Array;
  /** The message from its header on. */
  readonly #message: Uint8Array;
  readonly #scan: ResponseScan;

  constructor() {
    this.words = new Int32Array(SLOT_MAX_BYTES / 4);
    this.hits = 0;
    this.lastHitS = 0;
    this.#halves = new Uint16Array(this.words.buffer);
    this.#message = new Uint8Array(this.words.buffer, IMAGE_BYTE - HEADER_BYTES);
    this.#scan = new ResponseScan();
  }

  /**
   * Copies a slot.
   *
   * @param at its first word
   * @param end words before this belong to slots
   * @returns words copied, or 0 when its lengths make no sense
   */
  fill(words: Int32Array, at: number, end: number): number {
    const count = (usedBytes(words[at + LENGTHS_WORD] ?? 0, words[at + MORE_COUNTS_WORD] ?? 0) + 3) >> 2;
    if (count === 0 || at + count > end) return 0;
    const copy = this.words;
    for (let i = 0; i < count; i++) copy[i] = words[at + i] ?? 0;
    return count;
  }

  get partition(): number {
    return this.#field(SCOPE_WORD) & 0xffff;
  }

  /** Partition, variant and whether it stands aside, as in `SCOPE_WORD`. */
  get scope(): number {
    return this.#field(SCOPE_WORD);
  }

  get typeClass(): number {
    return this.#field(TYPE_CLASS_WORD);
  }

  /** In seconds of its source, as the next two. */
  get storedS(): number {
    return this.#field(STORED_S_WORD);
  }

  get expiresS(): number {
    return this.#field(EXPIRES_S_WORD);
  }

  get staleUntilS(): number {
    return this.#field(STALE_UNTIL_S_WORD);
  }

  /** `KIND_SUCCESS`, `KIND_DENIAL` or `KIND_FAILURE`. */
  get kind(): number {
    return (this.#field(FLAGS_WORD) >>> 16) & 0xff;
  }

  get isAside(): boolean {
    return (this.scope & SCOPE_ASIDE) !== 0;
  }

  get nameLength(): number {
    return this.#field(LENGTHS_WORD) & 0xffff;
  }

  /** Bytes of the slot in use; 0 when no slot has such lengths. */
  get usedBytes(): number {
    return usedBytes(this.#field(LENGTHS_WORD), this.#field(MORE_COUNTS_WORD));
  }

  /** Whether the copy is an entry that a store has written, and no bit of it has changed. */
  isWhole(): boolean {
    const lengths = this.#field(LENGTHS_WORD);
    const bytes = this.usedBytes;
    if (bytes === 0) return false;
    const messageEnd = HEADER_BYTES + (lengths & 0xffff) + 4 + (lengths >>> 16);
    const ttlS = this.expiresS - this.storedS;
    if (ttlS < 1 || ttlS > LIFETIME_MAX_S || this.staleUntilS < this.expiresS) return false;
    if (!this.#stampTtls(messageEnd, ttlS)) return false;
    if (slotCheck(this.words, 0, bytes) !== this.words[CHECK_WORD]) return false;
    return this.#hasSoundFields() && this.#hasSoundMessage(messageEnd);
  }

  #hasSoundFields(): boolean {
    const { scope, typeClass, kind } = this;
    const flags = this.#field(FLAGS_WORD);
    if ((scope & ~SCOPE_MASK) !== 0 || (scope & 0xffff) === 0) return false;
    if ((flags & 0xffff & ~STORED_FLAGS) !== 0 || flags >>> 24 > (MARK_KEEP_TTL | MARK_ANSWERS)) return false;
    return kind <= KIND_FAILURE && ((typeClass & 0xffff) !== 0 || (kind === KIND_DENIAL && !this.isAside));
  }

  /** Puts the header in front, over what is now known to be right, and scans. */
  #hasSoundMessage(end: number): boolean {
    const message = this.#message;
    const scan = this.#scan;
    const counts = this.#field(COUNTS_WORD);
    const moreCounts = this.#field(MORE_COUNTS_WORD);
    writeU16(message, 0, 0);
    writeU16(message, FLAGS_AT, FLAG_QR | (this.#field(FLAGS_WORD) & 0xffff));
    writeU16(message, QDCOUNT_AT, 1);
    writeU16(message, ANCOUNT_AT, counts & 0xffff);
    writeU16(message, NSCOUNT_AT, counts >>> 16);
    writeU16(message, ARCOUNT_AT, moreCounts & 0xffff);
    if (scanResponse(message, 0, end, scan) !== 0) return false;
    if (scan.nameLength !== this.nameLength || scan.end !== end || scan.optAt >= 0) return false;
    if (scan.ttlCount !== moreCounts >>> 16) return false;
    const half = halfOfTtls(end);
    for (let i = 0; i < scan.ttlCount; i++) if (this.#halves[half + i] !== scan.ttlAts[i]) return false;
    const { typeClass } = this;
    const type = readU16(message, scan.questionEnd - 4);
    const dnsClass = readU16(message, scan.questionEnd - 2);
    return dnsClass === typeClass >>> 16 && type !== 0 && ((typeClass & 0xffff) === 0 || type === (typeClass & 0xffff));
  }

  /** Gives all TTL fields the lifetime, as when the entry was stored. @returns false when one is out of bounds */
  #stampTtls(end: number, ttlS: number): boolean {
    const half = halfOfTtls(end);
    const count = this.#field(MORE_COUNTS_WORD) >>> 16;
    for (let i = 0; i < count; i++) {
      const at = this.#halves[half + i] ?? 0;
      if (at < HEADER_BYTES || at + 4 > end) return false;
      writeU32(this.#message, at, ttlS);
    }
    return true;
  }

  #field(word: number): number {
    return this.words[word] ?? 0;
  }
}

/** Index of the first TTL offset in halves of a slot whose message ends there, counted from the message's header. */
function halfOfTtls(messageEnd: number): number {
  return (IMAGE_BYTE - HEADER_BYTES + messageEnd + 1) >> 1;
}

/** Bytes of a slot in use; 0 when no slot has such lengths. */
function usedBytes(lengths: number, moreCounts: number): number {
  const nameLength = lengths & 0xffff;
  if (nameLength < 1 || nameLength > NAME_MAX_BYTES) return 0;
  const image = nameLength + 4 + (lengths >>> 16);
  const bytes = IMAGE_BYTE + ((image + 1) & ~1) + (moreCounts >>> 16) * 2;
  return bytes > SLOT_MAX_BYTES ? 0 : bytes;
}
