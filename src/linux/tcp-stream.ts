/**
 * A TCP connection of ours, read and written through FFI in the main thread's loop.
 *
 * What Node.js's streams cost for each piece that comes or goes is several times what the kernel takes for it.
 */
import { SOCKADDR_MAX_BYTES, type SocketAddress, writeSockaddr } from "../base/address.ts";
import { type AnonymousMemory, mapMemory } from "./anonymous-memory.ts";
import { EAGAIN, EINPROGRESS, EINTR, errnoName } from "./errno.ts";
import { closeFd } from "./fd.ts";
import { type Libc, requireLibc } from "./libc.ts";
import type { LoopWatch } from "./loop-watch.ts";
import { MSG_DONTWAIT } from "./message-headers.ts";
import { scopeId } from "./network-interface.ts";

const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_STREAM_CLOEXEC_NONBLOCK = 1 | 0x80000 | 0x800;
const SOL_SOCKET = 1;
const SO_ERROR = 4;
const IPPROTO_TCP = 6;
const TCP_NODELAY = 1;
const MSG_NOSIGNAL = 0x4000;

const BUFFER_BYTES = 64 * 1024;

interface Room {
  readonly memory: AnonymousMemory;
  readonly bytes: Uint8Array;
}

/** Of all connections: reading and handing over is one step, and so is copying and writing. */
let readRoom: Room | undefined;
let writeRoom: Room | undefined;

/** Reads of one connection in a row; then the others get theirs. */
const READS_IN_A_ROW = 4;

/** Told what happens to a connection; none of it once it has been destroyed. */
export interface StreamListener {
  /** It may be written to. */
  ready(): void;
  /** @param bytes of which the first `length` came; only valid during the call */
  data(bytes: Uint8Array, length: number): void;
  /** It is closed. @param error with the `code` of the system; undefined when the peer has ended it */
  ended(error: Error | undefined): void;
}

export class TcpStream {
  readonly #c: Libc;
  readonly #watch: LoopWatch;
  readonly #listener: StreamListener;
  /** -1 once it is closed. */
  #fd: number;
  #connecting: boolean;
  /** What the kernel did not take, in order; undefined when there is none. */
  #backlog: Uint8Array | undefined;

