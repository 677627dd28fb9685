/**
 * Who asked, and what: clients, namespaces and names with what is counted of them, the busiest of each in bounded memory.
 */
import { formatAddressBytes } from "../../base/address.ts";
import { RCODE_NXDOMAIN } from "../../dns/types.ts";
import { AskerStats, type Identity, NameStats } from "./client-stats.ts";
import { SearchWalk } from "./search-walk.ts";
import { SpaceSaving } from "./space-saving.ts";
import type { WhoIs } from "./who-is.ts";

/** How many of each are kept; more are known by their sum only. */
export interface LedgerSizes {
  readonly clients: number;
  readonly names: number;
  readonly namesPerClient: number;
}

export const LEDGER_SIZES: LedgerSizes = { clients: 1024, names: 1024, namesPerClient: 16 };

const NAMESPACES = 256;
/** Names that are kept of a namespace, for each that is kept of a client. */
const NAMESPACE_NAMES = 4;
/** Addresses whose owner is remembered. */
const IDENTITIES_MAX = 4096;

/** One query that was answered. */
export interface Asked {
  /** 16 bytes of the client's address, one character a byte; IPv4 mapped. */
  readonly address: string;
  /** Name in wire form and lower case, one character a byte; "" when it had none that could be read. */
  readonly name: string;
  readonly rcode: number;
  /** Monotonic milliseconds at which it was received. */
  readonly atMs: number;
  /** Queries that it stands for. */
  readonly weight: number;
  /** How long the answer took, when it did not come from the cache; else -1. */
  readonly seconds: number;
}

export class ClientLedger {
  readonly clients: SpaceSaving<AskerStats>;
  readonly namespaces: SpaceSaving<AskerStats>;
  readonly names: SpaceSaving<NameStats>;
  /** Monotonic milliseconds at which counting began. */
  readonly sinceMs: number;
  readonly #whoIs: WhoIs | undefined;
  readonly #identities: Map<string, Identity>;
  #version: number;

  constructor(sizes: LedgerSizes, nowMs: number, whoIs?: WhoIs) {
    this.clients = new SpaceSaving(sizes.clients, () => new AskerStats(sizes.namesPerClient));
    this.namespaces = new SpaceSaving(NAMESPACES, () => new AskerStats(sizes.namesPerClient * NAMESPACE_NAMES));
    this.names = new SpaceSaving(sizes.names, () => new NameStats());
    this.sinceMs = nowMs;
    this.#whoIs = whoIs;
    this.#identities = new Map();
    this.#version = whoIs?.version ?? 0;
  }

  /** Queries of one client must come in the order in which they were received, or walks along search lists are missed. */
  add(asked: Asked): void {
    const { name, weight, atMs } = asked;
    const denied = asked.rcode === RCODE_NXDOMAIN;
    const identity = this.#identityOf(asked.address);
    const client = this.clients.add(identity.key, weight).value;
    client.identity = identity;
    const namespace = this.namespaces.add(identity.namespace, weight).value;
    count(client, asked, denied);
    count(namespace, asked, denied);
    if (name === "") return;
    countName(this.names, name, weight, atMs, denied);
    countName(client.names, name, weight, atMs, denied);
    countName(namespace.names, name, weight, atMs, denied);
    if (client.walk === undefined && !denied) return;
    client.walk ??= new SearchWalk();
    for (const wasted of client.walk.ask(name, denied, atMs, weight)) {
      client.searchWaste += wasted.weight;
      namespace.searchWaste += wasted.weight;
      for (const names of [this.names, client.names, namespace.names]) {
        const stats = names.get(wasted.name)?.value;
        if (stats !== undefined) stats.searchWaste += wasted.weight;
      }
    }
  }

  #identityOf(address: string): Identity {
    const version = this.#whoIs?.version ?? 0;
    if (version !== this.#version || this.#identities.size > IDENTITIES_MAX) {
      this.#identities.clear();
      this.#version = version;
    }
    let identity = this.#identities.get(address);
    if (identity === undefined) {
      const text = addressText(address);
      const owner = this.#whoIs?.whoIs(text);
      identity =
        owner === undefined
          ? { key: text, namespace: "", pod: "", address: text }
          : { key: `${owner.namespace}/${owner.pod}`, ...owner, address: text };
      this.#identities.set(address, identity);
    }
    return identity;
  }
}

function count(stats: AskerStats, asked: Asked, denied: boolean): void {
  stats.rate.add(asked.weight, asked.atMs);
  if (denied) stats.nxdomain += asked.weight;
  if (asked.seconds >= 0) stats.latency.observe(asked.seconds);
}

function countName(
  names: SpaceSaving<NameStats>,
  name: string,
  weight: number,
  atMs: number,
  denied: boolean,
): void {
  const { value } = names.add(name, weight);
  value.rate.add(weight, atMs);
  if (denied) value.nxdomain += weight;
}

function addressText(address: string): string {
  const text = formatAddressBytes(Buffer.from(address, "latin1"), 0, 16);
  return text.startsWith("::ffff:") && text.includes(".") ? text.slice(7) : text;
}
