/** Changes of the node as steps: planned first, so that they can be shown, then applied. */
import { PlumbingFailure } from "./plumbing-error.ts";
import type { Change } from "./plumbing.ts";

export interface PlannedChange {
  readonly kind: "added" | "removed";
  readonly what: string;
}

/** What is done in one go: all of it or nothing. */
export interface Step {
  /** Program that would do the same: `nft -f -`, `iptables-nft-restore --noflush`, `ip -batch -`. */
  readonly program: string;
  /** What it would be given, as standard input. */
  readonly input: string;
  readonly changes: readonly PlannedChange[];
  /** Rejects with a PlumbingFailure. */
  apply(): Promise<void>;
  /** Takes it back, when a later step of the group fails. */
  undo?(): Promise<void>;
  /** It has failed already: its state could not be read. */
  readonly refusal?: Change;
  /** Nothing of the later groups makes sense when this fails. */
  readonly essential?: true;
}

/** Steps that belong together: when one fails, those before it are taken back and those behind it are left out. */
export type StepGroup = readonly Step[];

/** @returns what came of it. Never rejects */
export async function applySteps(groups: readonly StepGroup[]): Promise<Change[]> {
  const changes: Change[] = [];
  for (const group of groups) {
    const { made, stop } = await applyGroup(group);
    changes.push(...made);
    if (stop) break;
  }
  return changes;
}

async function applyGroup(group: StepGroup): Promise<{ made: Change[]; stop: boolean }> {
  const done: Step[] = [];
  for (const step of group) {
    try {
      await step.apply();
      done.push(step);
    } catch (error) {
      for (const each of done.toReversed()) await each.undo?.().catch(() => {});
      const kept = done.filter((each) => each.undo === undefined).flatMap((each) => each.changes);
      const what = step.changes.map((change) => change.what);
      const title = what.length > 1 ? `${what[0]} and ${what.length - 1} more` : (what[0] ?? "");
      return { made: [...kept, failedChange(title, error)], stop: step.essential === true };
    }
  }
  return { made: done.flatMap((step) => step.changes), stop: false };
}

/** A step that has failed before it could be planned: it says why when it is applied. */
export function refusedStep(what: string, error: unknown): Step {
  const refusal = failedChange(what, error);
  return {
    program: "",
    input: "",
    changes: [{ kind: "removed", what }],
    refusal,
    apply: async () => {
      throw error;
    },
  };
}

/** @throws whatever is no PlumbingFailure: a defect */
export function failedChange(what: string, error: unknown): Change {
  if (!(error instanceof PlumbingFailure)) throw error;
  return { kind: "failed", what, failure: { errorType: error.errorType, reason: error.message } };
}

/** @returns what came of it: the plan cannot always be made, for the state cannot be read. Never rejects */
export async function planAndApply(what: string, plan: () => Promise<readonly StepGroup[]>): Promise<Change[]> {
  let groups: readonly StepGroup[];
  try {
    groups = await plan();
  } catch (error) {
    return [failedChange(what, error)];
  }
  return await applySteps(groups);
}
