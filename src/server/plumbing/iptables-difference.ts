/** What is to be put into a table and taken out of it, so that it has each wanted rule once (pure). */
import {
  type IptablesRule,
  type IptablesTable,
  NODE_CACHE_COMMENTS,
  ruleArguments,
  ruleKey,
} from "./iptables-rules.ts";
import type { SavedTable } from "./iptables-save.ts";

export interface IptablesDifference {
  readonly missing: readonly IptablesRule[];
  /** Specifications as they were printed, one for each time that a rule is too many. */
  readonly surplus: readonly string[];
}

/**
 * @param wanted rules of this table; each once afterwards, however often it is here (a health port that is the port of DNS)
 * @param managed rules that are ours to take out where they are not wanted; whether with node-cache's comment or with none
 * @param everyAddress all rules with a comment of node-cache's are ours, whatever their address
 */
export function tableDifferenceOf(
  wanted: readonly IptablesRule[],
  managed: readonly IptablesRule[],
  saved: SavedTable,
  everyAddress = false,
): IptablesDifference {
  const missing = new Map(wanted.map((rule) => [ruleKey(rule), rule]));
  const wantedKeys = new Set(missing.keys());
  const managedKeys = new Set([...managed.map((rule) => ruleKey(rule)), ...keysWithoutComment(managed, saved)]);
  const surplus: string[] = [];
  for (const { specification, rule } of saved.rules) {
    if (rule === undefined) continue;
    const key = ruleKey(rule);
    const isOurs = managedKeys.has(key) || (everyAddress && NODE_CACHE_COMMENTS.includes(rule.comment));
    if (missing.delete(key)) continue;
    if (isOurs || wantedKeys.has(key)) surplus.push(specification);
  }
  return { missing: [...missing.values()], surplus };
}

/**
 * Of rules of a node-cache before 1.22.19.
 *
 * A rule that accepts may as well be an administrator's own: only where all of an address are there it is node-cache's. One
 * that skips conntrack would hide queries when nobody listens, whoever made it.
 */
function keysWithoutComment(managed: readonly IptablesRule[], saved: SavedTable): string[] {
  const there = new Set(saved.rules.flatMap(({ rule }) => (rule === undefined ? [] : [ruleKey(rule)])));
  const lacking = managed.filter((rule) => rule.target === "ACCEPT" && !there.has(ruleKey(rule, "")));
  const incomplete = new Set(lacking.map((rule) => rule.address));
  return managed
    .filter((rule) => rule.target === "NOTRACK" || !incomplete.has(rule.address))
    .map((rule) => ruleKey(rule, ""));
}

/** Input of `iptables-restore --noflush`: the table is changed in one go. Rules go in before others come out. */
export function restoreText(table: IptablesTable, { missing, surplus }: IptablesDifference): string {
  const lines = [
    `*${table}`,
    ...missing.map((rule) => `-I ${rule.chain} ${ruleArguments(rule)}`),
    ...surplus.map((specification) => `-D ${specification}`),
    "COMMIT",
  ];
  return `${lines.join("\n")}\n`;
}

/** What takes a change back. Rules that others made after them may end the chain: first they were, first they are again. */
export function undoText(table: IptablesTable, { missing, surplus }: IptablesDifference): string {
  const lines = [
    `*${table}`,
    ...surplus.toReversed().map((specification) => `-I ${specification}`),
    ...missing.map((rule) => `-D ${rule.chain} ${ruleArguments(rule)}`),
    "COMMIT",
  ];
  return `${lines.join("\n")}\n`;
}

export function isNothing({ missing, surplus }: IptablesDifference): boolean {
  return missing.length === 0 && surplus.length === 0;
}
