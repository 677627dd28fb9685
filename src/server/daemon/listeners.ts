/**
 * Open sockets of the server: one UDP endpoint and one TCP listener for each address, a TLS listener for each address of
 * `tls://` keys, kept over reloads.
 */
import type { SocketAddress } from "../../base/address.ts";
import { BindError } from "../../base/bind-error.ts";
import type { Clock } from "../../base/clock.ts";
import { boundSocket, isBoundTo } from "../../linux/udp-socket.ts";
import { openTcpListener } from "../../linux/tcp-socket.ts";
import type { KeptEndpoint, UdpEndpoint, UdpFront } from "../fastpath/udp-front.ts";
import { type SocketKind, socketName } from "../keeper/names.ts";
import type { StandbyListener } from "../keeper/standby-plan.ts";
import type { Answer } from "../chain/answer.ts";
import { serverFailure } from "../chain/failure.ts";
import type { Query } from "../chain/query.ts";
import type { StreamTimeouts } from "../chain/stream-settings.ts";
import type { ListenerLimits, TcpListener, TcpService } from "../stream/tcp-service.ts";
import { type Dispatcher, Route } from "./dispatcher.ts";
import type { KeeperLink, KeptItem } from "./keeper-link.ts";
import type { ListenScheme, PlannedListener } from "./listener-plan.ts";
import type { Metrics } from "../metrics/metrics.ts";

const PORT_CHOICES = 10;
/** Connections that may wait to be accepted, on a socket that is kept. */
const BACKLOG = 1024;

interface OpenListener {
  readonly key: string;
  readonly scheme: ListenScheme;
  /** Undefined for TLS. */
  readonly udp: UdpEndpoint | undefined;
  readonly tcp: TcpListener;
  /** To be kept; none without a keeper. */
  readonly sockets: readonly KeptItem[];
  /** From now on queries over TCP are answered; those that came before wait. */
  readonly begin: () => void;
  route: Route;
}

export interface ListeningAddress extends SocketAddress {
  readonly scheme: ListenScheme;
}

export interface ListenersParts {
  readonly front: UdpFront;
  readonly tcp: TcpService;
  readonly dispatcher: Dispatcher;
  readonly metrics: Metrics;
  readonly clock: Clock;
  /** Sockets are taken from it where it has them. */
  readonly keeper?: KeeperLink | undefined;
}

/** Sockets opened for a configuration that is not in use yet. */
export interface PreparedListeners {
  readonly opened: readonly OpenListener[];
  readonly planned: readonly PlannedListener[];
}

export class Listeners {
  readonly #parts: ListenersParts;
  #open: Map<string, OpenListener>;
  /** By the id that queries of the front carry. */
  readonly #byEndpoint: Map<number, OpenListener>;

  constructor(parts: ListenersParts) {
    this.#parts = parts;
    this.#open = new Map();
    this.#byEndpoint = new Map();
  }

