/**
 * The answers of a store as a file, for a start after everything has stopped.
 *
 *   0       4         8        12      16           24             32        40     44           48        52      64
 *   | magic | version | layout | crc32 | body bytes | monotonic ms | wall ms | base | partitions | entries | spare |
 *
 * Then the body: partitions (number, record of `partition-table.ts`), and entries, the most popular first (hits, second of
 * the last hit, words, the slot of `region-layout.ts` as far as it is in use). Numbers are little-endian, times doubles.
 * The check sum is over the body, then the rest of the header.
 *
 * Seconds are the store's, so they count from `base` of the monotonic clock. That clock begins anew when the machine does:
 * then the wall clock says how old the file is. In doubt entries get older, never younger.
 */
import type { Clock } from "../../base/clock.ts";
import { NodensError } from "../../base/errors.ts";
import type { AnswerStore } from "./answer-store.ts";
import { EntryCopy } from "./entry-copy.ts";
import type { EntrySource } from "./entry-source.ts";
import { type PartitionRecord, readPartition, writePartition } from "./partition-table.ts";
import type { RegionEntries } from "./region-entries.ts";
import { LAYOUT_VERSION, PARTITION_WORDS, SLOT_MAX_BYTES } from "./region-layout.ts";

const MAGIC = 0x4643444e; // "NDCF"
const VERSION = 1;
export const FILE_HEADER_BYTES = 64;
const CRC_AT = 12;
const BODY_BYTES_AT = 16;
const MONOTONIC_MS_AT = 24;
const WALL_MS_AT = 32;
const BASE_S_AT = 40;
const PARTITIONS_AT = 44;
const ENTRIES_AT = 48;
/** Words before an entry's slot. */
const ENTRY_HEADER_WORDS = 3;
const ENTRY_MAX_BYTES = ENTRY_HEADER_WORDS * 4 + SLOT_MAX_BYTES;
const CHUNK_BYTES = 65_536;
/** Nothing that is served so late was meant to be. */
const AGE_MAX_MS = 7 * 86_400_000;
/** Two clocks that agree so well have both run on. */
const CLOCKS_AGREE_MS = 1000;

/** The file holds nothing that can be used; the message says why. */
export class CacheFileError extends NodensError {
  readonly code = "NODENS_CACHE_FILE";
}

/** Writes a store down piece by piece; the store may change between two pieces. */
export class CacheFileWriter {
  readonly #entries: RegionEntries;
  readonly #copy: EntryCopy;
  readonly #nowS: number;
  readonly #header: DataView;
  /** Check words of the records that were written, by partition. */
  readonly #marks: Map<number, number>;
  #chunk: Uint8Array;
  #words: Int32Array;
  #filled: number;
  #body: number;
  #crc: number;
  #count: number;

  constructor(store: AnswerStore, clock: Clock) {
    this.#entries = store.entriesHeld();
    this.#copy = new EntryCopy();
    this.#nowS = store.nowS();
    this.#header = new DataView(new ArrayBuffer(FILE_HEADER_BYTES));
    this.#marks = new Map();
    this.#chunk = new Uint8Array(0);
    this.#words = new Int32Array(0);
    this.#filled = 0;
    this.#body = 0;
    this.#crc = 0;
    this.#count = 0;
    this.#header.setFloat64(MONOTONIC_MS_AT, clock.monotonicMs(), true);
    this.#header.setFloat64(WALL_MS_AT, clock.wallMs(), true);
  }

