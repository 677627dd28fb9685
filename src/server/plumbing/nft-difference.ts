/** What is different between a table that is wanted and one that the kernel has, as nft's JSON tells it (pure). */
import type { PlannedChange } from "./step.ts";
import type { NftTable } from "./nft-table.ts";

/** libnftables-json(5), the parts that are read. */
interface Listed {
  readonly set?: { readonly name: string; readonly elem?: readonly unknown[] };
  readonly chain?: {
    readonly name: string;
    readonly type?: string;
    readonly hook?: string;
    readonly prio?: number;
    readonly policy?: string;
  };
  readonly rule?: { readonly chain: string; readonly comment?: string };
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
