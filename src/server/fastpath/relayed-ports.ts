/**
 * `UpstreamPorts` by FFI: the main thread sends in batches, a fast-path thread receives in batches and relays.
 */
import type { SocketAddress } from "../../base/address.ts";
import { addToEpoll, removeFromEpoll } from "../../linux/epoll.ts";
import { closeFd } from "../../linux/fd.ts";
import { SEND_MAX_BYTES, type SendBatch } from "../../linux/send-batch.ts";
import { openConnected } from "../../linux/udp-socket.ts";
import type { PortErrorListener, ReplyListener, UpstreamPort, UpstreamPorts } from "../upstream/upstream-ports.ts";
import { beatsOf, type FastPathThread } from "./fast-path-threads.ts";
import { occupyPort, PORT_SLOTS, vacatePort } from "./thread-control.ts";

interface ClosingSocket {
  readonly fd: number;
  readonly thread: FastPathThread;
  readonly index: number;
  readonly beats: number;
}

class RelayedPort implements UpstreamPort {
  readonly fd: number;
  readonly tag: number;
  readonly index: number;
  readonly thread: FastPathThread;
  readonly onReply: ReplyListener;
  readonly onError: PortErrorListener;
  readonly #owner: RelayedPorts;

  constructor(
    owner: RelayedPorts,
    fd: number,
    tag: number,
    index: number,
    thread: FastPathThread,
    onReply: ReplyListener,
    onError: PortErrorListener,
  ) {
    this.#owner = owner;
    this.fd = fd;
    this.tag = tag;
    this.index = index;
    this.thread = thread;
    this.onReply = onReply;
    this.onError = onError;
  }

  send(message: Uint8Array): void {
    this.#owner.send(this, message);
  }

  close(): void {
    this.#owner.closePort(this);
  }
}

export class RelayedPorts implements UpstreamPorts {
  readonly #threads: readonly FastPathThread[];
  readonly #batch: SendBatch;
  readonly #ports: Map<number, RelayedPort>;
  /** Indexes of each thread's table that were used and are free again, and the first never used. */
  readonly #free: number[][];
  readonly #unused: number[];
  #closing: ClosingSocket[];
  #next: number;
  #flushScheduled: boolean;
  /** Ports with an error that a send ran into, until their owners have been told. */
  readonly #failed: Map<RelayedPort, number>;

  constructor(threads: readonly FastPathThread[], batch: SendBatch) {
    this.#threads = threads;
    this.#batch = batch;
    this.#ports = new Map();
    this.#free = threads.map(() => []);
    this.#unused = threads.map(() => 0);
    this.#closing = [];
    this.#next = 0;
    this.#flushScheduled = false;
    this.#failed = new Map();
  }

  open(
    remote: SocketAddress,
    sourceAddress: string | undefined,
    onReply: ReplyListener,
    onError: PortErrorListener,
  ): UpstreamPort {
    this.#reap();
    const t = this.#next++ % this.#threads.length;
    const thread = this.#threads[t];
    const free = this.#free[t];
    if (thread === undefined || free === undefined) throw new Error("no fast-path thread");
    const index = free.pop() ?? this.#unusedIndex(t);
    let fd: number;
    try {
      fd = openConnected(remote, sourceAddress);
    } catch (error) {
      free.push(index);
      throw error;
    }
    const tag = occupyPort(thread.control, index, fd);
    const port = new RelayedPort(this, fd, tag, index, thread, onReply, onError);
    // Tags of different threads may be equal; the thread is part of the key.
    this.#ports.set(keyOf(t, tag), port);
    addToEpoll(thread.epoll, fd, tag, false);
    return port;
  }

  /** A reply or an error that thread `thread` relayed. */
  deliver(thread: number, tag: number, message: Uint8Array | undefined, errno: number): void {
    const port = this.#ports.get(keyOf(thread, tag));
    if (port === undefined) return;
    if (message === undefined) port.onError(port, errno);
    else port.onReply(port, message);
  }

  send(port: RelayedPort, message: Uint8Array): void {
    // The descriptor of a closed port may be another socket's already.
    if (!this.#ports.has(this.#keyOf(port))) return;
    if (message.length > SEND_MAX_BYTES) throw new Error(`a query of ${message.length} bytes`);
    const at = this.#batch.begin(port.fd);
    this.#batch.bytes.set(message, at);
    this.#batch.commit(message.length, undefined, undefined);
    if (this.#flushScheduled) return;
    this.#flushScheduled = true;
    setImmediate(() => {
      this.#flushScheduled = false;
      this.#batch.flush();
    });
  }

  /**
   * A send ran into an error of the socket, which the fast-path thread will then not see. The port's owner is told in a
   * later turn, for it may send, and the batch is in use.
   */
  sendFailed(fd: number, errno: number): void {
    for (const port of this.#ports.values()) {
      if (port.fd !== fd) continue;
      if (this.#failed.size === 0) setImmediate(() => this.#tellFailures());
      this.#failed.set(port, errno);
      return;
    }
  }

  closePort(port: RelayedPort): void {
    if (!this.#ports.delete(this.#keyOf(port))) return;
    vacatePort(port.thread.control, port.index);
    removeFromEpoll(port.thread.epoll, port.fd);
    // The thread may hold an event for it: its number must not be given to another socket before it has moved on.
    this.#closing.push({ fd: port.fd, thread: port.thread, index: port.index, beats: beatsOf(port.thread) });
    this.#reap();
  }

  close(): Promise<void> {
    for (const port of this.#ports.values()) closeFd(port.fd);
    for (const socket of this.#closing) closeFd(socket.fd);
    this.#ports.clear();
    this.#closing = [];
    return Promise.resolve();
  }

  #reap(): void {
    const done = this.#closing.filter((socket) => beatsOf(socket.thread) - socket.beats >= 2);
    if (done.length === 0) return;
    // What is queued for a socket must leave before its number can become another's.
    this.#batch.flush();
    this.#closing = this.#closing.filter((socket) => !done.includes(socket));
    for (const socket of done) {
      closeFd(socket.fd);
      this.#free[this.#threads.indexOf(socket.thread)]?.push(socket.index);
    }
  }

  #tellFailures(): void {
    const failed = [...this.#failed];
    this.#failed.clear();
    for (const [port, errno] of failed) {
      if (this.#ports.has(this.#keyOf(port))) port.onError(port, errno);
    }
  }

  #keyOf(port: RelayedPort): number {
    return keyOf(this.#threads.indexOf(port.thread), port.tag);
  }

  #unusedIndex(thread: number): number {
    const index = this.#unused[thread] ?? 0;
    if (index >= PORT_SLOTS) throw new Error("too many upstream sockets");
    this.#unused[thread] = index + 1;
    return index;
  }
}

function keyOf(thread: number, tag: number): number {
  return thread * 0x8000_0000 + tag;
}
