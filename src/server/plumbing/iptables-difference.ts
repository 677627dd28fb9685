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
 * @param wanted rules of this table, each once
 * @param managed rules that are ours to take out where they are not wanted; whether with node-cache's comment or with none
 * @param everyAddress all rules with a comment of node-cache's are ours, whatever their address
 */
export function tableDifferenceOf(
  wanted: readonly IptablesRule[],
  managed: readonly IptablesRule[],
  saved: SavedTable,
  everyAddress = false,
): IptablesDifference {
  const wantedKeys = new Set(wanted.map((rule) => ruleKey(rule)));
  const managedKeys = new Set(managed.flatMap((rule) => [ruleKey(rule), ruleKey(rule, "")]));
  const seen = new Set<string>();
  const surplus: string[] = [];
  for (const { specification, rule } of saved.rules) {
    if (rule === undefined) continue;
    const key = ruleKey(rule);
    const isOurs = managedKeys.has(key) || (everyAddress && NODE_CACHE_COMMENTS.includes(rule.comment));
    if (!isOurs && !wantedKeys.has(key)) continue;
    if (!wantedKeys.has(key) || seen.has(key)) surplus.push(specification);
    seen.add(key);
  }
  return { missing: wanted.filter((rule) => !seen.has(ruleKey(rule))), surplus };
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

/** What takes a change back. */
export function undoText(table: IptablesTable, { missing, surplus }: IptablesDifference): string {
  const lines = [
    `*${table}`,
    ...surplus.map((specification) => `-A ${specification}`),
    ...missing.map((rule) => `-D ${rule.chain} ${ruleArguments(rule)}`),
    "COMMIT",
  ];
  return `${lines.join("\n")}\n`;
}

export function isNothing({ missing, surplus }: IptablesDifference): boolean {
  return missing.length === 0 && surplus.length === 0;
}
