/** Functions that templates can call: Go's own, and CoreDNS's `parseInt`. */
import { formatted } from "./printf.ts";
import { isList, isMap, isTrue, Struct, TemplateError, textOf, typeOf, type Value } from "./values.ts";

type TemplateFunction = (args: readonly Value[]) => Value;

/** Of Go's, but without a use in a record: they write HTML, JavaScript and URLs, or call what is no function here. */
export const UNSUPPORTED_FUNCTIONS: ReadonlySet<string> = new Set(["call", "html", "js", "urlquery"]);

const FUNCTIONS: ReadonlyMap<string, TemplateFunction> = new Map<string, TemplateFunction>([
  ["not", counted("not", 1, 1, ([value]) => !isTrue(value))],
  ["len", counted("len", 1, 1, ([value]) => lengthOf(value))],
  ["index", counted("index", 1, 99, ([value, ...keys]) => keys.reduce<Value>(indexed, value))],
  ["slice", counted("slice", 1, 4, ([value, ...bounds]) => sliced(value, bounds))],
  ["print", (args) => printed(args)],
  ["println", (args) => `${args.map(textOf).join(" ")}\n`],
  ["printf", counted("printf", 1, 99, ([format, ...args]) => formatted(text("printf", format), args))],
  ["eq", counted("eq", 2, 99, ([first, ...others]) => others.some((other) => equal(first, other)))],
  ["ne", counted("ne", 2, 2, ([a, b]) => !equal(a, b))],
  ["lt", counted("lt", 2, 2, ([a, b]) => compared(a, b) < 0)],
  ["le", counted("le", 2, 2, ([a, b]) => compared(a, b) <= 0)],
  ["gt", counted("gt", 2, 2, ([a, b]) => compared(a, b) > 0)],
  ["ge", counted("ge", 2, 2, ([a, b]) => compared(a, b) >= 0)],
  [
    "parseInt",
    counted("parseInt", 3, 3, ([digits, base, bits]) =>
      parseUnsigned(text("parseInt", digits), integer("parseInt", base), integer("parseInt", bits)),
    ),
  ],
]);

/** `and` and `or` are no functions of values: they do not look at more arguments than they need. */
export const FUNCTION_NAMES: ReadonlySet<string> = new Set([...FUNCTIONS.keys(), "and", "or"]);

/** @throws TemplateError */
export function callFunction(name: string, args: readonly Value[]): Value {
  const called = FUNCTIONS.get(name);
  if (called === undefined) throw new Error(`no function ${name}`);
  try {
    return called(args);
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error;
    throw new TemplateError(`error calling ${name}: ${error.message}`, { cause: error });
  }
}

function counted(name: string, min: number, max: number, body: TemplateFunction): TemplateFunction {
  return (args) => {
    if (args.length >= min && args.length <= max) return body(args);
    const want = max === min ? String(min) : max < 99 ? `${min} to ${max}` : `at least ${min}`;
    throw new TemplateError(`wrong number of args for ${name}: want ${want} got ${args.length}`);
  };
}

function text(name: string, value: Value): string {
  if (typeof value === "string") return value;
  throw new TemplateError(`wrong type for value of ${name}; expected string; got ${typeOf(value)}`);
}

function integer(name: string, value: Value): bigint {
  if (typeof value === "bigint") return value;
  throw new TemplateError(`wrong type for value of ${name}; expected int; got ${typeOf(value)}`);
}

function lengthOf(value: Value): bigint {
  if (typeof value === "string") return BigInt(Buffer.byteLength(value));
  if (isList(value)) return BigInt(value.length);
  if (isMap(value)) return BigInt(value.size);
  throw new TemplateError(`len of type ${typeOf(value)}`);
}

