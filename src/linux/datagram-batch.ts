/**
 * Datagrams received and answered in batches, in place.
 *
 * `receive` fills the slots; a reply is written over its query and queued with `reply`; `flush` sends what is queued.
 * Two replies of a batch to the same client socket (the A and AAAA of a resolver) leave in one segmented send: about 30 %
 * less per reply (UDP_SEGMENT); the larger goes first, for only the last segment may be shorter.
 *
 * The memory is given to the kernel by address and lives until `close`. One batch belongs to one thread; it may serve
 * several sockets, one after the other.
 *
 * In memory that outlives the process, whoever comes after it finds what it had received and not finished
 * (`unfinished-batch.ts`): the kernel itself writes a datagram's length into its header (but see `#receiveOne`), and `flush` takes it
 * out again.
 */
import { type AnonymousMemory, mapMemory, writePointer } from "./anonymous-memory.ts";
import { EAGAIN, EINTR, EINVAL, EIO, EMSGSIZE, ENOBUFS } from "./errno.ts";
import { allowFragments } from "./fragments.ts";
import { type Libc, requireLibc } from "./libc.ts";
import {
  CONTROL_BYTES,
  CONTROL_WORD,
  CONTROLLEN_WORD,
  FLAGS_WORD,
  HEADER_WORDS,
  IOV_WORD,
  IOVEC_LENGTH_WORD,
  IOVEC_WORDS,
  IOVLEN_WORD,
  LENGTH_WORD,
  MSG_DONTWAIT,
  MSG_TRUNC,
  MSG_WAITFORONE,
  NAME_BYTES,
  NAME_WORD,
  NAMELEN_WORD,
  SEGMENT_CONTROL_BYTES,
  turnPacketInfo,
  writeSegmentControl,
} from "./message-headers.ts";

/** Datagrams in one batch. More gains nothing (dns-engines §6: flat from 16 to 32 on). */
export const BATCH_DATAGRAMS = 64;
/** Longest datagram received whole; longer ones are reported as truncated. */
export const DATAGRAM_MAX_BYTES = 4096;
/** Distance of slots: not a multiple of 4096, which would put all headers into one set of the first-level cache. */
export const SLOT_STRIDE: number = DATAGRAM_MAX_BYTES + 128;

/**
 * After so many receives in a row that brought one datagram each the next are plain ones, which take less of the kernel, but for one
 * in `LOOK_FOR_MORE` (a power of two), which sees whether more have begun to come at once.
 */
const LONE_AFTER = 32;
const LOOK_FOR_MORE = 8;
const SINGLES_MASK = 0x3fffffff;
/** In a header that the kernel may have filled already, though not its length. */
export const UNKNOWN_LENGTH = 0x7fffffff;

const CLIENT_HASHES = 256;
/** Keeps `turn * BATCH_DATAGRAMS` a small integer. */
const TURN_MAX = 0xffffff;
const NAMES_AT = BATCH_DATAGRAMS * SLOT_STRIDE;
const CONTROLS_AT = NAMES_AT + BATCH_DATAGRAMS * NAME_BYTES;
const RX_IOVECS_AT = CONTROLS_AT + BATCH_DATAGRAMS * CONTROL_BYTES;
const RX_HEADERS_AT = RX_IOVECS_AT + BATCH_DATAGRAMS * IOVEC_WORDS * 4;
const TX_IOVECS_AT = RX_HEADERS_AT + BATCH_DATAGRAMS * HEADER_WORDS * 4;
const TX_CONTROLS_AT = TX_IOVECS_AT + BATCH_DATAGRAMS * 2 * IOVEC_WORDS * 4;
const TX_HEADERS_AT = TX_CONTROLS_AT + BATCH_DATAGRAMS * CONTROL_BYTES;
const OWNER_AT = TX_HEADERS_AT + BATCH_DATAGRAMS * HEADER_WORDS * 4;
/** Memory that a batch takes. */
export const BATCH_BYTES: number = OWNER_AT + 64;

/** Where things are in a batch's memory, for `unfinished-batch.ts`. */
export const BATCH_LAYOUT: {
  readonly names: number;
  readonly controls: number;
  readonly headers: number;
  readonly owner: number;
} = {
  names: NAMES_AT,
  controls: CONTROLS_AT,
  headers: RX_HEADERS_AT,
  owner: OWNER_AT,
};

