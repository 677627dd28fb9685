/** The one implementation of `Plumbing`: a link, and a backend for rules. */
import { chooseRules, type Chosen } from "./choose-rules.ts";
import { NodeLink } from "./node-link.ts";
import type { Change, Plumbing, PlumbingSpec } from "./plumbing.ts";
import type { RuleBackend } from "./rule-backend.ts";
import { failedChange, planAndApply, type Step, type StepGroup } from "./step.ts";
import { checkSpec, targets, wantedOf, type FamilyWanted } from "./wanted.ts";

/** What would be done, or why that cannot be told. */
export interface Plan {
  readonly steps: readonly Step[];
  /** Of kind `failed`. */
  readonly failures: readonly Change[];
}

/**
 * Looks at what this machine can do and decides. Changes nothing.
 *
 * @throws PlumbingError when the specification is one that no machine can fulfil
 */
export async function openPlumbing(spec: PlumbingSpec): Promise<NodePlumbing> {
  checkSpec(spec);
  return new NodePlumbing(spec, await chooseRules(spec));
}

export class NodePlumbing implements Plumbing {
  readonly choice: Plumbing["choice"];
  readonly extraAddresses: readonly string[];
  readonly #spec: PlumbingSpec;
  readonly #link: NodeLink | undefined;
  readonly #rules: RuleBackend;
  #wanted: readonly FamilyWanted[];
  /** One after another: a check and the end may come at once. */
  #last: Promise<unknown> = Promise.resolve();
  #isNew = true;
  #madeInterface = false;
  #madeRules = false;

  constructor(spec: PlumbingSpec, chosen: Chosen) {
    const { intercept, rules, why } = chosen;
    this.choice = { intercept, backend: rules.kind, why };
    this.#rules = rules;
    this.#spec = { ...spec, serviceAddresses: chosen.serviceAddresses };
    this.#wanted = this.#wantedWith(spec.fallback);
    const local = this.#wanted.flatMap((each) => each.addresses);
    const rewritten = this.#wanted.flatMap((each) => each.rewrites.map(({ own }) => own));
    this.extraAddresses = intercept === "address" ? chosen.serviceAddresses : rewritten;
    const sets = spec.setUpInterface && intercept !== "none";
    this.#link = sets ? new NodeLink(spec.interfaceName, [...local, ...rewritten]) : undefined;
  }

  async ensureInterface(): Promise<readonly Change[]> {
    const what = `interface ${this.#spec.interfaceName}`;
    return await this.#inTurn(async () => {
      // Before anybody binds: rules that a dead instance left would catch queries from then on.
      const closing = this.#isNew ? await planAndApply("rules", () => this.#rules.planClosing(this.#wanted)) : [];
      this.#isNew = false;
      const changes = await planAndApply(what, async () => this.#link?.plan() ?? []);
      const told = asRestored(changes, this.#madeInterface);
      if (!hasFailed(changes)) this.#madeInterface = true;
      // What fails here fails in `ensureRules` too, which says so.
      return [...closing.filter((change) => change.kind !== "failed"), ...told];
    });
  }

  async ensureRules(): Promise<readonly Change[]> {
    return await this.#inTurn(async () => {
      const changes = await planAndApply("rules", () => this.#rules.plan(this.#wanted));
      const told = asRestored(changes, this.#madeRules);
      if (!hasFailed(changes)) this.#madeRules = true;
      return told;
    });
  }

  setFallback(fallback: readonly string[]): void {
    this.#wanted = this.#wantedWith(fallback);
  }

  refreshLease(): void {
    this.#rules.refreshLease(this.#wanted);
  }

  async removeRules(): Promise<readonly Change[]> {
    return await this.#inTurn(async () => {
      this.#madeRules = false;
      return await planAndApply("rules", () => this.#rules.planDraining(this.#wanted));
    });
  }

  async removeInterface(): Promise<readonly Change[]> {
    return await this.#inTurn(async () => {
      this.#madeInterface = false;
      return await this.#removeAll(false);
    });
  }

  /** What `ensureInterface` and `ensureRules` would do now: nothing, when the node is as wanted. */
  async plan(): Promise<Plan> {
    return await this.#planOf(
      async () => this.#link?.plan() ?? [],
      () => this.#rules.plan(this.#wanted),
    );
  }

  /**
   * What there is of ours, and of a node-cache that is gone, with its rules for other addresses too.
   *
   * The interface comes last: without it, rules that skip conntrack would leave queries nowhere to go.
   */
  async planRemoval(): Promise<Plan> {
    return await this.#planOf(
      () => this.#rules.planRemoval(this.#wanted, true),
      async () => this.#link?.planRemoval() ?? [],
    );
  }

  /** Applies `planRemoval`. */
  async cleanUp(): Promise<readonly Change[]> {
    return await this.#inTurn(() => this.#removeAll(true));
  }

  close(): void {
    this.#link?.close();
    this.#rules.close();
  }

  async #planOf(...parts: (() => Promise<readonly StepGroup[]>)[]): Promise<Plan> {
    return await this.#inTurn(async () => {
      const steps: Step[] = [];
      const failures: Change[] = [];
      for (const part of parts) {
        try {
          const planned = (await part()).flat();
          steps.push(...planned.filter((step) => step.refusal === undefined));
          failures.push(...planned.flatMap((step) => step.refusal ?? []));
        } catch (error) {
          failures.push(failedChange("its state cannot be read", error));
        }
      }
      return { steps, failures };
    });
  }

  async #removeAll(everyAddress: boolean): Promise<Change[]> {
    const what = `interface ${this.#spec.interfaceName}`;
    const rules = await planAndApply("rules", () => this.#rules.planRemoval(this.#wanted, everyAddress));
    return [...rules, ...(await planAndApply(what, async () => this.#link?.planRemoval() ?? []))];
  }

  #wantedWith(fallback: readonly string[]): readonly FamilyWanted[] {
    targets(fallback);
    return this.choice.intercept === "none" ? [] : wantedOf(this.#spec, this.choice.intercept, fallback);
  }

  async #inTurn<T>(action: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(action);
    this.#last = turn.catch(() => {});
    return await turn;
  }
}

function hasFailed(changes: readonly Change[]): boolean {
  return changes.some((change) => change.kind === "failed");
}

/** What was there once and is added again was taken away by somebody. */
function asRestored(changes: readonly Change[], wasThere: boolean): readonly Change[] {
  if (!wasThere) return changes;
  return changes.map((change) => (change.kind === "added" ? { ...change, kind: "restored" } : change));
}
