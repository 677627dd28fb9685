/** Small copies, cut from blocks: for each a buffer of its own would cost more than all else that happens to a query. */

/** A block lives as long as any copy in it. */
const BLOCK_BYTES = 16 * 1024;

export class CopyBlocks {
  #block: Uint8Array<ArrayBuffer>;
  #used: number;

  constructor() {
    this.#block = new Uint8Array(0);
    this.#used = 0;
  }

  copy(from: Uint8Array, at: number, length: number): Uint8Array<ArrayBuffer> {
    if (this.#used + length > this.#block.length) {
      this.#block = new Uint8Array(Math.max(BLOCK_BYTES, length));
      this.#used = 0;
    }
    const copy = this.#block.subarray(this.#used, this.#used + length);
    this.#used += length;
    for (let i = 0; i < length; i++) copy[i] = from[at + i] ?? 0;
    return copy;
  }
}
