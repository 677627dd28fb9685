/**
 * DNS over TCP and over TLS: listeners, and the table of their connections with its bounds.
 *
 * One service for the process. All its listeners share the bounds, one coarse timer, and one write-out at the end of
 * each turn of the event loop. A listener knows nothing of DNS beyond the length before a message.
 */
import { createServer, type Server, type Socket } from "node:net";
import type { SocketAddress } from "../../base/address.ts";
import { BindError } from "../../base/bind-error.ts";
import { systemClock, type Clock } from "../../base/clock.ts";
import type { TlsSource } from "../chain/stream-settings.ts";
import { TcpConnection, type AnswerMessage, type ConnectionHost } from "./tcp-connection.ts";
import { DEFAULT_TCP_LIMITS, type TcpLimits } from "./tcp-limits.ts";
import { NO_TCP_STATS, type TcpStats } from "./tcp-stats.ts";
import { TlsAcceptor } from "./tls-acceptor.ts";

export interface TcpServiceOptions {
  /** Those not given have their defaults. */
  readonly limits?: Partial<TcpLimits>;
  readonly stats?: TcpStats;
  readonly clock?: Clock;
  /** How often time-outs are looked at: they may come so much later. Default 250. */
  readonly tickMs?: number;
}

export interface ListenOptions {
  /** `::` takes IPv6 clients only. Default false: IPv4 clients too, whose addresses are given as IPv4. */
  readonly ipv6Only?: boolean;
  /** SO_REUSEPORT: several processes on one port. Default false. */
  readonly reusePort?: boolean;
  /** A socket that is bound to the address and listens, the service's from now on; `ipv6Only` and `reusePort` are its own. */
  readonly fd?: number;
  /** DNS over TLS with these credentials. Absent: plain TCP. */
  readonly tls?: TlsSource;
  /** In place of the service's for the connections of this listener. */
  readonly limits?: ListenerLimits;
}

/** The bounds that a listener may have of its own. */
export type ListenerLimits = Partial<
  Pick<TcpLimits, "firstMessageMs" | "partialMessageMs" | "slowReaderMs" | "idleMs" | "queriesPerConnection">
>;

export interface TcpListener {
  readonly address: string;
  /** The one that the kernel chose when 0 was asked for. */
  readonly port: number;
  /** From now on these hold, for connections that are open too; TLS credentials for those to come. */
  change(limits: ListenerLimits, tls: TlsSource | undefined): void;
  /** Connections that are open go on. */
  acceptNoMore(): void;
  /** As `TcpService.close`, for this listener. */
  close(graceMs: number): Promise<void>;
}

