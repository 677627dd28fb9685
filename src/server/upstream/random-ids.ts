/**
 * Sixteen random bits at a time: query ids and the choice among ports.
 *
 * From the system's cryptographic generator (RFC 5452 §4.3, §9.2: an id that can be guessed lets answers be forged),
 * fetched in blocks because one call costs more than a thousand ids.
 */

const BLOCK_IDS = 2048;

export class RandomIds {
  readonly #block: Uint16Array;
  #next: number;

  constructor() {
    this.#block = new Uint16Array(BLOCK_IDS);
    this.#next = BLOCK_IDS;
  }

  /** 0 to 65535. */
  next(): number {
    if (this.#next === BLOCK_IDS) {
      // Loaded when it is needed: a keeper starts 10 ms sooner, and mostly never asks upstream.
      process.getBuiltinModule("node:crypto").randomFillSync(this.#block);
      this.#next = 0;
    }
    return this.#block[this.#next++] ?? 0;
  }

  /** 0 to `count` - 1, for counts up to 65536. The bias is below count / 65536. */
  below(count: number): number {
    return (this.next() * count) >>> 16;
  }
}
