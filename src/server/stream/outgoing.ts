/**
 * Answers that leave together: length-prefixed messages, one after another, in one buffer for one write.
 */
import { FRAME_PREFIX_BYTES } from "../../dns/frame.ts";

/** First room; most connections never need more. */
const FIRST_BYTES = 1024;
/** A larger buffer is given back after use, so that one large answer does not cost memory for the connection's life. */
const KEEP_BYTES = 16 * 1024;
const NOTHING = new Uint8Array(0);

export class Outgoing {
  #bytes: Uint8Array;
  #used: number;

  constructor() {
    this.#bytes = NOTHING;
    this.#used = 0;
  }

  /** Bytes waiting, prefixes included. */
  get length(): number {
    return this.#used;
  }

  /** @param message at most 65,535 bytes; copied */
  add(message: Uint8Array): void {
    const needed = this.#used + FRAME_PREFIX_BYTES + message.length;
    if (needed > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(FIRST_BYTES, needed, this.#bytes.length * 2));
      grown.set(this.#bytes.subarray(0, this.#used));
      this.#bytes = grown;
    }
    this.#bytes[this.#used] = message.length >> 8;
    this.#bytes[this.#used + 1] = message.length & 0xff;
    this.#bytes.set(message, this.#used + FRAME_PREFIX_BYTES);
    this.#used = needed;
  }

  /** All that waits. It stays valid until `add` after `reuse`, or for ever after `letGo`. */
  view(): Uint8Array {
    return this.#bytes.subarray(0, this.#used);
  }

  /** What `view` gave has left: write over it. */
  reuse(): void {
    this.#used = 0;
    if (this.#bytes.length > KEEP_BYTES) this.#bytes = NOTHING;
  }

  /** What `view` gave still belongs to someone else: take other memory from now on. */
  letGo(): void {
    this.#used = 0;
    this.#bytes = NOTHING;
  }
}
