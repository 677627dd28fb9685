/**
 * `UpstreamSockets` by `node:dgram` and `node:net`: for machines without FFI, and for tests.
 *
 * A socket binds and connects by itself in the background; what is sent before that waits in a short queue.
 */
import { createSocket, type Socket } from "node:dgram";
import { connectByNode } from "./node-stream.ts";
import type {
  PortErrorListener,
  ReplyListener,
  StreamListener,
  UpstreamPort,
  UpstreamSockets,
  UpstreamStream,
} from "./upstream-ports.ts";

/** Messages kept while a socket is connecting. More than one turn sends to one port is lost, like any datagram. */
const QUEUE_MAX = 1024;

export class DgramPorts implements UpstreamSockets {
  readonly #open: Set<DgramPort>;

  constructor() {
    this.#open = new Set();
  }

  open(
    remote: { readonly address: string; readonly port: number },
    sourceAddress: string | undefined,
    onReply: ReplyListener,
    onError: PortErrorListener,
  ): UpstreamPort {
    const port = new DgramPort(remote, sourceAddress, onReply, onError, () => this.#open.delete(port));
    this.#open.add(port);
    return port;
  }

  connect(
    remote: { readonly address: string; readonly port: number },
    sourceAddress: string | undefined,
    listener: StreamListener,
  ): UpstreamStream {
    return connectByNode(remote, sourceAddress, listener);
  }

  async close(): Promise<void> {
    for (const port of this.#open) port.close();
  }
}

class DgramPort implements UpstreamPort {
  readonly #socket: Socket;
  readonly #onClose: () => void;
  readonly #fail: (error: Error | null | undefined) => void;
  /** Undefined once connected. */
  #queue: Uint8Array[] | undefined;
  #closed: boolean;

  constructor(
    remote: { readonly address: string; readonly port: number },
    sourceAddress: string | undefined,
    onReply: ReplyListener,
    onError: PortErrorListener,
    onClose: () => void,
  ) {
    const family = remote.address.includes(":") ? 6 : 4;
    this.#onClose = onClose;
    this.#queue = [];
    this.#closed = false;
    this.#socket = createSocket({
      type: family === 6 ? "udp6" : "udp4",
      // Addresses are never looked up: `dns.lookup` would cost a thread.
      lookup: (hostname, _options, callback) => callback(null, hostname, family),
    });
    this.#socket.on("message", (message) => {
      if (!this.#closed) onReply(this, message);
    });
    // A refusal comes as an error of the next receive or of the next send, whichever is first.
    this.#fail = (error) => {
      if (error instanceof Error && !this.#closed) onError(this, errnoOf(error));
    };
    this.#socket.on("error", this.#fail);
    // Without `exclusive` a cluster worker would share the port of its siblings.
    this.#socket.bind({ port: 0, exclusive: true, ...(sourceAddress === undefined ? {} : { address: sourceAddress }) });
    this.#socket.connect(remote.port, remote.address, (error?: Error) => {
      if (error === undefined) this.#flush();
      else this.#fail(error);
    });
  }

  send(message: Uint8Array): void {
    if (this.#closed) return;
    // Not `slice`, which for a Buffer would be the same memory.
    const copy = new Uint8Array(message);
    if (this.#queue === undefined) this.#socket.send(copy, this.#fail);
    else if (this.#queue.length < QUEUE_MAX) this.#queue.push(copy);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#queue = undefined;
    this.#socket.close();
    this.#onClose();
  }

  #flush(): void {
    const queue = this.#queue ?? [];
    this.#queue = undefined;
    if (this.#closed) return;
    for (const message of queue) this.#socket.send(message, this.#fail);
  }
}

function errnoOf(error: Error): number {
  return "errno" in error && typeof error.errno === "number" ? Math.abs(error.errno) : 0;
}
