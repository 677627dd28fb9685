/** Values of a Go template, in JavaScript: integers are bigints, floats numbers, maps `Map`s. */

export type Value =
  | undefined
  | null
  | boolean
  | bigint
  | number
  | string
  | readonly Value[]
  | ReadonlyMap<string, Value>
  | Struct
  | Method;

/** What has fields; another name is an error, not an absent value. */
export class Struct {
  /** As Go writes it: `*dns.Question`. */
  readonly type: string;
  readonly fields: Readonly<Record<string, Value>>;

  constructor(type: string, fields: Readonly<Record<string, Value>>) {
    this.type = type;
    this.fields = fields;
  }
}

/** A field that is called with arguments. */
export class Method {
  readonly call: (args: readonly Value[]) => Value;

  constructor(call: (args: readonly Value[]) => Value) {
    this.call = call;
  }
}

/** A template could not be carried out. */
export class TemplateError extends Error {}

export function isList(value: Value): value is readonly Value[] {
  return Array.isArray(value);
}

export function isMap(value: Value): value is ReadonlyMap<string, Value> {
  return value instanceof Map;
}

/** Of a type, for messages. */
export function typeOf(value: Value): string {
  if (value === undefined || value === null) return "nil";
  if (typeof value === "bigint") return "int";
  if (typeof value === "number") return "float64";
  if (typeof value === "boolean") return "bool";
  if (typeof value === "string") return "string";
  if (value instanceof Struct) return value.type;
  if (value instanceof Method) return "func";
  return isList(value) ? "[]string" : "map[string]string";
}

/** What `if` takes for true: all but false, 0, nothing, and what is empty. */
export function isTrue(value: Value): boolean {
  if (isList(value)) return value.length > 0;
  if (isMap(value)) return value.size > 0;
  return Boolean(value);
}

/** As `{{ … }}` and `%v` print it. */
export function textOf(value: Value): string {
  if (value === undefined || value === null) return "<nil>";
  if (typeof value === "number") return floatText(value);
  if (typeof value !== "object") return String(value);
  if (value instanceof Struct) return `{${Object.values(value.fields).map(textOf).join(" ")}}`;
  if (value instanceof Method) return "<func>";
  if (isMap(value)) {
    const entries = [...value].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([key, one]) => `${key}:${textOf(one)}`);
    return `map[${entries.join(" ")}]`;
  }
  return `[${value.map(textOf).join(" ")}]`;
}

/** Shortest form, as Go's `%v`: an exponent below 1e-4 and from 1e21 on, of two digits. */
function floatText(value: number): string {
  if (Number.isNaN(value)) return "NaN";
  if (!Number.isFinite(value)) return value > 0 ? "+Inf" : "-Inf";
  const size = Math.abs(value);
  const text = size !== 0 && (size < 1e-4 || size >= 1e21) ? value.toExponential() : String(value);
  return text.replace(/e([+-])(\d)$/, "e$10$2");
}
