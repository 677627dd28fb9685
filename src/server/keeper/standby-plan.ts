/** What the standby serves while there is no server: told by the server, checked by the keeper. */
import { isIpAddress, type SocketAddress } from "../../base/address.ts";
import type { FastZone } from "../fastpath/zone-table.ts";
import { integerOf, objectOf } from "./fields.ts";
import { KeeperError } from "./keeper-error.ts";

/** A listening socket and the zones behind it. */
export interface StandbyListener {
  /** As in the server that planned it, and in the next one: what is left to that carries it. */
  readonly id: number;
  /** Name of the kept descriptor. */
  readonly socket: string;
  /** The same of the TCP socket beside it; undefined: there is none. */
  readonly stream: string | undefined;
  /** Bound to all addresses (`UdpSocket.wildcard`). */
  readonly wildcard: boolean;
  readonly zones: readonly StandbyZone[];
}

export interface StandbyZone extends FastZone {
  /** Where its questions may be put as they are, over UDP; none: only a server can answer what is not cached. */
  readonly upstreams: readonly SocketAddress[];
}

/** What is said on a path of an HTTP endpoint. */
export interface StandbyReply {
  readonly path: string;
  readonly status: number;
  readonly body: string;
}

/** A listening socket of HTTP. */
export interface StandbyEndpoint {
  /** Name of the kept descriptor. */
  readonly socket: string;
  /** On other paths it is said that there is no server. */
  readonly replies: readonly StandbyReply[];
}

export interface StandbyPlan {
  /** Name of the kept answer store. */
  readonly store: string;
  readonly listeners: readonly StandbyListener[];
  readonly endpoints: readonly StandbyEndpoint[];
}

const REPLIES_MAX = 64;
const TEXT_MAX_CHARACTERS = 1000;

/** The form in which a plan travels: names of zones as hexadecimal digits of their wire form. */
export function planToJson(plan: StandbyPlan): unknown {
  return {
    store: plan.store,
    listeners: plan.listeners.map(({ id, socket, stream, wildcard, zones }) => ({
      id,
      socket,
      stream,
      wildcard,
      zones: zones.map(({ name, partition, row, slow, upstreams }) => ({
        name: hexOf(name),
        partition,
        row,
        slow,
        upstreams,
      })),
    })),
    endpoints: plan.endpoints,
  };
}

/** @throws KeeperError */
export function standbyPlanOf(value: unknown): StandbyPlan {
  const { store, listeners, endpoints = [] } = objectOf(value, "a plan");
  if (typeof store !== "string") throw new KeeperError("the plan names no store");
  return {
    store,
    listeners: listOf(listeners, "listeners").map(listenerOf),
    endpoints: listOf(endpoints, "endpoints").map(endpointOf),
  };
}

function endpointOf(value: unknown): StandbyEndpoint {
  const { socket, replies } = objectOf(value, "an endpoint");
  if (typeof socket !== "string") throw new KeeperError("an endpoint without a socket");
  return { socket, replies: listOf(replies, "replies").slice(0, REPLIES_MAX).map(replyOf) };
}

function replyOf(value: unknown): StandbyReply {
  const { path, status, body } = objectOf(value, "a reply");
  if (
    typeof path !== "string" ||
    typeof body !== "string" ||
    Math.max(path.length, body.length) > TEXT_MAX_CHARACTERS
  ) {
    throw new KeeperError("a reply without a path or a body");
  }
  const code = integerOf(status, "the status of a reply");
  if (code < 200 || code > 599) throw new KeeperError(`a reply of status ${code}`);
  return { path, status: code, body };
}

function listenerOf(value: unknown): StandbyListener {
  const { id, socket, stream, wildcard, zones } = objectOf(value, "a listener");
  if (typeof socket !== "string") throw new KeeperError("a listener without a socket");
  return {
    id: integerOf(id, "the id of a listener"),
    socket,
    stream: typeof stream === "string" ? stream : undefined,
    wildcard: wildcard === true,
    zones: listOf(zones, "zones").map(zoneOf),
  };
}

function zoneOf(value: unknown): StandbyZone {
  const { name, partition, row, slow, upstreams } = objectOf(value, "a zone");
  if (typeof name !== "string" || name.length > 510 || !/^(?:[0-9a-f]{2})+$/.test(name)) {
    throw new KeeperError("a zone without a name");
  }
  return {
    name: Uint8Array.from(name.match(/../g) ?? [], (digits) => Number.parseInt(digits, 16)),
    partition: integerOf(partition, "the partition of a zone"),
    row: integerOf(row, "the row of a zone"),
    slow: slow === true,
    upstreams: listOf(upstreams, "upstreams").map(upstreamOf),
  };
}

function upstreamOf(value: unknown): SocketAddress {
  const { address, port } = objectOf(value, "an upstream");
  if (typeof address !== "string" || !isIpAddress(address)) throw new KeeperError("an upstream without an address");
  return { address, port: integerOf(port, "the port of an upstream") & 0xffff };
}

function listOf(value: unknown, what: string): readonly unknown[] {
  if (!Array.isArray(value)) throw new KeeperError(`the ${what} of a plan are no list`);
  return value;
}

function hexOf(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
