/**
 * The text of SVCB parameters (RFC 9460 §2.1, §7, appendix A).
 *
 * A value that is not of its key's form is written and read as `keyN="bytes"`, so no value is lost.
 */
import { addressBytes, formatAddressBytes } from "../../base/address.ts";
import { readU16 } from "../header.ts";
import { base64Bytes, base64Text } from "./encodings.ts";
import { quotedText, RecordTextError, unescapedBytes } from "./text-words.ts";

export interface SvcbParameter {
  readonly key: number;
  readonly value: Uint8Array;
}

const KEY_MANDATORY = 0;
const KEY_ALPN = 1;
const KEY_NO_DEFAULT_ALPN = 2;
const KEY_PORT = 3;
const KEY_IPV4HINT = 4;
const KEY_ECH = 5;
const KEY_IPV6HINT = 6;
const KEY_DOHPATH = 7;
const KEY_OHTTP = 8;

const KEY_NAMES = new Map<number, string>([
  [KEY_MANDATORY, "mandatory"],
  [KEY_ALPN, "alpn"],
  [KEY_NO_DEFAULT_ALPN, "no-default-alpn"],
  [KEY_PORT, "port"],
  [KEY_IPV4HINT, "ipv4hint"],
  [KEY_ECH, "ech"],
  [KEY_IPV6HINT, "ipv6hint"],
  [KEY_DOHPATH, "dohpath"],
  [KEY_OHTTP, "ohttp"],
]);

/**
 * Whether a list of mandatory keys, if there is one, is in its one form (ascending, not itself) and names only keys that
 * are there (RFC 9460 §8). Else the whole record is malformed.
 *
 * @param parameters in ascending order of keys
 */
export function mandatoryKeysHold(parameters: readonly SvcbParameter[]): boolean {
  const [first] = parameters;
  if (first === undefined || first.key !== KEY_MANDATORY) return true;
  const { value } = first;
  if (value.length === 0 || value.length % 2 !== 0) return false;
  let previous = KEY_MANDATORY;
  for (let at = 0; at < value.length; at += 2) {
    const key = readU16(value, at);
    if (key <= previous || !parameters.some((parameter) => parameter.key === key)) return false;
    previous = key;
  }
  return true;
}

const COMMA = 0x2c;
const BACKSLASH = 0x5c;

export function parameterText(parameter: SvcbParameter): string {
  const name = KEY_NAMES.get(parameter.key);
  const value = name === undefined ? undefined : valueText(parameter.key, parameter.value);
  if (name === undefined || value === undefined) return `key${parameter.key}=${quotedText(parameter.value)}`;
  return value === "" ? name : `${name}=${value}`;
}

/** @returns the value's text ("" for a key without one), or undefined when it is not of the key's form */
function valueText(key: number, value: Uint8Array): string | undefined {
  switch (key) {
    case KEY_MANDATORY: {
      if (value.length === 0 || value.length % 2 !== 0) return undefined;
      const keys = Array.from({ length: value.length / 2 }, (_, i) => readU16(value, i * 2));
      return keys.map((listed) => KEY_NAMES.get(listed) ?? `key${listed}`).join(",");
    }
    case KEY_ALPN:
      return alpnText(value);
    case KEY_NO_DEFAULT_ALPN:
    case KEY_OHTTP:
      return value.length === 0 ? "" : undefined;
    case KEY_PORT:
      return value.length === 2 ? String(readU16(value, 0)) : undefined;
    case KEY_IPV4HINT:
      return addressesText(value, 4);
    case KEY_IPV6HINT:
      return addressesText(value, 16);
    case KEY_ECH:
      return value.length === 0 ? undefined : base64Text(value);
    case KEY_DOHPATH:
      return value.length === 0 ? undefined : quotedText(value);
    default:
      return undefined;
  }
}

function addressesText(value: Uint8Array, size: 4 | 16): string | undefined {
  if (value.length === 0 || value.length % size !== 0) return undefined;
  return Array.from({ length: value.length / size }, (_, i) => formatAddressBytes(value, i * size, size)).join(",");
}

/** Protocol ids as a comma-separated list: a comma or backslash within one has a backslash before it. */
function alpnText(value: Uint8Array): string | undefined {
  const list: number[] = [];
  for (let at = 0; at < value.length;) {
    const length = value[at] ?? 0;
    if (length === 0 || at + 1 + length > value.length) return undefined;
    if (at > 0) list.push(COMMA);
    for (const byte of value.subarray(at + 1, at + 1 + length)) {
      if (byte === COMMA || byte === BACKSLASH) list.push(BACKSLASH);
      list.push(byte);
    }
    at += 1 + length;
  }
  return list.length === 0 ? undefined : quotedText(Uint8Array.from(list));
}

/** @param text `key`, or `key=value` without quotes; escapes still in */
export function parameterFromText(text: string): SvcbParameter {
  const [, name = "", value] = /^([a-z0-9-]+)(?:=([\s\S]*))?$/.exec(text) ?? fail(text);
  const key = keyNumber(name);
  if (name.startsWith("key")) return { key, value: unescapedBytes(value ?? "") };
  return { key, value: valueBytes(key, value ?? "") ?? fail(text) };
}

function keyNumber(name: string): number {
  for (const [key, known] of KEY_NAMES) if (known === name) return key;
  const generic = /^key(\d{1,5})$/.exec(name)?.[1];
  if (generic === undefined || Number(generic) > 0xffff) return fail(name);
  return Number(generic);
}

function valueBytes(key: number, text: string): Uint8Array | undefined {
  switch (key) {
    case KEY_MANDATORY:
      return keyList(text.split(",").map(keyNumber));
    case KEY_ALPN:
      return alpnBytes(unescapedBytes(text));
    case KEY_NO_DEFAULT_ALPN:
    case KEY_OHTTP:
      return text === "" ? new Uint8Array(0) : undefined;
    case KEY_PORT:
      return /^\d{1,5}$/.test(text) && Number(text) <= 0xffff
        ? Uint8Array.of(Number(text) >> 8, Number(text) & 0xff)
        : undefined;
    case KEY_IPV4HINT:
      return addressList(text, 4);
    case KEY_IPV6HINT:
      return addressList(text, 16);
    case KEY_ECH:
      return text === "" ? undefined : base64Bytes(text);
    case KEY_DOHPATH:
      return text === "" ? undefined : unescapedBytes(text);
    default:
      return undefined;
  }
}

function keyList(keys: readonly number[]): Uint8Array {
  return Uint8Array.from(keys.toSorted((a, b) => a - b).flatMap((key) => [key >> 8, key & 0xff]));
}

function addressList(text: string, size: 4 | 16): Uint8Array | undefined {
  const addresses = text.split(",").map((address) => (address.includes("%") ? undefined : addressBytes(address)));
  const bytes: number[] = [];
  for (const address of addresses) {
    if (address?.length !== size) return undefined;
    bytes.push(...address);
  }
  return Uint8Array.from(bytes);
}

function alpnBytes(list: Uint8Array): Uint8Array | undefined {
  const ids: number[][] = [[]];
  for (let at = 0; at < list.length; at++) {
    const byte = list[at] ?? 0;
    if (byte === COMMA) ids.push([]);
    else ids.at(-1)?.push(byte === BACKSLASH ? (list[++at] ?? BACKSLASH) : byte);
  }
  if (ids.some((id) => id.length === 0 || id.length > 255)) return undefined;
  return Uint8Array.from(ids.flatMap((id) => [id.length, ...id]));
}

function fail(text: string): never {
  throw new RecordTextError(`${JSON.stringify(text)} is no SVCB parameter`);
}
