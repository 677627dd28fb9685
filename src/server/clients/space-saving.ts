/**
 * Heavy hitters of a stream in bounded memory: the space-saving sketch.
 *
 * A. Metwally, D. Agrawal, A. El Abbadi, "Efficient Computation of Frequent and Top-k Elements in Data Streams", ICDT 2005,
 * with weights. Of k entries and a stream of weight N it promises:
 *
 * - `count - error` <= what was really added under the key <= `count`
 * - `error` <= N / k, for every entry
 * - every key that was added more than N / k is there
 * - the counts of all entries sum up to N
 *
 * As long as no more than k keys have come, all is exact. Pure: no clock, no I/O.
 */

/** Valid until the next `add`: an entry that goes leaves its object to the one that comes. */
export interface Tracked<T> {
  readonly key: string;
  /** Never below the truth. */
  readonly count: number;
  /** By how much `count` may be above it: what had been counted of others when the key came. */
  readonly error: number;
  /** The caller's; anew each time that the key comes in. */
  readonly value: T;
}

interface Slot<T> extends Tracked<T> {
  key: string;
  count: number;
  error: number;
  value: T;
  /** Place in the heap. */
  at: number;
}

export class SpaceSaving<T> {
  readonly capacity: number;
  readonly #make: (before: T | undefined) => T;
  readonly #slots: Map<string, Slot<T>>;
  /** Smallest count first; children of i are 2i + 1 and 2i + 2. */
  readonly #heap: Slot<T>[];
  #total: number;

  /**
   * @param capacity keys that are kept, 1 or more
   * @param make gives a key that comes in its value; `before` is that of the key that goes, which may be used again
   */
  constructor(capacity: number, make: (before: T | undefined) => T) {
    this.capacity = capacity;
    this.#make = make;
    this.#slots = new Map();
    this.#heap = [];
    this.#total = 0;
  }

  get size(): number {
    return this.#heap.length;
  }

  /** Weight of all that was added. */
  get total(): number {
    return this.#total;
  }

  /** @param weight above 0 */
  add(key: string, weight: number): Tracked<T> {
    this.#total += weight;
    const known = this.#slots.get(key);
    if (known !== undefined) {
      known.count += weight;
      this.#sink(known);
      return known;
    }
    if (this.#heap.length < this.capacity) {
      const slot: Slot<T> = { key, count: weight, error: 0, value: this.#make(undefined), at: this.#heap.length };
      this.#heap.push(slot);
      this.#slots.set(key, slot);
      this.#rise(slot);
      return slot;
    }
    const slot = this.#heap[0];
    if (slot === undefined) throw new Error("a sketch has room for one key at least");
    this.#slots.delete(slot.key);
    slot.key = key;
    slot.error = slot.count;
    slot.count += weight;
    slot.value = this.#make(slot.value);
    this.#slots.set(key, slot);
    this.#sink(slot);
    return slot;
  }

  get(key: string): Tracked<T> | undefined {
    return this.#slots.get(key);
  }

  /** All entries, in no order. */
  entries(): readonly Tracked<T>[] {
    return this.#heap;
  }

  /** The entries with the highest counts, highest first. */
  top(limit: number): Tracked<T>[] {
    return this.#heap.toSorted((a, b) => b.count - a.count).slice(0, limit);
  }

  /** Forgets all. */
  clear(): void {
    this.#slots.clear();
    this.#heap.length = 0;
    this.#total = 0;
  }

  #rise(slot: Slot<T>): void {
    while (slot.at > 0) {
      const parent = this.#heap[(slot.at - 1) >> 1];
      if (parent === undefined || parent.count <= slot.count) return;
      this.#swap(slot, parent);
    }
  }

  #sink(slot: Slot<T>): void {
    for (;;) {
      const left = this.#heap[2 * slot.at + 1];
      if (left === undefined) return;
      const right = this.#heap[2 * slot.at + 2];
      const child = right !== undefined && right.count < left.count ? right : left;
      if (child.count >= slot.count) return;
      this.#swap(slot, child);
    }
  }

  #swap(a: Slot<T>, b: Slot<T>): void {
    this.#heap[a.at] = b;
    this.#heap[b.at] = a;
    const { at } = a;
    a.at = b.at;
    b.at = at;
  }
}
