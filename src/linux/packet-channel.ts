/**
 * Packets with descriptors between two processes of this machine: an AF_UNIX socket of type SOCK_SEQPACKET (man 7 unix).
 *
 * A packet arrives whole or not at all, in order, with the descriptors that were sent with it (SCM_RIGHTS). Descriptors
 * received are closed on exec; who receives them closes them.
 *
 * `struct msghdr` is `struct mmsghdr` without its last field: the words of `message-headers.ts` hold.
 */
import { type AnonymousMemory, mapMemory, writePointer } from "./anonymous-memory.ts";
import { EAGAIN, EINTR, errnoName } from "./errno.ts";
import { closeFd } from "./fd.ts";
import { type Libc, requireLibc } from "./libc.ts";
import {
  CONTROL_WORD,
  CONTROLLEN_WORD,
  FLAGS_WORD,
  HEADER_WORDS,
  IOV_WORD,
  IOVEC_LENGTH_WORD,
  IOVEC_WORDS,
  IOVLEN_WORD,
  MSG_DONTWAIT,
  MSG_TRUNC,
} from "./message-headers.ts";

/** Longest packet, bytes. */
export const PACKET_MAX_BYTES: number = 64 * 1024;
/** Most descriptors in one packet (the kernel's bound is 253, SCM_MAX_FD). */
export const PACKET_MAX_FDS = 128;

const AF_UNIX = 1;
const SOCK_SEQPACKET_CLOEXEC = 5 | 0x80000;
const SOL_SOCKET = 1;
const SO_SNDBUF = 7;
const SO_PEERCRED = 17;
const SO_RCVTIMEO = 20;
const SO_SNDTIMEO = 21;
const SCM_RIGHTS = 1;
const MSG_CTRUNC = 8;
const MSG_NOSIGNAL = 0x4000;
const MSG_CMSG_CLOEXEC = 0x40000000;
const SEND_BUFFER_BYTES: number = 1024 * 1024;

/** `struct cmsghdr`: length u64, level i32, type i32; descriptors follow. */
const CMSG_HEADER_BYTES = 16;
const CONTROL_AT = PACKET_MAX_BYTES;
const CONTROL_ROOM = CMSG_HEADER_BYTES + PACKET_MAX_FDS * 4;
const IOVEC_AT = CONTROL_AT + CONTROL_ROOM;
const HEADER_AT = IOVEC_AT + IOVEC_WORDS * 4;
const TOTAL_BYTES = HEADER_AT + HEADER_WORDS * 4;

export interface Packet {
  /** Copied. */
  readonly bytes: Uint8Array;
  /** The receiver's to close. */
  readonly fds: readonly number[];
}

/** Who is at the other end, as the kernel knows it (SO_PEERCRED): when the socket was connected or the pair made. */
export interface PeerCredentials {
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
}

/** Two connected ends; both closed on exec. */
export function createChannelPair(): [number, number] {
  const c = requireLibc();
  const fds = new Int32Array(2);
  if (c.socketpair(AF_UNIX, SOCK_SEQPACKET_CLOEXEC, 0, new Uint8Array(fds.buffer)) !== 0) {
    throw new Error(`socketpair: ${errnoName(c.lastErrno())}`);
  }
  const [one = -1, other = -1] = fds;
  return [one, other];
}

export class PacketChannel {
  readonly fd: number;
  readonly #c: Libc;
  readonly #memory: AnonymousMemory;
  readonly #bytes: Uint8Array;
  readonly #words: Int32Array;
  #closed: boolean;

