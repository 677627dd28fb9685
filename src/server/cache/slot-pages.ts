/**
 * Which slots are free: pages of 64 KiB, each cut into slots of one size once it is needed.
 *
 * Memory that was never needed is never touched. A page whose slots are all free may be cut anew. This is the writer's
 * own book-keeping; readers see of it only that the sequence numbers of all but live slots are odd.
 */
import { CONTROL_SHIFT, type Geometry, PAGE_SHIFT, SIZE_CLASSES, UNITS_PER_PAGE } from "./region-layout.ts";

const NO_SLOT = -1;
/** Size class of a page that was not cut yet. */
const UNCUT = -1;

export class SlotPages {
  /** Size class of each page, or -1. */
  readonly classes: Int8Array;
  /** Slots of each page that are taken. */
  readonly taken: Uint16Array;
  /** Pages cut, by size class. */
  readonly pagesOf: Int32Array;
  /** Pages that have been cut at least once: the memory in use. */
  pagesTouched: number;
  readonly #words: Int32Array;
  readonly #controlWord: number;
  /** Next free slot of the same page. */
  readonly #next: Int32Array;
  readonly #firstFree: Int32Array;
  /** Pages with free slots, by size class; each at most once. */
  readonly #open: number[][];
  readonly #isOpen: Uint8Array;

  constructor(words: Int32Array, geometry: Geometry) {
    const pages = geometry.slots >> PAGE_SHIFT;
    this.classes = new Int8Array(pages).fill(UNCUT);
    this.taken = new Uint16Array(pages);
    this.pagesOf = new Int32Array(SIZE_CLASSES);
    this.pagesTouched = 0;
    this.#words = words;
    this.#controlWord = geometry.controlWord;
    this.#next = new Int32Array(geometry.slots);
    this.#firstFree = new Int32Array(pages);
    this.#open = Array.from({ length: SIZE_CLASSES }, () => []);
    this.#isOpen = new Uint8Array(pages);
  }

  /** Pages of the region. */
  get pages(): number {
    return this.classes.length;
  }

  classOf(slot: number): number {
    return this.classes[slot >> PAGE_SHIFT] ?? UNCUT;
  }

  /** @returns a slot whose sequence number is odd, or -1 when all are taken and no page is left to be cut */
  take(sizeClass: number): number {
    const open = this.#open[sizeClass] ?? [];
    let page = open.at(-1);
    if (page === undefined) {
      page = this.#unusedPage();
      if (page < 0) return NO_SLOT;
      this.#cut(page, sizeClass);
    }
    const slot = this.#firstFree[page] ?? NO_SLOT;
    const next = this.#next[slot] ?? NO_SLOT;
    this.#firstFree[page] = next;
    this.taken[page] = (this.taken[page] ?? 0) + 1;
    if (next === NO_SLOT) {
      open.pop();
      this.#isOpen[page] = 0;
    }
    return slot;
  }

  /** Gives a slot back; its sequence number is odd by then. */
  release(slot: number): void {
    const page = slot >> PAGE_SHIFT;
    this.#next[slot] = this.#firstFree[page] ?? NO_SLOT;
    this.#firstFree[page] = slot;
    this.taken[page] = (this.taken[page] ?? 1) - 1;
    if (this.#isOpen[page] === 0) {
      this.#isOpen[page] = 1;
      this.#open[this.classes[page] ?? 0]?.push(page);
    }
  }

  /** A page never cut, else one that stands empty. */
  #unusedPage(): number {
    if (this.pagesTouched < this.pages) return this.pagesTouched;
    return this.taken.indexOf(0);
  }

  #cut(page: number, sizeClass: number): void {
    const before = this.classes[page] ?? UNCUT;
    if (before === UNCUT) {
      this.pagesTouched++;
    } else {
      const open = this.#open[before];
      const at = open?.indexOf(page) ?? -1;
      if (at >= 0) open?.splice(at, 1);
      this.pagesOf[before] = (this.pagesOf[before] ?? 1) - 1;
    }
    this.classes[page] = sizeClass;
    this.pagesOf[sizeClass] = (this.pagesOf[sizeClass] ?? 0) + 1;
    const first = page << PAGE_SHIFT;
    const step = 1 << sizeClass;
    for (let unit = first; unit < first + UNITS_PER_PAGE; unit++) {
      const control = this.#controlWord + (unit << CONTROL_SHIFT);
      Atomics.store(this.#words, control, (this.#words[control] ?? 0) | 1);
    }
    for (let slot = first; slot < first + UNITS_PER_PAGE; slot += step) this.#next[slot] = slot + step;
    this.#next[first + UNITS_PER_PAGE - step] = NO_SLOT;
    this.#firstFree[page] = first;
    this.#open[sizeClass]?.push(page);
    this.#isOpen[page] = 1;
  }
}
