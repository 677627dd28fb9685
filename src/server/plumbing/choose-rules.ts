/** Resolves `auto`: how queries are caught, what keeps the rules, and one line that says why. */
import { libc } from "../../linux/libc.ts";
import { Links } from "../../linux/links.ts";
import { NetlinkError } from "../../linux/netlink-socket.ts";
import { type Nftables, NftablesError, openNftables } from "../../linux/nftables.ts";
import { IptablesRules } from "./iptables-backend.ts";
import { type IptablesTools, findIptables } from "./iptables-tools.ts";
import { tableName } from "./nft-table.ts";
import { NftablesRules } from "./nftables-rules.ts";
import { NoRules } from "./no-rules.ts";
import type { Intercept, PlumbingSpec } from "./plumbing.ts";
import type { RuleBackend } from "./rule-backend.ts";
import { canonical, wantedOf } from "./wanted.ts";

export interface Chosen {
  readonly intercept: Exclude<Intercept, "auto">;
  readonly rules: RuleBackend;
  /** Addresses of the Service that are caught. */
  readonly serviceAddresses: readonly string[];
  readonly why: string;
}

type Nft = { readonly rules: RuleBackend; readonly why: string } | { readonly refusal: string };

export async function chooseRules(spec: PlumbingSpec): Promise<Chosen> {
  const local = spec.localAddresses.map(canonical);
  const services = spec.serviceAddresses.map(canonical).filter((address) => !local.includes(address));
  const wantsNone = spec.intercept === "auto" && !spec.setUpInterface && !spec.setUpRules;
  if (spec.intercept === "none" || wantsNone) {
    const why = wantsNone ? "neither interface nor rules are to be set up" : "asked for";
    return { intercept: "none", rules: new NoRules(), serviceAddresses: [], why: `nothing is intercepted: ${why}` };
  }
  const rewrites = services.length > 0 && spec.intercept !== "address";
  if (!spec.setUpRules) {
    const intercept = spec.intercept === "rewrite" ? "rewrite" : "address";
    const why = `${interceptWords(intercept)}; rules are not to be set up`;
    return { intercept, rules: new NoRules(), serviceAddresses: services, why };
  }
  const iptables = await findIptables();
  const nft =
    spec.backend === "iptables" ? { refusal: "iptables was asked for" } : tryNftables(spec, iptables, rewrites);
  if ("rules" in nft) {
    const intercept = rewrites ? "rewrite" : "address";
    return { intercept, rules: nft.rules, serviceAddresses: services, why: `${interceptWords(intercept)}; ${nft.why}` };
  }
  if (spec.intercept === "rewrite") {
    const why = `only nftables can rewrite: ${nft.refusal}`;
    return { intercept: "rewrite", rules: new NoRules(why), serviceAddresses: services, why };
  }
  const free = services.filter((address) => !isHeldByOthers(address, spec.interfaceName));
  const held = services.filter((address) => !free.includes(address));
  const heldWords = held.length === 0 ? "" : `; ${held.join(", ")} is left alone, for another interface has it (IPVS)`;
  const { rules, why } = ofIptables(spec, iptables, nft.refusal);
  return {
    intercept: "address",
    rules,
    serviceAddresses: free,
    why: `${interceptWords("address")}${heldWords}; ${why}`,
  };
}

function interceptWords(intercept: "address" | "rewrite"): string {
  return intercept === "rewrite"
    ? "queries to the Service are rewritten to an address of ours, under every mode of kube-proxy"
    : "queries come to addresses that this node has";
}

/** Asks the kernel itself, by a transaction that is checked and thrown away. */
function tryNftables(spec: PlumbingSpec, iptables: IptablesTools, rewrites: boolean): Nft {
  const nft = openNftables();
  if (nft === undefined) return { refusal: "neither libnftables.so.1 nor nft is installed" };
  const { port, healthPort } = spec;
  const options = { nft, iptables, table: tableName(spec.interfaceName), ports: { port, healthPort } };
  const chosen = (): Nft => ({
    rules: new NftablesRules(options),
    why: `rules by nftables (${nft.by}), which let queries in only while somebody listens`,
  });
  try {
    NftablesRules.probe(options, wantedOf(spec, rewrites ? "rewrite" : "address", spec.fallback));
    return chosen();
  } catch (error) {
    if (!(error instanceof NftablesError)) throw error;
    // Without the capability iptables cannot either; each check says so, and it may be given later.
    if (error.isPermission) return chosen();
    return refused(nft, error);
  }
}

function refused(nft: Nftables, error: NftablesError): Nft {
  nft.close();
  return { refusal: `nftables (${nft.by}) refuses the rules: ${error.message}` };
}

function ofIptables(
  spec: PlumbingSpec,
  iptables: IptablesTools,
  refusal: string,
): { readonly rules: RuleBackend; readonly why: string } {
  const { port, healthPort } = spec;
  const [tool] = iptables.chosen;
  if (spec.backend === "nftables" || tool === undefined) {
    const reason = spec.backend === "nftables" ? refusal : `${refusal}, and iptables is not installed`;
    return { rules: new NoRules(`no rules can be set up: ${reason}`), why: `no rules can be set up: ${reason}` };
  }
  return {
    rules: new IptablesRules(iptables, { port, healthPort }),
    why: `rules by iptables (${tool.variant}) as node-cache makes them: ${refusal}`,
  };
}

/** As kube-proxy does in IPVS mode, on its kube-ipvs0. */
function isHeldByOthers(address: string, interfaceName: string): boolean {
  if (libc() === undefined) return false;
  const links = new Links();
  try {
    const own = links.find(interfaceName)?.index;
    return links.addresses().some((each) => canonical(each.address) === address && each.linkIndex !== own);
  } catch (error) {
    if (error instanceof NetlinkError) return false;
    throw error;
  } finally {
    links.close();
  }
}
