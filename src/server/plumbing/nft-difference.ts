/** A table that the kernel has, as nft's JSON tells it, against one that is wanted (pure). */
import type { PlannedChange } from "./step.ts";
import {
  ELSEWHERE_SET,
  ELSEWHERE_SIZE,
  ELSEWHERE_TIMEOUT_S,
  type ExistingTable,
  LEASE_SET,
  type NftTable,
} from "./nft-table.ts";

/** libnftables-json(5), the parts that are read. */
interface Listed {
  readonly set?: ListedSet;
  readonly chain?: {
    readonly name: string;
    readonly type?: string;
    readonly hook?: string;
    readonly prio?: number;
    readonly policy?: string;
  };
  readonly rule?: { readonly chain: string; readonly comment?: string };
}

interface ListedSet {
  readonly name: string;
  readonly type?: unknown;
  readonly flags?: unknown;
  readonly size?: number;
  readonly timeout?: number;
  readonly elem?: readonly unknown[];
}

/**
 * What of a table can be kept while it is replaced.
 *
 * @returns undefined when there is no table, or one whose lasting sets are not as ours: then it has to go as a whole
 */
export function existingTable(wanted: NftTable, listing: unknown): ExistingTable | undefined {
  if (listing === undefined) return undefined;
  const parts = listedParts(listing);
  const sets = parts.flatMap(({ set }) => (set === undefined || set.name.startsWith("__") ? [] : [set]));
  const type = wanted.family === "ip" ? "ipv4_addr" : "ipv6_addr";
  const isOurs = sets.every((set) => {
    const isTimed = JSON.stringify(set.flags)?.includes("timeout") === true;
    if (set.name === LEASE_SET) return set.type === type && isTimed;
    if (set.name !== ELSEWHERE_SET) return true;
    const isFlow = JSON.stringify(set.type) === JSON.stringify([type, "inet_service", type]);
    return isFlow && isTimed && set.size === ELSEWHERE_SIZE && set.timeout === ELSEWHERE_TIMEOUT_S;
  });
  const chains = parts.flatMap(({ chain }) => chain?.name ?? []);
  return isOurs ? { chains, sets: sets.map((set) => set.name) } : undefined;
}

/** Whether somebody keeps the lease of a table: an instance is alive. */
export function hasLease(listing: unknown): boolean {
  return listedParts(listing).some(({ set }) => set?.name === LEASE_SET && (set.elem?.length ?? 0) > 0);
}

/**
 * @param listing what `list table` gave; undefined: there is no such table
 * @returns one for each rule, chain or set; empty when the table is as wanted
 */
export function tableDifference(wanted: NftTable, listing: unknown): PlannedChange[] {
  const place = `${wanted.family} ${wanted.name}`;
  const parts = listedParts(listing);
  const changes: PlannedChange[] = [];
  const chains = new Map(parts.flatMap(({ chain }) => (chain === undefined ? [] : [[chain.name, chain]])));
  for (const { name, type, hook, priority, rules } of wanted.chains) {
    const chain = chains.get(name);
    const fits =
      chain?.type === type && chain.hook === hook && chain.prio === priority && (chain.policy ?? "accept") === "accept";
    const there = fits ? parts.flatMap(({ rule }) => (rule?.chain === name ? [rule.comment ?? ""] : [])) : [];
    const left = [...there];
    for (const rule of rules) {
      const at = left.indexOf(rule.comment);
      if (at < 0) changes.push({ kind: "added", what: `${place} ${name}: ${rule.text}` });
      else left.splice(at, 1);
    }
    for (const comment of left) {
      changes.push({
        kind: "removed",
        what: `${place} ${name}: a rule ${comment === "" ? "of somebody" : `"${comment}"`}`,
      });
    }
    const inOrder = there.every((comment, index) => comment === rules[index]?.comment);
    if (left.length === 0 && there.length === rules.length && !inOrder) {
      changes.push({ kind: "added", what: `${place} ${name}: the order of its rules` });
    }
  }
  for (const name of chains.keys()) {
    if (!wanted.chains.some((chain) => chain.name === name))
      changes.push({ kind: "removed", what: `${place} ${name}` });
  }
  return [...changes, ...setDifference(wanted, parts)];
}

function setDifference(wanted: NftTable, parts: readonly Listed[]): PlannedChange[] {
  const place = `${wanted.family} ${wanted.name}`;
  const changes: PlannedChange[] = [];
  const sets = new Map(parts.flatMap(({ set }) => (set === undefined ? [] : [[set.name, set]])));
  for (const { name, elements } of wanted.sets) {
    const set = sets.get(name);
    if (set === undefined) {
      changes.push({ kind: "added", what: `${place} set ${name}` });
    } else if (elements !== undefined) {
      const there = new Set((set.elem ?? []).map(elementText));
      for (const element of elements) {
        if (!there.delete(element)) changes.push({ kind: "added", what: `${place} set ${name}: ${element}` });
      }
      for (const element of there) changes.push({ kind: "removed", what: `${place} set ${name}: ${element}` });
    }
  }
  for (const name of sets.keys()) {
    // A set without a name is a part of a rule.
    if (!name.startsWith("__") && !wanted.sets.some((set) => set.name === name)) {
      changes.push({ kind: "removed", what: `${place} set ${name}` });
    }
  }
  return changes;
}

function elementText(element: unknown): string {
  return typeof element === "string" ? element : JSON.stringify(element);
}

function listedParts(listing: unknown): readonly Listed[] {
  if (typeof listing !== "object" || listing === null || !("nftables" in listing)) return [];
  return Array.isArray(listing.nftables) ? (listing.nftables as Listed[]) : [];
}
