/** Small copies, cut from blocks: for each a buffer of its own would cost more than all else that happens to a message. */

/** A block lives as long as any copy in it. */
const BLOCK_BYTES = 16 * 1024;
/** Longer ones get memory of their own. */
const SHARED_MAX_BYTES = 2048;
/** From here on setting up the runtime's own copy costs less than a loop. */
const LOOP_MAX_BYTES = 256;

/** Writes `length` bytes of `from`, beginning at `at`, to the beginning of `to`. */
export function copyInto(to: Uint8Array, from: Uint8Array, at: number, length: number): void {
  if (length <= LOOP_MAX_BYTES) for (let i = 0; i < length; i++) to[i] = from[at + i] ?? 0;
  else to.set(from.subarray(at, at + length));
}

/** Copies that are kept for a while and then left to the garbage collector. */
export class CopyBlocks {
  #block: Uint8Array<ArrayBuffer>;
  #used: number;

  constructor() {
    this.#block = new Uint8Array(0);
    this.#used = 0;
  }

  /** @returns `length` bytes of `from` beginning at `at` */
  copy(from: Uint8Array, at: number, length: number): Uint8Array<ArrayBuffer> {
    const copy = this.#room(length);
    copyInto(copy, from, at, length);
    return copy;
  }

  #room(length: number): Uint8Array<ArrayBuffer> {
    if (length > SHARED_MAX_BYTES) return new Uint8Array(length);
    if (this.#used + length > this.#block.length) {
      this.#block = new Uint8Array(BLOCK_BYTES);
      this.#used = 0;
    }
    const room = this.#block.subarray(this.#used, this.#used + length);
    this.#used += length;
    return room;
  }
}
