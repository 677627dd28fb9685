/**
 * The syntax of Go's `regexp` package (RE2), read into a tree.
 *
 * What Go refuses is refused here in its words: look-around, back-references, `a**`, counts above 1000.
 */
import { CharacterSet, caseVariants, PERL_CLASSES, POSIX_CLASSES, propertyClass } from "./go-regexp-classes.ts";

export type Assertion = "text-start" | "text-end" | "line-start" | "line-end" | "word-edge" | "no-word-edge";

export type RegexpNode =
  | { readonly kind: "empty" }
  | { readonly kind: "set"; readonly set: CharacterSet }
  | { readonly kind: "assert"; readonly what: Assertion }
  | { readonly kind: "sequence"; readonly parts: readonly RegexpNode[] }
  | { readonly kind: "choice"; readonly parts: readonly RegexpNode[] }
  | { readonly kind: "group"; readonly index: number; readonly body: RegexpNode }
  | {
      readonly kind: "repeat";
      readonly body: RegexpNode;
      readonly min: number;
      /** Infinity: no bound. */
      readonly max: number;
      /** As few as possible first. */
      readonly lazy: boolean;
    };

export interface ParsedRegexp {
  readonly root: RegexpNode;
  /** Of each group; "" for one without; the whole match is 0. */
  readonly groupNames: readonly string[];
}

interface Flags {
  readonly fold: boolean;
  readonly multiline: boolean;
  readonly dotAll: boolean;
  readonly swapGreed: boolean;
}

const NO_FLAGS: Flags = { fold: false, multiline: false, dotAll: false, swapGreed: false };
const FLAG_OF: Readonly<Record<string, keyof Flags>> = {
  i: "fold",
  m: "multiline",
  s: "dotAll",
  U: "swapGreed",
};
const REPEAT_MAX = 1000;
const DEPTH_MAX = 1000;
const CONTROL: Readonly<Record<string, number>> = { a: 7, f: 12, n: 10, r: 13, t: 9, v: 11 };
const ASSERTION_ESCAPES: Readonly<Record<string, Assertion>> = {
  A: "text-start",
  z: "text-end",
  b: "word-edge",
  B: "no-word-edge",
};

/** @throws SyntaxError */
export function parseGoRegexp(pattern: string): ParsedRegexp {
  return new Parser(pattern).parse();
}

class Parser {
  readonly #characters: readonly string[];
  readonly #groupNames: string[];
  #at: number;
  #flags: Flags;
  #depth: number;

  constructor(pattern: string) {
    this.#characters = [...pattern];
    this.#groupNames = [""];
    this.#at = 0;
    this.#flags = NO_FLAGS;
    this.#depth = 0;
  }

  parse(): ParsedRegexp {
    const root = this.#choice();
    if (this.#at < this.#characters.length) fail("unexpected )", this.#from(0));
    return { root, groupNames: this.#groupNames };
  }

  #peek(): string {
    return this.#characters[this.#at] ?? "";
  }

  #take(text: string): boolean {
    for (let i = 0; i < text.length; i++) if (this.#characters[this.#at + i] !== text[i]) return false;
    this.#at += text.length;
    return true;
  }

  #from(start: number, end: number = this.#characters.length): string {
    return this.#characters.slice(start, end).join("");
  }

