/** What the ledger knows, as data for people and programs: bounded lists, best first. */
import { nameToText } from "../../dns/name-text.ts";
import { BUCKETS } from "../metrics/buckets.ts";
import type { ClientLedger } from "./client-ledger.ts";
import type { AskerStats, NameStats } from "./client-stats.ts";
import type { Tracked } from "./space-saving.ts";

/** What a list is ordered by; highest first. */
export const ORDERS = ["rate", "queries", "nxdomain", "waste", "latency"] as const;
export type Order = (typeof ORDERS)[number];

export interface NameRow {
  /** Presentation form, absolute, lower case. */
  readonly name: string;
  /** At most: as much as `uncertain` of them may have been for other names. */
  readonly queries: number;
  readonly uncertain: number;
  readonly perSecond: number;
  readonly nxdomain: number;
  readonly searchWaste: number;
}

export interface AskerRow {
  readonly namespace: string;
  /** "" when nobody knows; "node" for the node's own addresses. */
  readonly pod: string;
  /** "" of a namespace. */
  readonly address: string;
  readonly queries: number;
  readonly uncertain: number;
  readonly perSecond: number;
  readonly nxdomain: number;
  readonly searchWaste: number;
  /** Queries that the cache did not answer: how many, their seconds in all, and by bucket (`latencyBounds`, +Inf last). */
  readonly misses: number;
  readonly missSeconds: number;
  readonly missBuckets: readonly number[];
  readonly names: readonly NameRow[];
}

export interface ReportWish {
  /** Longest list of clients, namespaces and names each. */
  readonly limit: number;
  /** Names that are told of each client and namespace. */
  readonly namesEach: number;
  readonly clientOrder: Order;
  readonly nameOrder: Order;
  /** Part of `namespace/pod address`, and of a name; "": all. Lower case. */
  readonly clientFilter: string;
  readonly nameFilter: string;
}

export interface ClientReport {
  /** How long has been counted. */
  readonly seconds: number;
  /** Keys that are kept and the bound. */
  readonly clientsKept: number;
  readonly clientsLimit: number;
  readonly namesKept: number;
  readonly namesLimit: number;
  readonly latencyBounds: readonly number[];
  readonly clients: readonly AskerRow[];
  readonly namespaces: readonly AskerRow[];
  readonly names: readonly NameRow[];
}

export function reportClients(ledger: ClientLedger, nowMs: number, wish: ReportWish): ClientReport {
  const { clients, namespaces, names, sinceMs } = ledger;
  const asker = (entry: Tracked<AskerStats>): AskerRow => askerRow(entry, nowMs, sinceMs, wish.namesEach);
  const askerFits = ({ key, value }: Tracked<AskerStats>): boolean =>
    `${key} ${value.identity?.address ?? ""}`.toLowerCase().includes(wish.clientFilter);
  const nameFits = ({ key }: Tracked<NameStats>): boolean =>
    wish.nameFilter === "" || textOf(key).includes(wish.nameFilter);
  return {
    seconds: Math.max(0, nowMs - sinceMs) / 1000,
    clientsKept: clients.size,
    clientsLimit: clients.capacity,
    namesKept: names.size,
    namesLimit: names.capacity,
    latencyBounds: BUCKETS.slimSeconds,
    clients: best(clients.entries(), wish.clientOrder, nowMs, sinceMs, wish.limit, askerFits).map(asker),
    namespaces: best(namespaces.entries(), wish.clientOrder, nowMs, sinceMs, wish.limit).map(asker),
    names: best(names.entries(), wish.nameOrder, nowMs, sinceMs, wish.limit, nameFits).map((entry) =>
      nameRow(entry, nowMs, sinceMs),
    ),
  };
}

function best<T extends AskerStats | NameStats>(
  entries: readonly Tracked<T>[],
  order: Order,
  nowMs: number,
  sinceMs: number,
  limit: number,
  fits: (entry: Tracked<T>) => boolean = () => true,
): Tracked<T>[] {
  return entries
    .filter(fits)
    .map((entry) => ({ entry, by: weightOf(entry, order, nowMs, sinceMs) }))
    .toSorted((a, b) => b.by - a.by || b.entry.count - a.entry.count)
    .slice(0, limit)
    .map(({ entry }) => entry);
}

function weightOf(
  { count, value }: Tracked<AskerStats | NameStats>,
  order: Order,
  nowMs: number,
  sinceMs: number,
): number {
  switch (order) {
    case "rate":
      return value.rate.perSecond(nowMs, sinceMs);
    case "queries":
      return count;
    case "nxdomain":
      return value.nxdomain;
    case "waste":
      return value.searchWaste;
    case "latency":
      return "latency" in value && value.latency.sum > 0 ? value.latency.sum / missesOf(value) : 0;
  }
}

function askerRow(entry: Tracked<AskerStats>, nowMs: number, sinceMs: number, namesEach: number): AskerRow {
  const { key, count, error, value } = entry;
  const { identity, latency } = value;
  return {
    // Without an identity it is a namespace.
    namespace: identity === undefined ? key : identity.namespace,
    pod: identity?.pod ?? "",
    address: identity?.address ?? "",
    queries: count,
    uncertain: error,
    perSecond: value.rate.perSecond(nowMs, sinceMs),
    nxdomain: value.nxdomain,
    searchWaste: value.searchWaste,
    misses: missesOf(value),
    missSeconds: latency.sum,
    missBuckets: [...latency.counts],
    names: best(value.names.entries(), "rate", nowMs, sinceMs, namesEach).map((name) => nameRow(name, nowMs, sinceMs)),
  };
}

function nameRow({ key, count, error, value }: Tracked<NameStats>, nowMs: number, sinceMs: number): NameRow {
  return {
    name: textOf(key),
    queries: count,
    uncertain: error,
    perSecond: value.rate.perSecond(nowMs, sinceMs),
    nxdomain: value.nxdomain,
    searchWaste: value.searchWaste,
  };
}

function missesOf({ latency }: AskerStats): number {
  return latency.counts.reduce((sum, one) => sum + one, 0);
}

function textOf(wire: string): string {
  return nameToText(Buffer.from(wire, "latin1"), 0);
}
