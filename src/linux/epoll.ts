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
const EPOLL_CLOEXEC = 0x80000;
const EPOLLIN = 1;
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
}

/** @param tag given back by `EpollWaiter.tag` */
export function addToEpoll(epoll: EpollHandle, fd: number, tag: number, options: EpollOptions = {}): void {
  const event = new Int32Array(EVENT_WORDS);
  event[0] = EPOLLIN | (options.exclusive === true ? EPOLLEXCLUSIVE : 0) | (options.edge === true ? EPOLLET : 0);
  event[TAG_WORD] = tag;
  const c = requireLibc();
  if (c.epoll_ctl(epoll.fd, EPOLL_CTL_ADD, fd, new Uint8Array(event.buffer)) !== 0) {
    throw new Error(`epoll_ctl add ${fd}: errno ${c.lastErrno()}`);
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
