/**
 * Remembers which questions were thrown out of a queue not long ago.
 *
 * By hash alone, each in the one place its hash gives: a clash forgets the older, which costs a second chance and
 * nothing else. Remembered are the last `size` at most. Memory is taken at the first `add`.
 */
export class GhostList {
  readonly #size: number;
  #hashes: Int32Array | undefined;
  #stamps: Uint32Array | undefined;
  #mask: number;
  /** How many were added so far; stamps are this. */
  #added: number;

  /** @param size at least 1 */
  constructor(size: number) {
    this.#size = size;
    this.#hashes = undefined;
    this.#stamps = undefined;
    this.#mask = 0;
    this.#added = 0;
  }

  add(hash: number): void {
    if (this.#hashes === undefined || this.#stamps === undefined) {
      let places = 64;
      while (places < this.#size) places *= 2;
      this.#hashes = new Int32Array(places);
      this.#stamps = new Uint32Array(places);
      this.#mask = places - 1;
    }
    this.#added++;
    this.#hashes[hash & this.#mask] = hash;
    this.#stamps[hash & this.#mask] = this.#added;
  }

  /** Whether it is remembered; forgets it then. */
  take(hash: number): boolean {
    if (this.#hashes === undefined || this.#stamps === undefined) return false;
    const at = hash & this.#mask;
    if (this.#hashes[at] !== hash) return false;
    this.#hashes[at] = 0;
    return this.#added - (this.#stamps[at] ?? 0) < this.#size;
  }
}
