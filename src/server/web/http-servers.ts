/**
 * HTTP listeners of the process, shared by address.
 *
 * Several server blocks may name the same address, with the same path or others. A reload acquires for the new
 * configuration before it releases for the old one, so the listening socket stays open; on a path that both have, the
 * newest handler answers.
 */
import { type AddressPatience, HttpListener, type HttpHandler } from "./http-listener.ts";
import type { HttpSockets } from "./http-sockets.ts";
import type { HttpsSource } from "./https-source.ts";

/** A path held on a listener. */
export interface HttpLease {
  /** IP address that the listener has; `::` for all. */
  readonly address: string;
  /** The kernel's choice when 0 was asked for. */
  readonly port: number;
  /** Gives the path up; the last one closes the listener. A second call does nothing. Never rejects. */
  release(): Promise<void>;
}

interface Shared {
  readonly opening: Promise<HttpListener>;
  /** Set when it has opened. */
  listener: HttpListener | undefined;
  readonly leases: {
    readonly path: string;
    readonly handle: HttpHandler;
    readonly meanwhile: MeanwhileReply | undefined;
  }[];
}

/** What is to be said on a path while there is no server. */
export interface MeanwhileReply {
  readonly status: number;
  readonly body: string;
}

export interface AcquireOptions {
  /** Over TLS; of several for one address the first holds. */
  readonly https?: HttpsSource | undefined;
  /** What the keeper says in place of the handler, in plain text; default: 503. */
  readonly meanwhile?: MeanwhileReply;
}

/** A listening socket that the keeper holds too. */
export interface KeptListener {
  readonly fd: number;
  readonly replies: readonly (MeanwhileReply & { readonly path: string })[];
}

export interface HttpServersOptions {
  /** Told what a handler threw: a defect. The client gets 500. */
  readonly onDefect?: (error: unknown) => void;
  /** With it, addresses in use are waited for. */
  readonly patience?: AddressPatience | undefined;
  /** Where listening sockets come from; default: they are this process's alone. */
  readonly sockets?: HttpSockets | undefined;
  /** `kept` has changed. */
  readonly onChange?: () => void;
}

export class HttpServers {
  readonly #shared: Map<string, Shared>;
  readonly #onDefect: (error: unknown) => void;
  readonly #patience: AddressPatience | undefined;
  readonly #sockets: HttpSockets | undefined;
  readonly #onChange: () => void;

  constructor(options: HttpServersOptions = {}) {
    this.#shared = new Map();
    this.#onDefect = options.onDefect ?? (() => {});
    this.#patience = options.patience;
    this.#sockets = options.sockets;
    this.#onChange = options.onChange ?? (() => {});
  }

  /** Listeners whose sockets came from `sockets`. */
  get kept(): readonly KeptListener[] {
    return [...this.#shared.values()].flatMap(({ listener, leases }) => {
      if (listener?.fd === undefined) return [];
      const replies = leases.flatMap(({ path, meanwhile }) =>
        meanwhile === undefined ? [] : [{ path, ...meanwhile }],
      );
      return [{ fd: listener.fd, replies }];
    });
  }

  /**
   * Serves GET and HEAD of `path`.
   *
   * @param address `:8080`, `localhost:9153`, `10.0.0.1:80`, `[::1]:80`
   * @throws HttpBindError (NODENS_HTTP_BIND) when the address cannot be listened on
   */
  async acquire(
    address: string,
    path: string,
    handle: HttpHandler,
    { https, meanwhile }: AcquireOptions = {},
  ): Promise<HttpLease> {
    const shared = this.#shared.get(address) ?? this.#open(address, https);
    const lease = { path, handle, meanwhile };
    shared.leases.push(lease);
    try {
      const listener = await shared.opening;
      shared.listener = listener;
      this.#onChange();
      return { address: listener.address, port: listener.port, release: () => this.#release(address, shared, lease) };
    } catch (error) {
      await this.#release(address, shared, lease);
      throw error;
    }
  }

  #open(address: string, https: HttpsSource | undefined): Shared {
    const leases: Shared["leases"] = [];
    const route = (path: string): HttpHandler | undefined => leases.findLast((lease) => lease.path === path)?.handle;
    const opening = HttpListener.open(address, route, this.#onDefect, {
      patience: this.#patience,
      https,
      sockets: this.#sockets,
    });
    const shared: Shared = { leases, listener: undefined, opening };
    this.#shared.set(address, shared);
    return shared;
  }

  async #release(address: string, shared: Shared, lease: Shared["leases"][number]): Promise<void> {
    const at = shared.leases.indexOf(lease);
    if (at < 0) return;
    shared.leases.splice(at, 1);
    this.#onChange();
    if (shared.leases.length > 0) return;
    if (this.#shared.get(address) === shared) this.#shared.delete(address);
    // In this turn already, so that whoever acquires next can bind the address again.
    const closed = shared.listener?.close();
    if (shared.listener?.fd !== undefined) this.#sockets?.closed(shared.listener.fd);
    await closed;
  }
}