  /**
   * Begins to connect. A failure is told later, also one that is known at once.
   *
   * @param sourceAddress IP to connect from; undefined lets the kernel choose
   */
  constructor(watch: LoopWatch, remote: SocketAddress, sourceAddress: string | undefined, listener: StreamListener) {
    this.#c = requireLibc();
    this.#watch = watch;
    this.#listener = listener;
    this.#connecting = true;
    this.#backlog = undefined;
    this.#fd = -1;
    const errno = this.#connect(remote, sourceAddress);
    if (errno === 0) watch.add(this.#fd, () => this.#look(), { writable: true });
    else setImmediate(() => this.#fail(errno));
  }

  /** The first `length` bytes are copied. Not before it is ready. */
  write(bytes: Uint8Array, length: number): void {
    if (this.#fd < 0) return;
    const rest = this.#backlog === undefined ? this.#send(bytes, length) : 0;
    if (rest === length || this.#fd < 0) return;
    if (this.#backlog === undefined) this.#watch.change(this.#fd, { writable: true });
    this.#backlog = joined(this.#backlog, bytes.subarray(rest, length));
  }

  destroy(): void {
    const fd = this.#fd;
    this.#connecting = false;
    if (fd < 0) return;
    this.#fd = -1;
    this.#backlog = undefined;
    this.#watch.remove(fd);
    closeFd(fd);
  }

  /** @returns errno, 0 while it is on its way */
  #connect(remote: SocketAddress, sourceAddress: string | undefined): number {
    const c = this.#c;
    const sockaddr = new Uint8Array(SOCKADDR_MAX_BYTES);
    const length = writeSockaddr(sockaddr, 0, remote.address, remote.port, scopeId(remote.address));
    if (length < 0) throw new Error(`${remote.address} is no IP address`);
    const fd = c.socket(length === 16 ? AF_INET : AF_INET6, SOCK_STREAM_CLOEXEC_NONBLOCK, 0);
    if (fd < 0) return c.lastErrno();
    c.setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, Uint8Array.of(1, 0, 0, 0), 4);
    let errno = 0;
    if (sourceAddress !== undefined) {
      const source = new Uint8Array(SOCKADDR_MAX_BYTES);
      const sourceLength = writeSockaddr(source, 0, sourceAddress, 0, scopeId(sourceAddress));
      if (sourceLength < 0) throw new Error(`${sourceAddress} is no IP address`);
      if (c.bind(fd, source, sourceLength) !== 0) errno = c.lastErrno();
    }
    if (errno === 0 && c.connect(fd, sockaddr, length) !== 0) errno = c.lastErrno();
    if (errno !== 0 && errno !== EINPROGRESS) {
      closeFd(fd);
      return errno;
    }
    this.#fd = fd;
    return 0;
  }

  #look(): void {
    if (this.#connecting && !this.#isConnected()) return;
    if (this.#backlog !== undefined) this.#sendBacklog();
    for (let left = READS_IN_A_ROW; left > 0 && this.#fd >= 0; left--) {
      const { memory, bytes } = (readRoom ??= makeRoom());
      const n = this.#c.recv(this.#fd, memory.address, BUFFER_BYTES, MSG_DONTWAIT);
      if (n > 0) {
        this.#listener.data(bytes, n);
        // A read that does not fill the room leaves nothing behind.
        if (n < BUFFER_BYTES) return;
        continue;
      }
      const errno = n === 0 ? 0 : this.#c.lastErrno();
      if (errno !== EAGAIN && errno !== EINTR) this.#fail(errno);
      return;
    }
  }

  #isConnected(): boolean {
    const value = new Int32Array(1);
    const c = this.#c;
    c.getsockopt(this.#fd, SOL_SOCKET, SO_ERROR, new Uint8Array(value.buffer), Uint8Array.of(4, 0, 0, 0));
    const errno = value[0] ?? 0;
    if (errno !== 0) {
      this.#fail(errno);
      return false;
    }
    this.#connecting = false;
    this.#watch.change(this.#fd, {});
    this.#listener.ready();
    return this.#fd >= 0;
  }

  /** @returns how many bytes the kernel took */
  #send(bytes: Uint8Array, length: number): number {
    const { memory, bytes: room } = (writeRoom ??= makeRoom());
    let at = 0;
    while (at < length) {
      const part = Math.min(length - at, BUFFER_BYTES);
      for (let i = 0; i < part; i++) room[i] = bytes[at + i] ?? 0;
      const n = this.#c.send(this.#fd, memory.address, part, MSG_DONTWAIT | MSG_NOSIGNAL);
      if (n < 0) {
        // Whatever it is, the next look tells; here somebody is in the middle of something.
        const errno = this.#c.lastErrno();
        if (errno === EINTR) continue;
        return at;
      }
      at += n;
    }
    return at;
  }

  #sendBacklog(): void {
    const backlog = this.#backlog;
    if (backlog === undefined) return;
    const sent = this.#send(backlog, backlog.length);
    if (sent < backlog.length) {
      if (sent > 0) this.#backlog = backlog.slice(sent);
      return;
    }
    this.#backlog = undefined;
    this.#watch.change(this.#fd, {});
  }

  /** @param errno 0 when the peer has ended it */
  #fail(errno: number): void {
    if (this.#fd < 0 && !this.#connecting) return;
    this.destroy();
    const name = errnoName(errno);
    this.#listener.ended(errno === 0 ? undefined : Object.assign(new Error(name), { code: name }));
  }
}

function makeRoom(): Room {
  const memory = mapMemory(BUFFER_BYTES);
  return { memory, bytes: new Uint8Array(memory.buffer) };
}

function joined(first: Uint8Array | undefined, second: Uint8Array): Uint8Array {
  if (first === undefined) return second.slice();
  const both = new Uint8Array(first.length + second.length);
  both.set(first);
  both.set(second, first.length);
  return both;
}
