/**
 * TLS for accepted TCP connections (RFC 7858): a handshake, and then a socket like any other.
 *
 * TLS 1.2 is the least, and the protocol name of RFC 7301 is `dot`; a client that names others only is refused. What is
 * served with may change at any time: handshakes from then on use the new certificate, connections that are open stay.
 * `node:tls` is loaded with the first connection.
 */
import type { Socket } from "node:net";
import type { Server, TLSSocket } from "node:tls";
import { type ClientAuth, isAdmitted, type TlsCredentials } from "../../base/client-certificate.ts";
import type { TlsSource } from "../chain/stream-settings.ts";

export interface TlsAcceptorOptions {
  readonly source: TlsSource;
  /** How long a handshake may take, milliseconds. */
  readonly handshakeMs: () => number;
  /** The handshake is done, and the client has shown what it must. @param raw as given to `accept` */
  readonly onSecure: (socket: TLSSocket, raw: Socket) => void;
  /** The handshake failed or took too long; the socket is destroyed. */
  readonly onFailure: () => void;
}

const ALPN = "dot";

export class TlsAcceptor {
  readonly #options: TlsAcceptorOptions;
  /** Sockets in their handshakes, by the client's address and port. */
  readonly #handshakes: Map<string, Socket>;
  #server: Server | undefined;
  #credentials: TlsCredentials | undefined;
  #handshakeMs: number;

  constructor(options: TlsAcceptorOptions) {
    this.#options = options;
    this.#handshakes = new Map();
    this.#server = undefined;
    this.#credentials = undefined;
    this.#handshakeMs = 0;
  }

  /** @param raw just accepted, nothing read from it */
  accept(raw: Socket): void {
    const key = keyOf(raw);
    this.#handshakes.set(key, raw);
    raw.once("close", () => {
      if (this.#handshakes.get(key) === raw) this.#handshakes.delete(key);
    });
    // The documented way to hand a socket to a TLS server that does not listen by itself.
    this.#current().emit("connection", raw);
  }

  #current(): Server {
    const credentials = this.#options.source.current();
    const handshakeMs = this.#options.handshakeMs();
    if (this.#server === undefined || credentials !== this.#credentials || handshakeMs !== this.#handshakeMs) {
      this.#server = this.#make(credentials, handshakeMs);
      this.#credentials = credentials;
      this.#handshakeMs = handshakeMs;
    }
    return this.#server;
  }

  #make(credentials: TlsCredentials, handshakeMs: number): Server {
    const { createServer } = process.getBuiltinModule("node:tls");
    const { cert, key, ca, clientAuth } = credentials;
    const { source, onFailure } = this.#options;
    const server = createServer({
      cert,
      key,
      ...(ca === undefined ? {} : { ca }),
      minVersion: "TLSv1.2",
      ALPNProtocols: [ALPN],
      requestCert: clientAuth !== "nocert",
      rejectUnauthorized: clientAuth === "require_and_verify",
      handshakeTimeout: handshakeMs,
    });
    server.on("secureConnection", (socket) => this.#secure(socket, clientAuth));
    server.on("tlsClientError", (_error, socket) => {
      // Node.js leaves it open after a time-out.
      socket.destroy();
      onFailure();
    });
    const { keyLog } = source;
    if (keyLog !== undefined) server.on("keylog", keyLog);
    return server;
  }

  #secure(socket: TLSSocket, clientAuth: ClientAuth): void {
    const key = keyOf(socket);
    const raw = this.#handshakes.get(key);
    this.#handshakes.delete(key);
    if (raw === undefined || !isAdmitted(socket, clientAuth)) {
      socket.on("error", () => {});
      socket.destroy();
      this.#options.onFailure();
      return;
    }
    this.#options.onSecure(socket, raw);
  }
}

function keyOf(socket: Socket): string {
  return `${socket.remoteAddress} ${socket.remotePort}`;
}
