/**
 * Which entry goes when a zone's quota is full: S3-FIFO (Yang, Qiu, Zhang, Yue, Rashmi: "FIFO queues are all you need
 * for cache eviction", SOSP 2023).
 *
 * New entries stand in a small queue, a tenth of the quota; those asked for again while they stand there move on to the
 * main queue, the others leave and are remembered by hash for a while; who comes back soon goes straight to the main
 * queue. The main queue gives second chances. So names asked for once, however many, push out nothing but each other.
 *
 * Hits are counted by the readers in shared memory; an entry's frequency is how many were added since it was last
 * looked at, 3 at most.
 */
import { GhostList } from "./ghost-list.ts";
import type { RegionHits } from "./region-hits.ts";

const NONE = -1;
const PLACE_NOWHERE = 0;
const PLACE_SMALL = 1;
const PLACE_MAIN = 2;
/**
 * Hits in the small queue that let an entry move on. Not 1: one client asking for A and AAAA of a random name makes a
 * denial and a hit on it.
 */
export const HITS_TO_STAY = 2;
/** An entry's frequency is 0 to this. */
export const FREQUENCY_MAX = 3;
/** Second chances given in one eviction: a bound on its time while readers keep counting. */
const CHANCES_MAX = 4096;

/** What the writer remembers of each slot; shared by all queues. */
export class SlotLinks {
  readonly newer: Int32Array;
  readonly older: Int32Array;
  readonly place: Uint8Array;
  /** Hits that were already taken into account. */
  readonly seenHits: Int32Array;
  readonly #hits: RegionHits;

  constructor(slots: number, hits: RegionHits) {
    this.newer = new Int32Array(slots);
    this.older = new Int32Array(slots);
    this.place = new Uint8Array(slots);
    this.seenHits = new Int32Array(slots);
    this.#hits = hits;
  }

  /** Whether an entry stands in the slot. */
  isHeld(slot: number): boolean {
    return this.place[slot] !== PLACE_NOWHERE;
  }

  /** 0 to 3. */
  frequency(slot: number): number {
    const fresh = (this.#hits.count(slot) - (this.seenHits[slot] ?? 0)) | 0;
    return fresh > FREQUENCY_MAX ? FREQUENCY_MAX : fresh;
  }

  setFrequency(slot: number, frequency: number): void {
    this.seenHits[slot] = this.#hits.count(slot) - frequency;
  }

  /** Whether the entry has earned no further stay. */
  isCold(slot: number): boolean {
    return this.frequency(slot) < (this.place[slot] === PLACE_SMALL ? HITS_TO_STAY : 1);
  }
}

class Fifo {
  newest = NONE;
  oldest = NONE;
  count = 0;
  readonly #links: SlotLinks;
  readonly #place: number;

  constructor(links: SlotLinks, place: number) {
    this.#links = links;
    this.#place = place;
  }

  push(slot: number): void {
    const links = this.#links;
    links.older[slot] = this.newest;
    links.newer[slot] = NONE;
    if (this.newest === NONE) this.oldest = slot;
    else links.newer[this.newest] = slot;
    this.newest = slot;
    links.place[slot] = this.#place;
    this.count++;
  }

  remove(slot: number): void {
    const links = this.#links;
    const newer = links.newer[slot] ?? NONE;
    const older = links.older[slot] ?? NONE;
    if (newer === NONE) this.newest = older;
    else links.older[newer] = older;
    if (older === NONE) this.oldest = newer;
    else links.newer[older] = newer;
    links.place[slot] = PLACE_NOWHERE;
    this.count--;
  }
}

export class EntryQueue {
  readonly partition: number;
  readonly kind: number;
  /** Entries pushed out so far, for whatever want of room. */
  evictions: number;
  /** Those of them that had not been asked for often enough to get into the main queue. */
  rejections: number;
  /** New entries that had been pushed out a short while before. */
  ghostHits: number;
  readonly #links: SlotLinks;
  readonly #small: Fifo;
  readonly #main: Fifo;
  #capacity: number;
  #ghosts: GhostList;

  constructor(links: SlotLinks, partition: number, kind: number, capacity: number) {
    this.partition = partition;
    this.kind = kind;
    this.evictions = 0;
    this.rejections = 0;
    this.ghostHits = 0;
    this.#links = links;
    this.#small = new Fifo(links, PLACE_SMALL);
    this.#main = new Fifo(links, PLACE_MAIN);
    this.#capacity = capacity;
    this.#ghosts = new GhostList(capacity);
  }

  get count(): number {
    return this.#small.count + this.#main.count;
  }

  get capacity(): number {
    return this.#capacity;
  }

  set capacity(capacity: number) {
    if (capacity === this.#capacity) return;
    this.#capacity = capacity;
    this.#ghosts = new GhostList(capacity);
  }

  get isFull(): boolean {
    return this.count >= this.#capacity;
  }

  /** Takes a new entry in; its hits so far do not count. The caller has made room. */
  admit(slot: number, hash: number): void {
    this.#links.setFrequency(slot, 0);
    if (this.#ghosts.take(hash)) {
      this.ghostHits++;
      this.#main.push(slot);
    } else {
      this.#small.push(slot);
    }
  }

  /** Takes in an entry that stood in the same place of another queue, or in another slot of this one. */
  adopt(slot: number, main: boolean): void {
    this.#links.setFrequency(slot, 1);
    (main ? this.#main : this.#small).push(slot);
  }

  /** All entries; none may be removed meanwhile. */
  *slots(): Generator<number> {
    for (const fifo of [this.#small, this.#main]) {
      for (let slot = fifo.oldest; slot !== NONE; slot = this.#links.newer[slot] ?? NONE) yield slot;
    }
  }

  /** Drops the memory of who was evicted. */
  forget(): void {
    this.#ghosts = new GhostList(this.#capacity);
  }

  isInMain(slot: number): boolean {
    return this.#links.place[slot] === PLACE_MAIN;
  }

  remove(slot: number): void {
    (this.isInMain(slot) ? this.#main : this.#small).remove(slot);
  }

  /** An entry that is still in the queue is about to leave for want of room. */
  noteEviction(slot: number, hash: number): void {
    this.evictions++;
    if (this.isInMain(slot)) return;
    this.rejections++;
    this.#ghosts.add(hash);
  }

  /**
   * Chooses who leaves. It is still in the queue: the caller removes it.
   *
   * @returns its slot, or -1 when the queue is empty
   */
  victim(): number {
    const links = this.#links;
    for (let chances = 0; ; chances++) {
      const fromSmall = this.#small.count > 0 && (this.#small.count > this.#capacity / 10 || this.#main.count === 0);
      const slot = fromSmall ? this.#small.oldest : this.#main.oldest;
      if (slot === NONE || links.isCold(slot) || chances === CHANCES_MAX) return slot;
      if (fromSmall) {
        this.#small.remove(slot);
        links.setFrequency(slot, 0);
      } else {
        this.#main.remove(slot);
        links.setFrequency(slot, links.frequency(slot) - 1);
      }
      this.#main.push(slot);
    }
  }
}
