/**
 * Datagrams written by the main thread and sent in batches, one socket after the other.
 *
 * `begin` gives room, the caller writes a message there, `commit` queues it, `flush` sends. Messages for another socket
 * than the queued ones are sent after a flush of those.
 */
import { SOCKADDR_MAX_BYTES } from "../base/address.ts";
import { type AnonymousMemory, mapMemory, writePointer } from "./anonymous-memory.ts";
import { EAGAIN, EINTR, EMSGSIZE } from "./errno.ts";
import { allowFragments } from "./fragments.ts";
import { type Libc, requireLibc } from "./libc.ts";
import {
  CONTROL_BYTES,
  CONTROL_WORD,
  CONTROLLEN_WORD,
  HEADER_WORDS,
  IOV_WORD,
  IOVEC_LENGTH_WORD,
  IOVEC_WORDS,
  IOVLEN_WORD,
  MSG_DONTWAIT,
  NAME_BYTES,
  NAME_WORD,
  NAMELEN_WORD,
  turnPacketInfo,
} from "./message-headers.ts";

const BATCH = 64;
/** Longest message that `begin` gives room for. Replies over UDP end at 1232 bytes, queries to upstreams sooner. */
export const SEND_MAX_BYTES = 2048;
const STRIDE = SEND_MAX_BYTES + 128;
const NAMES_AT = BATCH * STRIDE;
const CONTROLS_AT = NAMES_AT + BATCH * NAME_BYTES;
const IOVECS_AT = CONTROLS_AT + BATCH * CONTROL_BYTES;
const HEADERS_AT = IOVECS_AT + BATCH * IOVEC_WORDS * 4;
const TOTAL_BYTES = HEADERS_AT + BATCH * HEADER_WORDS * 4;

/**
 * Told of an error of a socket that a send ran into, as a positive errno. On a connected socket it may be the refusal of
 * an earlier datagram (ECONNREFUSED): the kernel tells it once, to whoever comes first. Called while the batch is in use.
 */
export type SendErrorListener = (fd: number, errno: number) => void;

export class SendBatch {
  readonly bytes: Uint8Array;
  /** Datagrams not sent because the send buffer was full. */
  blockedSends: number;
  /** Datagrams that the kernel refused for another reason. */
  refusedSends: number;
  readonly #c: Libc;
  readonly #memory: AnonymousMemory;
  readonly #words: Int32Array;
  readonly #onError: SendErrorListener;
  #fd: number;
  #queued: number;

  constructor(onError: SendErrorListener = () => {}) {
    this.#onError = onError;
    this.#c = requireLibc();
    this.#memory = mapMemory(TOTAL_BYTES);
    this.bytes = new Uint8Array(this.#memory.buffer);
    this.#words = new Int32Array(this.#memory.buffer, 0, this.#memory.buffer.byteLength >> 2);
    this.blockedSends = 0;
    this.refusedSends = 0;
    this.#fd = -1;
    this.#queued = 0;
    for (let i = 0; i < BATCH; i++) {
      const header = (HEADERS_AT >> 2) + i * HEADER_WORDS;
      const iovec = (IOVECS_AT >> 2) + i * IOVEC_WORDS;
      writePointer(this.#words, header + IOV_WORD, this.#memory.address + IOVECS_AT + i * IOVEC_WORDS * 4);
      writePointer(this.#words, iovec, this.#memory.address + i * STRIDE);
      this.#words[header + IOVLEN_WORD] = 1;
    }
  }

  get pending(): boolean {
    return this.#queued > 0;
  }

  /** @returns offset in `bytes` of `SEND_MAX_BYTES` of room for a message that will leave by `fd` */
  begin(fd: number): number {
    if (this.#queued === BATCH || (this.#queued > 0 && this.#fd !== fd)) this.flush();
    this.#fd = fd;
    return this.#queued * STRIDE;
  }

  /**
   * Queues what was written at the offset of the last `begin`.
   *
   * @param sockaddr receiver, copied; undefined on a connected socket
   * @param control packet info as received with the query, copied; empty when the socket has one address
   */
  commit(length: number, sockaddr: Uint8Array | undefined, control: Uint8Array | undefined): void {
    const words = this.#words;
    const i = this.#queued++;
    const header = (HEADERS_AT >> 2) + i * HEADER_WORDS;
    words[(IOVECS_AT >> 2) + i * IOVEC_WORDS + IOVEC_LENGTH_WORD] = length;
    if (sockaddr === undefined) {
      words[header + NAME_WORD] = 0;
      words[header + NAME_WORD + 1] = 0;
      words[header + NAMELEN_WORD] = 0;
    } else {
      const nameAt = NAMES_AT + i * NAME_BYTES;
      this.bytes.set(sockaddr, nameAt);
      writePointer(words, header + NAME_WORD, this.#memory.address + nameAt);
      words[header + NAMELEN_WORD] = this.bytes[nameAt] === 2 ? 16 : SOCKADDR_MAX_BYTES;
    }
    if (control === undefined || control.length === 0) {
      words[header + CONTROLLEN_WORD] = 0;
      return;
    }
    const controlAt = CONTROLS_AT + i * CONTROL_BYTES;
    this.bytes.set(control, controlAt);
    turnPacketInfo(words, controlAt >> 2);
    writePointer(words, header + CONTROL_WORD, this.#memory.address + controlAt);
    words[header + CONTROLLEN_WORD] = control.length;
  }

  /** Sends what is queued; what the kernel refuses is counted and dropped (UDP: the asker asks again). */
  flush(): void {
    let at = 0;
    const count = this.#queued;
    let mayBeCut = false;
    this.#queued = 0;
    while (at < count) {
      const n = this.#send(at, count - at);
      if (n > 0) {
        at += n;
        continue;
      }
      const errno = this.#c.lastErrno();
      if (errno === EINTR) continue;
      if (errno === EMSGSIZE && !mayBeCut) {
        mayBeCut = true;
        allowFragments(this.#fd);
        continue;
      }
      if (errno === EAGAIN) {
        this.blockedSends += count - at;
        return;
      }
      this.refusedSends++;
      at++;
      this.#onError(this.#fd, errno);
    }
  }

  /** @returns how many datagrams the kernel took, -1 for an error of the first */
  #send(at: number, count: number): number {
    const words = this.#words;
    const { address } = this.#memory;
    const header = (HEADERS_AT >> 2) + at * HEADER_WORDS;
    if (count > 1 || words[header + CONTROLLEN_WORD] !== 0) {
      return this.#c.sendmmsg(this.#fd, address + HEADERS_AT + at * HEADER_WORDS * 4, count, MSG_DONTWAIT);
    }
    // A lone one without the headers that the kernel would have to read.
    const bytes = address + at * STRIDE;
    const length = words[(IOVECS_AT >> 2) + at * IOVEC_WORDS + IOVEC_LENGTH_WORD] ?? 0;
    const nameLength = words[header + NAMELEN_WORD] ?? 0;
    const name = nameLength === 0 ? 0 : address + NAMES_AT + at * NAME_BYTES;
    return this.#c.sendto(this.#fd, bytes, length, MSG_DONTWAIT, name, nameLength) < 0 ? -1 : 1;
  }

  close(): void {
    this.#memory.free();
  }
}
