/** Connections to upstreams by Node.js's own sockets: TLS, and TCP where there is no FFI. */
import type { Socket, TcpNetConnectOpts } from "node:net";
import type { StreamListener, UpstreamStream } from "./upstream-ports.ts";

interface Remote {
  readonly address: string;
  readonly port: number;
}

/** Read buffer of all plain connections: reading and handing over is one step, so they can share it. */
const READ_BUFFER_BYTES = 64 * 1024;
let readBuffer: Uint8Array | undefined;

export function connectByNode(
  remote: Remote,
  sourceAddress: string | undefined,
  listener: StreamListener,
): UpstreamStream {
  const { connect } = process.getBuiltinModule("node:net");
  readBuffer ??= new Uint8Array(READ_BUFFER_BYTES);
  const socket = connect({
    ...connectOptions(remote, sourceAddress),
    onread: {
      buffer: readBuffer,
      callback: (bytes, buffer) => {
        listener.data(buffer, bytes);
        return true;
      },
    },
  });
  return new NodeStream(socket, "connect", listener);
}

/** All of a socket but what it reads. */
export class NodeStream implements UpstreamStream {
  readonly #socket: Socket;
  #destroyed: boolean;

  /** @param readyEvent after which it may be written to */
  constructor(socket: Socket, readyEvent: "connect" | "secureConnect", listener: StreamListener) {
    this.#socket = socket;
    this.#destroyed = false;
    let error: Error | undefined;
    socket.setNoDelay(true);
    socket.once(readyEvent, () => listener.ready());
    socket.once("error", (cause) => {
      error = cause;
    });
    socket.once("close", () => {
      if (!this.#destroyed) listener.ended(error);
    });
  }

  write(bytes: Uint8Array, length: number): void {
    // A copy: the socket may hold on to it.
    this.#socket.write(bytes.slice(0, length));
  }

  destroy(): void {
    this.#destroyed = true;
    this.#socket.destroy();
  }
}

export function connectOptions({ address, port }: Remote, sourceAddress: string | undefined): TcpNetConnectOpts {
  const base = { host: address, port };
  return sourceAddress === undefined ? base : { ...base, localAddress: sourceAddress };
}
