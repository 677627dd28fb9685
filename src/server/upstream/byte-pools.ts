/**
 * Memory for small messages. Making a buffer for each would cost more than all else that happens to a question.
 */

/** Answers are cut from blocks of this size; a block lives as long as any answer in it. */
const BLOCK_BYTES = 16 * 1024;
/** Larger answers get memory of their own. */
const SHARED_MAX_BYTES = 2048;

/** Copies that are kept for a while and then left to the garbage collector. */
export class MessageBlocks {
  #block: Uint8Array<ArrayBuffer>;
  #used: number;

  constructor() {
    this.#block = new Uint8Array(0);
    this.#used = 0;
  }

  /** A copy of the first `length` bytes of `message`. */
  copy(message: Uint8Array, length: number): Uint8Array<ArrayBuffer> {
    let copy: Uint8Array<ArrayBuffer>;
    if (length > SHARED_MAX_BYTES) {
      copy = new Uint8Array(length);
    } else {
      if (this.#used + length > this.#block.length) {
        this.#block = new Uint8Array(BLOCK_BYTES);
        this.#used = 0;
      }
      copy = this.#block.subarray(this.#used, this.#used + length);
      this.#used += length;
    }
    copy.set(length === message.length ? message : message.subarray(0, length));
    return copy;
  }
}

/** Queries come back when their question is answered: kept by length, so that none needs to be cut. */
const KEPT_PER_LENGTH = 64;

export class QueryBuffers {
  readonly #free: (Uint8Array<ArrayBuffer>[] | undefined)[];

  constructor() {
    this.#free = [];
  }

  /** @returns `length` bytes of anything */
  take(length: number): Uint8Array<ArrayBuffer> {
    return this.#free[length]?.pop() ?? new Uint8Array(length);
  }

  /** @param buffer that nobody will read any more */
  giveBack(buffer: Uint8Array<ArrayBuffer>): void {
    const free = this.#free[buffer.length];
    if (free === undefined) this.#free[buffer.length] = [buffer];
    else if (free.length < KEPT_PER_LENGTH) free.push(buffer);
  }
}