  #choice(): RegexpNode {
    if (++this.#depth > DEPTH_MAX) fail("expression nests too deeply", this.#from(0));
    const parts = [this.#sequence()];
    while (this.#take("|")) parts.push(this.#sequence());
    this.#depth--;
    const [only] = parts;
    return parts.length === 1 && only !== undefined ? only : { kind: "choice", parts };
  }

  #sequence(): RegexpNode {
    const parts: RegexpNode[] = [];
    /** Where the operator on the last part stands. */
    let repeatAt = -1;
    while (this.#at < this.#characters.length && this.#peek() !== "|" && this.#peek() !== ")") {
      const start = this.#at;
      if (this.#take("\\Q")) {
        while (this.#at < this.#characters.length && !this.#take("\\E")) parts.push(this.#literal(this.#next()));
        repeatAt = -1;
        continue;
      }
      if (this.#take("(?") && this.#setFlags(start)) continue;
      this.#at = start;
      const count = this.#count();
      if (count === undefined) {
        parts.push(this.#atom());
        repeatAt = -1;
        continue;
      }
      const body = parts.pop();
      if (body === undefined) fail("missing argument to repetition operator", this.#from(start, this.#at));
      if (repeatAt >= 0) fail("invalid nested repetition operator", this.#from(repeatAt, this.#at));
      const lazy = this.#take("?") !== this.#flags.swapGreed;
      parts.push({ kind: "repeat", body, ...count, lazy });
      repeatAt = start;
    }
    const [only] = parts;
    if (only === undefined) return { kind: "empty" };
    return parts.length === 1 ? only : { kind: "sequence", parts };
  }

  #next(): number {
    return this.#characters[this.#at++]?.codePointAt(0) ?? 0;
  }

  /** `*`, `+`, `?`, `{2}`, `{2,}`, `{2,5}`; a brace of another form is a character. */
  #count(): { min: number; max: number } | undefined {
    if (this.#take("*")) return { min: 0, max: Number.POSITIVE_INFINITY };
    if (this.#take("+")) return { min: 1, max: Number.POSITIVE_INFINITY };
    if (this.#take("?")) return { min: 0, max: 1 };
    if (this.#peek() !== "{") return undefined;
    const match = /^\{([0-9]{1,10})(,([0-9]{0,10}))?\}/.exec(this.#from(this.#at, this.#at + 24));
    if (match === null) return undefined;
    const [whole, low, range, high] = match;
    const min = Number(low);
    const max = range === undefined ? min : high === "" ? Number.POSITIVE_INFINITY : Number(high);
    if (min > REPEAT_MAX || (max > REPEAT_MAX && max !== Number.POSITIVE_INFINITY) || min > max) {
      fail("invalid repeat count", whole);
    }
    this.#at += whole.length;
    return { min, max };
  }

  #atom(): RegexpNode {
    const start = this.#at;
    const character = this.#peek();
    switch (character) {
      case "(":
        return this.#group();
      case "[":
        return { kind: "set", set: this.#class() };
      case ".":
        this.#at++;
        return { kind: "set", set: new CharacterSet(this.#flags.dotAll ? [] : [10, 10], true) };
      case "^":
        this.#at++;
        return { kind: "assert", what: this.#flags.multiline ? "line-start" : "text-start" };
      case "$":
        this.#at++;
        return { kind: "assert", what: this.#flags.multiline ? "line-end" : "text-end" };
      case "\\": {
        const assertion = ASSERTION_ESCAPES[this.#characters[this.#at + 1] ?? ""];
        if (assertion !== undefined) {
          this.#at += 2;
          return { kind: "assert", what: assertion };
        }
        const set = this.#classEscape();
        return set === undefined ? this.#literal(this.#escape(start)) : { kind: "set", set };
      }
      default:
        return this.#literal(this.#next());
    }
  }

  #literal(codePoint: number): RegexpNode {
    const all = this.#flags.fold ? caseVariants(codePoint) : [codePoint];
    return { kind: "set", set: new CharacterSet(all.flatMap((one) => [one, one])) };
  }

  /** After `(?`: flags for the rest of the group. @returns false when it is a group of another kind */
  #setFlags(start: number): boolean {
    const letters = /^([a-zA-Z]*(?:-[a-zA-Z]+)?)\)/.exec(this.#from(this.#at, this.#at + 12))?.[1];
    if (letters === undefined || letters === "") return false;
    this.#at += letters.length + 1;
    this.#flags = this.#withFlags(letters, start);
    return true;
  }

  #withFlags(letters: string, start: number): Flags {
    const flags: Record<keyof Flags, boolean> = { ...this.#flags };
    let on = true;
    for (const letter of letters) {
      const flag = FLAG_OF[letter];
      if (letter === "-") on = false;
      else if (flag === undefined) fail("invalid or unsupported Perl syntax", this.#from(start, this.#at));
      else flags[flag] = on;
    }
    return flags;
  }

  #group(): RegexpNode {
    const start = this.#at;
    const outer = this.#flags;
    this.#at++;
    let index = 0;
    if (this.#take("?")) {
      if (this.#take("P<") || this.#take("<")) index = this.#namedGroup(start);
      else {
        const letters = /^([a-zA-Z]*(?:-[a-zA-Z]+)?):/.exec(this.#from(this.#at, this.#at + 12))?.[1];
        if (letters === undefined) {
          fail("invalid or unsupported Perl syntax", this.#from(start, this.#at + 1));
        }
        this.#at += letters.length + 1;
        this.#flags = this.#withFlags(letters, start);
      }
    } else {
      index = this.#groupNames.push("") - 1;
    }
    const body = this.#choice();
    if (!this.#take(")")) fail("missing closing )", this.#from(0));
    this.#flags = outer;
    return index === 0 ? body : { kind: "group", index, body };
  }

  #namedGroup(start: number): number {
    const name = /^(\w+)>/.exec(this.#from(this.#at))?.[1];
    if (name === undefined) fail("invalid named capture", this.#from(start));
    this.#at += name.length + 1;
    if (this.#groupNames.includes(name)) fail("duplicate capture group name", name);
    return this.#groupNames.push(name) - 1;
  }

  /** `\d`, `\pL`, `\p{Greek}`, `\P…`. @returns undefined when an escape of another kind is next */
  #classEscape(): CharacterSet | undefined {
    const letter = this.#characters[this.#at + 1] ?? "";
    const perl = PERL_CLASSES[letter.toLowerCase()];
    if (perl !== undefined) {
      this.#at += 2;
      return new CharacterSet(perl, letter !== letter.toLowerCase());
    }
    const match = /^\\([pP])(?:\{(\^?)(\w+)\}|(\w))/.exec(this.#from(this.#at, this.#at + 64));
    if (match === null) return undefined;
    const [whole, sign, hat, long, short] = match;
    const test = propertyClass(long ?? short ?? "");
    if (test === undefined) fail("invalid character class range", whole);
    this.#at += whole.length;
    const set = new CharacterSet([], (sign === "P") !== (hat === "^"));
    set.include(test);
    return set;
  }

  /** One character behind a backslash. */
  #escape(start: number): number {
    this.#at++;
    const letter = this.#characters[this.#at];
    if (letter === undefined) fail("trailing backslash at end of expression", "");
    const rest = this.#from(this.#at, this.#at + 12);
    const octal = /^(?:0[0-7]{0,2}|[1-7][0-7]{1,2})/.exec(rest)?.[0];
    if (octal !== undefined) {
      this.#at += octal.length;
      return Number.parseInt(octal, 8);
    }
    const hex = /^x(?:([0-9a-fA-F]{2})|\{([0-9a-fA-F]{1,8})\})/.exec(rest);
    if (hex !== null) {
      this.#at += hex[0].length;
      const value = Number.parseInt(hex[1] ?? hex[2] ?? "", 16);
      if (value <= 0x10ffff) return value;
    }
    const control = CONTROL[letter];
    if (control === undefined && (/[0-9A-Za-z]/.test(letter) || letter > "\u007f")) {
      fail("invalid escape sequence", this.#from(start, this.#at + 1));
    }
    const plain = this.#next();
    return control ?? plain;
  }

  #class(): CharacterSet {
    const start = this.#at++;
    const set = new CharacterSet([], this.#take("^"), this.#flags.fold);
    for (let first = true; first || this.#peek() !== "]"; first = false) {
      if (this.#at >= this.#characters.length) fail("missing closing ]", this.#from(start));
      const posix = /^\[:(\^?)(\w+):\]/.exec(this.#from(this.#at, this.#at + 16));
      if (posix !== null) {
        const [whole, negated, name = ""] = posix;
        const ranges = POSIX_CLASSES[name];
        if (ranges === undefined) fail("invalid character class range", whole);
        set.includeSet(new CharacterSet(ranges, negated === "^"));
        this.#at += whole.length;
        continue;
      }
      const itemAt = this.#at;
      const escaped = this.#peek() === "\\" ? this.#classEscape() : undefined;
      if (escaped !== undefined) {
        set.includeSet(escaped);
        continue;
      }
      const low = this.#classCharacter();
      let high = low;
      if (this.#peek() === "-" && this.#characters[this.#at + 1] !== "]") {
        this.#at++;
        if (this.#at >= this.#characters.length) fail("missing closing ]", this.#from(start));
        high = this.#classCharacter();
      }
      if (high < low) fail("invalid character class range", this.#from(itemAt, this.#at));
      set.add(low, high);
    }
    this.#at++;
    return set;
  }

  #classCharacter(): number {
    return this.#peek() === "\\" ? this.#escape(this.#at) : this.#next();
  }
}

function fail(fact: string, where: string): never {
  throw new SyntaxError(`${fact}: \`${where}\``);
}
