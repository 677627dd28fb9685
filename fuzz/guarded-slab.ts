/**
 * A message inside a larger buffer whose other bytes are known: what is read or written outside shows.
 *
 * Reading outside is seen by looking twice, with other bytes around: what comes out must be the same.
 */
import { check } from "./target.ts";

const GUARD_BYTES = 256;

export class GuardedSlab {
  readonly bytes: Uint8Array;
  /** Index of the message: a multiple of 4. */
  readonly start: number;
  readonly #room: number;
  readonly #guards: readonly [Buffer, Buffer];
  #fill: number;

  /** @param room bytes of the longest message */
  constructor(room: number) {
    this.bytes = new Uint8Array(GUARD_BYTES + room + GUARD_BYTES);
    this.start = GUARD_BYTES;
    this.#room = room;
    // Zeros end names and records; 0xc1 begins pointers and is a large count.
    this.#guards = [Buffer.alloc(GUARD_BYTES, 0), Buffer.alloc(GUARD_BYTES, 0xc1)];
    this.#fill = 0;
  }

  /** @param fill 0 or 1: which bytes stand around it */
  place(message: Uint8Array, fill: 0 | 1): void {
    const guard = this.#guards[fill];
    this.#fill = fill;
    this.bytes.set(guard, 0);
    this.bytes.set(message, this.start);
    this.bytes.set(guard, this.start + message.length);
  }

  /** @param length of what may have been written since `place` */
  checkAround(message: Uint8Array, length: number): void {
    const guard = this.#guards[this.#fill === 0 ? 0 : 1];
    check(guard.equals(this.bytes.subarray(0, this.start)), "nothing is written before the message");
    const from = Math.max(message.length, length);
    check(length <= this.#room, "the result fits its room");
    const end = this.start + message.length + GUARD_BYTES;
    const after = this.bytes.subarray(this.start + from, end);
    check(guard.subarray(0, after.length).equals(after), "nothing is written after the message");
  }

  checkUnchanged(message: Uint8Array): void {
    this.checkAround(message, 0);
    const now = this.bytes.subarray(this.start, this.start + message.length);
    check(Buffer.compare(now, message) === 0, "a message that is only read stays as it is");
  }
}
