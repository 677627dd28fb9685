/**
 * Descriptors that wake Node.js's own event loop, read through FFI.
 *
 * Node.js has no interface for "tell me when this descriptor can be read" that does not also read it, in its own way and
 * with an allocation for each datagram. libuv has (`uv_poll_t`), but calls a C function. So the descriptors are gathered
 * in an epoll of ours, libuv watches that, and what it calls does nothing: it is enough that the loop woke up, for after its
 * poll phase it runs immediates. One of those is always pending here, without a reference, so that the loop sleeps all the
 * same; it looks what can be read and calls the listeners.
 *
 * The main thread only: each worker has a loop of its own, which libuv's default is not.
 */
import { isMainThread } from "node:worker_threads";
import { type AnonymousMemory, mapMemory } from "./anonymous-memory.ts";
import { addToEpoll, createEpoll, type EpollHandle, EpollWaiter, removeFromEpoll } from "./epoll.ts";
import { closeFd } from "./fd.ts";
import { requireLibc } from "./libc.ts";

const UV_POLL = 8;
const UV_READABLE = 1;
const PAGE_BYTES = 4096;
/** Takes an integer and does nothing else. */
const HARMLESS = "abs";

/** Called in the main thread when there is something to read, again and again until it has been read. Must not throw. */
export type ReadableListener = () => void;

export class LoopWatch {
  readonly #epoll: EpollHandle;
  readonly #waiter: EpollWaiter;
  readonly #handle: AnonymousMemory;
  /** By descriptor, which is also the tag. */
  readonly #listeners: Map<number, ReadableListener>;
  #immediate: NodeJS.Immediate | undefined;
  #closed: boolean;

  constructor() {
    if (!isMainThread) throw new Error("only the main thread's loop can be watched");
    const c = requireLibc();
    this.#epoll = createEpoll();
    this.#waiter = new EpollWaiter(this.#epoll);
    this.#listeners = new Map();
    this.#handle = mapMemory(Math.ceil(c.uv_handle_size(UV_POLL) / PAGE_BYTES) * PAGE_BYTES);
    this.#closed = false;
    const { address } = this.#handle;
    const callback = c.dlsym(0, HARMLESS);
    if (callback === 0 || c.uv_poll_init(c.uv_default_loop(), address, this.#epoll.fd) !== 0) {
      throw new Error("the event loop cannot watch an epoll");
    }
    c.uv_poll_start(address, UV_READABLE, callback);
    c.uv_unref(address);
    this.#rearm();
  }

  /** @param edge told of each arrival once, not for as long as something is there to be read (EPOLLET) */
  add(fd: number, onReadable: ReadableListener, edge = false): void {
    this.#listeners.set(fd, onReadable);
    addToEpoll(this.#epoll, fd, fd, { edge });
  }

  /** To be called before the descriptor is closed. */
  remove(fd: number): void {
    if (this.#listeners.delete(fd)) removeFromEpoll(this.#epoll, fd);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearImmediate(this.#immediate);
    requireLibc().uv_close(this.#handle.address, 0);
    this.#listeners.clear();
    this.#waiter.close();
    closeFd(this.#epoll.fd);
    // libuv looks at the handle until the loop has gone round.
    setImmediate(() => setImmediate(() => this.#handle.free()));
  }

  #rearm(): void {
    this.#immediate = setImmediate(() => this.#look());
    this.#immediate.unref();
  }

  #look(): void {
    this.#rearm();
    const ready = this.#waiter.wait(0);
    for (let i = 0; i < ready; i++) this.#listeners.get(this.#waiter.tag(i))?.();
  }
}
