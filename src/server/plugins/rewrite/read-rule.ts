/** One `rewrite` directive as a rule. */
import { ConfigError } from "../../../base/errors.ts";
import { classNumber, typeNumber } from "../../../dns/types.ts";
import type { Directive, Token } from "../../chain/plugin.ts";
import { readEdns0Rule } from "./edns0-rule.ts";
import { readNameRule } from "./name-rule.ts";
import { readCnameRule, readRcodeRule, readTtlRule } from "./response-field-rules.ts";
import type { ResponseRule, Rule } from "./rule.ts";

const NOTHING: readonly ResponseRule[] = [];

/** @throws ConfigError */
export function readRule(directive: Directive): Rule {
  const [word, ...rest] = wordsOf(directive);
  if (word === undefined) throw new ConfigError(directive.name.position, "no rule type specified for rewrite");
  const mode = word.text.toLowerCase();
  if (mode !== "stop" && mode !== "continue") return readField(true, word, rest);
  const [field, ...args] = rest;
  if (field === undefined) throw new ConfigError(word.position, `${mode} rule must begin with a rule type`);
  return readField(mode === "stop", field, args);
}

/** Whether the rule is one for EDNS options. */
export function isEdns0Rule(directive: Directive): boolean {
  return wordsOf(directive)
    .slice(0, 2)
    .some(({ text }) => text.toLowerCase() === "edns0");
}

/** A rule may stand inside braces, over as many lines as it likes, when at most its mode stands before them. */
export function wordsOf(directive: Directive): readonly Token[] {
  const { args, lines } = directive;
  if (lines === undefined) return args;
  const words = lines.flat();
  const [first] = words;
  if (args.length > 1 && first !== undefined) {
    throw new ConfigError(first.position, "a rule stands either on the line of rewrite or inside braces");
  }
  return [...args, ...words];
}

function readField(stop: boolean, field: Token, args: readonly Token[]): Rule {
  switch (field.text.toLowerCase()) {
    case "name":
      return readNameRule(stop, field, args);
    case "type":
      return readTypeRule(stop, field, args);
    case "class":
      return readClassRule(stop, field, args);
    case "edns0":
      return readEdns0Rule(stop, field, args);
    case "ttl":
      return readTtlRule(stop, field, args);
    case "cname":
      return readCnameRule(stop, field, args);
    case "rcode":
      return readRcodeRule(stop, field, args);
    case "answer":
      throw new ConfigError(field.position, "response rewrites must begin with a name rule");
    default:
      throw new ConfigError(field.position, `invalid rule type "${field.text}"`);
  }
}

function readTypeRule(stop: boolean, field: Token, args: readonly Token[]): Rule {
  const [from, to] = readPair(field, args, "type", typeNumber);
  const apply: Rule["apply"] = (draft) => {
    if (draft.type !== from) return undefined;
    draft.type = to;
    return NOTHING;
  };
  return { stop, apply };
}

function readClassRule(stop: boolean, field: Token, args: readonly Token[]): Rule {
  const [from, to] = readPair(field, args, "class", classNumber);
  const apply: Rule["apply"] = (draft) => {
    if (draft.dnsClass !== from) return undefined;
    draft.dnsClass = to;
    return NOTHING;
  };
  return { stop, fromClass: from, apply };
}

function readPair(
  field: Token,
  args: readonly Token[],
  what: string,
  numberOf: (text: string) => number | undefined,
): [number, number] {
  const [from, to, extra] = args;
  if (from === undefined || to === undefined || extra !== undefined) {
    throw new ConfigError((extra ?? from ?? field).position, `${what} rules must have exactly two arguments`);
  }
  const read = (token: Token): number => {
    const number = numberOf(token.text);
    if (number === undefined) throw new ConfigError(token.position, `invalid ${what} "${token.text.toUpperCase()}"`);
    return number;
  };
  return [read(from), read(to)];
}
