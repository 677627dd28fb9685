/** Wanted iptables rules as steps: read, compared, and written table by table. */
import { type IptablesDifference, isNothing, restoreText, tableDifferenceOf, undoText } from "./iptables-difference.ts";
import { IPTABLES_TABLES, type IptablesRule, type IptablesTable, describeRule, isIpv6Rule } from "./iptables-rules.ts";
import { type IptablesTool, type IptablesTools, readTable, restore, restoreCommand } from "./iptables-tools.ts";
import type { PlannedChange, Step, StepGroup } from "./step.ts";

export interface IptablesWish {
  /** In force afterwards, each once, in the variant that the node uses. */
  readonly wanted: readonly IptablesRule[];
  /** Taken out where they are not wanted, in both variants. */
  readonly managed: readonly IptablesRule[];
  /** Everything with a comment of node-cache's is managed. */
  readonly everyAddress?: boolean;
  /** Wanted only in tables that are in use: an empty table that accepts needs nobody to accept. */
  readonly onlyWhereUsed?: boolean;
}

/**
 * Steps by family: what is to be put in, then what is to be taken out.
 *
 * A family is a group: all of its rules or none. Rules that accept come first and go last.
 *
 * @throws PlumbingFailure when a table cannot be read
 */
export async function iptablesSteps(tools: IptablesTools, wish: IptablesWish): Promise<StepGroup[]> {
  const groups: StepGroup[] = [];
  for (const tool of tools.all) {
    const isChosen = tools.chosen.includes(tool);
    const ofFamily = (rules: readonly IptablesRule[]): IptablesRule[] =>
      rules.filter((rule) => isIpv6Rule(rule) === (tool.family === "ip6"));
    const wanted = isChosen ? ofFamily(wish.wanted) : [];
    const steps: Step[] = [];
    for (const table of wanted.length > 0 ? IPTABLES_TABLES : IPTABLES_TABLES.toReversed()) {
      const inTable = (rules: readonly IptablesRule[]): IptablesRule[] => rules.filter((rule) => rule.table === table);
      const managed = inTable(ofFamily(wish.managed));
      if (inTable(wanted).length + managed.length === 0 && wish.everyAddress !== true) continue;
      const saved = await readTable(tool, table, inTable(wanted).length > 0 && wish.onlyWhereUsed !== true);
      const wantedHere = wish.onlyWhereUsed === true && !saved.used ? [] : inTable(wanted);
      const difference = tableDifferenceOf(wantedHere, managed, saved, wish.everyAddress);
      if (!isNothing(difference)) steps.push(restoreStep(tool, table, difference));
    }
    if (steps.length > 0) groups.push(steps);
  }
  return groups;
}

function restoreStep(tool: IptablesTool, table: IptablesTable, difference: IptablesDifference): Step {
  return {
    program: restoreCommand(tool).join(" "),
    input: restoreText(table, difference),
    changes: [
      ...difference.missing.map((rule): PlannedChange => ({ kind: "added", what: describeRule(rule) })),
      ...difference.surplus.map((each): PlannedChange => ({ kind: "removed", what: `${table} ${each}` })),
    ],
    apply: () => restore(tool, restoreText(table, difference)),
    undo: () => restore(tool, undoText(table, difference)),
  };
}
