/** `rewrite ttl`, `rewrite rcode` and `rewrite cname`: fields of the answer, for questions that match. */
import { ConfigError } from "../../../base/errors.ts";
import { RCODE_MASK } from "../../../dns/header.ts";
import { RCODE_BADCOOKIE, rcodeNumber } from "../../../dns/types.ts";
import type { Token } from "../../chain/plugin.ts";
import { fillIn, matchTypeOf, nameTest, type NameTest, normalized, readPattern } from "./name-match.ts";
import type { ResponseRule, Rule } from "./rule.ts";

/** A TTL's highest value (RFC 2181 §8). */
const TTL_MAX_S = 2 ** 31 - 1;

/** `[exact|…] NAME SECONDS|MIN-MAX` @throws ConfigError */
export function readTtlRule(stop: boolean, field: Token, args: readonly Token[]): Rule {
  const { test, values } = readMatch("ttl", field, args, 1);
  const [value = field] = values;
  const range = ttlRange(value.text);
  if (range === undefined) throw new ConfigError(value.position, `invalid TTL '${value.text}' for a ttl rule`);
  return whenNamed(stop, test, { kind: "ttl", ...range });
}

function ttlRange(text: string): { min: number; max: number } | undefined {
  const match = /^([0-9]*)(?:(-)([0-9]*))?$/.exec(text);
  if (match === null || text === "" || text === "-") return undefined;
  const [, low = "", dash, high = ""] = match;
  const min = Number(low);
  const max = dash === undefined ? min : high === "" ? TTL_MAX_S : Number(high);
  return min > max || max > 0xffff_ffff ? undefined : { min, max };
}

/** `[exact|…] NAME FROM TO` @throws ConfigError */
export function readRcodeRule(stop: boolean, field: Token, args: readonly Token[]): Rule {
  const { test, values } = readMatch("rcode", field, args, 2);
  const [from = field, to = field] = values;
  return whenNamed(stop, test, { kind: "rcode", from: readRcode(from, "matching"), to: readRcode(to, "replacement") });
}

function readRcode(token: Token, role: "matching" | "replacement"): number {
  const number = /^[0-9]{1,2}$/.test(token.text) ? Number(token.text) : undefined;
  const rcode = number ?? (/^RCODE/i.test(token.text) ? undefined : rcodeNumber(token.text));
  if (rcode === undefined || rcode > RCODE_BADCOOKIE) {
    throw new ConfigError(token.position, `invalid ${role} RCODE '${token.text}' for a rcode rule`);
  }
  if (role === "replacement" && rcode > RCODE_MASK) {
    const fact = `RCODE '${token.text}' needs EDNS, which not every client has`;
    throw new ConfigError(token.position, fact, { hint: "Use one of 0 to 15" });
  }
  return rcode;
}

/** `[exact|…] FROM TO` @throws ConfigError */
export function readCnameRule(stop: boolean, field: Token, args: readonly Token[]): Rule {
  const [first, second, third, extra] = args;
  if (first === undefined || second === undefined || extra !== undefined) {
    const count = args.length < 2 ? "few" : "many";
    throw new ConfigError(
      (extra ?? first ?? field).position,
      `too ${count} (${args.length}) arguments for a cname rule`,
    );
  }
  const target = third === undefined ? exactTarget(first, second) : targetOf(first, second, third);
  const rules: readonly ResponseRule[] = [{ kind: "cname", target }];
  return { stop, apply: () => rules };
}

type Target = (name: string) => string | undefined;

function exactTarget(from: Token, to: Token): Target {
  const [old, replacement] = [normalized(from.text), normalized(to.text)];
  return (name) => (name.toLowerCase() === old ? replacement : undefined);
}

/** Unlike in the other rules, texts are parts of names here: they get no final dot. */
function targetOf(typeToken: Token, from: Token, to: Token): Target {
  const type = matchTypeOf(typeToken);
  if (type === undefined) throw new ConfigError(typeToken.position, `unknown cname rewrite type: ${typeToken.text}`);
  const old = from.text.toLowerCase();
  const replacement = to.text.toLowerCase();
  switch (type) {
    case "exact":
      return exactTarget(from, to);
    case "prefix":
      return lowered((name) => (name.startsWith(old) ? replacement + name.slice(old.length) : undefined));
    case "suffix":
      return lowered((name) =>
        name.endsWith(old) ? name.slice(0, name.length - old.length) + replacement : undefined,
      );
    case "substring":
      return lowered((name) => (name.includes(old) ? name.split(old).join(replacement) : undefined));
    case "regex": {
      const pattern = readPattern({ ...from, text: old });
      return (name) => {
        const groups = pattern.match(name);
        return groups === undefined ? undefined : fillIn(replacement, groups);
      };
    }
  }
}

function lowered(target: Target): Target {
  return (name) => target(name.toLowerCase());
}

/** `[exact|…] NAME` and as many values behind it. */
function readMatch(
  kind: "ttl" | "rcode",
  field: Token,
  args: readonly Token[],
  count: number,
): { readonly test: NameTest; readonly values: readonly Token[] } {
  const extra = args[count + 2];
  if (args.length < count + 1) {
    throw new ConfigError((args.at(-1) ?? field).position, `too few (${args.length}) arguments for a ${kind} rule`);
  }
  if (extra !== undefined) {
    throw new ConfigError(extra.position, `too many (${args.length}) arguments for a ${kind} rule`);
  }
  const [first = field, second = field] = args;
  if (args.length === count + 1) return { test: nameTest("exact", first), values: args.slice(1) };
  const type = matchTypeOf(first);
  if (type === undefined) {
    const fact = `${kind} rule supports only exact, prefix, suffix, substring, and regex name matching`;
    throw new ConfigError(first.position, fact);
  }
  return { test: nameTest(type, second), values: args.slice(2) };
}

function whenNamed(stop: boolean, test: NameTest, rule: ResponseRule): Rule {
  const rules = [rule];
  return { stop, apply: (draft) => (test(draft.name) ? rules : undefined) };
}
