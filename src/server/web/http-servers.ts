/**
 * HTTP listeners of the process, shared by address.
 *
 * Several server blocks may name the same address, with the same path or others. A reload acquires for the new
 * configuration before it releases for the old one, so the listening socket stays open; on a path that both have, the
 * newest handler answers.
 */
import { type AddressPatience, HttpListener, type HttpHandler } from "./http-listener.ts";
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
  readonly leases: { readonly path: string; readonly handle: HttpHandler }[];
}

export interface HttpServersOptions {
  /** Told what a handler threw: a defect. The client gets 500. */
  readonly onDefect?: (error: unknown) => void;
  /** With it, addresses in use are waited for. */
  readonly patience?: AddressPatience | undefined;
}

export class HttpServers {
  readonly #shared: Map<string, Shared>;
  readonly #onDefect: (error: unknown) => void;
  readonly #patience: AddressPatience | undefined;

  constructor(options: HttpServersOptions = {}) {
    this.#shared = new Map();
    this.#onDefect = options.onDefect ?? (() => {});
    this.#patience = options.patience;
  }

  /**
   * Serves GET and HEAD of `path`.
   *
   * @param address `:8080`, `localhost:9153`, `10.0.0.1:80`, `[::1]:80`
   * @param https over TLS; of several for one address the first holds
   * @throws HttpBindError (NODENS_HTTP_BIND) when the address cannot be listened on
   */
  async acquire(address: string, path: string, handle: HttpHandler, https?: HttpsSource): Promise<HttpLease> {
    const shared = this.#shared.get(address) ?? this.#open(address, https);
    const lease = { path, handle };
    shared.leases.push(lease);
    try {
      const listener = await shared.opening;
      shared.listener = listener;
      return { address: listener.address, port: listener.port, release: () => this.#release(address, shared, lease) };
    } catch (error) {
      await this.#release(address, shared, lease);
      throw error;
    }
  }

  #open(address: string, https: HttpsSource | undefined): Shared {
    const leases: Shared["leases"] = [];
    const route = (path: string): HttpHandler | undefined => leases.findLast((lease) => lease.path === path)?.handle;
    const opening = HttpListener.open(address, route, this.#onDefect, undefined, this.#patience, https);
    const shared: Shared = { leases, listener: undefined, opening };
    this.#shared.set(address, shared);
    return shared;
  }

  async #release(address: string, shared: Shared, lease: Shared["leases"][number]): Promise<void> {
    const at = shared.leases.indexOf(lease);
    if (at < 0) return;
    shared.leases.splice(at, 1);
    if (shared.leases.length > 0) return;
    if (this.#shared.get(address) === shared) this.#shared.delete(address);
    // In this turn already, so that whoever acquires next can bind the address again.
    await shared.listener?.close();
  }
}
