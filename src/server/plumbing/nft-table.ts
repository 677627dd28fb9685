/**
 * The nftables rules of one family: desired state, and its text.
 *
 * While somebody listens on an address of ours, queries to it skip conntrack, and with it every NAT of kube-proxy, and are
 * delivered here. While nobody does, no rule matches: kube-proxy's NAT, or ours (`fallback`), sends them to the cluster DNS.
 * What a killed process leaves behind is therefore harmless. `docs/node-agent.md` explains each rule.
 */
import { createHash } from "node:crypto";
import type { Family, FamilyWanted, Target } from "./wanted.ts";

export interface NftRule {
  readonly text: string;
  /** Says what it is for, and ends with a fingerprint of `text`: by it the rule is known again. */
  readonly comment: string;
}

export interface NftChain {
  readonly name: string;
  readonly type: "filter" | "nat";
  readonly hook: "prerouting" | "output" | "postrouting";
  readonly priority: number;
  readonly rules: readonly NftRule[];
}

export interface NftSet {
  readonly name: string;
  /** undefined: they come and go by themselves. */
  readonly elements: readonly string[] | undefined;
}

export interface NftTable {
  readonly family: Family;
  readonly name: string;
  readonly sets: readonly NftSet[];
  readonly chains: readonly NftChain[];
}

export interface NftPorts {
  readonly port: number;
  readonly healthPort: number;
}

/** Addresses that the node's own processes are let in by; elements end by themselves. */
export const LEASE_SET = "alive";
const ADDRESS_SET = "addresses";
const FALLBACK_SET = "without_service";
const REWRITE_SET = "rewritten";
/** Connections of clients that the cluster DNS has: source address, source port, address of ours. */
export const ELSEWHERE_SET = "elsewhere";
export const ELSEWHERE_TIMEOUT_S = 60;
/** Bounded: who opens more connections while nobody is here has them reset later. */
export const ELSEWHERE_SIZE = 65_535;
/** Their elements outlive that the table is replaced. */
const KEPT_SETS: readonly string[] = [LEASE_SET, ELSEWHERE_SET];
/** NF_IP_PRI_RAW: before conntrack. */
const RAW = -300;
/** Before kube-proxy's NAT at -100: NAT happens once per hook. */
const BEFORE_KUBE_PROXY = -105;
const BEFORE_MASQUERADE = 95;
/** Behind all NAT. */
const LAST = 300;
const BOTH = "meta l4proto { tcp, udp }";
const SYN = "tcp flags & (syn|ack) == syn";
const NO_SYN = "tcp flags & (syn|ack) != syn";

/** Each instance with a device of its own has tables of its own. */
export function tableName(interfaceName: string): string {
  return interfaceName === "nodelocaldns" ? "nodens" : `nodens-${interfaceName.replaceAll(/[^A-Za-z0-9_-]/g, "_")}`;
}

/**
 * `closed`: nothing new is caught, whether somebody listens or not; what is under way goes on, and `fallback` is in force.
 *
 * So it is before answers are ready (a dead instance may have left the rules open, and they would catch queries from the
 * moment that a socket is bound), and at the end, while what is in flight is answered.
 */
export type GateState = "open" | "closed";

export function nftTable(name: string, wanted: FamilyWanted, ports: NftPorts, state: GateState): NftTable {
  const { family, addresses, rewrites, withoutService, fallback } = wanted;
  const falls = fallback.length > 0 && withoutService.length > 0;
  const own = rewrites.map((rewrite) => rewrite.own);
  const chains: NftChain[] = [
    { name: "prerouting", type: "filter", hook: "prerouting", priority: RAW, rules: incoming(wanted, ports, state) },
    { name: "output", type: "filter", hook: "output", priority: RAW, rules: outgoing(wanted, ports, state) },
    ...(rewrites.length === 0
      ? []
      : [
          {
            name: "postrouting",
            type: "filter",
            hook: "postrouting",
            priority: LAST,
            rules: replies(wanted, ports),
          } as const,
        ]),
    ...(falls ? fallbackChains(wanted, ports) : []),
  ];
  return {
    family,
    name,
    sets: [
      { name: LEASE_SET, elements: undefined },
      { name: ELSEWHERE_SET, elements: undefined },
      { name: ADDRESS_SET, elements: addresses },
      ...(own.length === 0 ? [] : [{ name: REWRITE_SET, elements: own }]),
      ...(falls ? [{ name: FALLBACK_SET, elements: withoutService }] : []),
    ],
    chains: chains.filter((chain) => chain.rules.length > 0),
  };
}

