/**
 * Go's `fmt.Sprintf` for the values of templates.
 *
 * Verbs `v s q d b o O x X c U e E f F g G t T %`, flags `+ - # 0` and blank, width and precision, as numbers or `*`.
 * What does not fit its verb comes out as Go writes it: `%!d(string=abc)`.
 */
import { isList, TemplateError, textOf, typeOf, type Value } from "./values.ts";

/** Wider fields are mistakes. */
const WIDTH_MAX = 4096;

interface Spec {
  readonly flags: string;
  readonly width: number | undefined;
  readonly precision: number | undefined;
  readonly verb: string;
}

export function formatted(format: string, args: readonly Value[]): string {
  let used = 0;
  const next = (): { value: Value } | undefined => (used < args.length ? { value: args[used++] } : undefined);
  const out = format.replaceAll(
    /%([-+# 0]*)(\*|[0-9]+)?(?:\.(\*|[0-9]*))?([\s\S]?)/gu,
    (_, flags: string, width: string | undefined, precision: string | undefined, verb: string) => {
      if (verb === "") return "%!(NOVERB)";
      if (verb === "%") return "%";
      const spec: Spec = { flags, width: size(width, next), precision: size(precision, next), verb };
      const arg = next();
      return arg === undefined ? `%!${verb}(MISSING)` : padded(one(spec, arg.value), spec, arg.value);
    },
  );
  if (used >= args.length) return out;
  const extra = args.slice(used).map(described);
  return `${out}%!(EXTRA ${extra.join(", ")})`;
}

function isNothing(value: Value): value is null | undefined {
  return value === undefined || value === null;
}

/** `string=abc`, as Go writes a value that is in the wrong place. */
function described(value: Value): string {
  return isNothing(value) ? "<nil>" : `${typeOf(value)}=${textOf(value)}`;
}

function size(text: string | undefined, next: () => { value: Value } | undefined): number | undefined {
  if (text === undefined) return undefined;
  const value = text === "*" ? Number(next()?.value) : Number(text);
  if (!(value >= 0 && value <= WIDTH_MAX)) throw new TemplateError(`width or precision above ${WIDTH_MAX}`);
  return value;
}

function one(spec: Spec, value: Value): string {
  const { verb } = spec;
  if (verb === "T") return isNothing(value) ? "<nil>" : typeOf(value);
  if (verb === "v") return typeof value === "bigint" ? signed(spec, value.toString()) : textOf(value);
  const bad = `%!${verb}(${described(value)})`;
  if (isList(value)) return `[${value.map((item) => one(spec, item)).join(" ")}]`;
  if (typeof value === "string") return stringText(spec, value) ?? bad;
  if (typeof value === "bigint") return integerText(spec, value) ?? bad;
  if (typeof value === "number") return floatText(spec, value) ?? bad;
  if (typeof value === "boolean" && verb === "t") return String(value);
  return bad;
}

function stringText({ verb, flags, precision }: Spec, value: string): string | undefined {
  const cut = precision === undefined ? value : [...value].slice(0, precision).join("");
  switch (verb) {
    case "s":
      return cut;
    case "q":
      return flags.includes("#") && !cut.includes("`") ? `\`${cut}\`` : JSON.stringify(cut);
    case "x":
    case "X": {
      const bytes = [...Buffer.from(value).subarray(0, precision ?? value.length * 4)];
      const pairs = bytes.map((byte) => byte.toString(16).padStart(2, "0"));
      const blank = flags.includes(" ");
      const prefix = flags.includes("#") && pairs.length > 0 ? "0x" : "";
      const all = blank ? pairs.map((pair) => prefix + pair).join(" ") : prefix + pairs.join("");
      return verb === "X" ? all.toUpperCase() : all;
    }
    default:
      return undefined;
  }
}

const RADIX: Readonly<Record<string, number>> = { d: 10, b: 2, o: 8, O: 8, x: 16, X: 16 };
const PREFIX: Readonly<Record<string, string>> = { b: "0b", o: "0", x: "0x", X: "0X" };

function integerText(spec: Spec, value: bigint): string | undefined {
  const { verb, flags, precision } = spec;
  if (verb === "c") return String.fromCodePoint(isCodePoint(value) ? Number(value) : 0xfffd);
  if (verb === "q") return `'${String.fromCodePoint(isCodePoint(value) ? Number(value) : 0xfffd)}'`;
  if (verb === "U") return `U+${value.toString(16).toUpperCase().padStart(4, "0")}`;
  const radix = RADIX[verb];
  if (radix === undefined) return undefined;
  const size = value < 0n ? -value : value;
  let digits = size.toString(radix);
  if (verb === "X") digits = digits.toUpperCase();
  if (precision !== undefined) digits = digits.padStart(precision, "0");
  const prefix = verb === "O" ? "0o" : flags.includes("#") ? (PREFIX[verb] ?? "") : "";
  return signed(spec, `${value < 0n ? "-" : ""}${prefix}${digits}`);
}

function isCodePoint(value: bigint): boolean {
  return value >= 0n && value <= 0x10ffffn;
}

function floatText(spec: Spec, value: number): string | undefined {
  const { verb, precision } = spec;
  const lower = verb.toLowerCase();
  if (!"efg".includes(lower)) return undefined;
  let text: string;
  if (lower === "f") text = value.toFixed(Math.min(precision ?? 6, 100));
  else if (lower === "e") text = value.toExponential(Math.min(precision ?? 6, 100));
  else text = precision === undefined ? textOf(value) : String(Number(value.toPrecision(Math.max(1, precision))));
  text = text.replace(/e([+-])(\d)$/, "e$10$2");
  return signed(spec, verb === lower ? text : text.toUpperCase());
}

/** `+` and blank: a sign for what is not negative. */
function signed({ flags }: Spec, text: string): string {
  if (text.startsWith("-")) return text;
  return flags.includes("+") ? `+${text}` : flags.includes(" ") ? ` ${text}` : text;
}

function padded(text: string, { flags, width = 0, precision }: Spec, value: Value): string {
  const missing = width - [...text].length;
  if (missing <= 0) return text;
  if (flags.includes("-")) return text + " ".repeat(missing);
  const number = typeof value === "number" || (typeof value === "bigint" && precision === undefined);
  if (!flags.includes("0") || (typeof value === "bigint" && !number)) return " ".repeat(missing) + text;
  // Zeros go between the sign and the digits.
  const sign = number ? (/^[+\- ]/.exec(text)?.[0] ?? "") : "";
  return sign + "0".repeat(missing) + text.slice(sign.length);
}
