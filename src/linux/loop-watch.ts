/**
 * Descriptors that wake Node.js's own event loop, read through FFI.
 *
 * Node.js has no interface for "tell me when this descriptor can be read" that does not also read it, in its own way and
 * with an allocation for each datagram. libuv has (`uv_poll_t`), but calls a C function. So the descriptors are gathered
 * in an epoll of ours, libuv watches that, and what it calls does nothing: it is enough that the loop woke up, for after its
 * poll phase it runs immediates. While anything is watched one of those is always pending here, without a reference, so that the
 * loop sleeps all the same; it looks what can be read and calls the listeners. It doubles what a turn costs that is about
 * something else, so where nothing is watched there is none.
 *
 * A turn of libuv's loop costs three system calls and the way into JavaScript and out. So while there is much to
 * read, the immediate does not return: it waits itself, for its descriptors and for libuv's epoll, runs what a turn would run
 * at its end, and leaves as soon as libuv has anything to do.
 *
 *   idle:  libuv's epoll ── watches ──> #gate ── watches ──> descriptors
 *   busy:  #inner ── watches ──> descriptors, libuv's epoll (in which the gate is off)
 *
 * The main thread only: each worker has a loop of its own, which libuv's default is not.
 */
import { isMainThread } from "node:worker_threads";
import { endOfTurn } from "../base/end-of-turn.ts";
import { type AnonymousMemory, mapMemory } from "./anonymous-memory.ts";
import { addToEpoll, changeInEpoll, createEpoll, type EpollHandle, EpollWaiter, removeFromEpoll } from "./epoll.ts";
import { closeFd } from "./fd.ts";
import { type Libc, requireLibc } from "./libc.ts";

const UV_POLL = 8;
const UV_READABLE = 1;
const PAGE_BYTES = 4096;
/** Takes an integer and does nothing else. */
const HARMLESS = "abs";
/** Tag of libuv's epoll. */
const LOOP = -1;
/**
 * A stay ends when nothing has come for so long, and after so long in any case: what libuv has begun to watch meanwhile (a new
 * socket) it puts into its epoll only when its own turn comes.
 */
const LINGER_MS = 2;
const STAY_MAX_MS = 10;
/** What comes after a longer pause is no reason to stay. */
const BUSY_MS = 4;

/** Called in the main thread when there is something to read, again and again until it has been read. Must not throw. */
export type ReadableListener = () => void;

export interface WatchOptions {
  /** Told of each arrival once, not for as long as something is there to be read (EPOLLET). */
  readonly edge?: boolean;
  /** Told too for as long as it can be written to. */
  readonly writable?: boolean;
}

/** Taken once: the global is a getter, which each turn would pay for. */
const { performance } = globalThis;

/** Runs what is due at the end of a turn: ticks and microtasks. Node.js's own name for it. */
const runTicks: (() => void) | undefined = Reflect.get(process, "_tickCallback") as (() => void) | undefined;

export class LoopWatch {
  readonly #c: Libc;
  readonly #gate: EpollHandle;
  readonly #gateWaiter: EpollWaiter;
  readonly #inner: EpollHandle;
  readonly #innerWaiter: EpollWaiter;
  readonly #loop: number;
  readonly #loopEpoll: EpollHandle;
  readonly #handle: AnonymousMemory;
  /** By descriptor, which is also the tag. */
  readonly #listeners: (ReadableListener | undefined)[];
  #watched: number;
  #immediate: NodeJS.Immediate | undefined;
  #readAtMs: number;
  #closed: boolean;

