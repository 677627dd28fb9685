/** Memory for queries to upstreams: making a buffer for each would cost more than all else that happens to a question. */

/** They come back when their question is answered: kept by length, so that none needs to be cut. */
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