  /** Addresses that are served, with the ports that the kernel chose. */
  get addresses(): readonly ListeningAddress[] {
    return [...this.#open.values()].map(({ scheme, tcp }) => ({ scheme, address: tcp.address, port: tcp.port }));
  }

  /** Sockets that are served, for the server that comes after this one. */
  get sockets(): readonly KeptItem[] {
    return [...this.#open.values()].flatMap(({ sockets }) => sockets);
  }

  /** Those that a standby can serve, with their zones. */
  get standby(): readonly StandbyListener[] {
    return [...this.#open.values()].flatMap(({ udp, sockets, route }): StandbyListener[] => {
      const socket = sockets.find(({ fd }) => fd === udp?.shared?.fd);
      if (udp?.shared === undefined || socket === undefined) return [];
      const stream = sockets.find((other) => other !== socket)?.name;
      return [{ id: udp.id, socket: socket.name, stream, wildcard: udp.shared.wildcard, zones: route.standbyZones }];
    });
  }

  /**
   * Opens what `planned` needs and is not open yet. Nothing is served by it before `use`.
   *
   * @throws BindError; what was opened is closed again
   */
  async prepare(planned: readonly PlannedListener[]): Promise<PreparedListeners> {
    const opened: OpenListener[] = [];
    try {
      const missing = planned.filter((plan) => !this.#open.has(keyOf(plan)));
      // Kept ones first: by their ids go queries that were left behind, and a new one takes any that is free.
      const inOrder = missing.toSorted((a, b) => Number(this.#isKept(b)) - Number(this.#isKept(a)));
      for (const plan of inOrder) opened.push(await this.#openOne(plan));
    } catch (error) {
      await this.abandon({ opened, planned });
      throw error;
    }
    return { opened, planned };
  }

  /** Gives up what `prepare` opened. */
  async abandon(prepared: PreparedListeners): Promise<void> {
    for (const listener of prepared.opened) await this.#close(listener, 0);
  }

  /** Serves exactly `prepared.planned` from now on; listeners that are not in it are closed. */
  async use(prepared: PreparedListeners): Promise<void> {
    const { front, metrics } = this.#parts;
    const known = new Map([...this.#open, ...prepared.opened.map((listener) => [listener.key, listener] as const)]);
    const wanted = new Map<string, OpenListener>();
    for (const plan of prepared.planned) {
      const listener = known.get(keyOf(plan));
      if (listener === undefined) throw new Error(`${keyOf(plan)} was not prepared`);
      listener.route = new Route(plan, metrics);
      listener.begin();
      listener.tcp.change(limitsOf(plan.timeouts), plan.scheme === "tls" ? plan.tls : undefined);
      wanted.set(listener.key, listener);
    }
    this.#open = wanted;
    await front.serve(
      [...wanted.values()].flatMap(({ udp, route }) =>
        udp === undefined ? [] : [{ endpoint: udp, zones: route.zones }],
      ),
    );
    for (const [key, listener] of known) {
      if (!wanted.has(key)) await this.#close(listener, 1000);
    }
  }

  /** A query that the front handed over. */
  query(
    endpoint: number,
    wire: Uint8Array,
    sockaddr: Uint8Array,
    control: Uint8Array | undefined,
    receivedAtMs: number,
  ): Promise<void> {
    const listener = this.#byEndpoint.get(endpoint);
    const udp = listener?.udp;
    if (listener === undefined || udp === undefined) return Promise.resolve();
    const { front, dispatcher } = this.#parts;
    return dispatcher.serve(listener.route, "udp", wire, sockaddr, receivedAtMs, (message, length) => {
      // The listener may have been closed while the answer was made.
      if (this.#byEndpoint.has(endpoint)) front.reply(udp, message, length, sockaddr, control);
    });
  }

  /** Answers a question of the server's own, on behalf of a query that came to one of the listeners. */
  ask(query: Query): Promise<Answer> {
    for (const { route } of this.#open.values()) {
      if (route.server === query.server) return this.#parts.dispatcher.ask(route, query);
    }
    // Its listener was closed meanwhile.
    return Promise.resolve(serverFailure(query, ""));
  }

  async #openOne(plan: PlannedListener): Promise<OpenListener> {
    // The kernel may choose a port that is free for UDP and taken for TCP: then it chooses again.
    for (let left = plan.port === 0 ? PORT_CHOICES : 1; ; left--) {
      try {
        return await this.#tryToOpen(plan);
      } catch (error) {
        if (left <= 1 || !(error instanceof BindError)) throw error;
      }
    }
  }

  /** @throws BindError; nothing is left open then */
  async #tryToOpen(plan: PlannedListener): Promise<OpenListener> {
    const { front, tcp, dispatcher, clock } = this.#parts;
    const kept = this.#takeKept(plan);
    const udp = plan.scheme === "tls" ? undefined : await front.open(plan.address, plan.port, endpointOf(kept.udp));
    const used = Promise.withResolvers<void>();
    let began = false;
    const answer = async (
      message: Uint8Array,
      _client: SocketAddress,
      sockaddr: Uint8Array,
    ): Promise<Uint8Array | undefined> => {
      if (!began) await used.promise;
      let reply: Uint8Array | undefined;
      await dispatcher.serve(listener.route, "tcp", message, sockaddr, clock.monotonicMs(), (bytes, length) => {
        reply = bytes.slice(0, length);
      });
      return reply;
    };
    let listening: TcpListener;
    let tcpFd: number | undefined;
    try {
      const port = udp?.port ?? plan.port;
      if (this.#parts.keeper !== undefined) tcpFd = kept.stream?.fd ?? openTcpListener(plan.address, port, BACKLOG);
      listening = await tcp.listen(plan.address, port, answer, {
        limits: limitsOf(plan.timeouts),
        ...(tcpFd === undefined ? {} : { fd: tcpFd }),
        ...(plan.tls === undefined || plan.scheme !== "tls" ? {} : { tls: plan.tls }),
      });
    } catch (error) {
      if (udp !== undefined) front.close(udp);
      throw error;
    }
    const listener: OpenListener = {
      key: keyOf(plan),
      scheme: plan.scheme,
      udp,
      tcp: listening,
      begin: () => {
        began = true;
        used.resolve();
      },
      sockets: this.#toKeep(plan, udp, tcpFd),
      // A field: V8 looks an accessor of an object's own up anew for each query.
      route: new Route(plan, this.#parts.metrics),
    };
    if (udp !== undefined) this.#byEndpoint.set(udp.id, listener);
    return listener;
  }

  #isKept({ scheme, address, port }: PlannedListener): boolean {
    return scheme !== "tls" && this.#parts.keeper?.hasSocket("udp", address, port) === true;
  }

  /** What the keeper has for a listener; what it has by mistake is closed. */
  #takeKept(plan: PlannedListener): { udp?: KeptItem; stream?: KeptItem } {
    const { keeper } = this.#parts;
    if (keeper === undefined) return {};
    const { scheme, address, port } = plan;
    const kinds: SocketKind[] = scheme === "tls" ? ["tls"] : ["udp", "tcp"];
    const items = kinds.flatMap((kind) => {
      const item = keeper.takeSocket(kind, address, port);
      if (item === undefined) return [];
      const bound = boundSocket(item.fd);
      const fits = bound?.type === (kind === "udp" ? "udp" : "tcp") && isBoundTo(bound, address, port);
      if (fits) return [{ kind, item, port: bound.port }];
      keeper.reject(item);
      return [];
    });
    // On a port that the kernel chose, UDP and TCP must go together.
    if (port === 0 && (items.length < kinds.length || items[0]?.port !== items.at(-1)?.port)) {
      for (const { item } of items) keeper.reject(item);
      return {};
    }
    const udp = items.find(({ kind }) => kind === "udp")?.item;
    const stream = items.find(({ kind }) => kind !== "udp")?.item;
    return { ...(udp === undefined ? {} : { udp }), ...(stream === undefined ? {} : { stream }) };
  }

  #toKeep(plan: PlannedListener, udp: UdpEndpoint | undefined, streamFd: number | undefined): KeptItem[] {
    const { scheme, address, port } = plan;
    const items: KeptItem[] = [];
    if (this.#parts.keeper === undefined) return items;
    if (udp?.shared !== undefined) {
      items.push({ name: socketName("udp", address, port), meta: { id: udp.id }, fd: udp.shared.fd });
    }
    if (streamFd !== undefined) {
      items.push({ name: socketName(scheme === "tls" ? "tls" : "tcp", address, port), meta: {}, fd: streamFd });
    }
    return items;
  }

  async #close({ udp, tcp }: OpenListener, graceMs: number): Promise<void> {
    if (udp !== undefined) {
      this.#byEndpoint.delete(udp.id);
      this.#parts.front.close(udp);
    }
    await tcp.close(graceMs);
  }
}

function endpointOf(kept: KeptItem | undefined): KeptEndpoint | undefined {
  if (kept === undefined) return undefined;
  const { id } = kept.meta;
  // Without an id of before, any that nobody has will do.
  return { fd: kept.fd, id: typeof id === "number" && Number.isInteger(id) && id > 0 && id < 1 << 30 ? id : 1 };
}

function keyOf(plan: PlannedListener): string {
  return plan.identity.label;
}

function limitsOf({ readMs, writeMs, idleMs, queries }: StreamTimeouts): ListenerLimits {
  return {
    ...(readMs === undefined ? {} : { firstMessageMs: readMs, partialMessageMs: readMs }),
    ...(writeMs === undefined ? {} : { slowReaderMs: writeMs }),
    ...(idleMs === undefined ? {} : { idleMs }),
    ...(queries === undefined ? {} : { queriesPerConnection: queries }),
  };
}
