/** Rules by nftables: one table a family, replaced as a whole, both in one transaction. */
import { libc } from "../../linux/libc.ts";
import { NetlinkError } from "../../linux/netlink-socket.ts";
import { type Nftables, NftablesError } from "../../linux/nftables.ts";
import { SetElements } from "../../linux/set-elements.ts";
import { iptablesSteps } from "./iptables-changes.ts";
import { type IptablesRule, nodeCacheRules } from "./iptables-rules.ts";
import type { IptablesTools } from "./iptables-tools.ts";
import { existingTable, hasLease, tableDifference } from "./nft-difference.ts";
import {
  type GateState,
  LEASE_SET,
  type NftPorts,
  type NftTable,
  nftTable,
  removalText,
  tableText,
} from "./nft-table.ts";
import { PlumbingFailure } from "./plumbing-error.ts";
import { LEASE_MS } from "./plumbing.ts";
import { type RuleBackend, managedAddresses } from "./rule-backend.ts";
import { type PlannedChange, type Step, type StepGroup, refusedStep } from "./step.ts";
import { FAMILIES, type FamilyWanted } from "./wanted.ts";

export interface NftablesRulesOptions {
  readonly nft: Nftables;
  readonly iptables: IptablesTools;
  readonly table: string;
  readonly ports: NftPorts;
}

export class NftablesRules implements RuleBackend {
  readonly kind = "nftables";
  readonly #options: NftablesRulesOptions;
  readonly #lease: SetElements | undefined;

  constructor(options: NftablesRulesOptions) {
    this.#options = options;
    this.#lease = libc() === undefined ? undefined : new SetElements();
  }

  /**
   * Whether nft and the kernel take the rules, the socket gate among them.
   *
   * @throws NftablesError
   */
  static probe({ nft, table, ports }: NftablesRulesOptions, wanted: readonly FamilyWanted[]): void {
    nft.check(wanted.map((each) => tableText(nftTable(`${table}-probe`, each, ports, "open"))).join(""));
  }

  async plan(wanted: readonly FamilyWanted[]): Promise<readonly StepGroup[]> {
    const { iptables } = this.#options;
    const rules = this.#rulesOf(wanted, (each) => [...each.addresses, ...each.rewrites.map(({ own }) => own)]);
    // Accepting here does not undo that another table drops; where iptables filters, it has to be told.
    const accepting = rules.filter((rule) => rule.table === "filter");
    const before = await iptablesSteps(iptables, { wanted: accepting, managed: accepting, onlyWhereUsed: true });
    const table = this.#tableStep(wanted, "open");
    return [[...before.flat(), ...table], ...(await this.#leftovers(wanted))];
  }

  async planClosing(wanted: readonly FamilyWanted[]): Promise<readonly StepGroup[]> {
    const { nft, table } = this.#options;
    const listings = FAMILIES.map((family) => attempt(() => nft.listTable(family, table)));
    const isLeft = listings.some((listing) => listing !== undefined);
    const closing = isLeft && !listings.some(hasLease) ? [this.#tableStep(wanted, "closed")] : [];
    return [...closing, ...(await this.#leftovers(wanted))];
  }

  async planDraining(wanted: readonly FamilyWanted[]): Promise<readonly StepGroup[]> {
    const { nft, table } = this.#options;
    const there = wanted.filter(({ family }) => attempt(() => nft.listTable(family, table)) !== undefined);
    return [this.#tableStep(there, "closed"), ...(await this.#leftovers(wanted))];
  }

  async planRemoval(wanted: readonly FamilyWanted[], everyAddress: boolean): Promise<readonly StepGroup[]> {
    const managed = this.#rulesOf(wanted, (each) => managedAddresses([each]));
    const leftovers = await iptablesSteps(this.#options.iptables, { wanted: [], managed, everyAddress });
    return [this.#tableStep([], "closed"), ...leftovers];
  }

  refreshLease(wanted: readonly FamilyWanted[]): void {
    const { nft, table } = this.#options;
    for (const { family, addresses } of wanted) {
      if (addresses.length === 0) continue;
      try {
        if (this.#lease !== undefined) this.#lease.refresh(table, LEASE_SET, addresses, LEASE_MS);
        else nft.run(leaseText(family, table, addresses));
      } catch (error) {
        // Somebody flushed the table, or we lost a capability: the next check sees the same and says so.
        if (!(error instanceof NetlinkError) && !(error instanceof NftablesError)) throw error;
      }
    }
  }

  close(): void {
    this.#lease?.close();
    this.#options.nft.close();
  }

  #rulesOf(wanted: readonly FamilyWanted[], addressesOf: (each: FamilyWanted) => readonly string[]): IptablesRule[] {
    const { port, healthPort } = this.#options.ports;
    return wanted.flatMap(addressesOf).flatMap((address) => nodeCacheRules(address, port, healthPort));
  }

  /** What skips conntrack whether anybody listens or not is what makes a killed node-cache a hole. */
  async #leftovers(wanted: readonly FamilyWanted[]): Promise<StepGroup[]> {
    const hiding = this.#rulesOf(wanted, (each) => managedAddresses([each])).filter((rule) => rule.table === "raw");
    try {
      return await iptablesSteps(this.#options.iptables, { wanted: [], managed: hiding });
    } catch (error) {
      // Ours do not depend on it: it is told, and they are set up.
      return [[refusedStep("rules of a node-cache that was killed", error)]];
    }
  }

  /** @returns one step, or none when every table is as wanted; tables of other families are removed */
  #tableStep(wanted: readonly FamilyWanted[], state: GateState): Step[] {
    const { nft, table: name, ports } = this.#options;
    const texts: string[] = [];
    const changes: PlannedChange[] = [];
    for (const family of FAMILIES) {
      const here = wanted.find((each) => each.family === family);
      const listing = attempt(() => nft.listTable(family, name));
      if (here === undefined) {
        if (listing === undefined) continue;
        changes.push({ kind: "removed", what: `table ${family} ${name}` });
        texts.push(removalText(family, name));
      } else {
        const table: NftTable = nftTable(name, here, ports, state);
        const difference = tableDifference(table, listing);
        if (difference.length === 0) continue;
        changes.push(...difference);
        texts.push(tableText(table, existingTable(table, listing)));
      }
    }
    if (texts.length === 0) return [];
    const input = texts.join("");
    return [{ program: "nft -f -", input, changes, apply: async () => attempt(() => nft.run(input)) }];
  }
}

/** `flags timeout` elements, by nft. */
function leaseText(family: string, table: string, addresses: readonly string[]): string {
  const elements = `element ${family} ${table} ${LEASE_SET}`;
  const timed = `{ ${addresses.map((address) => `${address} timeout ${LEASE_MS}ms`).join(", ")} }`;
  return `add ${elements} ${timed}\ndelete ${elements} { ${addresses.join(", ")} }\nadd ${elements} ${timed}\n`;
}

function attempt<T>(action: () => T): T {
  try {
    return action();
  } catch (error) {
    if (!(error instanceof NftablesError)) throw error;
    const words = error.isPermission ? "not permitted: it needs the capability NET_ADMIN" : error.message;
    throw new PlumbingFailure("iptables", `nftables: ${words}`);
  }
}
