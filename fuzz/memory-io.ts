/** A socket of the fast path over memory: one datagram, between two slots whose bytes are known. */
import type { DatagramIo } from "../src/server/fastpath/datagram-io.ts";
import { check } from "./target.ts";

const AF_INET = 2;
/** As `mmsg-io.ts` lays slots out: 4096 bytes of room, and what follows belongs to the sender's address. */
const STRIDE_BYTES = 4224;
export const SLOT_ROOM_BYTES = 4096;
/** The reader of the answer store may write three bytes more than it says. */
const SPILL_BYTES = 3;
const SLOT = 1;
const SLOTS = 3;

export class MemoryIo implements DatagramIo {
  readonly bytes: Uint8Array;
  readonly words: Int32Array;
  /** Bytes of the reply; 0 when there was none. */
  replyLength: number;
  #length: number;
  readonly #before: Buffer;
  readonly #after: Buffer;

  constructor() {
    const buffer = new ArrayBuffer(SLOTS * STRIDE_BYTES);
    this.bytes = new Uint8Array(buffer).fill(0xc1);
    this.words = new Int32Array(buffer);
    this.bytes[this.sockaddrAt()] = AF_INET;
    this.replyLength = 0;
    this.#length = 0;
    this.#before = Buffer.from(this.bytes.subarray(0, this.slotAt()));
    this.#after = Buffer.from(this.bytes.subarray(this.slotAt() + SLOT_ROOM_BYTES + SPILL_BYTES));
  }

  /** @param datagram that the next `receive` gives */
  load(datagram: Uint8Array): void {
    const fits = datagram.length <= SLOT_ROOM_BYTES;
    if (fits) this.bytes.set(datagram, this.slotAt());
    this.#length = fits ? datagram.length : -1;
    this.replyLength = 0;
  }

  checkAround(): void {
    check(this.#before.equals(this.bytes.subarray(0, this.slotAt())), "nothing is written before the slot");
    const after = this.bytes.subarray(this.slotAt() + SLOT_ROOM_BYTES + SPILL_BYTES);
    check(this.#after.equals(after), "nothing is written after the slot");
  }

  /** The reply, without a copy. */
  get answer(): Uint8Array {
    return this.bytes.subarray(this.slotAt(), this.slotAt() + this.replyLength);
  }

  receive(): number {
    return 1;
  }
  slotAt(): number {
    return SLOT * STRIDE_BYTES;
  }
  lengthOf(): number {
    return this.#length;
  }
  sockaddrAt(): number {
    return 0;
  }
  controlAt(): number {
    return 0;
  }
  controlLength(): number {
    return 0;
  }
  reply(_: number, length: number): void {
    check(this.replyLength === 0, "one datagram gets one reply");
    check(length > 0 && length <= SLOT_ROOM_BYTES, "a reply fits its slot");
    this.replyLength = length;
  }
  flush(): number {
    return 0;
  }
}
