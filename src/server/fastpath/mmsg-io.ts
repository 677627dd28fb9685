/** `DatagramIo` by recvmmsg and sendmmsg: one socket's view of a thread's batch memory. */
import type { DatagramBatch } from "../../linux/datagram-batch.ts";
import type { DatagramIo } from "./datagram-io.ts";

export class MmsgIo implements DatagramIo {
  readonly bytes: Uint8Array;
  readonly words: Int32Array;
  readonly #batch: DatagramBatch;
  readonly #fd: number;
  readonly #wildcard: boolean;
  readonly #id: number;
  readonly #waits: boolean;

  /**
   * @param batch may be shared by all sockets of one thread, which are served one after the other
   * @param id of the listener: left behind with what was received
   * @param waits whether `receive` waits for the first datagram, as `DatagramBatch.receive` says
   */
  constructor(batch: DatagramBatch, fd: number, wildcard: boolean, id: number, waits = false) {
    this.bytes = batch.bytes;
    this.words = batch.words;
    this.#batch = batch;
    this.#fd = fd;
    this.#wildcard = wildcard;
    this.#id = id;
    this.#waits = waits;
  }

  receive(): number {
    this.#batch.owner = this.#id;
    return this.#batch.receive(this.#fd, this.#wildcard, this.#waits);
  }

  slotAt(i: number): number {
    return this.#batch.slotAt(i);
  }

  lengthOf(i: number): number {
    return this.#batch.lengthOf(i);
  }

  sockaddrAt(i: number): number {
    return this.#batch.sockaddrAt(i);
  }

  controlAt(i: number): number {
    return this.#batch.controlAt(i);
  }

  controlLength(i: number): number {
    return this.#wildcard ? this.#batch.controlLength(i) : 0;
  }

  reply(i: number, length: number): void {
    this.#batch.reply(i, length);
  }

  flush(): number {
    return this.#batch.flush(this.#fd);
  }
}