  constructor() {
    if (!isMainThread) throw new Error("only the main thread's loop can be watched");
    const c = requireLibc();
    this.#c = c;
    this.#gate = createEpoll();
    this.#gateWaiter = new EpollWaiter(this.#gate);
    this.#inner = createEpoll();
    this.#innerWaiter = new EpollWaiter(this.#inner);
    this.#loop = c.uv_default_loop();
    this.#loopEpoll = { fd: c.uv_backend_fd(this.#loop) };
    this.#listeners = [];
    this.#watched = 0;
    this.#handle = mapMemory(Math.ceil(c.uv_handle_size(UV_POLL) / PAGE_BYTES) * PAGE_BYTES);
    this.#readAtMs = 0;
    this.#closed = false;
    const { address } = this.#handle;
    const callback = c.dlsym(0, HARMLESS);
    if (callback === 0 || c.uv_poll_init(this.#loop, address, this.#gate.fd) !== 0) {
      throw new Error("the event loop cannot watch an epoll");
    }
    c.uv_poll_start(address, UV_READABLE, callback);
    c.uv_unref(address);
    addToEpoll(this.#inner, this.#loopEpoll.fd, LOOP);
  }

  add(fd: number, onReadable: ReadableListener, options: WatchOptions = {}): void {
    if (this.#listeners[fd] === undefined && ++this.#watched === 1) this.#arm();
    this.#listeners[fd] = onReadable;
    addToEpoll(this.#gate, fd, fd, options);
    addToEpoll(this.#inner, fd, fd, options);
  }

  /** Other options for what is watched. */
  change(fd: number, options: WatchOptions): void {
    changeInEpoll(this.#gate, fd, fd, options);
    changeInEpoll(this.#inner, fd, fd, options);
  }

  /** To be called before the descriptor is closed. */
  remove(fd: number): void {
    if (this.#listeners[fd] === undefined) return;
    this.#listeners[fd] = undefined;
    if (--this.#watched === 0) clearImmediate(this.#immediate);
    removeFromEpoll(this.#gate, fd);
    removeFromEpoll(this.#inner, fd);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearImmediate(this.#immediate);
    requireLibc().uv_close(this.#handle.address, 0);
    this.#listeners.length = 0;
    for (const waiter of [this.#gateWaiter, this.#innerWaiter]) waiter.close();
    for (const epoll of [this.#gate, this.#inner]) closeFd(epoll.fd);
    // libuv looks at the handle until the loop has gone round.
    setImmediate(() => setImmediate(() => this.#handle.free()));
  }

  #arm(): void {
    this.#immediate = setImmediate(() => this.#look());
    this.#immediate.unref();
  }

  #look(): void {
    this.#arm();
    const ready = this.#gateWaiter.wait(0);
    if (ready === 0) return;
    const nowMs = performance.now();
    const busy = nowMs - this.#readAtMs < BUSY_MS;
    this.#readAtMs = nowMs;
    endOfTurn.hold();
    // A listener may close all this.
    for (let i = 0; i < ready && !this.#closed; i++) this.#listeners[this.#gateWaiter.tag(i)]?.();
    if (busy && runTicks !== undefined && !this.#closed) this.#stay(runTicks, nowMs);
    endOfTurn.release();
  }

  /** Turns of our own, until libuv has something to do, a timer is due, or nothing comes any more. */
  #stay(runTicks: () => void, sinceMs: number): void {
    const waiter = this.#innerWaiter;
    const c = this.#c;
    this.#watchGate(false);
    for (;;) {
      runTicks();
      endOfTurn.run();
      if (this.#closed) return;
      const dueMs = c.uv_backend_timeout(this.#loop);
      if (dueMs === 0) break;
      // From when libuv last looked at the clock, which is not after `sinceMs` unless a timer was made since: then this is too soon,
      // and libuv sees to it.
      const untilMs = dueMs < 0 || dueMs > STAY_MAX_MS ? STAY_MAX_MS : dueMs;
      const leftMs = Math.floor(sinceMs + untilMs - performance.now());
      if (leftMs <= 0) break;
      const ready = waiter.wait(leftMs < LINGER_MS ? leftMs : LINGER_MS);
      if (ready === 0) break;
      let leave = false;
      for (let i = 0; i < ready && !this.#closed; i++) {
        const tag = waiter.tag(i);
        if (tag === LOOP) leave = true;
        else this.#listeners[tag]?.();
      }
      if (this.#closed) return;
      if (leave) break;
    }
    this.#readAtMs = performance.now();
    this.#watchGate(true);
  }

  /** Changed, not removed and added: for an epoll in an epoll the kernel looks for circles then, at each descriptor. */
  #watchGate(on: boolean): void {
    changeInEpoll(this.#loopEpoll, this.#gate.fd, this.#gate.fd, { readable: on });
  }
}