/** From pods and other machines. */
function incoming({ family, addresses, rewrites }: FamilyWanted, { port }: NftPorts, state: GateState): NftRule[] {
  const rules: NftRule[] = [];
  for (const { service, own } of rewrites) {
    const to = (address: string): string => `${family} daddr ${address}`;
    rules.push(
      rule(
        `${to(service)} ${BOTH} th dport ${port} ${family} daddr set ${own}`,
        "queries to the Service, to our own address",
      ),
      ...gate(family, to(own), port, state),
      rule(`${to(own)} ${BOTH} th dport ${port} ${family} daddr set ${service}`, "nobody listens: back to the Service"),
    );
  }
  return addresses.length === 0 ? rules : [...rules, ...gate(family, `${family} daddr @${ADDRESS_SET}`, port, state)];
}

/**
 * Lets through what a socket of ours is there for.
 *
 * `wildcard 0`: one that is bound to all addresses is another resolver's. The kernel evaluates that on full sockets only: so
 * for TCP it is asked of the SYN, and of the rest whether there is a socket at all.
 */
function gate(family: Family, match: string, port: number, state: GateState): NftRule[] {
  const tcp = `${match} tcp dport ${port}`;
  const open = [
    rule(`${match} udp dport ${port} socket wildcard 0 notrack accept`, "UDP queries while somebody listens"),
    rule(
      `${tcp} ${SYN} socket wildcard 0 delete @${ELSEWHERE_SET} { ${flow(family)} } notrack accept`,
      "TCP connects while somebody listens",
    ),
  ];
  return [
    ...(state === "open" ? open : []),
    ...connectedElsewhere(family, tcp),
    rule(
      `${tcp} ${NO_SYN} ${flow(family)} != @${ELSEWHERE_SET} socket transparent 0 notrack accept`,
      "TCP of connections that somebody here has",
    ),
  ];
}

/**
 * Remembers connections that the cluster DNS took while nobody was here.
 *
 * Once somebody listens again, the kernel finds the listening socket for their packets too; without this they would be reset.
 */
function connectedElsewhere(family: Family, tcp: string): NftRule[] {
  const update = `update @${ELSEWHERE_SET} { ${flow(family)} }`;
  return [
    rule(`${tcp} ${SYN} ${update}`, "TCP connects elsewhere: remember"),
    rule(`${tcp} ${NO_SYN} ${flow(family)} @${ELSEWHERE_SET} ${update}`, "TCP connected elsewhere: remember on"),
  ];
}

/** What identifies a connection to a port of ours. */
function flow(family: Family): string {
  return `${family} saddr . tcp sport . ${family} daddr`;
}

/** From processes of the node, us among them. There `socket` would find the client's own, hence the lease. */
function outgoing(wanted: FamilyWanted, { port, healthPort }: NftPorts, state: GateState): NftRule[] {
  const { family, addresses, rewrites } = wanted;
  const rules: NftRule[] = [];
  if (addresses.length > 0) {
    const to = `${family} daddr @${LEASE_SET}`;
    const from = `${family} saddr @${ADDRESS_SET}`;
    const tcp = `${to} tcp dport ${port}`;
    const open = [
      rule(`${to} udp dport ${port} notrack`, "UDP queries of the node's processes while the lease holds"),
      rule(
        `${tcp} ${SYN} delete @${ELSEWHERE_SET} { ${flow(family)} } notrack accept`,
        "TCP connects of the node's processes while the lease holds",
      ),
    ];
    rules.push(
      ...(state === "open" ? open : []),
      ...connectedElsewhere(family, `${family} daddr @${ADDRESS_SET} tcp dport ${port}`),
      rule(
        `${tcp} ${NO_SYN} ${flow(family)} != @${ELSEWHERE_SET} notrack`,
        "TCP of the node's processes while the lease holds",
      ),
      rule(`${from} ${BOTH} th sport ${port} notrack`, "our replies"),
      rule(`${to} tcp dport ${healthPort} notrack`, "probes of health while the lease holds"),
      rule(`${from} tcp sport ${healthPort} notrack`, "replies to probes of health"),
    );
  }
  if (rewrites.length > 0) {
    rules.push(
      rule(`${family} saddr @${REWRITE_SET} ${BOTH} th sport ${port} notrack`, "our replies from our own address"),
    );
  }
  return rules;
}

