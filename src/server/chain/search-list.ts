/** The search list out of a file in the form of resolv.conf(5). */
import { readFileSync } from "node:fs";
import { ConfigError, describeError } from "../../base/errors.ts";
import { lowerCaseName } from "../../dns/name.ts";
import { nameFromText } from "../../dns/name-text.ts";
import type { Token } from "../corefile/tree.ts";

/**
 * Domains of the last `search` or `domain` line, wire form, lower case.
 *
 * @param token names the file in errors
 * @throws ConfigError when the file cannot be read or a domain is none
 */
export function readSearchList(path: string, token: Token): Uint8Array[] {
  try {
    return searchDomains(readFileSync(path, "utf8")).map((domain) => {
      const name = nameFromText(domain);
      lowerCaseName(name, 0, name.length);
      return name;
    });
  } catch (error) {
    const fact = `failed to parse "${token.text}": ${describeError(error)}`;
    throw new ConfigError(token.position, fact, { cause: error });
  }
}

/** As written. Both keywords set the whole list, so the last line wins; `domain` takes one name. */
export function searchDomains(text: string): string[] {
  let domains: string[] = [];
  for (const line of text.split("\n")) {
    const [keyword, ...names] = line.split(/\s+/).filter((word) => word !== "");
    if (keyword === "search") domains = names;
    if (keyword === "domain") domains = names.slice(0, 1);
  }
  return domains;
}
