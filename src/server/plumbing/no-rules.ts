import { PlumbingFailure } from "./plumbing-error.ts";
import type { RuleBackend } from "./rule-backend.ts";
import type { StepGroup } from "./step.ts";
import type { FamilyWanted } from "./wanted.ts";

/** No rules: none are wanted, or this machine cannot have any. Serving goes on all the same. */
export class NoRules implements RuleBackend {
  readonly kind = "none";
  readonly #reason: string | undefined;

  /** @param reason why there can be none, told at each check; undefined when none are wanted */
  constructor(reason?: string) {
    this.#reason = reason;
  }

  async plan(wanted: readonly FamilyWanted[]): Promise<readonly StepGroup[]> {
    if (this.#reason !== undefined && wanted.length > 0) throw new PlumbingFailure("iptables", this.#reason);
    return [];
  }

  async planClosing(): Promise<readonly StepGroup[]> {
    return [];
  }

  async planDraining(): Promise<readonly StepGroup[]> {
    return [];
  }

  async planRemoval(): Promise<readonly StepGroup[]> {
    return [];
  }

  refreshLease(): void {}

  close(): void {}
}
