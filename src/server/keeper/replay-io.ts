/** Queries that a dead server left, as a socket on which they have just arrived. */
import { SOCKADDR_MAX_BYTES } from "../../base/address.ts";
import type { DatagramIo } from "../fastpath/datagram-io.ts";
import type { LeftQuery } from "../fastpath/left-query.ts";

const BATCH = 64;
const MESSAGE_MAX_BYTES = 4096;
/** Not a multiple of 4096: see `linux/datagram-batch.ts`. */
const STRIDE: number = MESSAGE_MAX_BYTES + 128;
const SOCKADDR_STRIDE = 32;
const CONTROL_STRIDE = 64;

/** Sends what is valid during the call only. */
export type SendFromReplay = (message: Uint8Array, sockaddr: Uint8Array, control: Uint8Array | undefined) => void;

export class ReplayIo implements DatagramIo {
  readonly bytes: Uint8Array;
  readonly words: Int32Array;
  readonly #send: SendFromReplay;
  readonly #sockaddrsAt: number;
  readonly #controlsAt: number;
  #waiting: readonly LeftQuery[];
  #taken: readonly LeftQuery[];

  constructor(waiting: readonly LeftQuery[], send: SendFromReplay) {
    const slots = Math.min(BATCH, waiting.length);
    this.#sockaddrsAt = slots * STRIDE;
    this.#controlsAt = this.#sockaddrsAt + slots * SOCKADDR_STRIDE;
    const buffer = new ArrayBuffer(this.#controlsAt + slots * CONTROL_STRIDE);
    this.bytes = new Uint8Array(buffer);
    this.words = new Int32Array(buffer);
    this.#send = send;
    this.#waiting = waiting;
    this.#taken = [];
  }

  receive(): number {
    this.#taken = this.#waiting.slice(0, BATCH);
    this.#waiting = this.#waiting.slice(BATCH);
    for (const [i, { wire, sockaddr, control }] of this.#taken.entries()) {
      this.bytes.set(wire.subarray(0, MESSAGE_MAX_BYTES), this.slotAt(i));
      this.bytes.set(sockaddr.subarray(0, SOCKADDR_MAX_BYTES), this.sockaddrAt(i));
      if (control !== undefined) this.bytes.set(control.subarray(0, CONTROL_STRIDE), this.controlAt(i));
    }
    return this.#taken.length;
  }

  slotAt(i: number): number {
    return i * STRIDE;
  }

  lengthOf(i: number): number {
    const length = this.#taken[i]?.wire.length ?? 0;
    return length > MESSAGE_MAX_BYTES ? -1 : length;
  }

  sockaddrAt(i: number): number {
    return this.#sockaddrsAt + i * SOCKADDR_STRIDE;
  }

  controlAt(i: number): number {
    return this.#controlsAt + i * CONTROL_STRIDE;
  }

  controlLength(i: number): number {
    return this.#taken[i]?.control?.length ?? 0;
  }

  reply(i: number, length: number): void {
    const query = this.#taken[i];
    const at = this.slotAt(i);
    if (query !== undefined) this.#send(this.bytes.subarray(at, at + length), query.sockaddr, query.control);
  }

  flush(): number {
    return 0;
  }
}
