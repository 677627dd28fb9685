/** `DatagramIo` without a socket: what a test puts in is received, what is replied is kept. */
import { SOCKADDR_MAX_BYTES, writeSockaddr } from "../../src/base/address.ts";
import type { DatagramIo } from "../../src/server/fastpath/datagram-io.ts";

const SLOTS = 64;
const STRIDE = 4096 + 128;
const NAMES_AT = SLOTS * STRIDE;

export class MemoryIo implements DatagramIo {
  readonly bytes: Uint8Array;
  readonly words: Int32Array;
  /** Replies in the order in which they were queued, with the index of the datagram. Empty when nothing is flushed. */
  readonly replies: { readonly to: number; readonly wire: Uint8Array }[];
  readonly #lengths: number[];
  #queued: { readonly to: number; readonly wire: Uint8Array }[];
  #received: boolean;

  constructor() {
    const buffer = new ArrayBuffer(SLOTS * (STRIDE + 32));
    this.bytes = new Uint8Array(buffer).fill(0xee);
    this.words = new Int32Array(buffer);
    this.replies = [];
    this.#lengths = [];
    this.#queued = [];
    this.#received = true;
  }

  /** The next batch: at most 64 datagrams, all from one client. */
  put(datagrams: readonly Uint8Array[], client = "10.244.0.7"): void {
    this.#lengths.length = 0;
    for (const [i, datagram] of datagrams.entries()) {
      const whole = datagram.length <= 4096;
      this.#lengths.push(whole ? datagram.length : -1);
      if (whole) this.bytes.set(datagram, this.slotAt(i));
      writeSockaddr(this.bytes, this.sockaddrAt(i), client, 40_000 + i);
    }
    this.#received = false;
  }

  receive(): number {
    if (this.#received) return 0;
    this.#received = true;
    return this.#lengths.length;
  }

  slotAt(i: number): number {
    return i * STRIDE;
  }

  lengthOf(i: number): number {
    return this.#lengths[i] ?? 0;
  }

  sockaddrAt(i: number): number {
    return NAMES_AT + i * 32;
  }

  controlAt(i: number): number {
    return this.sockaddrAt(i) + SOCKADDR_MAX_BYTES;
  }

  controlLength(): number {
    return 4;
  }

  reply(i: number, length: number): void {
    this.#queued.push({ to: i, wire: this.bytes.slice(this.slotAt(i), this.slotAt(i) + length) });
  }

  flush(): number {
    const queued = this.#queued;
    this.#queued = [];
    this.replies.push(...queued);
    return queued.length;
  }
}