/** One step of `index`: a place of a list or string, or an entry of a map ("" when it has none). */
function indexed(value: Value, key: Value): Value {
  if (isMap(value)) return value.has(text("index", key)) ? value.get(text("index", key)) : "";
  const places = typeof value === "string" ? [...Buffer.from(value)].map(BigInt) : value;
  if (!isList(places)) throw new TemplateError(`can't index item of type ${typeOf(value)}`);
  const at = Number(integer("index", key));
  if (at < 0 || at >= places.length) throw new TemplateError(`index out of range: ${at}`);
  return places[at];
}

function sliced(value: Value, bounds: readonly Value[]): Value {
  const numbers = bounds.map((bound) => Number(integer("slice", bound)));
  const length = Number(lengthOf(value));
  const [start = 0, end = length] = numbers;
  for (const one of [start, end]) if (one < 0 || one > length) throw new TemplateError(`index out of range: ${one}`);
  if (start > end) throw new TemplateError(`invalid slice index: ${start} > ${end}`);
  if (typeof value === "string") return Buffer.from(value).subarray(start, end).toString();
  if (isList(value)) return value.slice(start, end);
  throw new TemplateError(`can't slice item of type ${typeOf(value)}`);
}

/** Blanks only between two values neither of which is a string. */
function printed(args: readonly Value[]): string {
  let out = "";
  for (const [i, value] of args.entries()) {
    if (i > 0 && typeof value !== "string" && typeof args[i - 1] !== "string") out += " ";
    out += textOf(value);
  }
  return out;
}

function equal(a: Value, b: Value): boolean {
  const nothing = (value: Value): boolean => value === undefined || value === null;
  if (nothing(a) || nothing(b)) return nothing(a) && nothing(b);
  if (typeof a === "object" || typeof b === "object") {
    if (a instanceof Struct && b instanceof Struct) return a === b;
    throw new TemplateError(`non-comparable type: ${typeOf(typeof a === "object" ? a : b)}`);
  }
  if (typeof a !== typeof b) throw new TemplateError("incompatible types for comparison");
  return a === b;
}

/** Below, at or above zero. */
function compared(a: Value, b: Value): number {
  if (typeof a === "string" && typeof b === "string") return Buffer.compare(Buffer.from(a), Buffer.from(b));
  if ((typeof a === "bigint" && typeof b === "bigint") || (typeof a === "number" && typeof b === "number")) {
    return a < b ? -1 : a > b ? 1 : 0;
  }
  const basic = (value: Value): boolean => ["string", "bigint", "number"].includes(typeof value);
  throw new TemplateError(basic(a) && basic(b) ? "incompatible types for comparison" : "invalid type for comparison");
}

/** Go's `strconv.ParseUint`: base 0 goes by the prefix, bits 0 are 64. */
function parseUnsigned(digits: string, base: bigint, bits: bigint): bigint {
  const fail = (why: string): TemplateError =>
    new TemplateError(`strconv.ParseUint: parsing ${JSON.stringify(digits)}: ${why}`);
  if (base !== 0n && (base < 2n || base > 36n)) throw fail(`invalid base ${base}`);
  if (bits < 0n || bits > 64n) throw fail(`invalid bit size ${bits}`);
  let radix = base;
  let rest = digits.toLowerCase();
  if (base === 0n) {
    const prefix = /^0([xbo]?)(?=.)/.exec(rest);
    radix = prefix === null ? 10n : prefix[1] === "x" ? 16n : prefix[1] === "b" ? 2n : 8n;
    rest = (prefix === null ? rest : rest.slice(prefix[0].length)).replaceAll(/(?<=.)_(?=.)/g, "");
  }
  if (rest === "") throw fail("invalid syntax");
  let value = 0n;
  const max = (1n << (bits === 0n ? 64n : bits)) - 1n;
  for (const character of rest) {
    const digit = /^[0-9a-z]$/.test(character) ? Number.parseInt(character, 36) : 36;
    if (digit >= Number(radix)) throw fail("invalid syntax");
    value = value * radix + BigInt(digit);
    if (value > max) {
      if (/^[0-9a-z]*$/.test(rest)) throw fail("value out of range");
      throw fail("invalid syntax");
    }
  }
  return value;
}
