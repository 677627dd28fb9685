/** Wanted iptables rules as steps: read, compared, and written table by table. */
import { type IptablesDifference, isNothing, restoreText, tableDifferenceOf, undoText } from "./iptables-difference.ts";
import { IPTABLES_TABLES, type IptablesRule, type IptablesTable, describeRule, isIpv6Rule } from "./iptables-rules.ts";
import {
  type IptablesTool,
  type IptablesTools,
  readTable,
  restore,
  restoreCommand,
  toolName,
} from "./iptables-tools.ts";
import { type PlannedChange, type Step, type StepGroup, refusedStep } from "./step.ts";

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
 * A family is a group: all of its rules or none, and a refusal where its tables cannot be read. Rules that accept come first
 * and go last.
 */
export async function iptablesSteps(tools: IptablesTools, wish: IptablesWish): Promise<StepGroup[]> {
  const groups: StepGroup[] = [];
  for (const tool of tools.all) {
    const ofFamily = (rules: readonly IptablesRule[]): IptablesRule[] =>
      rules.filter((rule) => isIpv6Rule(rule) === (tool.family === "ip6"));
    const wanted = tools.chosen.includes(tool) ? ofFamily(wish.wanted) : [];
    try {
      groups.push(await toolSteps(tool, { ...wish, wanted, managed: ofFamily(wish.managed) }));
    } catch (error) {
      const kind = wanted.length > 0 ? "added" : "removed";
      groups.push([refusedStep({ kind, what: `rules by ${toolName(tool)}` }, error)]);
    }
  }
  return groups.filter((steps) => steps.length > 0);
}

/** @throws PlumbingFailure when a table cannot be read */
async function toolSteps(tool: IptablesTool, wish: IptablesWish): Promise<Step[]> {
  const steps: Step[] = [];
  for (const table of wish.wanted.length > 0 ? IPTABLES_TABLES : IPTABLES_TABLES.toReversed()) {
    const [wanted = [], managed = []] = [wish.wanted, wish.managed].map((rules) =>
      rules.filter((rule) => rule.table === table),
    );
    if (wanted.length + managed.length === 0 && wish.everyAddress !== true) continue;
    const saved = await readTable(tool, table, wanted.length > 0 && wish.onlyWhereUsed !== true);
    const wantedHere = wish.onlyWhereUsed === true && !saved.used ? [] : wanted;
    const difference = tableDifferenceOf(wantedHere, managed, saved, wish.everyAddress);
    if (!isNothing(difference)) steps.push(restoreStep(tool, table, difference));
  }
  return steps;
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
