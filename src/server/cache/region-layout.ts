/**
 * The shared memory of the answer store, drawn once. No other file knows an offset.
 *
 *   | region header 128 | index: sets of 64 | control: 16 a slot | partitions: 64 each | pages of 65536: slots of one size |
 *
 * A **set** is eight ways of (tag u32, slot u32): one cache line. The tag is the question's hash and never 0; 0 is an
 * empty way. A **slot** number counts units of 256 bytes from the first page on; a slot of 1024 bytes is known by the
 * number of its first unit.
 *
 * **Control** stands apart from the slots, so that a slot's content can never pass for its sequence number, whatever
 * was stored where and however pages change their slot size:
 *
 *   0         4          8            12        16
 *   | seq u32 | hits u32 | last hit S | spare    |
 *
 * `seq` is a sequence lock. Even: a whole answer stands there. Odd: it is free, being written, or no start of a slot. A
 * reader loads it, copies, and loads it again. Hits are counted by readers without locks: near enough, never exact.
 *
 * A **slot** is a header of 64 bytes and the message from its offset 12 on: the question (name in lower case), then all
 * records as upstream sent them, but the OPT; then the offsets of the TTL fields (u16, relative to the message). The
 * name begins at a multiple of four here as in a client's packet whose header is at one, so what follows the question
 * has the same phase in both and is copied in words.
 *
 * A **partition** record says which server block a partition number stands for, so that another process can take entries
 * over (`partition-table.ts`). Each slot carries a check sum for the same reason; look-ups do not read it.
 *
 * Numbers are little-endian, but for what is DNS. Seconds are `Region.secondsAt`: whole monotonic seconds since the
 * region was made; never wall clock. Now is from 1 on; an entry that was taken over may have been stored before.
 */
import { FLAG_AA, FLAG_AD, FLAG_RA, RCODE_MASK } from "../../dns/header.ts";

export const MAGIC = 0x434e444e; // "NDNC"
/** Counted up when anything on this page changes: who opens a region with another number refuses it. */
export const LAYOUT_VERSION = 2;

// Region header: indices of 32-bit words.
export const MAGIC_WORD = 0;
export const VERSION_WORD = 1;
/** Key of the hash, two words from a cryptographic generator. */
export const KEY_WORD = 2;
export const SETS_WORD = 4;
export const SLOTS_WORD = 5;
/** `floor(CLOCK_MONOTONIC in seconds) - 1` when the region was made. */
export const BASE_S_WORD = 6;
/** Check sum of the words before it; they never change. */
export const HEADER_CHECK_WORD = 7;
const REGION_HEADER_BYTES = 128;

const SETS_MIN = 64;
export const WAYS = 8;
/** Words of a set. */
export const SET_WORDS = 16;
export const SET_SHIFT = 4;

/** Words of a slot's control. The first is its sequence: odd while the slot is being written. */
export const CONTROL_WORDS = 4;
export const CONTROL_SHIFT = 2;
export const HITS_WORD = 1;
export const LAST_HIT_S_WORD = 2;

export const UNIT_BYTES = 256;
export const UNIT_SHIFT = 8;
/** A slot's first word is `slot << UNIT_WORDS_SHIFT` after the first page's. */
export const UNIT_WORDS_SHIFT = 6;
export const PAGE_BYTES = 65536;
export const UNITS_PER_PAGE = 256;
const PAGES_MIN = 4;
/** A slot's page is `slot >> PAGE_SHIFT`. */
export const PAGE_SHIFT = 8;
/** A slot of size class `c` takes `1 << c` units: 256 to 16384 bytes. */
export const SIZE_CLASSES = 7;
export const SLOT_MAX_BYTES: number = UNIT_BYTES << (SIZE_CLASSES - 1);