function replies({ family, rewrites }: FamilyWanted, { port }: NftPorts): NftRule[] {
  return rewrites.map(({ service, own }) =>
    rule(
      `${family} saddr ${own} ${BOTH} th sport ${port} ${family} saddr set ${service}`,
      "replies come from the Service",
    ),
  );
}

/** For addresses that kube-proxy knows nothing of. */
function fallbackChains({ family, fallback }: FamilyWanted, { port }: NftPorts): NftChain[] {
  const dnat = `${family} daddr @${FALLBACK_SET} ${BOTH} th dport ${port} dnat ${destination(family, fallback, port)}`;
  return [
    {
      name: "fallback",
      type: "nat",
      hook: "prerouting",
      priority: BEFORE_KUBE_PROXY,
      rules: [rule(dnat, "nobody listens: to the cluster DNS")],
    },
    {
      name: "fallback_output",
      type: "nat",
      hook: "output",
      priority: BEFORE_KUBE_PROXY,
      rules: [rule(dnat, "no lease: processes of the node to the cluster DNS")],
    },
    {
      name: "fallback_postrouting",
      type: "nat",
      hook: "postrouting",
      priority: BEFORE_MASQUERADE,
      // A process that sends to a local address sends from it; nobody could answer that.
      rules: [
        rule(
          `${family} saddr @${FALLBACK_SET} ct status dnat masquerade`,
          "processes of the node come from the node's address",
        ),
      ],
    },
  ];
}

/** One of the targets, by chance. With ports only where they differ: nft before 0.9.4 has no such maps. */
function destination(family: Family, fallback: readonly Target[], port: number): string {
  const bare = fallback.every((target) => target.port === port);
  const entries = fallback.map(({ address, port: to }, index) => `${index} : ${bare ? address : `${address} . ${to}`}`);
  return `${bare ? "" : `${family} `}to numgen random mod ${fallback.length} map { ${entries.join(", ")} }`;
}

function rule(text: string, purpose: string): NftRule {
  const fingerprint = createHash("sha256").update(text).digest("hex").slice(0, 8);
  return { text, comment: `${purpose}; ${fingerprint}` };
}

/** What there is of a table, by name: for replacing it without losing the elements that came by themselves. */
export interface ExistingTable {
  readonly chains: readonly string[];
  readonly sets: readonly string[];
}

/**
 * Text that puts the table in place of whatever table of that name there is, in one transaction.
 *
 * @param existing what of it is there, with lease and connections in sets that are as here: they stay. undefined: all goes
 */
export function tableText(table: NftTable, existing?: ExistingTable): string {
  const { family, name } = table;
  const lines =
    existing === undefined
      ? [removalText(family, name).trimEnd()]
      : [
          `flush table ${family} ${name}`,
          ...existing.chains.map((chain) => `delete chain ${family} ${name} ${chain}`),
          ...existing.sets
            .filter((set) => !KEPT_SETS.includes(set))
            .map((set) => `delete set ${family} ${name} ${set}`),
        ];
  lines.push(`table ${family} ${name} {`);
  for (const { name: set, elements } of table.sets) {
    lines.push(`  set ${set} {`, ...setLines(set, family).map((line) => `    ${line}`));
    if (elements !== undefined && elements.length > 0) lines.push(`    elements = { ${elements.join(", ")} }`);
    lines.push("  }");
  }
  for (const { name: chain, type, hook, priority, rules } of table.chains) {
    lines.push(`  chain ${chain} {`, `    type ${type} hook ${hook} priority ${priority}; policy accept;`);
    for (const { text, comment } of rules) lines.push(`    ${text} comment "${comment}"`);
    lines.push("  }");
  }
  return `${[...lines, "}"].join("\n")}\n`;
}

function setLines(set: string, family: Family): string[] {
  const type = family === "ip" ? "ipv4_addr" : "ipv6_addr";
  switch (set) {
    case LEASE_SET:
      return [`type ${type}`, "flags timeout"];
    case ELSEWHERE_SET:
      return [
        `type ${type} . inet_service . ${type}`,
        `size ${ELSEWHERE_SIZE}`,
        "flags dynamic,timeout",
        `timeout ${ELSEWHERE_TIMEOUT_S}s`,
      ];
    default:
      return [`type ${type}`];
  }
}

/** Removes a table, or does nothing when there is none. */
export function removalText(family: Family, name: string): string {
  return `add table ${family} ${name}\ndelete table ${family} ${name}\n`;
}
