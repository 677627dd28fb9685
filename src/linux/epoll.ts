/**
 * epoll (man 7 epoll): which of many descriptors can be read, with a bounded wait.
 *
 * `struct epoll_event` is packed to 12 bytes on x86-64 and takes 16 elsewhere. The user datum is a 32-bit tag.
 * Descriptors may be added and removed from another thread while this one waits.
 */
import { mapMemory, type AnonymousMemory } from "./anonymous-memory.ts";
import { type Libc, requireLibc } from "./libc.ts";

const EPOLL_CTL_ADD = 1;
const EPOLL_CTL_DEL = 2;
const EPOLL_CTL_MOD = 3;
const EPOLL_CLOEXEC = 0x80000;
const EPOLLIN = 1;
const EPOLLOUT = 4;
const EPOLLEXCLUSIVE = 1 << 28;
const EPOLLET = 1 << 31;
const EVENT_WORDS = process.arch === "x64" ? 3 : 4;
const TAG_WORD = process.arch === "x64" ? 1 : 2;
const MAX_EVENTS = 64;

/** An epoll instance by descriptor; `add` and `remove` may be called by any thread. */
export interface EpollHandle {
  readonly fd: number;
}

export function createEpoll(): EpollHandle {
  const fd = requireLibc().epoll_create1(EPOLL_CLOEXEC);
  if (fd < 0) throw new Error("epoll_create1 failed");
  return { fd };
}

export interface EpollOptions {
  /** Wake one of several waiting threads (EPOLLEXCLUSIVE). */
  readonly exclusive?: boolean;
  /** Tell of each arrival once (EPOLLET). */
  readonly edge?: boolean;
  /** False: do not tell when it can be read (EPOLLIN). */
  readonly readable?: boolean;
  /** Tell too when it can be written to (EPOLLOUT). */
  readonly writable?: boolean;
}

/** @param tag given back by `EpollWaiter.tag` */
export function addToEpoll(epoll: EpollHandle, fd: number, tag: number, options: EpollOptions = {}): void {
  control(epoll, "add", fd, tag, options);
}

/** Other options for a descriptor that is in the epoll. */
export function changeInEpoll(epoll: EpollHandle, fd: number, tag: number, options: EpollOptions): void {
  control(epoll, "change", fd, tag, options);
}

function control(epoll: EpollHandle, what: "add" | "change", fd: number, tag: number, options: EpollOptions): void {
  const { exclusive = false, edge = false, readable = true, writable = false } = options;
  const event = new Int32Array(EVENT_WORDS);
  event[0] =
    (readable ? EPOLLIN : 0) | (writable ? EPOLLOUT : 0) | (exclusive ? EPOLLEXCLUSIVE : 0) | (edge ? EPOLLET : 0);
  event[TAG_WORD] = tag;
  const c = requireLibc();
  const operation = what === "add" ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
  if (c.epoll_ctl(epoll.fd, operation, fd, new Uint8Array(event.buffer)) !== 0) {
    throw new Error(`epoll_ctl ${what} ${fd}: errno ${c.lastErrno()}`);
  }
}

export function removeFromEpoll(epoll: EpollHandle, fd: number): void {
  requireLibc().epoll_ctl(epoll.fd, EPOLL_CTL_DEL, fd, new Uint8Array(EVENT_WORDS * 4));
}

/** The waiting side, owned by one thread. */
export class EpollWaiter {
  readonly #c: Libc;
  readonly #fd: number;
  readonly #memory: AnonymousMemory;
  readonly #words: Int32Array;

  constructor(epoll: EpollHandle) {
    this.#c = requireLibc();
    this.#fd = epoll.fd;
    this.#memory = mapMemory(4096);
    this.#words = new Int32Array(this.#memory.buffer);
  }

  /** @returns number of ready descriptors (0 after `timeoutMs` or a signal); read them with `tag` before the next wait */
  wait(timeoutMs: number): number {
    const n = this.#c.epoll_wait(this.#fd, this.#memory.address, MAX_EVENTS, timeoutMs);
    return n < 0 ? 0 : n;
  }

  tag(index: number): number {
    return this.#words[index * EVENT_WORDS + TAG_WORD] ?? 0;
  }

  close(): void {
    this.#memory.free();
  }
}
