/**
 * Names and addresses out of hosts files (hosts(5)).
 *
 * Names are keyed by their lower-case wire form as a latin1 string, so that a query finds its entry without making text
 * of its name. A name whose first label is `*` stands for every name that has exactly one label more than the rest.
 */
import { addressBytes, formatAddressBytes } from "../../../base/address.ts";
import { isBelow, lowerCaseName } from "../../../dns/name.ts";
import { nameFromText } from "../../../dns/name-text.ts";
import { reverseName } from "../../records/reverse-name.ts";

/** A name's addresses of each family, in file order. */
interface HostAddresses {
  readonly v4: Uint8Array[];
  readonly v6: Uint8Array[];
}

/** Names about which two maps say different things: wire form, lower case. */
export interface HostChanges {
  /** Those of addresses too. */
  readonly names: readonly Uint8Array[];
  /** All names below them. */
  readonly trees: readonly Uint8Array[];
}

const NOTHING: readonly Uint8Array[] = [];
/** The label `*` in wire form. */
const ASTERISK_LABEL = "\u0001*";

export class HostMap {
  readonly #names: Map<string, HostAddresses>;
  readonly #wildcards: Map<string, HostAddresses>;
  /** Names of each address, wire form in file order. */
  readonly #reverse: Map<string, Uint8Array[]>;
  #size: number;

  constructor() {
    this.#names = new Map();
    this.#wildcards = new Map();
    this.#reverse = new Map();
    this.#size = 0;
  }

  /** Addresses under names, and names under addresses. */
  get size(): number {
    return this.#size;
  }

  /** @param key of `nameKey` @returns addresses of the name, else of the wildcard that covers it */
  addresses(key: string, family: "v4" | "v6"): readonly Uint8Array[] {
    const exact = this.#names.get(key)?.[family];
    if (exact !== undefined && exact.length > 0) return exact;
    if (this.#wildcards.size === 0) return NOTHING;
    const label = key.charCodeAt(0);
    const rest = key.slice(1 + label);
    // The root has no label to put the asterisk for, and `*.` covers nothing.
    if (label === 0 || rest.length === 1) return NOTHING;
    return this.#wildcards.get(ASTERISK_LABEL + rest)?.[family] ?? NOTHING;
  }

  /** @param address four or sixteen bytes @returns names of the address */
  names(address: Uint8Array): readonly Uint8Array[] {
    return this.#reverse.get(bytesKey(address)) ?? NOTHING;
  }

  changesTo(after: HostMap): HostChanges {
    const addresses = changedKeys(this.#reverse, after.#reverse, isSameList).map(keyBytes);
    return {
      names: [
        ...changedKeys(this.#names, after.#names, isSameHost).map(keyBytes),
        ...addresses.flatMap((bytes) => reverseName(formatAddressBytes(bytes, 0, bytes.length === 4 ? 4 : 16)) ?? []),
      ],
      trees: changedKeys(this.#wildcards, after.#wildcards, isSameHost).map((key) =>
        keyBytes(key.slice(ASTERISK_LABEL.length)),
      ),
    };
  }

  add(name: Uint8Array, address: Uint8Array, reverse: boolean): void {
    const key = bytesKey(name);
    const wildcard = key.startsWith(ASTERISK_LABEL);
    const map = wildcard ? this.#wildcards : this.#names;
    let addresses = map.get(key);
    if (addresses === undefined) {
      addresses = { v4: [], v6: [] };
      map.set(key, addresses);
    }
    addresses[address.length === 4 ? "v4" : "v6"].push(address);
    this.#size++;
    if (wildcard || !reverse) return;
    const addressKey = bytesKey(address);
    const names = this.#reverse.get(addressKey);
    if (names === undefined) this.#reverse.set(addressKey, [name]);
    else names.push(name);
    this.#size++;
  }
}

/** Key of the uncompressed name at `at`. */
export function nameKey(bytes: Uint8Array, at: number, length: number): string {
  const lower = bytes.slice(at, at + length);
  lowerCaseName(lower, 0, length);
  return bytesKey(lower);
}

function bytesKey(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1");
}

function keyBytes(key: string): Uint8Array {
  return Uint8Array.from(Buffer.from(key, "latin1"));
}

function changedKeys<T>(
  before: ReadonlyMap<string, T>,
  after: ReadonlyMap<string, T>,
  isSame: (a: T, b: T) => boolean,
): string[] {
  const changed = [...after.keys()].filter((key) => !before.has(key));
  for (const [key, had] of before) {
    const has = after.get(key);
    if (has === undefined || !isSame(had, has)) changed.push(key);
  }
  return changed;
}

function isSameHost(a: HostAddresses, b: HostAddresses): boolean {
  return isSameList(a.v4, b.v4) && isSameList(a.v6, b.v6);
}

function isSameList(a: readonly Uint8Array[], b: readonly Uint8Array[]): boolean {
  return a.length === b.length && a.every((bytes, i) => Buffer.compare(bytes, b[i] ?? bytes) === 0);
}

/**
 * An address of a hosts file: without its zone; an IPv4-mapped one is IPv4.
 *
 * @returns undefined for what is no address
 */
export function hostAddress(text: string): Uint8Array | undefined {
  const bytes = addressBytes(text.split("%", 1)[0] ?? "");
  if (bytes?.length !== 16) return bytes;
  const mapped = bytes.subarray(0, 10).every((byte) => byte === 0) && bytes[10] === 0xff && bytes[11] === 0xff;
  return mapped ? bytes.slice(12) : bytes;
}

export interface HostsOptions {
  /** Wire form. Names outside of them are left out. */
  readonly zones: readonly Uint8Array[];
  readonly reverse: boolean;
}

/** Reads a hosts file. Lines that are not of its form are passed over, and so are names that are none. */
export function readHosts(text: string, options: HostsOptions): HostMap {
  const map = new HostMap();
  for (let at = 0; at < text.length;) {
    let end = text.indexOf("\n", at);
    if (end < 0) end = text.length;
    readLine(text.slice(at, end), options, map);
    at = end + 1;
  }
  return map;
}

function readLine(line: string, options: HostsOptions, map: HostMap): void {
  const comment = line.indexOf("#");
  const [addressText, ...names] = (comment < 0 ? line : line.slice(0, comment)).trim().split(/\s+/);
  const address = names.length === 0 || addressText === undefined ? undefined : hostAddress(addressText);
  if (address === undefined) return;
  for (const text of names) {
    const name = lowerCaseWire(text);
    if (name === undefined || !options.zones.some((zone) => isBelow(name, 0, zone))) continue;
    map.add(name, address, options.reverse);
  }
}

function lowerCaseWire(text: string): Uint8Array | undefined {
  try {
    const name = nameFromText(text);
    lowerCaseName(name, 0, name.length);
    return name;
  } catch {
    return undefined;
  }
}
