/** Orders of the records of a section, for messages that are taken apart. */
import { addressBytes } from "../../../base/address.ts";
import type { ResourceRecord } from "../../../dns/records/record.ts";
import { TYPE_CNAME, TYPE_MX } from "../../../dns/types.ts";

export interface SectionParts {
  readonly aliases: readonly ResourceRecord[];
  readonly rest: readonly ResourceRecord[];
  readonly addresses: readonly ResourceRecord[];
  readonly exchanges: readonly ResourceRecord[];
}

/** Stub resolvers want aliases in front of what they lead to. */
export function partsOf(records: readonly ResourceRecord[]): SectionParts {
  const groups = Map.groupBy(records, ({ type, data }) => {
    if (type === TYPE_CNAME) return "alias";
    if (data.kind === "a" || data.kind === "aaaa") return "address";
    return type === TYPE_MX ? "exchange" : "rest";
  });
  const group = (key: "alias" | "rest" | "address" | "exchange"): ResourceRecord[] => groups.get(key) ?? [];
  return { aliases: group("alias"), rest: group("rest"), addresses: group("address"), exchanges: group("exchange") };
}

/** Aliases, then what is neither, then addresses and mail exchanges in an order of chance. */
export function shuffledSection(records: readonly ResourceRecord[], random: () => number): ResourceRecord[] {
  const { aliases, rest, addresses, exchanges } = partsOf(records);
  return [...aliases, ...rest, ...shuffled(addresses, random), ...shuffled(exchanges, random)];
}

function shuffled(records: readonly ResourceRecord[], random: () => number): ResourceRecord[] {
  const order = [...records];
  for (let left = order.length; left > 1; left--) {
    const [taken] = order.splice(Math.floor(random() * left), 1);
    if (taken !== undefined) order.push(taken);
  }
  return order;
}

/** A block of addresses. */
export interface Subnet {
  /** Four or sixteen, bits after the prefix are 0. */
  readonly bytes: Uint8Array;
  readonly bits: number;
}

/** @returns undefined for what is no address block such as `10.0.0.0/8` */
export function subnetOf(text: string): Subnet | undefined {
  const [, address = "", digits = ""] = /^([^/%]+)\/([0-9]{1,3})$/.exec(text) ?? [];
  const bytes = addressBytes(address);
  const bits = Number(digits);
  if (bytes === undefined || bits > bytes.length * 8) return undefined;
  return { bytes, bits };
}

function isIn(subnet: Subnet, address: Uint8Array): boolean {
  if (address.length !== subnet.bytes.length) return false;
  const whole = subnet.bits >> 3;
  for (let i = 0; i < whole; i++) if (address[i] !== subnet.bytes[i]) return false;
  const left = subnet.bits & 7;
  return left === 0 || ((address[whole] ?? 0) ^ (subnet.bytes[whole] ?? 0)) >> (8 - left) === 0;
}

/** Aliases, then addresses, those of the first subnet first, then mail exchanges, then the rest. */
export function preferredSection(records: readonly ResourceRecord[], subnets: readonly Subnet[]): ResourceRecord[] {
  const { aliases, rest, addresses, exchanges } = partsOf(records);
  const rank = ({ data }: ResourceRecord): number => {
    if (data.kind !== "a" && data.kind !== "aaaa") return subnets.length;
    const found = subnets.findIndex((subnet) => isIn(subnet, data.address));
    return found < 0 ? subnets.length : found;
  };
  return [...aliases, ...addresses.toSorted((a, b) => rank(a) - rank(b)), ...exchanges, ...rest];
}
