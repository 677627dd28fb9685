/** What the ledger knows, as data for people and programs: bounded lists, best first. */
import { nameToText } from "../../dns/name-text.ts";
import { BUCKETS } from "../metrics/buckets.ts";
import type { ClientLedger } from "./client-ledger.ts";
import type { AskerStats, ClientStats, NameStats } from "./client-stats.ts";
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
  /** "" when nobody knows it. */
  readonly namespace: string;
  readonly queries: number;
  readonly uncertain: number;
  readonly perSecond: number;
  readonly nxdomain: number;
  readonly searchWaste: number;
  /** Queries that the cache did not answer: how many, their seconds in all, and by bucket (`latencyBounds`, +Inf last). */
  readonly misses: number;
  readonly missSeconds: number;
  readonly missBuckets: readonly number[];
  /** Its busiest names, as far as they are kept. */
  readonly names: readonly NameRow[];
}

export interface ClientRow extends AskerRow {
  /** "" when nobody knows; "node" for the node's own addresses. */
  readonly pod: string;
  /** One that it asked from. */
  readonly address: string;
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
  /** Keys that are kept, and the bound. */
  readonly clientsKept: number;
  readonly clientsLimit: number;
  readonly namesKept: number;
  readonly namesLimit: number;
  readonly latencyBounds: readonly number[];
  readonly clients: readonly ClientRow[];
  readonly namespaces: readonly AskerRow[];
  readonly names: readonly NameRow[];
}

/** Names of a namespace are those of its clients that are among so many busiest of all: to add up all would take too long. */
const NAMED_CLIENTS = 256;

interface Moment {
  readonly nowMs: number;
  readonly sinceMs: number;
}

export function reportClients(ledger: ClientLedger, nowMs: number, wish: ReportWish): ClientReport {
  const { clients, namespaces, names, sinceMs } = ledger;
  const moment = { nowMs, sinceMs };
  const clientFits = ({ key, value }: Tracked<ClientStats>): boolean =>
    wish.clientFilter === "" || `${key} ${value.identity.address}`.toLowerCase().includes(wish.clientFilter);
  const busiest = wish.namesEach === 0 ? [] : clients.top(NAMED_CLIENTS).map(({ value }) => value);
  const clientsOf = Map.groupBy(busiest, ({ identity }) => identity.namespace);
  const nameFits = ({ key }: Tracked<NameStats>): boolean =>
    wish.nameFilter === "" || textOf(key).includes(wish.nameFilter);
  return {
    seconds: Math.max(0, nowMs - sinceMs) / 1000,
    clientsKept: clients.size,
    clientsLimit: clients.capacity,
    namesKept: names.size,
    namesLimit: names.capacity,
    latencyBounds: BUCKETS.slimSeconds,
    clients: best(clients.entries().filter(clientFits), wish.clientOrder, moment, wish.limit).map((entry) => ({
      ...askerRow(entry, moment, wish.namesEach, entry.value.identity.namespace, [entry.value]),
      pod: entry.value.identity.pod,
      address: entry.value.identity.address,
    })),
    namespaces: best(namespaces.entries(), wish.clientOrder, moment, wish.limit).map((entry) =>
      askerRow(entry, moment, wish.namesEach, entry.key, clientsOf.get(entry.key) ?? []),
    ),
    names: best(names.entries().filter(nameFits), wish.nameOrder, moment, wish.limit).map((entry) =>
      nameRow(entry, moment),
    ),
  };
}

function best<T extends AskerStats | NameStats>(
  entries: readonly Tracked<T>[],
  order: Order,
  moment: Moment,
  limit: number,
): Tracked<T>[] {
  return entries
    .map((entry) => ({ entry, by: weightOf(entry, order, moment) }))
    .toSorted((a, b) => b.by - a.by || b.entry.count - a.entry.count)
    .slice(0, limit)
    .map(({ entry }) => entry);
}

function weightOf({ count, value }: Tracked<AskerStats | NameStats>, order: Order, { nowMs, sinceMs }: Moment): number {
  switch (order) {
    case "rate":
      return value.perSecond(nowMs, sinceMs);
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

/** @param clients whose names are its names */
function askerRow(
  { count, error, value }: Tracked<AskerStats>,
  moment: Moment,
  namesEach: number,
  namespace: string,
  clients: readonly ClientStats[],
): AskerRow {
  return {
    namespace,
    queries: count,
    uncertain: error,
    perSecond: value.perSecond(moment.nowMs, moment.sinceMs),
    nxdomain: value.nxdomain,
    searchWaste: value.searchWaste,
    misses: missesOf(value),
    missSeconds: value.latency.sum,
    missBuckets: [...value.latency.counts],
    names: namesEach === 0 ? [] : namesOf(clients, moment, namesEach),
  };
}

/** Busiest names of some clients together. */
function namesOf(clients: readonly ClientStats[], moment: Moment, limit: number): NameRow[] {
  const [first, ...others] = clients;
  if (first !== undefined && others.length === 0) {
    return best(first.names.entries(), "rate", moment, limit).map((entry) => nameRow(entry, moment));
  }
  const sums = new Map<string, Omit<NameRow, "name">>();
  for (const { names } of clients) {
    for (const entry of names.entries()) {
      const one = numbersOf(entry, moment);
      const sum = sums.get(entry.key);
      sums.set(entry.key, sum === undefined ? one : added(sum, one));
    }
  }
  return [...sums]
    .toSorted(([, a], [, b]) => b.perSecond - a.perSecond || b.queries - a.queries)
    .slice(0, limit)
    .map(([key, numbers]) => ({ name: textOf(key), ...numbers }));
}

function nameRow(entry: Tracked<NameStats>, moment: Moment): NameRow {
  return { name: textOf(entry.key), ...numbersOf(entry, moment) };
}

function numbersOf({ count, error, value }: Tracked<NameStats>, { nowMs, sinceMs }: Moment): Omit<NameRow, "name"> {
  return {
    queries: count,
    uncertain: error,
    perSecond: value.perSecond(nowMs, sinceMs),
    nxdomain: value.nxdomain,
    searchWaste: value.searchWaste,
  };
}

function added(a: Omit<NameRow, "name">, b: Omit<NameRow, "name">): Omit<NameRow, "name"> {
  return {
    queries: a.queries + b.queries,
    uncertain: a.uncertain + b.uncertain,
    perSecond: a.perSecond + b.perSecond,
    nxdomain: a.nxdomain + b.nxdomain,
    searchWaste: a.searchWaste + b.searchWaste,
  };
}

function missesOf({ latency }: AskerStats): number {
  return latency.counts.reduce((sum, one) => sum + one, 0);
}

function textOf(wire: string): string {
  return nameToText(Buffer.from(wire, "latin1"), 0);
}
