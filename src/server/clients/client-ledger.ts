/**
 * Who asked, and what: clients, namespaces and names with what is counted of them, the busiest of each in bounded memory.
 */
import { formatAddressBytes } from "../../base/address.ts";
import { RCODE_NXDOMAIN } from "../../dns/types.ts";
import { AskerStats, ClientStats, type Identity, type NameStats, newName } from "./client-stats.ts";
import { SearchWalk, type WastedQuery } from "./search-walk.ts";
import { SpaceSaving } from "./space-saving.ts";
import type { WhoIs } from "./who-is.ts";
import type { LedgerSizes } from "./counting.ts";

const NAMESPACES = 256;
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
  readonly clients: SpaceSaving<ClientStats>;
  readonly namespaces: SpaceSaving<AskerStats>;
  readonly names: SpaceSaving<NameStats>;
  /** Monotonic milliseconds at which counting began. */
  readonly sinceMs: number;
  readonly #whoIs: WhoIs | undefined;
  readonly #identities: Map<string, Identity>;
  #version: number;

  constructor(sizes: LedgerSizes, nowMs: number, whoIs?: WhoIs) {
    this.clients = new SpaceSaving(sizes.clients, (before) => before?.renew() ?? new ClientStats(sizes.namesPerClient));
    this.namespaces = new SpaceSaving(NAMESPACES, (before) => before?.renew() ?? new AskerStats());
    this.names = new SpaceSaving(sizes.names, newName);
    this.sinceMs = nowMs;
    this.#whoIs = whoIs;
    this.#identities = new Map();
    this.#version = whoIs?.version ?? 0;
  }

  /** Queries of one client must come in the order in which they were received, or walks along search lists are missed. */
  add(asked: Asked): void {
    const { name, weight, atMs, seconds } = asked;
    const denied = asked.rcode === RCODE_NXDOMAIN;
    const identity = this.#identityOf(asked.address);
    const client = this.clients.add(identity.key, weight).value;
    client.identity = identity;
    const namespace = this.namespaces.add(identity.namespace, weight).value;
    client.count(weight, atMs, denied, seconds);
    namespace.count(weight, atMs, denied, seconds);
    if (name === "") return;
    this.names.add(name, weight).value.count(weight, atMs, denied);
    client.names.add(name, weight).value.count(weight, atMs, denied);
    if (client.walk === undefined && !denied) return;
    client.walk ??= new SearchWalk();
    for (const wasted of client.walk.ask(name, denied, atMs, weight)) {
      client.searchWaste += wasted.weight;
      namespace.searchWaste += wasted.weight;
      addWaste(this.names, wasted);
      addWaste(client.names, wasted);
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

function addWaste(names: SpaceSaving<NameStats>, { name, weight }: WastedQuery): void {
  const stats = names.get(name)?.value;
  if (stats !== undefined) stats.searchWaste += weight;
}

function addressText(address: string): string {
  const text = formatAddressBytes(Buffer.from(address, "latin1"), 0, 16);
  return text.startsWith("::ffff:") && text.includes(".") ? text.slice(7) : text;
}
