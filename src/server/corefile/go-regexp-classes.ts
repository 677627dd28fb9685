/** Sets of characters in Go's regular expressions: `[a-z]`, `\d`, `[[:alpha:]]`, `\p{Greek}`. */

/** First and last code point of each range, in turn. */
type Ranges = readonly number[];

export const PERL_CLASSES: Readonly<Record<string, Ranges>> = {
  d: [0x30, 0x39],
  s: [9, 10, 12, 13, 32, 32],
  w: [0x30, 0x39, 0x41, 0x5a, 0x5f, 0x5f, 0x61, 0x7a],
};

export const POSIX_CLASSES: Readonly<Record<string, Ranges>> = {
  alnum: [0x30, 0x39, 0x41, 0x5a, 0x61, 0x7a],
  alpha: [0x41, 0x5a, 0x61, 0x7a],
  ascii: [0, 0x7f],
  blank: [9, 9, 32, 32],
  cntrl: [0, 0x1f, 0x7f, 0x7f],
  digit: [0x30, 0x39],
  graph: [0x21, 0x7e],
  lower: [0x61, 0x7a],
  print: [0x20, 0x7e],
  punct: [0x21, 0x2f, 0x3a, 0x40, 0x5b, 0x60, 0x7b, 0x7e],
  space: [9, 13, 32, 32],
  upper: [0x41, 0x5a],
  word: [0x30, 0x39, 0x41, 0x5a, 0x5f, 0x5f, 0x61, 0x7a],
  xdigit: [0x30, 0x39, 0x41, 0x46, 0x61, 0x66],
};

type Test = (codePoint: number) => boolean;

/** A general category (`L`, `Nd`) or a script (`Greek`). @returns undefined for no such class */
export function propertyClass(name: string): Test | undefined {
  if (name === "Any") return () => true;
  for (const property of name.length <= 2 ? [name] : [`Script=${name}`]) {
    try {
      const regexp = new RegExp(`^\\p{${property}}$`, "u");
      return (codePoint) => regexp.test(String.fromCodePoint(codePoint));
    } catch {
      // Not a property that JavaScript knows: the next form, or none.
    }
  }
  return undefined;
}

/** The character in either case; itself alone when it has none. */
export function caseVariants(codePoint: number): number[] {
  const text = String.fromCodePoint(codePoint);
  const variants = [text, text.toLowerCase(), text.toUpperCase()].map((one) => [...one]);
  return [...new Set(variants.flatMap((one) => (one.length === 1 ? (one[0]?.codePointAt(0) ?? codePoint) : [])))];
}

export class CharacterSet {
  readonly #ranges: number[];
  readonly #others: Test[];
  readonly #negated: boolean;
  readonly #fold: boolean;

  /** @param fold a character is in it when the other case of it is */
  constructor(ranges: Ranges = [], negated = false, fold = false) {
    this.#ranges = [...ranges];
    this.#others = [];
    this.#negated = negated;
    this.#fold = fold;
  }

  add(first: number, last: number): void {
    this.#ranges.push(first, last);
  }

  include(test: Test): void {
    this.#others.push(test);
  }

  includeSet(set: CharacterSet): void {
    this.#others.push((codePoint) => set.has(codePoint));
  }

  has(codePoint: number): boolean {
    const inside = this.#fold ? caseVariants(codePoint).some((one) => this.#holds(one)) : this.#holds(codePoint);
    return inside !== this.#negated;
  }

  #holds(codePoint: number): boolean {
    const ranges = this.#ranges;
    for (let i = 0; i < ranges.length; i += 2) {
      if (codePoint >= (ranges[i] ?? 0) && codePoint <= (ranges[i + 1] ?? 0)) return true;
    }
    for (const test of this.#others) if (test(codePoint)) return true;
    return false;
  }
}
