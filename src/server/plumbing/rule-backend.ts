/** What keeps rules on the node: nftables, iptables, or nothing. */
import type { StepGroup } from "./step.ts";
import type { FamilyWanted } from "./wanted.ts";

export interface RuleBackend {
  readonly kind: "nftables" | "iptables" | "none";
  /** @returns what is missing or too many; empty when all is as wanted. Rejects with a PlumbingFailure */
  plan(wanted: readonly FamilyWanted[]): Promise<readonly StepGroup[]>;
  /**
   * What keeps leftovers of a dead instance from catching queries before answers are ready; nothing while one is alive.
   * Rejects with a PlumbingFailure.
   */
  planClosing(wanted: readonly FamilyWanted[]): Promise<readonly StepGroup[]>;
  /**
   * Nothing new is caught afterwards; what makes answers under way reach their clients stays until `planRemoval`.
   * Rejects with a PlumbingFailure.
   */
  planDraining(wanted: readonly FamilyWanted[]): Promise<readonly StepGroup[]>;
  /** @param everyAddress rules of a node-cache for other addresses too. Rejects with a PlumbingFailure */
  planRemoval(wanted: readonly FamilyWanted[], everyAddress: boolean): Promise<readonly StepGroup[]>;
  refreshLease(wanted: readonly FamilyWanted[]): void;
  close(): void;
}

/** All addresses that rules of ours, or of a node-cache before us, may be about. */
export function managedAddresses(wanted: readonly FamilyWanted[]): string[] {
  return wanted.flatMap(({ addresses, rewrites }) => [
    ...addresses,
    ...rewrites.flatMap(({ service, own }) => [service, own]),
  ]);
}
