/**
 * Open sockets of the server: one UDP endpoint and one TCP listener for each address, a TLS listener for each address of
 * `tls://` keys, kept over reloads.
 */
import type { SocketAddress } from "../../base/address.ts";
import { BindError } from "../../base/bind-error.ts";
import type { Clock } from "../../base/clock.ts";
import type { UdpEndpoint, UdpFront } from "../fastpath/udp-front.ts";
import type { StreamTimeouts } from "../chain/stream-settings.ts";
import type { ListenerLimits, TcpListener, TcpService } from "../stream/tcp-service.ts";
import { type Dispatcher, Route } from "./dispatcher.ts";
import type { ListenScheme, PlannedListener } from "./listener-plan.ts";
import type { Metrics } from "../metrics/metrics.ts";

const PORT_CHOICES = 10;

interface OpenListener {
  readonly key: string;
  readonly scheme: ListenScheme;
  /** Undefined for TLS. */
  readonly udp: UdpEndpoint | undefined;
  readonly tcp: TcpListener;
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

  /**
   * Opens what `planned` needs and is not open yet. Nothing is served by it before `use`.
   *
   * @throws BindError; what was opened is closed again
   */
  async prepare(planned: readonly PlannedListener[]): Promise<PreparedListeners> {
    const opened: OpenListener[] = [];
    try {
      for (const plan of planned) {
        if (!this.#open.has(keyOf(plan))) opened.push(await this.#openOne(plan));
      }
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
  ): void {
    const listener = this.#byEndpoint.get(endpoint);
    const udp = listener?.udp;
    if (listener === undefined || udp === undefined) return;
    const { front, dispatcher } = this.#parts;
    void dispatcher.serve(listener.route, "udp", wire, sockaddr, receivedAtMs, (message, length) => {
      // The listener may have been closed while the answer was made.
      if (this.#byEndpoint.has(endpoint)) front.reply(udp, message, length, sockaddr, control);
    });
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
    const udp = plan.scheme === "tls" ? undefined : await front.open(plan.address, plan.port);
    let route = new Route(plan, this.#parts.metrics);
    const answer = async (
      message: Uint8Array,
      _client: SocketAddress,
      sockaddr: Uint8Array,
    ): Promise<Uint8Array | undefined> => {
      let reply: Uint8Array | undefined;
      await dispatcher.serve(route, "tcp", message, sockaddr, clock.monotonicMs(), (bytes, length) => {
        reply = bytes.slice(0, length);
      });
      return reply;
    };
    let listening: TcpListener;
    try {
      listening = await tcp.listen(plan.address, udp?.port ?? plan.port, answer, {
        limits: limitsOf(plan.timeouts),
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
      get route() {
        return route;
      },
      set route(next: Route) {
        route = next;
      },
    };
    if (udp !== undefined) this.#byEndpoint.set(udp.id, listener);
    return listener;
  }

  async #close({ udp, tcp }: OpenListener, graceMs: number): Promise<void> {
    if (udp !== undefined) {
      this.#byEndpoint.delete(udp.id);
      this.#parts.front.close(udp);
    }
    await tcp.close(graceMs);
  }
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
