/** A tree back to Corefile text that parses to a tree of the same words. Imports, snippets and comments are gone. */
import { ConfigError } from "../../base/errors.ts";
import { holdsReference } from "./environment.ts";
import { isSpace } from "./lexer.ts";
import type { Corefile, Directive, ServerBlock, Token } from "./tree.ts";

/**
 * @throws ConfigError for a word that the grammar has no way to write. Only the environment can make one: a reference
 *   inside a value, or a backslash at the end of a value with white space.
 */
export function printCorefile(corefile: Pick<Corefile, "blocks">): string {
  const text = corefile.blocks.map(printBlock).join("\n");
  // A byte order mark at the very start would be taken off.
  return text.startsWith("\uFEFF") ? `\n${text}` : text;
}

function printBlock(block: ServerBlock): string {
  return `${block.keys.map(printKey).join(" ")} {\n${block.directives.map(printDirective).join("")}}\n`;
}

function printDirective(directive: Directive): string {
  const head = [directive.name, ...directive.args].map(printWord).join(" ");
  if (directive.lines === undefined) return `    ${head}\n`;
  const lines = directive.lines.map((line) => `        ${line.map(printWord).join(" ")}\n`);
  return `    ${head} {\n${lines.join("")}    }\n`;
}

/** Unquoted, a comma at the end and parentheses around mean something in a key. */
function printKey(key: Token): string {
  return /,$|^\(.*\)$/s.test(key.text) ? quote(key) : printWord(key);
}

function printWord(token: Token): string {
  const { text } = token;
  if (text === "" || text === "{" || text === "}" || text === "import" || text.startsWith('"')) return quote(token);
  for (let at = 0; at < text.length; at++) {
    if (text[at] === "#" || isSpace(text.charCodeAt(at))) return quote(token);
  }
  return refuseReference(token).text;
}

function quote(token: Token): string {
  const { text } = refuseReference(token);
  // Backslashes are read in pairs, so an odd run before a quote would swallow it.
  if (/(?<!\\)(?:\\\\)*\\(?:"|$)/.test(text)) {
    throw new ConfigError(token.position, `no way to write this word in a Corefile: ${JSON.stringify(text)}`);
  }
  return `"${text.replaceAll('"', '\\"')}"`;
}

function refuseReference(token: Token): Token {
  if (!holdsReference(token.text)) return token;
  throw new ConfigError(token.position, `reads as an environment reference: ${JSON.stringify(token.text)}`);
}
