/**
 * Weights of addresses: a text of domain names, each followed by lines of an address and its weight.
 *
 *   www.example.com
 *   192.0.2.1 3
 *   192.0.2.2 1
 */
import { addressBytes, formatAddressBytes, isIpAddress } from "../../../base/address.ts";
import type { ResourceRecord } from "../../../dns/records/record.ts";
import { nameToText } from "../../../dns/name-text.ts";
import { partsOf } from "./section-order.ts";

/** Of an address that the file does not name. */
const DEFAULT_WEIGHT = 1;
const WEIGHT_MAX = 255;

/** By name, lower case with the final dot, and then by address as `formatAddressBytes` writes it. */
export type Weights = ReadonlyMap<string, ReadonlyMap<string, number>>;

/** @returns the weights, or what is wrong; @param file for that text */
export function parseWeights(text: string, file: string): Weights | string {
  const weights = new Map<string, Map<string, number>>();
  let current: Map<string, number> | undefined;
  for (const line of text.split("\n")) {
    const trimmed = line.trim();
    if (trimmed === "" || trimmed.startsWith("#")) continue;
    const [first = "", value, ...more] = trimmed.split(/\s+/);
    if (more.length > 0) return `could not parse weight line:"${trimmed}" in weight file ${file}`;
    if (value === undefined) {
      if (isIpAddress(first)) {
        return `wrong domain name:"${first}" in weight file ${file}. (Maybe a missing weight value?)`;
      }
      const name = (first.endsWith(".") ? first : `${first}.`).toLowerCase();
      current = weights.get(name) ?? new Map<string, number>();
      weights.set(name, current);
      continue;
    }
    const address = isIpAddress(first) && !first.includes("%") ? addressKey(first) : undefined;
    if (address === undefined) return `wrong IP address:"${first}" in weight file ${file}`;
    const weight = /^[0-9]{1,3}$/.test(value) ? Number(value) : 0;
    if (weight === 0 || weight > WEIGHT_MAX) return `wrong weight value:"${value}" in weight file ${file}`;
    if (current === undefined) return `missing domain name in weight file ${file}`;
    // As the first that is found wins, so does the first that is written.
    if (!current.has(address)) current.set(address, weight);
  }
  return weights;
}

function addressKey(text: string): string | undefined {
  const bytes = addressBytes(text);
  return bytes === undefined ? undefined : keyOf(bytes);
}

/** An IPv4-mapped address is the IPv4 address. */
function keyOf(bytes: Uint8Array): string {
  const text = formatAddressBytes(bytes, 0, bytes.length === 4 ? 4 : 16);
  return text.startsWith("::ffff:") && text.includes(".") ? text.slice(7) : text;
}

function weightOf({ name, data }: ResourceRecord, weights: Weights): number {
  if (data.kind !== "a" && data.kind !== "aaaa") return DEFAULT_WEIGHT;
  return weights.get(nameToText(name).toLowerCase())?.get(keyOf(data.address)) ?? DEFAULT_WEIGHT;
}

/**
 * Aliases, then what is neither, then addresses, one of them in front by a chance that its weight gives, then mail
 * exchanges.
 *
 * @param random gives the next number, 0 up to but not 1
 * @returns the records as they are when there is no address among them
 */
export function weightedSection(
  records: readonly ResourceRecord[],
  weights: Weights,
  random: () => number,
): readonly ResourceRecord[] {
  const { aliases, rest, addresses, exchanges } = partsOf(records);
  if (addresses.length === 0) return records;
  const top = topIndex(addresses, weights, random);
  const order = [...addresses];
  const chosen = order[top];
  const before = order[0];
  if (chosen !== undefined && before !== undefined) {
    order[0] = chosen;
    order[top] = before;
  }
  return [...aliases, ...rest, ...order, ...exchanges];
}

function topIndex(addresses: readonly ResourceRecord[], weights: Weights, random: () => number): number {
  const weighed = addresses
    .map((record, index) => ({ index, weight: weightOf(record, weights) }))
    .toSorted((a, b) => b.weight - a.weight);
  const sum = weighed.reduce((total, { weight }) => total + weight, 0);
  const drawn = Math.floor(random() * sum);
  let passed = 0;
  for (const { index, weight } of weighed) {
    passed += weight;
    if (drawn < passed) return index;
  }
  return 0;
}