export class DatagramBatch {
  readonly bytes: Uint8Array;
  /** The same memory as words. */
  readonly words: Int32Array;
  /** Pairs of replies that left in one segmented send. */
  pairs: number;
  /** Replies not sent because the send buffer was full. */
  blockedSends: number;
  /** Replies that the kernel refused for another reason. */
  refusedSends: number;
  readonly #c: Libc;
  readonly #memory: AnonymousMemory;
  readonly #rxHeaders: number;
  readonly #txHeaders: number;
  #segmentation: boolean;
  /** Datagrams of the last `receive`. */
  #received: number;
  /** Room for packet info that the receive headers announce. */
  #controlBytes: number;
  #queued: number;
  /** Slot of the first reply in each queued header. */
  readonly #slots: Int32Array;
  /**
   * By a hash of the client's port: `turn * BATCH_DATAGRAMS + queued header` of a reply that is alone in its header.
   * Where the turn is not today's there is none.
   */
  readonly #alone: Int32Array;
  /** Counts flushes. */
  #turn: number;
  /** Receives in a row that brought one datagram. */
  #singles: number;
  /** Of the reply to the only datagram of a batch, which is not queued; -1: none. */
  #loneLength: number;

  /**
   * @param segmentation whether the kernel can do UDP_SEGMENT; switched off by itself when a send is refused for it
   * @param memory of `BATCH_BYTES`, zeroed; from now on the batch's
   */
  constructor(segmentation: boolean, memory: AnonymousMemory = mapMemory(BATCH_BYTES)) {
    this.#c = requireLibc();
    this.#memory = memory;
    this.bytes = new Uint8Array(this.#memory.buffer);
    this.words = new Int32Array(this.#memory.buffer, 0, this.#memory.buffer.byteLength >> 2);
    this.pairs = 0;
    this.blockedSends = 0;
    this.refusedSends = 0;
    this.#rxHeaders = this.#memory.address + RX_HEADERS_AT;
    this.#txHeaders = this.#memory.address + TX_HEADERS_AT;
    this.#segmentation = segmentation;
    this.#received = 0;
    this.#controlBytes = -1;
    this.#queued = 0;
    this.#slots = new Int32Array(BATCH_DATAGRAMS);
    this.#alone = new Int32Array(CLIENT_HASHES);
    this.#turn = 1;
    this.#singles = 0;
    this.#loneLength = -1;
    for (let i = 0; i < BATCH_DATAGRAMS; i++) this.#prepare(i);
  }

  /** Whom the datagrams of the next `receive` belong to: any number, left behind with them. */
  set owner(id: number) {
    this.words[OWNER_AT >> 2] = id;
  }

  /**
   * Takes of what waits on `fd`, up to the batch: all, or the first where datagrams come singly. Queued replies must have been
   * flushed.
   *
   * @param wildcard whether the socket delivers packet info
   * @param waits for the first datagram, as long as `waitAtMost` of the socket said
   * @returns datagrams; 0 when none waits; -errno
   */
  receive(fd: number, wildcard: boolean, waits = false): number {
    const { words } = this;
    const controlBytes = wildcard ? CONTROL_BYTES : 0;
    // The kernel overwrote these fields of the headers that it filled last time; the others still hold.
    const stale = controlBytes === this.#controlBytes ? this.#received : BATCH_DATAGRAMS;
    this.#controlBytes = controlBytes;
    for (let i = 0; i < stale; i++) {
      const header = (RX_HEADERS_AT >> 2) + i * HEADER_WORDS;
      words[header + NAMELEN_WORD] = NAME_BYTES;
      words[header + CONTROLLEN_WORD] = controlBytes;
    }
    this.#received = 0;
    const singles = this.#singles;
    const n =
      !wildcard && singles >= LONE_AFTER && (singles & (LOOK_FOR_MORE - 1)) !== 0
        ? this.#receiveOne(fd, waits)
        : this.#c.recvmmsg(fd, this.#rxHeaders, BATCH_DATAGRAMS, waits ? MSG_WAITFORONE : MSG_DONTWAIT, 0);
    if (n < 0) {
      const errno = this.#c.lastErrno();
      return errno === EAGAIN || errno === EINTR ? 0 : -errno;
    }
    this.#received = n;
    this.#singles = n === 1 ? (singles + 1) & SINGLES_MASK : 0;
    return n;
  }

  /** Offset of datagram `i` in `bytes`; a multiple of 4. */
  slotAt(i: number): number {
    return i * SLOT_STRIDE;
  }

  /** Bytes of datagram `i`; -1 when it was longer than `DATAGRAM_MAX_BYTES`. */
  lengthOf(i: number): number {
    const header = (RX_HEADERS_AT >> 2) + i * HEADER_WORDS;
    if (((this.words[header + FLAGS_WORD] ?? 0) & MSG_TRUNC) !== 0) return -1;
    return this.words[header + LENGTH_WORD] ?? 0;
  }

  /** Offset in `bytes` of the sender's `sockaddr`. */
  sockaddrAt(i: number): number {
    return NAMES_AT + i * NAME_BYTES;
  }

  /** Offset in `bytes` of the packet-info control message; its length is `controlLength(i)`. */
  controlAt(i: number): number {
    return CONTROLS_AT + i * CONTROL_BYTES;
  }

  controlLength(i: number): number {
    return this.words[(RX_HEADERS_AT >> 2) + i * HEADER_WORDS + CONTROLLEN_WORD] ?? 0;
  }

  /** Queues the `length` bytes in slot `i` as the reply to who sent datagram `i`: one reply a datagram. */
  reply(i: number, length: number): void {
    if (this.#received === 1 && this.#controlBytes === 0) this.#loneLength = length;
    else this.#queue(i, length);
  }

  #queue(i: number, length: number): void {
    const { words } = this;
    const rxHeader = (RX_HEADERS_AT >> 2) + i * HEADER_WORDS;
    const nameLength = words[rxHeader + NAMELEN_WORD] ?? 0;
    const controlLength = words[rxHeader + CONTROLLEN_WORD] ?? 0;
    const clientHash = (this.bytes[NAMES_AT + i * NAME_BYTES + 3] ?? 0) & (CLIENT_HASHES - 1);
    if (this.#segmentation && controlLength === 0) {
      const alone = (this.#alone[clientHash] ?? 0) - this.#turn * BATCH_DATAGRAMS;
      // A turn's number comes back after a long time: what is remembered from then may be queued no more.
      if (alone >= 0 && alone < this.#queued && this.#isAlone(alone) && this.#sameClient(this.#slots[alone] ?? 0, i)) {
        this.#alone[clientHash] = 0;
        this.#pair(alone, i, length);
        return;
      }
    }
    const queued = this.#queued;
    const header = (TX_HEADERS_AT >> 2) + queued * HEADER_WORDS;
    words[header + NAME_WORD] = words[rxHeader + NAME_WORD] ?? 0;
    words[header + NAME_WORD + 1] = words[rxHeader + NAME_WORD + 1] ?? 0;
    words[header + NAMELEN_WORD] = nameLength;
    words[header + IOVLEN_WORD] = 1;
    if (controlLength > 0) {
      turnPacketInfo(words, (CONTROLS_AT + i * CONTROL_BYTES) >> 2);
      words[header + CONTROL_WORD] = words[rxHeader + CONTROL_WORD] ?? 0;
      words[header + CONTROL_WORD + 1] = words[rxHeader + CONTROL_WORD + 1] ?? 0;
    }
    words[header + CONTROLLEN_WORD] = controlLength;
    this.#pointIovec(queued * 2, i, length);
    this.#queued = queued + 1;
    this.#slots[queued] = i;
    this.#alone[clientHash] = this.#turn * BATCH_DATAGRAMS + queued;
  }

  /** Sends all queued replies on `fd`; what was received is finished then. @returns datagrams that the kernel took */
  flush(fd: number): number {
    const taken = this.#loneLength >= 0 ? this.#sendOne(fd) : this.#queued === 0 ? 0 : this.#send(fd);
    const { words } = this;
    for (let i = 0; i < this.#received; i++) words[(RX_HEADERS_AT >> 2) + i * HEADER_WORDS + LENGTH_WORD] = 0;
    return taken;
  }

  close(): void {
    this.#memory.free();
  }

  /**
   * `recvfrom` into slot 0. It gives the length back, where `recvmmsg` has the kernel write it: who dies between the two leaves
   * `UNKNOWN_LENGTH`, and that something came shows in the length of its sender's address.
   *
   * @returns 1, or -1
   */
  #receiveOne(fd: number, waits: boolean): number {
    const { words } = this;
    const header = RX_HEADERS_AT >> 2;
    const base = this.#memory.address;
    words[header + FLAGS_WORD] = 0;
    words[header + LENGTH_WORD] = UNKNOWN_LENGTH;
    const namelenAt = base + RX_HEADERS_AT + NAMELEN_WORD * 4;
    const flags = waits ? MSG_TRUNC : MSG_TRUNC | MSG_DONTWAIT;
    const length = this.#c.recvfrom(fd, base, DATAGRAM_MAX_BYTES, flags, base + NAMES_AT, namelenAt);
    words[header + LENGTH_WORD] = length < 0 ? 0 : length;
    if (length > DATAGRAM_MAX_BYTES) words[header + FLAGS_WORD] = MSG_TRUNC;
    return length < 0 ? length : 1;
  }

  /**
   * Sends the reply to the only datagram without the headers that the kernel would have to read: a tenth less of a send, which counts
   * where a thread wakes for each query. When it is refused `#send` says what to do.
   */
  #sendOne(fd: number): number {
    const length = this.#loneLength;
    this.#loneLength = -1;
    const base = this.#memory.address;
    const nameLength = this.words[(RX_HEADERS_AT >> 2) + NAMELEN_WORD] ?? 0;
    if (this.#c.sendto(fd, base, length, MSG_DONTWAIT, base + NAMES_AT, nameLength) >= 0) return 1;
    this.#queue(0, length);
    return this.#send(fd);
  }

  #send(fd: number): number {
    const count = this.#queued;
    let at = 0;
    let taken = 0;
    let mayBeCut = false;
    while (at < count) {
      const n = this.#c.sendmmsg(fd, this.#txHeaders + at * HEADER_WORDS * 4, count - at, MSG_DONTWAIT);
      if (n > 0) {
        for (let i = at; i < at + n; i++)
          taken += this.words[(TX_HEADERS_AT >> 2) + i * HEADER_WORDS + IOVLEN_WORD] ?? 1;
        at += n;
        continue;
      }
      const errno = this.#c.lastErrno();
      if (errno === EINTR) continue;
      if (errno === EMSGSIZE && !mayBeCut) {
        mayBeCut = true;
        allowFragments(fd);
        continue;
      }
      const parts = this.words[(TX_HEADERS_AT >> 2) + at * HEADER_WORDS + IOVLEN_WORD] ?? 1;
      if (parts === 2 && (errno === EMSGSIZE || errno === EINVAL || errno === EIO)) {
        // The packets of this route are shorter than the longer reply (EMSGSIZE, in older kernels EINVAL), or its device
        // cannot segment: these two singly, which may be cut into fragments by now. Only EMSGSIZE is for sure a matter of this
        // one route; after the others no pairs are made any more.
        if (errno !== EMSGSIZE) this.#segmentation = false;
        taken += this.#sendApart(fd, at);
      } else if (errno === EAGAIN || errno === ENOBUFS) {
        // The send buffer is full of replies to neighbours that do not answer: what is left would meet the same.
        this.blockedSends += this.#partsFrom(at, count);
        break;
      } else {
        this.refusedSends += parts;
      }
      at++;
    }
    this.#endTurn();
    return taken;
  }

  #endTurn(): void {
    this.#queued = 0;
    this.#turn = this.#turn === TURN_MAX ? 1 : this.#turn + 1;
  }

  #prepare(i: number): void {
    const { words } = this;
    const base = this.#memory.address;
    const rxHeader = (RX_HEADERS_AT >> 2) + i * HEADER_WORDS;
    writePointer(words, rxHeader + NAME_WORD, base + NAMES_AT + i * NAME_BYTES);
    writePointer(words, rxHeader + CONTROL_WORD, base + CONTROLS_AT + i * CONTROL_BYTES);
    writePointer(words, rxHeader + IOV_WORD, base + RX_IOVECS_AT + i * IOVEC_WORDS * 4);
    words[rxHeader + IOVLEN_WORD] = 1;
    const rxIovec = (RX_IOVECS_AT >> 2) + i * IOVEC_WORDS;
    writePointer(words, rxIovec, base + i * SLOT_STRIDE);
    words[rxIovec + IOVEC_LENGTH_WORD] = DATAGRAM_MAX_BYTES;
    const txHeader = (TX_HEADERS_AT >> 2) + i * HEADER_WORDS;
    writePointer(words, txHeader + IOV_WORD, base + TX_IOVECS_AT + i * 2 * IOVEC_WORDS * 4);
  }

