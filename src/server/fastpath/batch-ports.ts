/**
 * `UpstreamSockets` by FFI: the main thread sends and receives in batches.
 */
import type { SocketAddress } from "../../base/address.ts";
import { endOfTurn, type TurnTask } from "../../base/end-of-turn.ts";
import { BATCH_DATAGRAMS, DatagramBatch } from "../../linux/datagram-batch.ts";
import { closeFd } from "../../linux/fd.ts";
import type { LoopWatch } from "../../linux/loop-watch.ts";
import { SEND_MAX_BYTES, SendBatch } from "../../linux/send-batch.ts";
import { TcpStream } from "../../linux/tcp-stream.ts";
import { openConnected } from "../../linux/udp-socket.ts";
import type {
  PortErrorListener,
  ReplyListener,
  StreamListener,
  UpstreamPort,
  UpstreamSockets,
  UpstreamStream,
} from "../upstream/upstream-ports.ts";

class BatchPort implements UpstreamPort {
  readonly fd: number;
  readonly onReply: ReplyListener;
  readonly onError: PortErrorListener;
  readonly #owner: BatchPorts;

  constructor(owner: BatchPorts, fd: number, onReply: ReplyListener, onError: PortErrorListener) {
    this.#owner = owner;
    this.fd = fd;
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

export class BatchPorts implements UpstreamSockets, TurnTask {
  readonly #watch: LoopWatch;
  readonly #received: DatagramBatch;
  readonly #sends: SendBatch;
  readonly #onDatagrams: (count: number) => void;
  /** By descriptor. */
  readonly #ports: Map<number, BatchPort>;
  /** Ports with an error that a send ran into, until their owners have been told. */
  readonly #failed: Map<BatchPort, number>;
  #flushScheduled: boolean;

  /** @param onDatagrams called with how many came */
  constructor(watch: LoopWatch, onDatagrams: (count: number) => void) {
    this.#watch = watch;
    this.#received = new DatagramBatch(false);
    this.#sends = new SendBatch((fd, errno) => this.#sendFailed(fd, errno));
    this.#onDatagrams = onDatagrams;
    this.#ports = new Map();
    this.#failed = new Map();
    this.#flushScheduled = false;
  }

  open(
    remote: SocketAddress,
    sourceAddress: string | undefined,
    onReply: ReplyListener,
    onError: PortErrorListener,
  ): UpstreamPort {
    const fd = openConnected(remote, sourceAddress);
    const port = new BatchPort(this, fd, onReply, onError);
    this.#ports.set(fd, port);
    this.#watch.add(fd, () => this.#receive(port));
    return port;
  }

  connect(remote: SocketAddress, sourceAddress: string | undefined, listener: StreamListener): UpstreamStream {
    return new TcpStream(this.#watch, remote, sourceAddress, listener);
  }

  send(port: BatchPort, message: Uint8Array): void {
    // The descriptor of a closed port may be another socket's already.
    if (!this.#isOpen(port)) return;
    if (message.length > SEND_MAX_BYTES) throw new Error(`a query of ${message.length} bytes`);
    const at = this.#sends.begin(port.fd);
    this.#sends.bytes.set(message, at);
    this.#sends.commit(message.length, undefined, undefined);
    if (this.#flushScheduled) return;
    this.#flushScheduled = true;
    endOfTurn.add(this);
  }

  endTurn(): void {
    this.#flushScheduled = false;
    this.#sends.flush();
  }

  closePort(port: BatchPort): void {
    if (!this.#isOpen(port)) return;
    // What is queued for the socket must leave before its number can become another's.
    this.#sends.flush();
    this.#ports.delete(port.fd);
    this.#watch.remove(port.fd);
    closeFd(port.fd);
  }

  close(): Promise<void> {
    for (const port of this.#ports.values()) this.closePort(port);
    this.#received.close();
    return Promise.resolve();
  }

  #isOpen(port: BatchPort): boolean {
    return this.#ports.get(port.fd) === port;
  }

  #receive(port: BatchPort): void {
    const batch = this.#received;
    let n: number;
    do {
      n = batch.receive(port.fd, false);
      if (n < 0) {
        port.onError(port, -n);
        return;
      }
      this.#onDatagrams(n);
      for (let i = 0; i < n && this.#isOpen(port); i++) {
        const at = batch.slotAt(i);
        // One that was too long for the slot counts as one that is too short.
        port.onReply(port, batch.bytes.subarray(at, at + Math.max(batch.lengthOf(i), 0)));
      }
    } while (n === BATCH_DATAGRAMS && this.#isOpen(port));
  }

  /**
   * A send ran into an error of the socket, which a receive will then not see. The port's owner is told in a later turn, for
   * it may send, and the batch is in use.
   */
  #sendFailed(fd: number, errno: number): void {
    const port = this.#ports.get(fd);
    if (port === undefined) return;
    if (this.#failed.size === 0) setImmediate(() => this.#tellFailures());
    this.#failed.set(port, errno);
  }

  #tellFailures(): void {
    const failed = [...this.#failed];
    this.#failed.clear();
    for (const [port, errno] of failed) if (this.#isOpen(port)) port.onError(port, errno);
  }
}
