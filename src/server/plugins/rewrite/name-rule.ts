/** `rewrite name`: another name for the question, and the way back for the answer. */
import { ConfigError } from "../../../base/errors.ts";
import type { Token } from "../../chain/plugin.ts";
import type { GoRegexp } from "../../corefile/go-regexp.ts";
import type { Draft } from "./draft.ts";
import { checkGroups, fillIn, type MatchType, matchTypeOf, normalized, readPattern } from "./name-match.ts";
import type { ResponseRule, Rule } from "./rule.ts";

/** @param field the word `name` @throws ConfigError */
export function readNameRule(stop: boolean, field: Token, args: readonly Token[]): Rule {
  const [first, second, third, ...rest] = args;
  if (first === undefined || second === undefined) {
    throw new ConfigError((first ?? field).position, "too few arguments for a name rule");
  }
  if (third === undefined) {
    return new NameRule(stop, renaming("exact", first, second), true, [], undefined);
  }
  const type = matchTypeOf(first);
  if (type === undefined) {
    const fact = `name rule supports only exact, prefix, suffix, substring, and regex name matching, received: ${first.text}`;
    throw new ConfigError(first.position, fact);
  }
  const renames = renaming(type, second, third);
  const { auto, rules } = readAnswerRules(type, third, rest);
  if (type === "suffix" && auto) {
    // Better than mapping the one name back: all names below the suffix find their way.
    const back = swapSuffix(normalized(third.text), normalized(second.text));
    return new NameRule(stop, renames, false, rules, back);
  }
  return new NameRule(stop, renames, auto || type === "exact", rules, undefined);
}

/** @returns the new name, or undefined when the rule is not for this one */
type Renaming = (name: string) => string | undefined;

class NameRule implements Rule {
  readonly stop: boolean;
  readonly #rename: Renaming;
  /** The answer's names are mapped back from the new name to the old one. */
  readonly #auto: boolean;
  readonly #answer: readonly ResponseRule[];

  constructor(
    stop: boolean,
    rename: Renaming,
    auto: boolean,
    answer: readonly ResponseRule[],
    back: ((name: string) => string) | undefined,
  ) {
    this.stop = stop;
    this.#rename = rename;
    this.#auto = auto;
    this.#answer = back === undefined ? answer : [...nameAndValue(back), ...answer];
  }

  apply(draft: Draft): readonly ResponseRule[] | undefined {
    const old = draft.name;
    const name = this.#rename(old);
    if (name === undefined) return undefined;
    draft.rename(name);
    return this.#auto ? [...nameAndValue(mapBack(draft.name, old)), ...this.#answer] : this.#answer;
  }
}

function renaming(type: MatchType, from: Token, to: Token): Renaming {
  if (type === "regex") return byPattern(from, to);
  const old = normalized(from.text);
  const replacement = normalized(to.text);
  switch (type) {
    case "exact":
      return (name) => (name === old ? replacement : undefined);
    case "prefix":
      return (name) => (name.startsWith(old) ? replacement + name.slice(old.length) : undefined);
    case "suffix":
      return (name) => (name.endsWith(old) ? name.slice(0, -old.length) + replacement : undefined);
    case "substring":
      return (name) => (name.includes(old) ? name.split(old).join(replacement) : undefined);
  }
}

function byPattern(from: Token, to: Token): Renaming {
  const { pattern, replacement } = readSubstitution(from, to);
  return (name) => {
    const groups = pattern.match(name);
    return groups === undefined ? undefined : fillIn(replacement, groups);
  };
}

function readSubstitution(from: Token, to: Token): { pattern: GoRegexp; replacement: string } {
  const pattern = readPattern(from);
  checkGroups(pattern, to);
  return { pattern, replacement: normalized(to.text) };
}

function nameAndValue(rewrite: (name: string) => string): ResponseRule[] {
  return [
    { kind: "name", rewrite },
    { kind: "value", rewrite },
  ];
}

/** The name itself, and what is below it; names that upstreams spell in capitals too. */
function mapBack(from: string, to: string): (name: string) => string {
  return (name) => {
    const lower = name.toLowerCase();
    if (lower === from) return to;
    return lower.endsWith(`.${from}`) ? name.slice(0, -from.length) + to : name;
  };
}

function swapSuffix(from: string, to: string): (name: string) => string {
  return (name) => (name.toLowerCase().endsWith(from) ? name.slice(0, -from.length) + to : name);
}

/** `answer auto`, `answer name FROM TO`, `answer value FROM TO`, in a row; from the second on without `answer` too. */
function readAnswerRules(
  type: MatchType,
  last: Token,
  args: readonly Token[],
): { readonly auto: boolean; readonly rules: readonly ResponseRule[] } {
  const rules: ResponseRule[] = [];
  let auto: Token | undefined;
  let named = false;
  for (let at = 0; at < args.length;) {
    let word = args[at++];
    if (at === 1 && word?.text !== "answer") {
      const fact = `exceeded the number of arguments for a non-answer rule argument for ${type} rule`;
      throw new ConfigError((word ?? last).position, fact);
    }
    if (word?.text === "answer") word = args[at++];
    if (word === undefined) {
      throw new ConfigError((args.at(-1) ?? last).position, `type missing for answer rule for ${type} rule`);
    }
    const kind = word.text;
    if (kind === "auto") {
      auto = word;
      continue;
    }
    if (kind !== "name" && kind !== "value") {
      throw new ConfigError(word.position, `invalid type "${kind}" for answer rule for ${type} rule`);
    }
    const [from, to] = [args[at++], args[at++]];
    if (from === undefined || to === undefined) {
      throw new ConfigError((from ?? word).position, `${kind} answer rule for ${type} rule: 2 arguments required`);
    }
    const { pattern, replacement } = readSubstitution(from, to);
    const rewrite = (name: string): string => {
      const groups = pattern.match(name);
      return groups === undefined ? name : fillIn(replacement, groups);
    };
    rules.push({ kind, rewrite });
    named ||= kind === "name";
  }
  if (auto !== undefined && named) {
    throw new ConfigError(auto.position, "auto name answer rule cannot be combined with explicit name answer rules");
  }
  return { auto: auto !== undefined, rules };
}
