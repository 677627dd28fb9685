/**
 * Connected sockets toward upstreams: the seam between the exchange (who asks what, with which id) and the kernel.
 *
 * Two implementations under one contract test (`test/contract/upstream-ports.ts`): sockets made by FFI that
 * are read and written in batches (`fastpath/batch-ports.ts`), and `node:dgram`
 * (`upstream/dgram-ports.ts`).
 */

/** Called for each datagram; `message` is only valid during the call. */
export type ReplyListener = (port: UpstreamPort, message: Uint8Array) => void;
/** Called when the kernel reports an error for a port (ICMP unreachable: ECONNREFUSED), as a positive errno. */
export type PortErrorListener = (port: UpstreamPort, errno: number) => void;

/** One socket with a random source port, connected to one upstream: the kernel drops what comes from elsewhere. */
export interface UpstreamPort {
  /** Queues one message; it leaves at the latest when the current turn of the event loop ends. The bytes are copied. */
  send(message: Uint8Array): void;
  close(): void;
}

/** One TCP or TLS connection. */
export interface UpstreamStream {
  /** Sends the first `length` bytes, which are copied. Not before it is ready. */
  write(bytes: Uint8Array, length: number): void;
  /** Closes it at once. */
  destroy(): void;
}

/** Told what happens to a connection; nothing once it has been destroyed. */
export interface StreamListener {
  /** It may be written to. */
  ready(): void;
  /** @param bytes of which the first `length` came; only valid during the call */
  data(bytes: Uint8Array, length: number): void;
  /** It is closed. @param error with the `code` of the system or of TLS; undefined when the peer has ended it */
  ended(error: Error | undefined): void;
}

export interface UpstreamPorts {
  /**
   * @param remote IP address and port
   * @param sourceAddress IP to send from; undefined lets the kernel choose
   * @throws BindError when the socket cannot be made
   */
  open(
    remote: { readonly address: string; readonly port: number },
    sourceAddress: string | undefined,
    onReply: ReplyListener,
    onError: PortErrorListener,
  ): UpstreamPort;
  /** Closes all that is open. */
  close(): Promise<void>;
}

export interface UpstreamSockets extends UpstreamPorts {
  /**
   * Begins to connect by TCP, without delay of small writes. A failure is told later, also one that is known at once.
   *
   * @param sourceAddress IP to connect from; undefined lets the kernel choose
   */
  connect(
    remote: { readonly address: string; readonly port: number },
    sourceAddress: string | undefined,
    listener: StreamListener,
  ): UpstreamStream;
}
