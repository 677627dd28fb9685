/** Rules by iptables, exactly those of node-cache. They outlive who made them: take them away before you go. */
import { iptablesSteps } from "./iptables-changes.ts";
import { type IptablesRule, nodeCacheRules } from "./iptables-rules.ts";
import type { IptablesTools } from "./iptables-tools.ts";
import type { NftPorts } from "./nft-table.ts";
import { PlumbingFailure } from "./plumbing-error.ts";
import { type RuleBackend, managedAddresses } from "./rule-backend.ts";
import type { StepGroup } from "./step.ts";
import type { FamilyWanted } from "./wanted.ts";

export class IptablesRules implements RuleBackend {
  readonly kind = "iptables";
  readonly #tools: IptablesTools;
  readonly #ports: NftPorts;

  constructor(tools: IptablesTools, ports: NftPorts) {
    this.#tools = tools;
    this.#ports = ports;
  }

  async plan(wanted: readonly FamilyWanted[]): Promise<readonly StepGroup[]> {
    for (const { family } of wanted) {
      if (this.#tools.chosen.some((tool) => tool.family === family)) continue;
      const name = family === "ip" ? "iptables-restore" : "ip6tables-restore";
      throw new PlumbingFailure("iptables", `${name} is not installed`);
    }
    const rules = this.#rulesOf(wanted);
    return await iptablesSteps(this.#tools, { wanted: rules, managed: rules });
  }

  /** Rules that a dead instance left are adopted as they are, as node-cache does. */
  async planClosing(): Promise<readonly StepGroup[]> {
    return [];
  }

  async planDraining(wanted: readonly FamilyWanted[]): Promise<readonly StepGroup[]> {
    return await this.planRemoval(wanted, false);
  }

  async planRemoval(wanted: readonly FamilyWanted[], everyAddress: boolean): Promise<readonly StepGroup[]> {
    return await iptablesSteps(this.#tools, { wanted: [], managed: this.#rulesOf(wanted), everyAddress });
  }

  /** There is no lease: rules hold until they are taken away. */
  refreshLease(): void {}

  close(): void {}

  #rulesOf(wanted: readonly FamilyWanted[]): IptablesRule[] {
    const { port, healthPort } = this.#ports;
    return managedAddresses(wanted).flatMap((address) => nodeCacheRules(address, port, healthPort));
  }
}
