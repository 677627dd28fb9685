/**
 * Regular expressions as Go's `regexp` has them, for Corefiles that were written for CoreDNS.
 *
 * An engine of our own, because names come from strangers: JavaScript's backtracks, and with `(a+)+$` a name of forty
 * letters would stop the server. Here a pair of instruction and position is tried once in a match (the bit-state
 * matcher of RE2), so the work is at most the product of `PROGRAM_MAX` and the length of the text, whatever the pattern;
 * the text of a name has at most 1,004 characters. Of several matches it finds the one that Go finds: leftmost, then first in the order of
 * the pattern.
 */
import { type Assertion, parseGoRegexp, type RegexpNode } from "./go-regexp-syntax.ts";
import type { CharacterSet } from "./go-regexp-classes.ts";

/** Longest pattern that a plugin of CoreDNS takes. */
export const PATTERN_MAX_CHARACTERS = 10_000;
/** Most instructions of one expression, after `{n,m}` has been written out. */
const PROGRAM_MAX = 10_000;

type Instruction =
  | { readonly op: "set"; readonly set: CharacterSet; next: number }
  | { readonly op: "assert"; readonly what: Assertion; next: number }
  | { readonly op: "save"; readonly slot: number; next: number }
  /** Tries `next` first. */
  | { readonly op: "split"; next: number; other: number }
  | { readonly op: "match"; next: number };

/** @throws SyntaxError, in Go's words, for what is no regular expression of Go */
export function compileGoRegexp(pattern: string): GoRegexp {
  const { root, groupNames } = parseGoRegexp(pattern);
  const program: Instruction[] = [];
  const end = emit(program, { op: "match", next: 0 });
  const body = compile(program, root, emit(program, { op: "save", slot: 1, next: end }));
  const start = emit(program, { op: "save", slot: 0, next: body });
  return new GoRegexp(pattern, program, start, groupNames);
}

export class GoRegexp {
  /** As written. */
  readonly source: string;
  /** Of each group, "" for one without a name; the whole match is the first. */
  readonly groupNames: readonly string[];
  readonly #program: readonly Instruction[];
  readonly #start: number;
  /** A bit for each instruction at each position; kept from match to match. */
  #tried: Uint32Array;

  constructor(source: string, program: readonly Instruction[], start: number, groupNames: readonly string[]) {
    this.source = source;
    this.groupNames = groupNames;
    this.#program = program;
    this.#start = start;
    this.#tried = new Uint32Array(0);
  }

  /** Groups in parentheses. */
  get groupCount(): number {
    return this.groupNames.length - 1;
  }

  /** Whether it matches anywhere in the text. */
  test(text: string): boolean {
    return this.#run(codePoints(text)) !== undefined;
  }

  /** The first match and its groups, "" for a group that took no part. @returns undefined when nothing matches */
  match(text: string): string[] | undefined {
    const points = codePoints(text);
    const ends = this.#run(points);
    return ends === undefined ? undefined : this.#groups(points, ends);
  }