// Slot header: words from the slot's first.
export const HASH_WORD = 0;
/** `partition | variant << 16 | aside << 18`: what keeps worlds apart, first word of the hashed key. */
export const SCOPE_WORD = 1;
/** `qtype | qclass << 16`, last word of the hashed key; type 0 stands for all types (a denied name). */
export const TYPE_CLASS_WORD = 2;
/** Hash of scope and name alone; the writer's. */
export const NAME_HASH_WORD = 3;
/** First second in which the answer is no longer fresh. */
export const EXPIRES_S_WORD = 4;
export const STORED_S_WORD = 5;
/** The TTL fields in the slot say what remains in this second. */
export const STAMP_S_WORD = 6;
/** First second in which the answer is not even good as a stale one; `EXPIRES_S` without serve_stale. */
export const STALE_UNTIL_S_WORD = 7;
/** `name length | tail length << 16`. */
export const LENGTHS_WORD = 8;
/** `header flags | kind << 16 | marks << 24`. Flags: AA, RA, AD, response code. */
export const FLAGS_WORD = 9;
/** Bits of a response's flags word that belong to the answer and not to the exchange. */
export const STORED_FLAGS: number = FLAG_AA | FLAG_RA | FLAG_AD | RCODE_MASK;
/** `answer count | authority count << 16`. */
export const COUNTS_WORD = 10;
/** `additional count | number of TTL fields << 16`. */
export const MORE_COUNTS_WORD = 11;
/** No refresh before this second (serve_stale FAILURE_RECHECK); the writer's. */
export const RETRY_S_WORD = 12;
/** Check sum of the rest (`slot-check.ts`). */
export const CHECK_WORD = 13;
export const IMAGE_WORD = 16;
export const IMAGE_BYTE = 64;

/** Words of a partition's record. Number 1 has the first. */
export const PARTITION_WORDS = 16;
/** Partition numbers are given out up to this. */
export const PARTITIONS_MAX = 4096;
/** A store has a record for one partition in so many slots; numbers beyond have none. */
const SLOTS_PER_PARTITION = 64;

/** Scope of nothing: no key has it. */
export const SCOPE_NONE = -1;
export const VARIANT_SHIFT = 16;
/** Marks a key whose entry stands aside of the data: a failure, or a denial that must not displace an answer. */
export const SCOPE_ASIDE: number = 1 << 18;

export const KIND_SUCCESS = 0;
export const KIND_DENIAL = 1;
export const KIND_FAILURE = 2;

/** TTLs are served as they were stored. */
export const MARK_KEEP_TTL = 1;
/** A positive answer that does answer its question. */
export const MARK_ANSWERS = 2;

export interface Geometry {
  /** A power of two. */
  readonly sets: number;
  /** Units of 256 bytes; a multiple of 256. */
  readonly slots: number;
  /** Partition records. */
  readonly partitions: number;
  /** First words of the areas. */
  readonly indexWord: number;
  readonly controlWord: number;
  readonly partitionsWord: number;
  readonly slotsWord: number;
  /** Whole region; at most what was asked for. */
  readonly bytes: number;
}

/** Where things are in a region of so many sets and slots. */
export function geometryOf(sets: number, slots: number): Geometry {
  const controlAt = REGION_HEADER_BYTES + sets * SET_WORDS * 4;
  const partitionsAt = controlAt + slots * CONTROL_WORDS * 4;
  const partitions = Math.min(PARTITIONS_MAX, Math.floor(slots / SLOTS_PER_PARTITION));
  const slotsAt = Math.ceil((partitionsAt + partitions * PARTITION_WORDS * 4) / 4096) * 4096;
  return {
    sets,
    slots,
    partitions,
    indexWord: REGION_HEADER_BYTES / 4,
    controlWord: controlAt / 4,
    partitionsWord: partitionsAt / 4,
    slotsWord: slotsAt / 4,
    bytes: slotsAt + slots * UNIT_BYTES,
  };
}

/** The same for numbers that somebody else wrote. @returns undefined when no store has them */
export function plausibleGeometry(sets: number, slots: number): Geometry | undefined {
  const powerOfTwo = sets >= SETS_MIN && (sets & (sets - 1)) === 0;
  if (!powerOfTwo || slots < PAGES_MIN * UNITS_PER_PAGE || slots % UNITS_PER_PAGE !== 0) return undefined;
  return geometryOf(sets, slots);
}

/**
 * Divides `bytes`. The index has room for twice `maxEntries`, so that a set overflows seldom.
 *
 * @returns undefined when not even four pages fit
 */
export function divideRegion(bytes: number, maxEntries: number): Geometry | undefined {
  let sets = SETS_MIN;
  while (sets * (WAYS / 2) < maxEntries && sets * SET_WORDS * 4 * 16 < bytes) sets *= 2;
  let pages = Math.floor(bytes / (PAGE_BYTES + UNITS_PER_PAGE * CONTROL_WORDS * 4));
  while (pages >= PAGES_MIN) {
    const geometry = geometryOf(sets, pages * UNITS_PER_PAGE);
    if (geometry.bytes <= bytes) return geometry;
    pages--;
  }
  return undefined;
}

/** Smallest size class that holds so many bytes, header included; `SIZE_CLASSES` when none does. */
export function sizeClassOf(bytes: number): number {
  let sizeClass = 0;
  while (sizeClass < SIZE_CLASSES && UNIT_BYTES << sizeClass < bytes) sizeClass++;
  return sizeClass;
}