  #pointIovec(index: number, slot: number, length: number): void {
    const { words } = this;
    const iovec = (TX_IOVECS_AT >> 2) + index * IOVEC_WORDS;
    const rxIovec = (RX_IOVECS_AT >> 2) + slot * IOVEC_WORDS;
    words[iovec] = words[rxIovec] ?? 0;
    words[iovec + 1] = words[rxIovec + 1] ?? 0;
    words[iovec + IOVEC_LENGTH_WORD] = length;
  }

  #isAlone(queued: number): boolean {
    return this.words[(TX_HEADERS_AT >> 2) + queued * HEADER_WORDS + IOVLEN_WORD] === 1;
  }

  #sameClient(a: number, b: number): boolean {
    const { words } = this;
    const nameLength = words[(RX_HEADERS_AT >> 2) + b * HEADER_WORDS + NAMELEN_WORD] ?? 0;
    if (words[(RX_HEADERS_AT >> 2) + a * HEADER_WORDS + NAMELEN_WORD] !== nameLength) return false;
    const nameA = (NAMES_AT + a * NAME_BYTES) >> 2;
    const nameB = (NAMES_AT + b * NAME_BYTES) >> 2;
    for (let i = 0; i < nameLength >> 2; i++) if (words[nameA + i] !== words[nameB + i]) return false;
    return true;
  }

  /** Adds the reply in `slot` to queued header `queued`, which holds one for the same client. */
  #pair(queued: number, slot: number, length: number): void {
    const { words } = this;
    const header = (TX_HEADERS_AT >> 2) + queued * HEADER_WORDS;
    const iovec = (TX_IOVECS_AT >> 2) + queued * 2 * IOVEC_WORDS;
    const before = words[iovec + IOVEC_LENGTH_WORD] ?? 0;
    const longer = Math.max(before, length);
    if (before >= length) {
      this.#pointIovec(queued * 2 + 1, slot, length);
    } else {
      this.#pointIovec(queued * 2 + 1, this.#slots[queued] ?? 0, before);
      this.#pointIovec(queued * 2, slot, length);
    }
    words[header + IOVLEN_WORD] = 2;
    const control = TX_CONTROLS_AT + queued * CONTROL_BYTES;
    writePointer(words, header + CONTROL_WORD, this.#memory.address + control);
    words[header + CONTROLLEN_WORD] = SEGMENT_CONTROL_BYTES;
    writeSegmentControl(words, control >> 2, longer);
    this.pairs++;
  }

  /** Sends the two replies of header `at` one by one. @returns how many the kernel took */
  #sendApart(fd: number, at: number): number {
    const { words } = this;
    const header = (TX_HEADERS_AT >> 2) + at * HEADER_WORDS;
    words[header + IOVLEN_WORD] = 1;
    words[header + CONTROLLEN_WORD] = 0;
    const address = this.#txHeaders + at * HEADER_WORDS * 4;
    let taken = this.#c.sendmmsg(fd, address, 1, MSG_DONTWAIT) === 1 ? 1 : 0;
    const iovec = (TX_IOVECS_AT >> 2) + at * 2 * IOVEC_WORDS;
    for (let i = 0; i < IOVEC_WORDS; i++) words[iovec + i] = words[iovec + IOVEC_WORDS + i] ?? 0;
    if (this.#c.sendmmsg(fd, address, 1, MSG_DONTWAIT) === 1) taken++;
    this.pairs--;
    this.refusedSends += 2 - taken;
    return taken;
  }

  #partsFrom(from: number, to: number): number {
    let parts = 0;
    for (let i = from; i < to; i++) parts += this.words[(TX_HEADERS_AT >> 2) + i * HEADER_WORDS + IOVLEN_WORD] ?? 1;
    return parts;
  }
}
