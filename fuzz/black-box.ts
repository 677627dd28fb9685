/** The input that is being tried, in memory that outlives the thread that tries it. */

const COUNT_WORD = 0;
const LENGTH_WORD = 1;
const HEADER_BYTES = 8;
const INPUT_BYTES = 128 * 1024;

export class BlackBox {
  static readonly BYTES: number = HEADER_BYTES + INPUT_BYTES;
  readonly #words: Int32Array;
  readonly #bytes: Uint8Array;

  /** @param memory of `BYTES`, shared by both threads */
  constructor(memory: SharedArrayBuffer) {
    this.#words = new Int32Array(memory, 0, 2);
    this.#bytes = new Uint8Array(memory, HEADER_BYTES);
  }

  note(input: Uint8Array): void {
    this.#bytes.set(input.length > INPUT_BYTES ? input.subarray(0, INPUT_BYTES) : input);
    this.#words[LENGTH_WORD] = Math.min(input.length, INPUT_BYTES);
    Atomics.add(this.#words, COUNT_WORD, 1);
  }

  /** How often an input was noted; it wraps. */
  get count(): number {
    return Atomics.load(this.#words, COUNT_WORD);
  }

  /** A copy of the last one. */
  input(): Uint8Array {
    return this.#bytes.slice(0, this.#words[LENGTH_WORD]);
  }
}