  #groups(points: readonly number[], ends: readonly number[]): string[] {
    return this.groupNames.map((_, group) => {
      const from = ends[group * 2] ?? -1;
      const to = ends[group * 2 + 1] ?? -1;
      return from < 0 || to < 0 ? "" : points.slice(from, to).reduce((all, one) => all + String.fromCodePoint(one), "");
    });
  }

  /** @returns start and end of each group, -1 for none */
  #run(text: readonly number[]): number[] | undefined {
    const words = Math.ceil((this.#program.length * (text.length + 1)) / 32);
    if (this.#tried.length < words) this.#tried = new Uint32Array(words);
    else this.#tried.fill(0, 0, words);
    const saved = this.groupNames.flatMap(() => [-1, -1]);
    // What failed from an earlier start fails from a later one too, so the bits stay.
    for (let start = 0; start <= text.length; start++) if (this.#tryAt(text, start, saved)) return saved;
    return undefined;
  }

  /** Walks the program depth first. Negative entries of the stack put a saved position back. */
  #tryAt(text: readonly number[], start: number, saved: number[]): boolean {
    const program = this.#program;
    const tried = this.#tried;
    const positions = text.length + 1;
    const stack: number[] = [this.#start, start];
    while (stack.length > 0) {
      let at = stack.pop() ?? 0;
      let pc = stack.pop() ?? 0;
      if (pc < 0) {
        saved[-pc - 1] = at;
        continue;
      }
      for (;;) {
        const bit = pc * positions + at;
        const mask = 1 << (bit & 31);
        if (((tried[bit >>> 5] ?? 0) & mask) !== 0) break;
        tried[bit >>> 5] = (tried[bit >>> 5] ?? 0) | mask;
        const instruction = program[pc];
        if (instruction === undefined) throw new Error("a regular expression runs out of its program");
        if (instruction.op === "match") return true;
        if (instruction.op === "set") {
          const point = text[at];
          if (point === undefined || !instruction.set.has(point)) break;
          at++;
        } else if (instruction.op === "assert") {
          if (!holds(instruction.what, text, at)) break;
        } else if (instruction.op === "save") {
          stack.push(-instruction.slot - 1, saved[instruction.slot] ?? -1);
          saved[instruction.slot] = at;
        } else {
          stack.push(instruction.other, at);
        }
        pc = instruction.next;
      }
    }
    return false;
  }
}

function emit(program: Instruction[], instruction: Instruction): number {
  if (program.length >= PROGRAM_MAX) throw new SyntaxError("expression too large");
  return program.push(instruction) - 1;
}

/** Writes the node's instructions, last first. @param next where a match of it goes on @returns where it begins */
function compile(program: Instruction[], node: RegexpNode, next: number): number {
  switch (node.kind) {
    case "empty":
      return next;
    case "set":
      return emit(program, { op: "set", set: node.set, next });
    case "assert":
      return emit(program, { op: "assert", what: node.what, next });
    case "sequence":
      return node.parts.reduceRight((after, part) => compile(program, part, after), next);
    case "choice":
      return node.parts
        .map((part) => compile(program, part, next))
        .reduceRight((other, first) => emit(program, { op: "split", next: first, other }));
    case "group": {
      const end = emit(program, { op: "save", slot: node.index * 2 + 1, next });
      const body = compile(program, node.body, end);
      return emit(program, { op: "save", slot: node.index * 2, next: body });
    }
    case "repeat":
      return compileRepeat(program, node, next);
  }
}

function compileRepeat(program: Instruction[], node: RegexpNode & { kind: "repeat" }, next: number): number {
  const { body, min, max, lazy } = node;
  let start = next;
  if (max === Number.POSITIVE_INFINITY) {
    const split: Instruction & { op: "split" } = { op: "split", next, other: next };
    start = emit(program, split);
    const again = compile(program, body, start);
    if (lazy) split.other = again;
    else split.next = again;
  } else {
    for (let i = min; i < max; i++) {
      const once = compile(program, body, start);
      start = emit(program, { op: "split", next: lazy ? next : once, other: lazy ? once : next });
    }
  }
  for (let i = 0; i < min; i++) start = compile(program, body, start);
  return start;
}

function holds(what: Assertion, text: readonly number[], at: number): boolean {
  switch (what) {
    case "text-start":
      return at === 0;
    case "text-end":
      return at === text.length;
    case "line-start":
      return at === 0 || text[at - 1] === 10;
    case "line-end":
      return at === text.length || text[at] === 10;
    case "word-edge":
      return isWord(text[at - 1]) !== isWord(text[at]);
    case "no-word-edge":
      return isWord(text[at - 1]) === isWord(text[at]);
  }
}

function isWord(point: number | undefined): boolean {
  return point !== undefined && point < 128 && /\w/.test(String.fromCharCode(point));
}

function codePoints(text: string): number[] {
  const points: number[] = [];
  for (const character of text) points.push(character.codePointAt(0) ?? 0);
  return points;
}
