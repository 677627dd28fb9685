/**
 * What is done to the store once a second: a walk over all entries.
 *
 * Entries that were asked for often get their TTLs stamped for the new second, so that readers copy and need not
 * patch. Entries too old even to be stale are let go of, a sixteenth of the store each second. Popular entries that
 * are about to expire are asked for again.
 */
import type { EntryQueues } from "./entry-queues.ts";
import type { PrefetchTerms, PrefetchWatch } from "./prefetch-watch.ts";
import type { RegionHits } from "./region-hits.ts";
import {
  EXPIRES_S_WORD,
  PAGE_SHIFT,
  STALE_UNTIL_S_WORD,
  STAMP_S_WORD,
  STORED_S_WORD,
  UNITS_PER_PAGE,
} from "./region-layout.ts";
import type { SlotPages } from "./slot-pages.ts";
import type { SlotWriter } from "./slot-writer.ts";

/** Hits in a second that make stamping once cheaper than patching each copy. */
const HOT_HITS = 8;
/** The walk looks at the age of one in so many entries. */
const SWEEP_PART = 16;
/** Questions asked again in one second, at most: a refresh must not become a flood. */
const PREFETCHES_MAX = 256;

export interface StoreParts {
  readonly slots: number;
  readonly writer: SlotWriter;
  readonly pages: SlotPages;
  readonly queues: EntryQueues;
  readonly hits: RegionHits;
  readonly prefetch: PrefetchWatch;
  /** Takes an entry out. */
  readonly drop: (slot: number) => void;
}

export class StoreTick {
  readonly #parts: StoreParts;
  /** Hits at the walk before. */
  readonly #hitsBefore: Int32Array;
  readonly #due: { slot: number; terms: PrefetchTerms }[];
  #walks: number;

  constructor(parts: StoreParts) {
    this.#parts = parts;
    this.#hitsBefore = new Int32Array(parts.slots);
    this.#due = [];
    this.#walks = 0;
  }

  run(nowS: number): void {
    const { pages, queues, writer, prefetch } = this.#parts;
    this.#walks++;
    for (let page = 0; page < pages.pagesTouched; page++) {
      if (pages.taken[page] === 0) continue;
      const first = page << PAGE_SHIFT;
      const sizeClass = pages.classes[page] ?? 0;
      for (let slot = first; slot < first + UNITS_PER_PAGE; slot += 1 << sizeClass) {
        if (!queues.links.isHeld(slot)) continue;
        if (((slot >> sizeClass) + this.#walks) % SWEEP_PART === 0 && this.#isOver(slot, nowS)) {
          this.#parts.drop(slot);
          continue;
        }
        this.#visit(slot, nowS);
      }
    }
    const due = this.#due.splice(0);
    for (const { slot, terms } of due) {
      prefetch.markAsked(slot);
      terms.ask(writer.question(slot));
    }
  }

  #isOver(slot: number, nowS: number): boolean {
    return this.#parts.writer.field(slot, STALE_UNTIL_S_WORD) <= nowS;
  }

  #visit(slot: number, nowS: number): void {
    const { hits, prefetch, queues, writer } = this.#parts;
    const count = hits.count(slot);
    const recent = (count - (this.#hitsBefore[slot] ?? 0)) | 0;
    this.#hitsBefore[slot] = count;
    const terms = queues.limitsOf(slot).prefetch;
    const popular = terms !== undefined && prefetch.isPopular(slot, terms, nowS);
    if (recent < HOT_HITS && !popular) return;
    const expiresS = writer.field(slot, EXPIRES_S_WORD);
    const remaining = expiresS - nowS;
    if (remaining <= 0) return;
    if (recent >= HOT_HITS && writer.field(slot, STAMP_S_WORD) !== nowS && writer.ages(slot))
      writer.restamp(slot, nowS);
    if (!popular || this.#due.length >= PREFETCHES_MAX || writer.isAside(slot)) return;
    const lifetime = expiresS - writer.field(slot, STORED_S_WORD);
    if (remaining <= Math.ceil((lifetime * terms.percentage) / 100)) this.#due.push({ slot, terms });
  }
}