  /** Pieces of the body, of some 64 KiB each, to be written in this order from `FILE_HEADER_BYTES` on. */
  *body(): Generator<Uint8Array> {
    this.#begin();
    for (const [number, record] of this.#entries.partitions()) {
      this.#words[this.#filled] = number;
      writePartition(this.#words, this.#filled + 1, record);
      this.#filled += 1 + PARTITION_WORDS;
      this.#marks.set(number, this.#entries.partitionMark(number));
      if (this.#isFull) yield this.#end();
    }
    const copy = this.#copy;
    for (let found = this.#entries.next(copy); found !== "end"; found = this.#entries.next(copy)) {
      if (found !== "copied" || !this.#isWanted()) continue;
      this.#add();
      if (this.#isFull) yield this.#end();
    }
    if (this.#filled > 0) yield this.#end();
  }

  /** What stands in front, once the whole body was taken. */
  header(): Uint8Array {
    const header = this.#header;
    header.setUint32(0, MAGIC, true);
    header.setUint32(4, VERSION, true);
    header.setUint32(8, LAYOUT_VERSION, true);
    header.setFloat64(BODY_BYTES_AT, this.#body, true);
    header.setInt32(BASE_S_AT, this.#entries.baseS, true);
    header.setUint32(PARTITIONS_AT, this.#marks.size, true);
    header.setUint32(ENTRIES_AT, this.#count, true);
    const bytes = new Uint8Array(header.buffer);
    header.setUint32(CRC_AT, crc32(bytes.subarray(BODY_BYTES_AT), this.#crc), true);
    return bytes;
  }

  /** Whether the copy is not over, and its partition still means what was written down. */
  #isWanted(): boolean {
    const { partition, staleUntilS } = this.#copy;
    return staleUntilS > this.#nowS && this.#marks.get(partition) === this.#entries.partitionMark(partition);
  }

  #add(): void {
    const { hits, lastHitS, usedBytes, words } = this.#copy;
    const count = (usedBytes + 3) >> 2;
    this.#words[this.#filled++] = hits;
    this.#words[this.#filled++] = lastHitS;
    this.#words[this.#filled++] = count;
    for (let i = 0; i < count; i++) this.#words[this.#filled++] = words[i] ?? 0;
    this.#count++;
  }

  get #isFull(): boolean {
    return this.#filled * 4 + ENTRY_MAX_BYTES > CHUNK_BYTES;
  }

  #begin(): void {
    // New memory: the piece before may still be on its way to the disk.
    this.#chunk = new Uint8Array(CHUNK_BYTES);
    this.#words = new Int32Array(this.#chunk.buffer);
    this.#filled = 0;
  }

  #end(): Uint8Array {
    const chunk = this.#chunk.subarray(0, this.#filled * 4);
    this.#body += chunk.length;
    this.#crc = crc32(chunk, this.#crc);
    this.#begin();
    return chunk;
  }
}

/** The entries of a file that is whole. */
export class CacheFileEntries implements EntrySource {
  readonly baseS: number;
  readonly #words: Int32Array;
  readonly #partitions: Map<number, PartitionRecord>;
  #left: number;
  #at: number;

  /**
   * @param bytes the file, from its first byte on, at the start of their buffer
   * @param clock now
   * @throws CacheFileError
   */
  constructor(bytes: Uint8Array<ArrayBuffer>, clock: Clock) {
    const header = wholeHeader(bytes);
    this.baseS = header.getInt32(BASE_S_AT, true) + shiftS(header, clock);
    this.#words = new Int32Array(bytes.buffer, 0, bytes.length >> 2);
    this.#partitions = new Map();
    this.#left = header.getUint32(ENTRIES_AT, true);
    this.#at = FILE_HEADER_BYTES >> 2;
    for (let left = header.getUint32(PARTITIONS_AT, true); left > 0 && this.#at < this.#words.length; left--) {
      const record = readPartition(this.#words, this.#at + 1);
      if (record !== undefined) this.#partitions.set(this.#words[this.#at] ?? 0, record);
      this.#at += 1 + PARTITION_WORDS;
    }
  }

  partition(number: number): PartitionRecord | undefined {
    return this.#partitions.get(number);
  }

  next(copy: EntryCopy): "copied" | "unreadable" | "end" {
    const words = this.#words;
    const [hits, lastHitS, count] = words.subarray(this.#at, this.#at + ENTRY_HEADER_WORDS);
    if (this.#left-- <= 0 || hits === undefined || lastHitS === undefined || count === undefined) return "end";
    const at = this.#at + ENTRY_HEADER_WORDS;
    if (count <= 0 || at + count > words.length) return "end";
    this.#at = at + count;
    copy.hits = hits;
    copy.lastHitS = lastHitS;
    return copy.fill(words, at, this.#at) === count ? "copied" : "unreadable";
  }
}

/** Whether this was written as a cache file, of whichever version. @param bytes the first four, or more */
export function beginsAsCacheFile(bytes: Uint8Array): boolean {
  return bytes.length >= 4 && new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true) === MAGIC;
}

/** @throws CacheFileError when any bit of the file is not as it was written */
function wholeHeader(bytes: Uint8Array<ArrayBuffer>): DataView {
  const header = new DataView(bytes.buffer, 0, Math.min(bytes.length, FILE_HEADER_BYTES));
  if (!beginsAsCacheFile(bytes)) throw new CacheFileError("it is no cache file");
  if (bytes.length < FILE_HEADER_BYTES) throw new CacheFileError("it is cut short");
  const version = header.getUint32(4, true);
  const layout = header.getUint32(8, true);
  if (version !== VERSION || layout !== LAYOUT_VERSION) {
    throw new CacheFileError(
      `it has version ${version}.${layout}, this program reads and writes ${VERSION}.${LAYOUT_VERSION}`,
    );
  }
  const bodyBytes = header.getFloat64(BODY_BYTES_AT, true);
  const found = bytes.length - FILE_HEADER_BYTES;
  if (bodyBytes > found) throw new CacheFileError("it is cut short");
  const crc = crc32(bytes.subarray(BODY_BYTES_AT, FILE_HEADER_BYTES), crc32(bytes.subarray(FILE_HEADER_BYTES)));
  if (bodyBytes !== found || crc !== header.getUint32(CRC_AT, true)) throw new CacheFileError("it is damaged");
  return header;
}

/**
 * What has to be added to seconds of the file's monotonic clock to make them this machine's, rounded so that nothing lives
 * longer than it had left.
 *
 * @throws CacheFileError when the file is too old, or nobody can say how old it is
 */
function shiftS(header: DataView, clock: Clock): number {
  const monotonicMs = clock.monotonicMs() - header.getFloat64(MONOTONIC_MS_AT, true);
  const wallMs = clock.wallMs() - header.getFloat64(WALL_MS_AT, true);
  if (monotonicMs >= 0 && Math.abs(wallMs - monotonicMs) <= CLOCKS_AGREE_MS) return 0;
  if (!(wallMs >= 0)) throw new CacheFileError("it was written later than now by the wall clock");
  // The monotonic clock cannot have run for longer than the time that has passed, on whichever boot.
  const ageMs = Math.max(wallMs, monotonicMs);
  if (ageMs > AGE_MAX_MS) throw new CacheFileError(`it is ${Math.floor(ageMs / 86_400_000)} days old`);
  return Math.floor((monotonicMs - ageMs) / 1000);
}

/** CRC-32 of zlib, which is loaded when there is a file: most servers have none. */
function crc32(bytes: Uint8Array, before = 0): number {
  return process.getBuiltinModule("node:zlib").crc32(bytes, before);
}
