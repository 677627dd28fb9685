/**
 * A question on its way through a plugin chain.
 *
 * Made for queries that the fast path did not answer. The wire belongs to the query and stays as it is for its life.
 */
import { readSockaddr, type SocketAddress } from "../../base/address.ts";
import type { EdnsOption } from "../../dns/message.ts";
import { nameToText } from "../../dns/name-text.ts";
import type { QueryView } from "../../dns/query-view.ts";
import type { Metadata } from "./metadata.ts";
import type { Span } from "./span.ts";

export type Transport = "udp" | "tcp";

/** What a listener is to plugins: its address and its label in metrics. */
export interface ServerIdentity {
  /** `dns://127.0.0.1:5300`, as CoreDNS writes the `server` label. */
  readonly label: string;
  readonly address: string;
  readonly port: number;
}

const NO_OPTIONS: readonly EdnsOption[] = [];

export class Query {
  /** Whole message as received. */
  readonly wire: Uint8Array;
  /** Offsets and flags within `wire`. */
  readonly view: QueryView;
  readonly transport: Transport;
  readonly server: ServerIdentity;
  /** Zone of the server block that serves it: lower case, absolute (`cluster.local.`, `.`). */
  readonly zone: string;
  /** Monotonic milliseconds at which it was read from the network. */
  readonly receivedAtMs: number;
  /** What plugins have told about it; undefined where nobody listens (no `metadata` plugin). */
  metadata: Metadata | undefined;
  /** Of the link that has it in hand, when it is traced. */
  span: Span | undefined;
  /** EDNS options for an upstream. A client's own are never among them unless a plugin says so. */
  upstreamOptions: readonly EdnsOption[];
  /** Questions that plugins may still ask the chain on its behalf; undefined before the first (`chain/look-up.ts`). */
  lookUps: { left: number } | undefined;
  readonly #sockaddr: Uint8Array;
  #client: SocketAddress | undefined;
  #nameText: string | undefined;

  /** @param sockaddr of the client, as `base/address.ts` writes it; kept */
  constructor(
    wire: Uint8Array,
    view: QueryView,
    transport: Transport,
    server: ServerIdentity,
    zone: string,
    sockaddr: Uint8Array,
    receivedAtMs: number,
  ) {
    this.wire = wire;
    this.view = view;
    this.transport = transport;
    this.server = server;
    this.zone = zone;
    this.#sockaddr = sockaddr;
    this.receivedAtMs = receivedAtMs;
    this.metadata = undefined;
    this.span = undefined;
    this.upstreamOptions = NO_OPTIONS;
    this.lookUps = undefined;
    this.#client = undefined;
    this.#nameText = undefined;
  }

  /** Where the query came from. */
  get client(): SocketAddress {
    this.#client ??= readSockaddr(this.#sockaddr, 0) ?? { address: "0.0.0.0", port: 0 };
    return this.#client;
  }

  get sockaddr(): Uint8Array {
    return this.#sockaddr;
  }

  /** Name in presentation form, absolute, in the client's spelling. */
  get name(): string {
    this.#nameText ??= nameToText(this.wire, 12);
    return this.#nameText;
  }

  /** The same question as one of another block's zone. @param zone lower case, absolute */
  inZone(zone: string): Query {
    if (zone === this.zone) return this;
    const { wire, view, transport, server, receivedAtMs } = this;
    const query = new Query(wire, view, transport, server, zone, this.#sockaddr, receivedAtMs);
    query.metadata = this.metadata;
    query.span = this.span;
    query.upstreamOptions = this.upstreamOptions;
    query.lookUps = this.lookUps;
    return query;
  }

  /** Another question for the same client (a rewritten one), or the same one asked by ourselves (prefetch, refresh). */
  static again(of: Query, wire: Uint8Array, view: QueryView, nowMs: number): Query {
    const query = new Query(wire, view, of.transport, of.server, of.zone, of.#sockaddr, nowMs);
    query.metadata = of.metadata;
    query.span = of.span;
    query.upstreamOptions = of.upstreamOptions;
    query.lookUps = of.lookUps;
    return query;
  }
}