export class TcpService {
  readonly #host: ConnectionHost;
  readonly #connections: Set<TcpConnection>;
  /** TLS connections not yet secure: they count as connections. */
  readonly #handshakes: Set<Socket>;
  readonly #perClient: Map<string, number>;
  readonly #listeners: Set<TcpListener>;
  /** Connections with answers of this turn. */
  readonly #unflushed: TcpConnection[];
  readonly #tickMs: number;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: TcpServiceOptions = {}) {
    this.#host = {
      limits: { ...DEFAULT_TCP_LIMITS, ...options.limits },
      clock: options.clock ?? systemClock,
      stats: options.stats ?? NO_TCP_STATS,
      flushSoon: (connection) => {
        if (this.#unflushed.push(connection) === 1) setImmediate(this.#flush);
      },
      gone: (connection) => this.#remove(connection),
    };
    this.#connections = new Set();
    this.#handshakes = new Set();
    this.#perClient = new Map();
    this.#listeners = new Set();
    this.#unflushed = [];
    this.#tickMs = options.tickMs ?? 250;
    this.#timer = undefined;
  }

  /** Connections open now, of all listeners. */
  get connections(): number {
    return this.#connections.size;
  }

  /**
   * Accepts connections on an address.
   *
   * @param address IP address
   * @param port 0 lets the kernel choose
   * @param answer called for each message of each connection
   * @throws BindError
   */
  async listen(
    address: string,
    port: number,
    answer: AnswerMessage,
    options: ListenOptions = {},
  ): Promise<TcpListener> {
    const own = new Set<TcpConnection>();
    const shaking = new Set<Socket>();
    const host = { ...this.#host, limits: { ...this.#host.limits, ...options.limits } };
    const open = (socket: Socket, client: SocketAddress, raw: Socket): void => {
      shaking.delete(raw);
      const connection = this.#open(new TcpConnection(socket, client, answer, host, raw));
      own.add(connection);
      socket.once("close", () => own.delete(connection));
    };
    let acceptor = options.tls === undefined ? undefined : this.#acceptor(options.tls, host, open);
    // The client may close its side and still wait for answers; a small mark keeps little of what a paused one sends.
    const server = createServer({ allowHalfOpen: true, highWaterMark: 16 * 1024 }, (socket) => {
      const client = this.#admit(socket);
      if (client === undefined) return;
      if (acceptor === undefined) open(socket, client, socket);
      else {
        shaking.add(socket);
        socket.once("close", () => shaking.delete(socket));
        this.#shakeHands(socket, client, acceptor);
      }
    });
    await bind(server, address, port, this.#host.limits.connections, options);
    const bound = server.address();
    const listener: TcpListener = {
      address,
      port: typeof bound === "object" && bound !== null ? bound.port : port,
      change: (limits, tls) => {
        host.limits = { ...this.#host.limits, ...limits };
        if (tls !== undefined) acceptor = this.#acceptor(tls, host, open);
      },
      acceptNoMore: () => void server.close(),
      close: async (graceMs) => {
        if (!this.#listeners.delete(listener)) return;
        for (const socket of shaking) socket.destroy();
        await closeServer(server, own, graceMs);
      },
    };
    this.#listeners.add(listener);
    return listener;
  }

  /**
   * Accepts no more, answers what was read, and ends all connections.
   *
   * @param graceMs after which connections that still owe or linger are dropped
   */
  async close(graceMs: number): Promise<void> {
    await Promise.all(Array.from(this.#listeners, (listener) => listener.close(graceMs)));
  }

  /** @returns undefined when it met a bound: the socket is then gone */
  #admit(socket: Socket): SocketAddress | undefined {
    const { limits, stats } = this.#host;
    const client = clientOf(socket);
    if (client === undefined) {
      // It was closed before we saw it.
      socket.destroy();
      return undefined;
    }
    const ofClient = this.#perClient.get(client.address) ?? 0;
    const refusal =
      ofClient >= limits.connectionsPerClient
        ? "client"
        : this.#connections.size + this.#handshakes.size >= limits.connections && !this.#displaceIdle()
          ? "total"
          : undefined;
    if (refusal !== undefined) {
      stats.refused(refusal);
      socket.on("error", () => {});
      socket.resetAndDestroy();
      return undefined;
    }
    this.#perClient.set(client.address, ofClient + 1);
    return client;
  }

  /** @returns `connection`, which has been admitted */
  #open(connection: TcpConnection): TcpConnection {
    this.#connections.add(connection);
    this.#host.stats.opened();
    this.#timer ??= setInterval(this.#tick, this.#tickMs).unref();
    return connection;
  }

  #shakeHands(socket: Socket, client: SocketAddress, acceptor: TlsAcceptor): void {
    this.#handshakes.add(socket);
    socket.once("close", () => {
      if (this.#handshakes.delete(socket)) this.#leave(client);
    });
    acceptor.accept(socket);
  }

  #acceptor(
    source: TlsSource,
    host: ConnectionHost,
    open: (socket: Socket, client: SocketAddress, raw: Socket) => void,
  ): TlsAcceptor {
    return new TlsAcceptor({
      source,
      handshakeMs: () => host.limits.firstMessageMs,
      onSecure: (socket, raw) => {
        const client = clientOf(socket);
        if (client === undefined || !this.#handshakes.delete(raw)) socket.destroy();
        else open(socket, client, raw);
      },
      onFailure: () => host.stats.refused("handshake"),
    });
  }

  /** Ends the connection that has been idle the longest. @returns whether there was one */
  #displaceIdle(): boolean {
    const nowMs = this.#host.clock.monotonicMs();
    let longest: TcpConnection | undefined;
    let longestMs = this.#host.limits.idleFloorMs;
    for (const connection of this.#connections) {
      const idleMs = connection.idleMs(nowMs);
      if (idleMs < longestMs) continue;
      longest = connection;
      longestMs = idleMs;
    }
    if (longest === undefined) return false;
    this.#remove(longest);
    longest.drop("displaced");
    return true;
  }

  /** Called again when the socket of a displaced connection has closed. */
  #remove(connection: TcpConnection): void {
    if (!this.#connections.delete(connection)) return;
    this.#leave(connection.client);
    if (this.#connections.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #leave({ address }: SocketAddress): void {
    const left = (this.#perClient.get(address) ?? 1) - 1;
    if (left === 0) this.#perClient.delete(address);
    else this.#perClient.set(address, left);
  }

  readonly #flush = (): void => {
    // What a flush adds (a client that reads again) has its own turn.
    for (const connection of this.#unflushed.splice(0)) connection.flush();
  };

  readonly #tick = (): void => {
    const nowMs = this.#host.clock.monotonicMs();
    for (const connection of this.#connections) connection.tick(nowMs, this.#connections.size);
  };
}

function clientOf(socket: Socket): SocketAddress | undefined {
  const { remoteAddress, remotePort } = socket;
  if (remoteAddress === undefined || remotePort === undefined) return undefined;
  const mapped = remoteAddress.startsWith("::ffff:") && remoteAddress.includes(".");
  return { address: mapped ? remoteAddress.slice(7) : remoteAddress, port: remotePort };
}

function bind(server: Server, address: string, port: number, backlog: number, options: ListenOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    const refuse = (cause: Error): void => reject(new BindError(address, port, cause));
    server.once("error", refuse);
    const { fd, ipv6Only = false, reusePort = false } = options;
    const where = fd === undefined ? { host: address, port, ipv6Only, reusePort } : { fd };
    server.listen({ ...where, backlog, exclusive: true }, () => {
      server.off("error", refuse);
      // Later errors are of accept(): out of descriptors. Node.js goes on listening.
      server.on("error", () => {});
      resolve();
    });
  });
}

async function closeServer(server: Server, connections: ReadonlySet<TcpConnection>, graceMs: number): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  for (const connection of connections) connection.shutDown();
  const timer = setTimeout(() => {
    for (const connection of connections) connection.drop("shutdown");
  }, graceMs);
  await Promise.all([closed, ...Array.from(connections, (connection) => connection.whenClosed())]);
  clearTimeout(timer);
}
