/**
 * Command lines as Go's package `flag` reads them: `-x v`, `-x=v`, `--x v`, `--x=v`; a boolean takes its value only behind
 * `=`. The first word that is no flag, or `--`, ends them. The last of several wins.
 */

/** What one flag takes. */
export interface FlagKind<T> {
  readonly isBoolean?: boolean;
  /** Shown in the usage beside the name: `string`, `duration`; none for a boolean. */
  readonly placeholder: string;
  /** @returns undefined: it is no such value */
  parse(text: string): T | undefined;
}

export interface Flag<T> {
  readonly kind: FlagKind<T>;
  readonly value: T;
  readonly usage: string;
  /** How the usage shows the default; undefined: it does not (Go hides `false`, `""` and 0). */
  readonly shownDefault?: string;
  /** A flag whose other name this is. */
  readonly aliasOf?: string;
}

/** A flag for each property of `Values`. */
export type FlagTable<Values> = { readonly [Name in keyof Values]: Flag<Values[Name]> };

export interface ParsedFlags<Values> {
  readonly kind: "parsed";
  readonly values: Values;
  /** Words behind the flags. */
  readonly rest: readonly string[];
}

/** `help` was asked for: exit 0. A `mistake`, in Go's words: exit 2. */
export type NoFlags = { readonly kind: "help" } | { readonly kind: "mistake"; readonly message: string };

/** @param words after the program's name */
export function parseGoFlags<Values>(
  table: FlagTable<Values>,
  words: readonly string[],
): ParsedFlags<Values> | NoFlags {
  const flags = new Map(Object.entries<Flag<unknown>>(table));
  const values = new Map([...flags].map(([name, { value }]) => [name, value]));
  const mistake = (message: string): NoFlags => ({ kind: "mistake", message });
  let at = 0;
  for (; at < words.length; at++) {
    const word = words[at] ?? "";
    if (word.length < 2 || !word.startsWith("-")) break;
    if (word === "--") {
      at++;
      break;
    }
    const text = word.slice(word.startsWith("--") ? 2 : 1);
    if (text === "" || text.startsWith("-") || text.startsWith("=")) return mistake(`bad flag syntax: ${word}`);
    const equals = text.indexOf("=");
    const name = equals < 0 ? text : text.slice(0, equals);
    const flag = flags.get(name);
    if (flag === undefined) {
      if (name === "help" || name === "h") return { kind: "help" };
      return mistake(`flag provided but not defined: -${name}`);
    }
    let value = equals < 0 ? undefined : text.slice(equals + 1);
    if (value === undefined && flag.kind.isBoolean === true) value = "true";
    else if (value === undefined) {
      value = words[++at];
      if (value === undefined) return mistake(`flag needs an argument: -${name}`);
    }
    const parsed: unknown = flag.kind.parse(value);
    if (parsed === undefined) {
      const kind = flag.kind.isBoolean === true ? "invalid boolean value" : "invalid value";
      const where = flag.kind.isBoolean === true ? `-${name}` : `flag -${name}`;
      return mistake(`${kind} ${JSON.stringify(value)} for ${where}: parse error`);
    }
    values.set(flag.aliasOf ?? name, parsed);
  }
  for (const [name, { aliasOf }] of flags) {
    if (aliasOf !== undefined) values.set(name, values.get(aliasOf));
  }
  // Every name of the table has the value that its own `parse` gave.
  return { kind: "parsed", values: Object.fromEntries(values) as Values, rest: words.slice(at) };
}

/** The flags with their usage, by name, in Go's form. */
export function printDefaults<Values>(table: FlagTable<Values>): string {
  const flags = Object.entries<Flag<unknown>>(table).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return flags
    .map(([name, { kind, usage, shownDefault }]) => {
      const head = kind.placeholder === "" ? `  -${name}` : `  -${name} ${kind.placeholder}`;
      const by = shownDefault === undefined ? "" : ` (default ${shownDefault})`;
      // Go puts the usage of a one-letter boolean on the same line; we have none.
      return `${head}\n    \t${usage}${by}\n`;
    })
    .join("");
}

export const STRING: FlagKind<string> = { placeholder: "string", parse: (text) => text };

const TRUE = new Set(["1", "t", "T", "true", "TRUE", "True"]);
const FALSE = new Set(["0", "f", "F", "false", "FALSE", "False"]);

export const BOOLEAN: FlagKind<boolean> = {
  isBoolean: true,
  placeholder: "",
  parse: (text) => (TRUE.has(text) ? true : FALSE.has(text) ? false : undefined),
};

/** A whole number. */
export function integerKind(min: number, max: number): FlagKind<number> {
  return {
    placeholder: "int",
    parse: (text) => {
      const value = Number(text);
      return /^\d+$/.test(text) && value >= min && value <= max ? value : undefined;
    },
  };
}

/** One of a few words. */
export function choiceKind<const Choice extends string>(choices: readonly Choice[]): FlagKind<Choice> {
  return { placeholder: choices.join("|"), parse: (text) => choices.find((choice) => choice === text) };
}
