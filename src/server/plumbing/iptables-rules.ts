/**
 * The iptables rules of node-cache, in its spelling (kubernetes/dns 1.26.5, cmd/node-cache/app/cache_app.go).
 *
 * Equal in specification and comment, so that each adopts what the other left behind.
 */
import { familyOf } from "./wanted.ts";

export type IptablesTable = "raw" | "filter";
/** In the order in which they are changed: a rule that accepts harms nobody, one that hides a packet from NAT may. */
export const IPTABLES_TABLES: readonly IptablesTable[] = ["filter", "raw"];

export interface IptablesRule {
  readonly table: IptablesTable;
  readonly chain: "PREROUTING" | "INPUT" | "OUTPUT";
  readonly protocol: "tcp" | "udp";
  /** Which end `address` and `port` are of. */
  readonly end: "source" | "destination";
  readonly address: string;
  readonly port: number;
  readonly target: "NOTRACK" | "ACCEPT";
  /** Empty in rules of node-cache before 1.22.19. */
  readonly comment: string;
}

const SKIP = "NodeLocal DNS Cache: skip conntrack";
const ALLOW = "NodeLocal DNS Cache: allow DNS traffic";
export const NODE_CACHE_COMMENTS: readonly string[] = [SKIP, ALLOW];

/** The twelve of an address, in the order in which node-cache puts each before those of before. */
export function nodeCacheRules(address: string, port: number, healthPort: number): IptablesRule[] {
  const rules = (
    table: IptablesTable,
    chain: IptablesRule["chain"],
    end: IptablesRule["end"],
    protocols: readonly IptablesRule["protocol"][] = ["tcp", "udp"],
    at = port,
  ): IptablesRule[] =>
    protocols.map((protocol) => ({
      table,
      chain,
      protocol,
      end,
      address,
      port: at,
      target: table === "raw" ? "NOTRACK" : "ACCEPT",
      comment: table === "raw" ? SKIP : ALLOW,
    }));
  return [
    ...rules("raw", "PREROUTING", "destination"),
    ...rules("filter", "INPUT", "destination"),
    ...rules("raw", "OUTPUT", "source"),
    ...rules("filter", "OUTPUT", "source"),
    ...rules("raw", "OUTPUT", "destination"),
    ...rules("raw", "OUTPUT", "destination", ["tcp"], healthPort),
    ...rules("raw", "OUTPUT", "source", ["tcp"], healthPort),
  ];
}

/** `-p tcp -d 169.254.20.10 --dport 53 -j NOTRACK -m comment --comment "…"`: node-cache's own arguments. */
export function ruleArguments(rule: IptablesRule): string {
  const [address, port] = rule.end === "destination" ? ["-d", "--dport"] : ["-s", "--sport"];
  const match = `-p ${rule.protocol} ${address} ${rule.address} ${port} ${rule.port} -j ${rule.target}`;
  return rule.comment === "" ? match : `${match} -m comment --comment "${rule.comment}"`;
}

/** One line, for people. */
export function describeRule(rule: IptablesRule): string {
  return `${rule.table} ${rule.chain} ${ruleArguments(rule)}`;
}

/** Two rules with equal keys do the same. @param comment other than the rule's own */
export function ruleKey(rule: IptablesRule, comment: string = rule.comment): string {
  const { table, chain, protocol, end, address, port, target } = rule;
  return [table, chain, protocol, end, address, port, target, comment].join(" ");
}

export function isIpv6Rule(rule: IptablesRule): boolean {
  return familyOf(rule.address) === "ip6";
}
