/**
 * The admin API: a running server as JSON, for `nodens top` and for programs of this machine. Nothing can be changed by it.
 *
 *   GET /v1/snapshot   everything at this moment
 *   GET /v1/stream     the same every second, as server-sent events
 *
 * `admin-wish.ts` has the parameters of both.
 */
import { hostname } from "node:os";
import { Readable } from "node:stream";
import { formatSocketAddress } from "../../base/address.ts";
import type { Clock } from "../../base/clock.ts";
import { describeError } from "../../base/errors.ts";
import type { Log } from "../../base/log.ts";
import { conntrackStats } from "../../linux/conntrack-stats.ts";
import type { AnswerStore } from "../cache/answer-store.ts";
import type { ClientWatch } from "../clients/client-watch.ts";
import type { Metrics } from "../metrics/metrics.ts";
import { type AdminAddress, formatAdminAddress } from "../web/admin-address.ts";
import { AdminBindError, AdminListener } from "../web/admin-listener.ts";
import { type HttpHandler, type HttpReply, type HttpRequest, textReply } from "../web/http-listener.ts";
import { ADMIN_API, type AdminSnapshot, upstreamRows } from "./admin-snapshot.ts";
import { type AdminWish, INTERVAL_MAX_MS, readWish } from "./admin-wish.ts";
import type { ListeningAddress } from "./listeners.ts";

/** Where the admin API is to be. */
export interface AdminPlaces {
  /** The first one that can be had is used. */
  readonly addresses: readonly AdminAddress[];
  /** Somebody asked for it: it must be there. Else the server goes on without one. */
  readonly needed: boolean;
}

export interface AdminParts {
  readonly log: Log;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly store: AnswerStore;
  readonly clients: ClientWatch;
  readonly version: string;
  listens(): readonly ListeningAddress[];
  inFlight(): number;
  /** Of `performance.now()`: until then an address in use is waited for, for its user is about to go. */
  readonly patientUntilMs: number;
}

const STREAMS_MAX = 8;
/** A stream that its reader has left so much of is not given more. */
const UNREAD_MAX_BYTES = 1024 * 1024;
const RETRY_MS = 100;
const INDEX = `Nodens admin API
GET /v1/snapshot?limit=20&names_each=5&client_order=rate&name_order=rate&client=&name=
GET /v1/stream?interval_ms=1000
`;

export class Admin {
  readonly #parts: AdminParts;
  readonly #startedAtMs: number;
  readonly #routes: ReadonlyMap<string, HttpHandler>;
  readonly #streams: Set<Readable>;
  #listener: AdminListener | undefined;
  #closed: boolean;

  constructor(parts: AdminParts) {
    this.#parts = parts;
    this.#startedAtMs = parts.clock.monotonicMs();
    this.#streams = new Set();
    this.#listener = undefined;
    this.#closed = false;
    this.#routes = new Map<string, HttpHandler>([
      ["/", () => textReply(200, INDEX)],
      ["/v1/snapshot", (request) => this.#withWish(request, (wish) => jsonReply(this.snapshot(wish)))],
      ["/v1/stream", (request) => this.#withWish(request, (wish) => this.#stream(request, wish))],
    ]);
  }

  /** Where it is; undefined when it is nowhere, or not yet. */
  get address(): AdminAddress | undefined {
    return this.#listener?.address;
  }

  /** @throws AdminBindError when it is needed and cannot be had */
  async open({ addresses, needed }: AdminPlaces): Promise<void> {
    const { log, patientUntilMs } = this.#parts;
    for (const address of addresses) {
      try {
        await this.#listen(address);
        return;
      } catch (error) {
        if (!(error instanceof AdminBindError)) throw error;
        if (error.inUse && performance.now() < patientUntilMs) {
          void this.#listenLater(address);
          return;
        }
        if (needed) throw error;
        if (error.inUse) {
          log.info(
            `another instance has ${formatAdminAddress(address)}: without an admin API (--admin gives it a place)`,
          );
          return;
        }
      }
    }
  }

  snapshot(wish: AdminWish): AdminSnapshot {
    const { clock, metrics, store, clients, version } = this.#parts;
    clients.look();
    return {
      api: ADMIN_API,
      version,
      host: hostname(),
      pid: process.pid,
      uptimeSeconds: (clock.monotonicMs() - this.#startedAtMs) / 1000,
      atMs: Date.now(),
      listens: this.#parts
        .listens()
        .map(
          ({ scheme, address, port }) =>
            `${scheme === "dns" ? "" : `${scheme}://`}${formatSocketAddress(address, port)}`,
        ),
      totals: metrics.totals(),
      inFlight: this.#parts.inFlight(),
      cache: { answers: answersOf(metrics), usedBytes: store.usedBytes, limitBytes: store.limitBytes },
      upstreams: upstreamRows(metrics),
      conntrack: conntrackStats() ?? null,
      clients: clients.report(wish) ?? null,
    };
  }

  /** Never rejects. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const stream of this.#streams) stream.destroy();
    await this.#listener?.close();
  }

  async #listen(address: AdminAddress): Promise<void> {
    const { log } = this.#parts;
    const listener = await AdminListener.open(
      address,
      (path) => this.#routes.get(path),
      (error) => log.error(`admin API: ${describeError(error)}`),
    );
    if (this.#closed) await listener.close();
    else this.#listener = listener;
  }

  /** The instance before has it until it has ended. */
  async #listenLater(address: AdminAddress): Promise<void> {
    while (!this.#closed) {
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS).unref());
      try {
        if (!this.#closed) await this.#listen(address);
        return;
      } catch (error) {
        if (error instanceof AdminBindError && error.inUse && performance.now() < this.#parts.patientUntilMs) continue;
        this.#parts.log.error(describeError(error));
        return;
      }
    }
  }

  #withWish({ query }: HttpRequest, reply: (wish: AdminWish) => HttpReply): HttpReply {
    const wish = readWish(query);
    return typeof wish === "string" ? textReply(400, `${wish}\n`) : reply(wish);
  }

  #stream({ method }: HttpRequest, wish: AdminWish): HttpReply {
    if (this.#streams.size >= STREAMS_MAX) return textReply(503, `${STREAMS_MAX} streams are open already\n`);
    const body = new Readable({ read: () => {} });
    if (method === "GET") {
      const tell = (): void => {
        if (body.readableLength < UNREAD_MAX_BYTES) body.push(`data: ${JSON.stringify(this.snapshot(wish))}\n\n`);
      };
      const timer = setInterval(tell, wish.intervalMs);
      this.#streams.add(body);
      body.once("close", () => {
        clearInterval(timer);
        this.#streams.delete(body);
      });
      tell();
    }
    return { status: 200, contentType: "text/event-stream", body, silenceMs: 2 * INTERVAL_MAX_MS };
  }
}

/** In the caches of server blocks; what threads warm up with is not counted. */
function answersOf(metrics: Metrics): number {
  return metrics
    .gauge("coredns_cache_entries")
    .family()
    .samples.reduce((sum, { value }) => sum + value, 0);
}

function jsonReply(value: unknown): HttpReply {
  return { status: 200, contentType: "application/json", body: `${JSON.stringify(value)}\n` };
}
