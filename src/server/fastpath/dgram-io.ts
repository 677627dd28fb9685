/**
 * `DatagramIo` on `node:dgram`, for machines without FFI: what arrives waits in a list until `receive` copies it into
 * slots. Slower by a factor of two to three, the same to everything above.
 */
import type { RemoteInfo, Socket } from "node:dgram";
import { writeSockaddr } from "../../base/address.ts";
import type { DatagramIo } from "./datagram-io.ts";

const BATCH = 64;
const MESSAGE_MAX_BYTES = 4096;
const STRIDE = MESSAGE_MAX_BYTES + 128;
/** Datagrams that may wait; more are dropped, as a socket buffer would. */
const QUEUE_MAX = 4096;

interface Waiting {
  readonly message: Uint8Array;
  readonly remote: RemoteInfo;
}

export class DgramIo implements DatagramIo {
  readonly bytes: Uint8Array;
  readonly words: Int32Array;
  /** Datagrams thrown away because too many waited. */
  dropped: number;
  readonly #socket: Socket;
  readonly #lengths: Int32Array;
  readonly #remotes: RemoteInfo[];
  #waiting: Waiting[];
  #queued: { readonly message: Uint8Array; readonly remote: RemoteInfo }[];

  /**
   * @param socket bound; its errors are the caller's business
   * @param onReady called when datagrams begin to wait; the caller then calls `receive` until it gives 0
   */
  constructor(socket: Socket, onReady: () => void) {
    const buffer = new ArrayBuffer(BATCH * (STRIDE + 32));
    this.bytes = new Uint8Array(buffer);
    this.words = new Int32Array(buffer);
    this.dropped = 0;
    this.#socket = socket;
    this.#lengths = new Int32Array(BATCH);
    this.#remotes = [];
    this.#waiting = [];
    this.#queued = [];
    socket.on("message", (message, remote) => {
      // Nobody can be answered there, and Node.js throws when it is told to.
      if (remote.port === 0) return;
      if (this.#waiting.length >= QUEUE_MAX) {
        this.dropped++;
        return;
      }
      this.#waiting.push({ message, remote });
      if (this.#waiting.length === 1) onReady();
    });
  }

  receive(): number {
    const taken = this.#waiting.splice(0, BATCH);
    for (const [i, { message, remote }] of taken.entries()) {
      const whole = message.length <= MESSAGE_MAX_BYTES;
      this.#lengths[i] = whole ? message.length : -1;
      if (whole) this.bytes.set(message, i * STRIDE);
      writeSockaddr(this.bytes, this.sockaddrAt(i), remote.address, remote.port);
      this.#remotes[i] = remote;
    }
    return taken.length;
  }

  slotAt(i: number): number {
    return i * STRIDE;
  }

  lengthOf(i: number): number {
    return this.#lengths[i] ?? 0;
  }

  sockaddrAt(i: number): number {
    return BATCH * STRIDE + i * 32;
  }

  controlAt(): number {
    return 0;
  }

  controlLength(): number {
    return 0;
  }

  reply(i: number, length: number): void {
    const remote = this.#remotes[i];
    if (remote === undefined) return;
    const at = this.slotAt(i);
    this.#queued.push({ message: this.bytes.slice(at, at + length), remote });
  }

  flush(): number {
    const queued = this.#queued;
    this.#queued = [];
    // A refused reply (client gone) is the client's loss, as with sendmmsg.
    for (const { message, remote } of queued) this.#socket.send(message, remote.port, remote.address, ignore);
    return queued.length;
  }
}

function ignore(): void {}