  /**
   * @param fd a SOCK_SEQPACKET socket, from now on the channel's
   * @param timeoutMs longest wait of `send`, and of `receive` when it waits
   */
  constructor(fd: number, timeoutMs: number) {
    this.fd = fd;
    this.#c = requireLibc();
    this.#memory = mapMemory(TOTAL_BYTES);
    this.#bytes = new Uint8Array(this.#memory.buffer, 0, TOTAL_BYTES);
    this.#words = new Int32Array(this.#memory.buffer, 0, TOTAL_BYTES >> 2);
    this.#closed = false;
    const { address } = this.#memory;
    writePointer(this.#words, (HEADER_AT >> 2) + IOV_WORD, address + IOVEC_AT);
    writePointer(this.#words, IOVEC_AT >> 2, address);
    writePointer(this.#words, (HEADER_AT >> 2) + CONTROL_WORD, address + CONTROL_AT);
    this.#words[(HEADER_AT >> 2) + IOVLEN_WORD] = 1;
    const timeout = new BigInt64Array([BigInt(Math.floor(timeoutMs / 1000)), BigInt((timeoutMs % 1000) * 1000)]);
    for (const option of [SO_RCVTIMEO, SO_SNDTIMEO]) {
      this.#c.setsockopt(fd, SOL_SOCKET, option, new Uint8Array(timeout.buffer), 16);
    }
    this.#c.setsockopt(fd, SOL_SOCKET, SO_SNDBUF, new Uint8Array(Int32Array.of(SEND_BUFFER_BYTES).buffer), 4);
  }

  /**
   * Sends one packet; waits for room, at most the channel's time-out.
   *
   * @param bytes 1 to `PACKET_MAX_BYTES`
   * @param fds at most `PACKET_MAX_FDS`; they stay the caller's
   * @throws Error when the other end is gone or does not read
   */
  send(bytes: Uint8Array, fds: readonly number[] = []): void {
    if (bytes.length === 0 || bytes.length > PACKET_MAX_BYTES) throw new Error(`a packet of ${bytes.length} bytes`);
    if (fds.length > PACKET_MAX_FDS) throw new Error(`${fds.length} descriptors in a packet`);
    this.#bytes.set(bytes);
    const words = this.#words;
    words[(IOVEC_AT >> 2) + IOVEC_LENGTH_WORD] = bytes.length;
    words[(HEADER_AT >> 2) + FLAGS_WORD] = 0;
    words[(HEADER_AT >> 2) + CONTROLLEN_WORD] = fds.length === 0 ? 0 : CMSG_HEADER_BYTES + fds.length * 4;
    const control = CONTROL_AT >> 2;
    words[control] = CMSG_HEADER_BYTES + fds.length * 4;
    words[control + 1] = 0;
    words[control + 2] = SOL_SOCKET;
    words[control + 3] = SCM_RIGHTS;
    for (const [i, fd] of fds.entries()) words[control + 4 + i] = fd;
    for (;;) {
      if (this.#c.sendmsg(this.fd, this.#memory.address + HEADER_AT, MSG_NOSIGNAL) >= 0) return;
      const errno = this.#c.lastErrno();
      if (errno !== EINTR) throw new Error(`the other process does not take messages: ${errnoName(errno)}`);
    }
  }

  /**
   * Takes one packet.
   *
   * @param wait for one, at most the channel's time-out
   * @returns undefined when there is none; "closed" when the other end is gone and everything was read
   * @throws Error for a packet that is too long or has too many descriptors; none of these stay open
   */
  receive(wait: boolean): Packet | "closed" | undefined {
    const words = this.#words;
    const header = HEADER_AT >> 2;
    words[(IOVEC_AT >> 2) + IOVEC_LENGTH_WORD] = PACKET_MAX_BYTES;
    words[header + CONTROLLEN_WORD] = CONTROL_ROOM;
    words[header + FLAGS_WORD] = 0;
    const flags = MSG_CMSG_CLOEXEC | (wait ? 0 : MSG_DONTWAIT);
    let length: number;
    for (;;) {
      length = this.#c.recvmsg(this.fd, this.#memory.address + HEADER_AT, flags);
      if (length >= 0) break;
      const errno = this.#c.lastErrno();
      if (errno === EINTR) continue;
      // A reset means that the other end went while packets of ours were unread.
      return errno === EAGAIN ? undefined : "closed";
    }
    const fds = this.#receivedFds();
    if (length === 0) return "closed";
    if (((words[header + FLAGS_WORD] ?? 0) & (MSG_TRUNC | MSG_CTRUNC)) !== 0) {
      for (const fd of fds) closeFd(fd);
      throw new Error("a packet that is too long");
    }
    return { bytes: this.#bytes.slice(0, length), fds };
  }

  /** @returns undefined when the kernel does not say */
  peer(): PeerCredentials | undefined {
    const credentials = new Int32Array(3);
    const length = Uint8Array.of(12, 0, 0, 0);
    const out = new Uint8Array(credentials.buffer);
    if (this.#c.getsockopt(this.fd, SOL_SOCKET, SO_PEERCRED, out, length) !== 0) return undefined;
    const [pid = 0, uid = 0, gid = 0] = credentials;
    return { pid, uid, gid };
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    closeFd(this.fd);
    this.#memory.free();
  }

  #receivedFds(): number[] {
    const words = this.#words;
    const control = CONTROL_AT >> 2;
    const room = words[(HEADER_AT >> 2) + CONTROLLEN_WORD] ?? 0;
    const isRights = words[control + 2] === SOL_SOCKET && words[control + 3] === SCM_RIGHTS;
    if (room < CMSG_HEADER_BYTES || !isRights) return [];
    const count = ((words[control] ?? 0) - CMSG_HEADER_BYTES) >> 2;
    return Array.from({ length: count }, (_, i) => words[control + 4 + i] ?? -1);
  }
}
