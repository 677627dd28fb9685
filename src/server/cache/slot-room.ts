/**
 * Finds a slot for an answer, at the cost of others when the memory is full.
 *
 * First a free slot, then a page nobody uses. After that someone leaves: the next cold entry of the same slot size
 * (a hand goes round, as in CLOCK). A size that has pushed out a page's worth takes a whole page from the size that has
 * most, so that memory follows what is asked for and no size starves.
 */
import type { SlotLinks } from "./entry-queue.ts";
import { PAGE_SHIFT, SIZE_CLASSES, UNITS_PER_PAGE } from "./region-layout.ts";
import type { SlotPages } from "./slot-pages.ts";

/** Entries the hand looks at in one eviction, at most. */
const STEPS_MAX = 128;
/** Pages compared when one is to be given up. */
const PAGES_COMPARED = 8;

export class SlotRoom {
  readonly #pages: SlotPages;
  readonly #links: SlotLinks;
  readonly #evict: (slot: number) => void;
  /** By size class: the slot the hand looked at last. */
  readonly #hands: Int32Array;
  /** By size class: entries pushed out since the last page was taken. */
  readonly #pressure: Int32Array;
  /** Where the search for a page to give up goes on. */
  #pageHand: number;

  /** @param evict takes an entry out of everything and releases its slot */
  constructor(pages: SlotPages, links: SlotLinks, evict: (slot: number) => void) {
    this.#pages = pages;
    this.#links = links;
    this.#evict = evict;
    this.#hands = new Int32Array(SIZE_CLASSES).fill(-1);
    this.#pressure = new Int32Array(SIZE_CLASSES);
    this.#pageHand = 0;
  }

  /** @returns a slot of that size, always */
  take(sizeClass: number): number {
    const free = this.#pages.take(sizeClass);
    if (free >= 0) return free;
    const own = this.#pages.pagesOf[sizeClass] ?? 0;
    const pressure = this.#pressure[sizeClass] ?? 0;
    if (own === 0 || pressure >= UNITS_PER_PAGE >> sizeClass) {
      this.#pressure[sizeClass] = 0;
      const donor = this.#largestOther(sizeClass);
      if (donor >= 0 && (own === 0 || (this.#pages.pagesOf[donor] ?? 0) > own)) {
        this.#drain(this.#coldestPage(donor));
        return this.#taken(sizeClass);
      }
    }
    this.#pressure[sizeClass] = pressure + 1;
    this.#evict(this.#nextCold(sizeClass));
    return this.#taken(sizeClass);
  }

  #taken(sizeClass: number): number {
    const slot = this.#pages.take(sizeClass);
    if (slot < 0) throw new Error("an eviction freed no slot");
    return slot;
  }

  /** The size class with most pages but the given one; -1 when no other has any. */
  #largestOther(sizeClass: number): number {
    let largest = -1;
    for (let other = 0; other < SIZE_CLASSES; other++) {
      if (other === sizeClass || this.#pages.pagesOf[other] === 0) continue;
      if (largest < 0 || (this.#pages.pagesOf[other] ?? 0) > (this.#pages.pagesOf[largest] ?? 0)) largest = other;
    }
    return largest;
  }

  /** Of some pages of that size, the one whose entries were asked for least. */
  #coldestPage(sizeClass: number): number {
    let coldest = -1;
    let coldestHits = 0;
    let compared = 0;
    for (let i = 0; i < this.#pages.pages && compared < PAGES_COMPARED; i++) {
      this.#pageHand = (this.#pageHand + 1) % this.#pages.pages;
      if (this.#pages.classes[this.#pageHand] !== sizeClass) continue;
      compared++;
      let hits = 0;
      const first = this.#pageHand << PAGE_SHIFT;
      for (let slot = first; slot < first + UNITS_PER_PAGE; slot += 1 << sizeClass) {
        if (this.#links.isHeld(slot)) hits += this.#links.frequency(slot);
      }
      if (coldest >= 0 && hits >= coldestHits) continue;
      coldest = this.#pageHand;
      coldestHits = hits;
    }
    return coldest;
  }

  #drain(page: number): void {
    const first = page << PAGE_SHIFT;
    const step = 1 << (this.#pages.classes[page] ?? 0);
    for (let slot = first; slot < first + UNITS_PER_PAGE; slot += step) if (this.#links.isHeld(slot)) this.#evict(slot);
  }

  /** The next entry of that size that has earned no further stay. All slots of that size are taken. */
  #nextCold(sizeClass: number): number {
    let first = -1;
    for (let step = 0; step < STEPS_MAX; step++) {
      const slot = this.#advance(sizeClass);
      if (!this.#links.isHeld(slot)) continue;
      if (this.#links.isCold(slot)) return slot;
      if (first < 0) first = slot;
      this.#links.setFrequency(slot, this.#links.frequency(slot) - 1);
    }
    if (first < 0) throw new Error("no entry stands in slots that are taken");
    return first;
  }

  #advance(sizeClass: number): number {
    const hand = this.#hands[sizeClass] ?? -1;
    let slot = hand < 0 ? 0 : hand + (1 << sizeClass);
    const pages = this.#pages.pages;
    let page = (slot >> PAGE_SHIFT) % pages;
    for (let i = 0; i <= pages && this.#pages.classes[page] !== sizeClass; i++) {
      page = (page + 1) % pages;
      slot = page << PAGE_SHIFT;
    }
    slot = (page << PAGE_SHIFT) | (slot & (UNITS_PER_PAGE - 1));
    this.#hands[sizeClass] = slot;
    return slot;
  }
}
