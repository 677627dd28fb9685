/**
 * Messages on a stream: two bytes of length, then the message (RFC 1035 §4.2.2, RFC 7766 §8).
 *
 * A reader takes the stream in whatever pieces the network makes of it. Each byte is copied at most twice: a message
 * that lies whole in a piece is not copied at all.
 */
import { ERR_LENGTH } from "./parse-codes.ts";

export const FRAME_PREFIX_BYTES = 2;

/** First room for a message that comes in pieces; it grows as bytes arrive, so that a bare length claims little. */
const FIRST_ROOM_BYTES = 2048;
const NOTHING = new Uint8Array(0);

export class FrameReader {
  /** Bytes of the unfinished message so far. */
  #partial: Uint8Array;
  #filled: number;
  /** Announced length of the unfinished message; -1 while its two length bytes are not both there. */
  #announced: number;
  /** First length byte when a piece ended between the two; -1 otherwise. */
  #highByte: number;

  constructor() {
    this.#partial = NOTHING;
    this.#filled = 0;
    this.#announced = -1;
    this.#highByte = -1;
  }

  /** A message has begun and is not yet whole. */
  get inMessage(): boolean {
    return this.#announced >= 0 || this.#highByte >= 0;
  }

  /**
   * @param onMessage called for each message that is now whole, in order; the bytes are only valid during the call
   * @param end bytes of `chunk` that belong to the stream
   * @returns 0, or `ERR_LENGTH` for a message of no bytes: the stream cannot be trusted any further
   */
  push(chunk: Uint8Array, onMessage: (message: Uint8Array) => void, end: number = chunk.length): number {
    let at = 0;
    while (at < end) {
      if (this.#announced < 0) {
        const byte = chunk[at++] ?? 0;
        if (this.#highByte < 0) {
          this.#highByte = byte;
          continue;
        }
        this.#announced = (this.#highByte << 8) | byte;
        this.#highByte = -1;
        if (this.#announced === 0) return ERR_LENGTH;
      }
      const missing = this.#announced - this.#filled;
      const there = end - at;
      if (this.#filled === 0 && there >= missing) {
        this.#announced = -1;
        onMessage(chunk.subarray(at, at + missing));
        at += missing;
        continue;
      }
      const take = there < missing ? there : missing;
      this.#keep(chunk, at, take);
      at += take;
      if (this.#filled === this.#announced) {
        const message = this.#partial.subarray(0, this.#filled);
        this.#partial = NOTHING;
        this.#filled = 0;
        this.#announced = -1;
        onMessage(message);
      }
    }
    return 0;
  }

  #keep(chunk: Uint8Array, at: number, length: number): void {
    const needed = this.#filled + length;
    if (needed > this.#partial.length) {
      const room = Math.min(this.#announced, Math.max(needed, FIRST_ROOM_BYTES, this.#partial.length * 2));
      const grown = new Uint8Array(room);
      grown.set(this.#partial.subarray(0, this.#filled));
      this.#partial = grown;
    }
    this.#partial.set(chunk.subarray(at, at + length), this.#filled);
    this.#filled = needed;
  }
}
