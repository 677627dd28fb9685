/**
 * The entries of a store region, those that are asked for most first: of this process's own, or of another process that
 * may be dead or writing.
 *
 * Nothing of the writer's own book-keeping is needed. Pages are cut in their order, and cutting makes all sequence
 * numbers of a page other than 0; so the first page that begins with 0 ends the walk, and memory that was never used is
 * not touched.
 */
import type { SharedRegion } from "../../linux/shared-region.ts";
import type { EntryCopy } from "./entry-copy.ts";
import type { EntrySource } from "./entry-source.ts";
import { type PartitionRecord, PartitionTable } from "./partition-table.ts";
import { Region, StoreRegionError } from "./region.ts";
import {
  CONTROL_SHIFT,
  HEADER_CHECK_WORD,
  HITS_WORD,
  LAST_HIT_S_WORD,
  UNIT_WORDS_SHIFT,
  UNITS_PER_PAGE,
} from "./region-layout.ts";
import { headerCheck } from "./slot-check.ts";

/** Popularity is 0 to this. */
const POPULARITY_MAX = 48;
/** Without a hit for this long, and for each doubling of it, hits count half. */
const HALF_LIFE_SHIFT = 4;
const HALF_LIVES_MAX = 16;

export class RegionEntries implements EntrySource {
  readonly baseS: number;
  readonly #words: Int32Array;
  readonly #controlWord: number;
  readonly #slotsWord: number;
  readonly #table: PartitionTable;
  readonly #fence: Int32Array;
  /** Slots, the most popular first. */
  readonly #slots: Int32Array;
  #next: number;

  /** @param nowS second of the region */
  constructor(region: Region, nowS: number) {
    this.baseS = region.baseS;
    this.#words = region.words;
    this.#controlWord = region.geometry.controlWord;
    this.#slotsWord = region.geometry.slotsWord;
    this.#table = new PartitionTable(region);
    this.#fence = new Int32Array(1);
    this.#slots = byPopularity(region, nowS);
    this.#next = 0;
  }

  /**
   * @param memory anybody's; must stay mapped, at its whole length, while entries are read
   * @throws StoreRegionError when no store of this layout is there
   */
  static of(memory: Pick<SharedRegion, "buffer" | "bytes">, monotonicMs: number): RegionEntries {
    const region = Region.of(memory);
    if (region.words[HEADER_CHECK_WORD] !== headerCheck(region.words)) {
      throw new StoreRegionError("the answer store's header is damaged");
    }
    return new RegionEntries(region, region.secondsAt(monotonicMs));
  }

  partition(number: number): PartitionRecord | undefined {
    return this.#table.get(number);
  }

  /** Every partition that something is known of, by number. */
  *partitions(): Generator<[number, PartitionRecord]> {
    for (let number = 1; number <= this.#table.count; number++) {
      const record = this.#table.get(number);
      if (record !== undefined) yield [number, record];
    }
  }

  /** Changes when a partition's record does; 0 when there is none. */
  partitionMark(number: number): number {
    return this.#table.mark(number);
  }

  next(copy: EntryCopy): "copied" | "unreadable" | "end" {
    const slot = this.#slots[this.#next++];
    if (slot === undefined) return "end";
    const words = this.#words;
    const control = this.#controlWord + (slot << CONTROL_SHIFT);
    const sequence = Atomics.load(words, control);
    if ((sequence & 1) !== 0) return "unreadable";
    if (copy.fill(words, this.#slotsWord + (slot << UNIT_WORDS_SHIFT), words.length) === 0) return "unreadable";
    copy.hits = words[control + HITS_WORD] ?? 0;
    copy.lastHitS = words[control + LAST_HIT_S_WORD] ?? 0;
    // The store before the second look is for ARM: see `answer-reader.ts`.
    Atomics.store(this.#fence, 0, 0);
    return Atomics.load(words, control) === sequence ? "copied" : "unreadable";
  }
}

/** Slots that hold an entry, or seem to. */
function byPopularity({ words, geometry }: Region, nowS: number): Int32Array {
  const buckets = Array.from({ length: POPULARITY_MAX + 1 }, (): number[] => []);
  let count = 0;
  for (let page = 0; page < geometry.slots; page += UNITS_PER_PAGE) {
    if (words[geometry.controlWord + (page << CONTROL_SHIFT)] === 0) break;
    for (let slot = page; slot < page + UNITS_PER_PAGE; slot++) {
      const control = geometry.controlWord + (slot << CONTROL_SHIFT);
      const sequence = words[control] ?? 0;
      if (sequence === 0 || (sequence & 1) !== 0) continue;
      buckets[popularity(words[control + HITS_WORD] ?? 0, nowS - (words[control + LAST_HIT_S_WORD] ?? 0))]?.push(slot);
      count++;
    }
  }
  const slots = new Int32Array(count);
  let filled = 0;
  for (const bucket of buckets.reverse()) {
    slots.set(bucket, filled);
    filled += bucket.length;
  }
  return slots;
}

/** Hits on a scale of doublings, less one for each doubling of the time without any. */
function popularity(hits: number, silenceS: number): number {
  const silence = Math.max(silenceS, 0) >> HALF_LIFE_SHIFT;
  return doublings(hits >>> 0) + HALF_LIVES_MAX - Math.min(doublings(silence), HALF_LIVES_MAX);
}

/** 0 for 0, 1 for 1, 2 for 2 and 3, 3 for 4 to 7; 32 at most. */
function doublings(count: number): number {
  return 32 - Math.clz32(count);
}
