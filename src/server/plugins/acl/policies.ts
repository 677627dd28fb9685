/** The `acl` directive as written: zones, and what is done with queries for them. */
import { BlockList, isIPv4 } from "node:net";
import { addressBlock } from "../../../base/address-block.ts";
import { ConfigError } from "../../../base/errors.ts";
import { nameFromText } from "../../../dns/name-text.ts";
import { typeNumber } from "../../../dns/types.ts";
import type { Directive, Token } from "../../chain/plugin.ts";
import { properties, type Property, zonesOr } from "../../corefile/arguments.ts";

export type Action = "allow" | "block" | "filter" | "drop";

export interface Policy {
  readonly action: Action;
  /** Undefined: all types. */
  readonly types: ReadonlySet<number> | undefined;
  /** Undefined: all addresses. */
  readonly sources: Networks | undefined;
}

export interface Rule {
  readonly zones: readonly { readonly text: string; readonly wire: Uint8Array }[];
  readonly policies: readonly Policy[];
}

/** Networks by family: a `BlockList` takes an IPv4 address for one inside `::/0`. */
export class Networks {
  readonly #v4: BlockList;
  readonly #v6: BlockList;

  constructor() {
    this.#v4 = new BlockList();
    this.#v6 = new BlockList();
  }

  /** @param prefix bits; what the address has after them does not count */
  add(address: string, prefix: number): void {
    if (isIPv4(address)) this.#v4.addSubnet(address, prefix, "ipv4");
    else this.#v6.addSubnet(address, prefix, "ipv6");
  }

  has(address: string): boolean {
    return isIPv4(address) ? this.#v4.check(address, "ipv4") : this.#v6.check(address, "ipv6");
  }
}

const ACTIONS: ReadonlySet<string> = new Set<Action>(["allow", "block", "filter", "drop"]);

/** @throws ConfigError */
export function readRule(directive: Directive, blockZones: readonly string[]): Rule {
  const zones = zonesOr(directive.args, blockZones);
  return {
    zones: zones.map((text) => ({ text, wire: nameFromText(text) })),
    policies: properties(directive).map((property) => readPolicy(property)),
  };
}

function readPolicy(property: Property): Policy {
  const action = property.name.text.toLowerCase();
  if (!isAction(action)) {
    const fact = `unexpected token '${property.name.text}'; expect 'allow', 'block', 'filter' or 'drop'`;
    throw new ConfigError(property.name.position, fact);
  }
  // A section that stands twice adds to itself; `*` in it opens it for all.
  let types: Set<number> | undefined;
  let sources: Networks | undefined;
  let allTypes = false;
  let allSources = false;
  for (const { section, tokens } of sectionsOf(property.args)) {
    if (section === "type") {
      types ??= new Set();
      for (const token of tokens) {
        if (token.text === "*") allTypes = true;
        else types.add(readType(token));
        if (allTypes) break;
      }
    } else {
      sources ??= new Networks();
      for (const token of tokens) {
        if (token.text === "*") allSources = true;
        else addNetwork(sources, token);
        if (allSources) break;
      }
    }
  }
  return { action, types: allTypes ? undefined : types, sources: allSources ? undefined : sources };
}

function isAction(text: string): text is Action {
  return ACTIONS.has(text);
}

interface Section {
  readonly section: "type" | "net";
  readonly tokens: Token[];
}

/** `type A AAAA net 10.0.0.0/8` as its sections. */
function sectionsOf(args: readonly Token[]): Section[] {
  const sections: (Section & { readonly keyword: Token })[] = [];
  for (const token of args) {
    const word = token.text.toLowerCase();
    const last = sections.at(-1);
    if (word === "type" || word === "net") sections.push({ section: word, keyword: token, tokens: [] });
    else if (last === undefined) {
      throw new ConfigError(token.position, `unexpected token '${token.text}'; expect 'type | net'`);
    } else last.tokens.push(token);
  }
  const empty = sections.find(({ tokens }) => tokens.length === 0);
  if (empty !== undefined) {
    throw new ConfigError(empty.keyword.position, `no token specified in '${empty.section}' section`);
  }
  return sections;
}

function readType(token: Token): number {
  const type = token.text === token.text.toUpperCase() ? typeNumber(token.text) : undefined;
  if (type === undefined) throw new ConfigError(token.position, `unexpected token '${token.text}'; expect legal QTYPE`);
  return type;
}

/** An address stands for itself alone. */
function addNetwork(networks: Networks, token: Token): void {
  const { text, position } = token;
  const block = addressBlock(text.includes("/") ? text : `${text}/${text.includes(":") ? 128 : 32}`);
  if (block === undefined) throw new ConfigError(position, `illegal CIDR notation '${text}'`);
  networks.add(text.split("/", 1)[0] ?? "", block.bits);
}
