/** The five ways to match a name, and texts with `{1}` in them. */
import { ConfigError, describeError } from "../../../base/errors.ts";
import type { Token } from "../../chain/plugin.ts";
import { compileGoRegexp, type GoRegexp, PATTERN_MAX_CHARACTERS } from "../../corefile/go-regexp.ts";

export type MatchType = "exact" | "prefix" | "suffix" | "substring" | "regex";

const MATCH_TYPES: ReadonlySet<string> = new Set<MatchType>(["exact", "prefix", "suffix", "substring", "regex"]);

/** @returns undefined when the word is none of them */
export function matchTypeOf(token: Token): MatchType | undefined {
  const text = token.text.toLowerCase();
  return isMatchType(text) ? text : undefined;
}

function isMatchType(text: string): text is MatchType {
  return MATCH_TYPES.has(text);
}

/** Lower case and with a final dot, as CoreDNS takes all texts but patterns. */
export function normalized(text: string): string {
  const lower = text.toLowerCase();
  return /(?:^|[^\\])(?:\\\\)*\.$/.test(lower) ? lower : `${lower}.`;
}

/** Whether a name (lower case, absolute) is one that the rule is for. */
export type NameTest = (name: string) => boolean;

/** @throws ConfigError for a pattern that is none */
export function nameTest(type: MatchType, token: Token): NameTest {
  if (type === "regex") {
    const pattern = readPattern(token);
    return (name) => pattern.test(name);
  }
  const text = normalized(token.text);
  switch (type) {
    case "exact":
      return (name) => name === text;
    case "prefix":
      return (name) => name.startsWith(text);
    case "suffix":
      return (name) => name.endsWith(text);
    case "substring":
      return (name) => name.includes(text);
  }
}

/** @throws ConfigError */
export function readPattern(token: Token): GoRegexp {
  const { text } = token;
  if (text.length > PATTERN_MAX_CHARACTERS) {
    throw new ConfigError(token.position, `regex pattern too long: ${text.length} > ${PATTERN_MAX_CHARACTERS}`);
  }
  try {
    return compileGoRegexp(text);
  } catch (error) {
    const fact = `invalid regex matching pattern: ${text}: ${describeError(error)}`;
    throw new ConfigError(token.position, fact, { cause: error });
  }
}

/** What `{0}`, `{1}` … in a replacement become; a group that the pattern does not have stays as it is written. */
export function fillIn(replacement: string, groups: readonly string[]): string {
  return replacement.replaceAll(/\{(0|[1-9][0-9]{0,3})\}/g, (whole, index: string) => groups[Number(index)] ?? whole);
}

/** @throws ConfigError when the replacement uses more groups than the pattern has */
export function checkGroups(pattern: GoRegexp, replacement: Token): void {
  const used = new Set(replacement.text.match(/\{(?:0|[1-9][0-9]?|100)\}/g)).size;
  if (used <= pattern.groupCount) return;
  throw new ConfigError(
    replacement.position,
    `the rewrite regex pattern (${replacement.text}) uses more subexpressions than its corresponding matching regex ` +
      `pattern (${pattern.source})`,
  );
}
