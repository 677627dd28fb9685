/**
 * Taking entries of another store over: judged one by one, keyed and numbered anew, with the lifetimes that they have
 * left.
 *
 * What the store holds already stays, and nobody is pushed out: the source gives popular entries first, so what finds no
 * room is what was asked for least.
 */
import type { Clock } from "../../base/clock.ts";
import { EntryCopy } from "./entry-copy.ts";
import { FREQUENCY_MAX, HITS_TO_STAY } from "./entry-queue.ts";
import type { EntryQueues } from "./entry-queues.ts";
import type { EntrySource, ImportReport } from "./entry-source.ts";
import type { PartitionRecord } from "./partition-table.ts";
import type { PositiveNames } from "./positive-names.ts";
import type { PrefetchWatch } from "./prefetch-watch.ts";
import type { QuestionHash } from "./question-hash.ts";
import type { QuestionIndex } from "./question-index.ts";
import type { Region } from "./region.ts";
import type { RegionHits } from "./region-hits.ts";
import { IMAGE_WORD, KIND_SUCCESS, sizeClassOf } from "./region-layout.ts";
import type { SlotPages } from "./slot-pages.ts";
import type { SlotWriter } from "./slot-writer.ts";

/** Entries between two looks at the clock. */
const LOOK_AT_CLOCK = 64;
const INT32_MIN = -0x80000000;
/** Of a scope, and of type and class. */
const LOW_HALF = 0xffff;
/** Hits that are believed of one entry. */
const HITS_MAX = 1 << 20;
/** In place of a partition's number. */
const UNKNOWN = -1;
const UNWANTED = -2;

export interface ImportParts {
  readonly clock: Clock;
  readonly region: Region;
  readonly writer: SlotWriter;
  readonly hash: QuestionHash;
  readonly index: QuestionIndex;
  readonly hits: RegionHits;
  readonly pages: SlotPages;
  readonly queues: EntryQueues;
  readonly prefetch: PrefetchWatch;
  readonly positives: PositiveNames;
  readonly maxEntries: number;
  /** Told of each entry that stands aside. */
  readonly onAside: () => void;
  /** The store's number of a source's partition, its limits known; undefined when its entries are not wanted. */
  readonly partitionOf: (record: PartitionRecord) => number | undefined;
}

/** @param budgetMs stops after so many milliseconds */
export function importEntries(source: EntrySource, budgetMs: number, parts: ImportParts): ImportReport {
  const { clock, region } = parts;
  const startMs = clock.monotonicMs();
  const report: ImportReport = {
    taken: 0,
    expired: 0,
    unreadable: 0,
    unwanted: 0,
    complete: true,
    durationMs: 0,
  };
  const takeOver = new TakeOver(source, parts);
  let nowMs = startMs;
  for (let looked = 1; ; looked++) {
    const found = source.next(takeOver.copy);
    if (found === "end") break;
    report[found === "copied" ? takeOver.entry(region.secondsAt(nowMs)) : found]++;
    if (looked % LOOK_AT_CLOCK !== 0) continue;
    nowMs = clock.monotonicMs();
    if (nowMs - startMs <= budgetMs) continue;
    report.complete = false;
    break;
  }
  report.durationMs = clock.monotonicMs() - startMs;
  return report;
}

class TakeOver {
  readonly copy: EntryCopy;
  readonly #source: EntrySource;
  readonly #parts: ImportParts;
  /** Numbers here by numbers there. */
  readonly #partitions: Map<number, number>;
  /** Seconds from this region's second 0 to the source's. */
  readonly #shiftS: number;

  constructor(source: EntrySource, parts: ImportParts) {
    this.copy = new EntryCopy();
    this.#source = source;
    this.#parts = parts;
    this.#partitions = new Map();
    this.#shiftS = source.baseS - parts.region.baseS;
  }

  /** Judges the copy and stores it. */
  entry(nowS: number): "taken" | "expired" | "unreadable" | "unwanted" {
    const { copy } = this;
    if (!copy.isWhole()) return "unreadable";
    const storedS = copy.storedS + this.#shiftS;
    // Two processes may see a second change a moment apart.
    if (storedS > nowS + 1 || storedS < INT32_MIN) return "unreadable";
    if (copy.staleUntilS + this.#shiftS <= nowS) return "expired";
    const partition = this.#partition(copy.partition);
    if (partition < 0) return partition === UNKNOWN ? "unreadable" : "unwanted";
    return this.#store(partition, storedS, nowS) ? "taken" : "unwanted";
  }

  /** @returns the number here, `UNKNOWN` or `UNWANTED` */
  #partition(there: number): number {
    let here = this.#partitions.get(there);
    if (here === undefined) {
      const record = this.#source.partition(there);
      here = record === undefined ? UNKNOWN : (this.#parts.partitionOf(record) ?? UNWANTED);
      this.#partitions.set(there, here);
    }
    return here;
  }

  /** @returns false when there is a newer answer, or no room */
  #store(partition: number, storedS: number, nowS: number): boolean {
    const { hash, hits, index, maxEntries, pages, positives, prefetch, queues, writer } = this.#parts;
    const { copy } = this;
    const { typeClass } = copy;
    const success = copy.kind === KIND_SUCCESS && !copy.isAside;
    const queue = queues.of(partition, copy.kind);
    if (queue.isFull || queues.total >= maxEntries) return false;
    hash.begin((copy.scope & ~LOW_HALF) | partition, copy.words, IMAGE_WORD, copy.nameLength);
    if (index.find(hash, typeClass) >= 0) return false;
    // A denial of the whole name and an answer for it do not stand side by side: who is here already is newer.
    if (success && index.find(hash, typeClass & ~LOW_HALF) >= 0) return false;
    if ((typeClass & LOW_HALF) === 0 && positives.count(hash.nameHash()) > 0) return false;
    const tag = hash.finish(typeClass);
    const way = index.emptyWay(tag);
    const slot = way < 0 ? -1 : pages.take(sizeClassOf(copy.usedBytes));
    if (slot < 0) return false;
    writer.writeCopy(slot, hash, copy, this.#shiftS);
    index.set(way, tag, slot);
    // Hits from before the answer came are not counted: the slot may have been another's then.
    const lastHitS = Math.min(Math.max(copy.lastHitS + this.#shiftS, 0), nowS);
    const count = lastHitS >= storedS ? Math.min(copy.hits >>> 0, HITS_MAX) : 0;
    hits.set(slot, count, lastHitS);
    queues.admit(slot, queue, tag, count >= HITS_TO_STAY ? "main" : "small");
    queues.links.setFrequency(slot, Math.min(count, FREQUENCY_MAX));
    prefetch.renew(slot, count);
    if (success) positives.add(hash.nameHash());
    if (copy.isAside) this.#parts.onAside();
    return true;
  }
}
