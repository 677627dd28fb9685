/**
 * The very commands by which node-cache 1.26.5 sets up its rules (cmd/node-cache/app/cache_app.go, pkg/util/iptables).
 *
 * Written out by hand, so that they stay what they were whatever becomes of `src/server/plumbing/iptables-rules.ts`.
 */
import { sh } from "./network-namespace.ts";

const SKIP = "NodeLocal DNS Cache: skip conntrack";
const ALLOW = "NodeLocal DNS Cache: allow DNS traffic";

export function nodeCacheCommands(address: string, port = "53", healthPort = "8080"): string[][] {
  const bits = (table: string, chain: string, words: string, target: string, comment: string): string[] => {
    const rule = [...words.split(" "), "-j", target, "-m", "comment", "--comment", comment];
    return ["-w", "5", "-W", "100000", "-I", chain, "-t", table, ...rule];
  };
  return [
    bits("raw", "PREROUTING", `-p tcp -d ${address} --dport ${port}`, "NOTRACK", SKIP),
    bits("raw", "PREROUTING", `-p udp -d ${address} --dport ${port}`, "NOTRACK", SKIP),
    bits("filter", "INPUT", `-p tcp -d ${address} --dport ${port}`, "ACCEPT", ALLOW),
    bits("filter", "INPUT", `-p udp -d ${address} --dport ${port}`, "ACCEPT", ALLOW),
    bits("raw", "OUTPUT", `-p tcp -s ${address} --sport ${port}`, "NOTRACK", SKIP),
    bits("raw", "OUTPUT", `-p udp -s ${address} --sport ${port}`, "NOTRACK", SKIP),
    bits("filter", "OUTPUT", `-p tcp -s ${address} --sport ${port}`, "ACCEPT", ALLOW),
    bits("filter", "OUTPUT", `-p udp -s ${address} --sport ${port}`, "ACCEPT", ALLOW),
    bits("raw", "OUTPUT", `-p tcp -d ${address} --dport ${port}`, "NOTRACK", SKIP),
    bits("raw", "OUTPUT", `-p udp -d ${address} --dport ${port}`, "NOTRACK", SKIP),
    bits("raw", "OUTPUT", `-p tcp -d ${address} --dport ${healthPort}`, "NOTRACK", SKIP),
    bits("raw", "OUTPUT", `-p tcp -s ${address} --sport ${healthPort}`, "NOTRACK", SKIP),
  ];
}

/** Puts the rules of a node-cache that was killed there. @param suffix of the program: `-nft`, `-legacy` */
export function leaveNodeCacheRules(
  addresses: readonly string[],
  suffix = "-nft",
  run: (program: string, ...args: string[]) => string = sh,
): void {
  for (const address of addresses) {
    const program = `${address.includes(":") ? "ip6tables" : "iptables"}${suffix}`;
    for (const command of nodeCacheCommands(address)) run(program, ...command);
  }
}

/** All rules of iptables, both families and both variants, in order, without tables and counters. */
export function iptablesRules(run: (program: string, ...args: string[]) => string = sh): string[] {
  return ["iptables-nft", "iptables-legacy", "ip6tables-nft", "ip6tables-legacy"].flatMap((program) => {
    let table = "";
    return run(`${program}-save`)
      .split("\n")
      .flatMap((line) => {
        if (line.startsWith("*")) table = line.slice(1);
        return line.startsWith("-A ") ? [`${program} ${table} ${line.slice(3)}`] : [];
      });
  });
}
