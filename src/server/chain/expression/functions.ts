/** What an expression can ask about a query, and the few functions on values. */
import { addressBytes } from "../../../base/address.ts";
import { type AddressBlock, addressBlock } from "../../../base/address-block.ts";
import { OPCODE_MASK, OPCODE_SHIFT } from "../../../dns/header.ts";
import { className, typeName } from "../../../dns/types.ts";
import type { Query } from "../query.ts";

export type ValueType = "bool" | "string" | "int" | "list";
export type Value = boolean | string | number | readonly Value[];

/** What an expression is evaluated for. */
export interface Subject {
  readonly query: Query;
  /** Groups of the match that the expression belongs to, by name and by number; "" for none. */
  readonly group: (key: string | number) => string;
  /** Values of the scope's variables, in its order. */
  readonly variables: readonly Value[];
  /** What `#` is, for each predicate that is being gone through. */
  readonly elements: Value[];
}

/** An expression could not be evaluated for this query: `int('x')`. */
export class ExpressionFailure extends Error {}

export interface FunctionSpec {
  /** Several types: any of them. */
  readonly parameters: readonly (ValueType | readonly ValueType[])[];
  readonly gives: ValueType;
  /** Type of the elements of a list that it gives. */
  readonly of?: ValueType;
  /** @param args one for each parameter, of its type @throws ExpressionFailure */
  readonly call: (subject: Subject, args: readonly Value[]) => Value;
  /** @returns what is wrong with arguments that are known beforehand; undefined where they are not or nothing is */
  readonly check?: (args: readonly (Value | undefined)[]) => string | undefined;
}

const ask = (gives: ValueType, of: (query: Query) => Value): FunctionSpec => ({
  parameters: [],
  gives,
  call: ({ query }) => of(query),
});

const onTexts = (count: number, gives: ValueType, of: (...texts: string[]) => Value): FunctionSpec => ({
  parameters: Array.from({ length: count }, () => "string" as const),
  gives,
  call: (_, args) => of(...args.map(String)),
});

const toTexts = (value: Value | undefined): string[] => (Array.isArray(value) ? value.map(String) : []);

/** Of CoreDNS: those of a query, `incidr` and `metadata`; of the expression language: those from `lower` on. */
export const FUNCTIONS: ReadonlyMap<string, FunctionSpec> = new Map<string, FunctionSpec>([
  ["bufsize", ask("int", ({ transport, view }) => (transport === "tcp" ? 65_535 : view.udpSize))],
  ["class", ask("string", ({ view }) => className(view.qclass))],
  ["client_ip", ask("string", ({ client }) => withoutScope(client.address))],
  ["do", ask("bool", ({ view }) => view.dnssecOk)],
  ["id", ask("int", ({ view }) => view.id)],
  ["name", ask("string", ({ name }) => name.toLowerCase())],
  ["opcode", ask("int", ({ view }) => (view.flags & OPCODE_MASK) >> OPCODE_SHIFT)],
  ["port", ask("string", ({ client }) => String(client.port))],
  ["proto", ask("string", ({ transport }) => transport)],
  ["server_ip", ask("string", ({ server }) => withoutScope(server.address))],
  ["server_port", ask("string", ({ server }) => String(server.port))],
  ["size", ask("int", ({ wire }) => wire.length)],
  ["type", ask("string", ({ view }) => typeName(view.qtype))],
  [
    "metadata",
    {
      parameters: ["string"],
      gives: "string",
      call: ({ query }, [label]) => query.metadata?.get(String(label)) ?? "",
    },
  ],
  [
    "incidr",
    {
      parameters: ["string", "string"],
      gives: "bool",
      call: (_, [address, block]) => isInBlock(String(address), String(block)),
      check: ([, block]) =>
        typeof block !== "string" || readBlock(block) !== undefined ? undefined : `invalid CIDR address: ${block}`,
    },
  ],
  ["lower", onTexts(1, "string", (text = "") => text.toLowerCase())],
  ["upper", onTexts(1, "string", (text = "") => text.toUpperCase())],
  ["trim", onTexts(1, "string", (text = "") => text.trim())],
  [
    "trimPrefix",
    onTexts(2, "string", (text = "", part = "") => (text.startsWith(part) ? text.slice(part.length) : text)),
  ],
  [
    "trimSuffix",
    onTexts(2, "string", (text = "", part = "") =>
      part !== "" && text.endsWith(part) ? text.slice(0, -part.length) : text,
    ),
  ],
  ["hasPrefix", onTexts(2, "bool", (text = "", part = "") => text.startsWith(part))],
  ["hasSuffix", onTexts(2, "bool", (text = "", part = "") => text.endsWith(part))],
  ["replace", onTexts(3, "string", (text = "", from = "", to = "") => text.replaceAll(from, () => to))],
  ["split", { ...onTexts(2, "list", (text = "", by = "") => text.split(by)), of: "string" }],
  [
    "join",
    { parameters: ["list", "string"], gives: "string", call: (_, [texts, by]) => toTexts(texts).join(String(by)) },
  ],
  [
    "len",
    {
      parameters: [["string", "list"]],
      gives: "int",
      call: (_, [value]) => (Array.isArray(value) ? value.length : [...String(value)].length),
    },
  ],
  ["string", { parameters: [["string", "int", "bool"]], gives: "string", call: (_, [value]) => String(value) }],
  ["int", { parameters: [["string", "int"]], gives: "int", call: (_, [value]) => toInteger(value) }],
]);

function toInteger(value: Value | undefined): number {
  if (typeof value === "number") return value;
  const text = String(value);
  const number = /^[-+]?[0-9]{1,15}$/.test(text) ? Number(text) : undefined;
  if (number === undefined) throw new ExpressionFailure(`invalid operation: int(${text})`);
  return number;
}

function withoutScope(address: string): string {
  return address.split("%", 1)[0] ?? address;
}

/** Blocks are few and asked about again and again. */
const blocks = new Map<string, AddressBlock | undefined>();
const BLOCKS_MAX = 4096;

/** An IPv4 block written as IPv6 counts as IPv4. */
function readBlock(text: string): AddressBlock | undefined {
  if (blocks.has(text)) return blocks.get(text);
  const written = addressBlock(text);
  const mapped = written?.bytes.length === 16 && isMapped(written.bytes);
  const asIpv4 =
    mapped && written.bits >= 96 ? { bytes: written.bytes.subarray(12), bits: written.bits - 96 } : undefined;
  const block = mapped ? asIpv4 : written;
  if (blocks.size < BLOCKS_MAX) blocks.set(text, block);
  return block;
}

/** Whether an address lies in a block; an IPv4 one written as IPv6 counts as IPv4. What is no address lies nowhere. */
function isInBlock(address: string, text: string): boolean {
  const block = readBlock(text);
  const raw = addressBytes(address);
  if (block === undefined || raw === undefined) return false;
  const bytes = raw.length === 16 && isMapped(raw) ? raw.subarray(12) : raw;
  if (bytes.length !== block.bytes.length) return false;
  for (let i = 0; i * 8 < block.bits; i++) {
    const mask = 0xff00 >> Math.min(8, block.bits - i * 8);
    if ((((bytes[i] ?? 0) ^ (block.bytes[i] ?? 0)) & mask & 0xff) !== 0) return false;
  }
  return true;
}

function isMapped(bytes: Uint8Array): boolean {
  return bytes.subarray(0, 10).every((byte) => byte === 0) && bytes[10] === 0xff && bytes[11] === 0xff;
}
