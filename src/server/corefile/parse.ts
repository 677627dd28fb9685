/**
 * Corefile text to a tree.
 *
 * The grammar is Caddy's as CoreDNS 1.14 uses it (caddyfile/parse.go, corefile.5): server blocks with keys, directives,
 * at most one level of braces inside a directive, snippets, imports, environment references. `corefile/README.md` lists
 * where it is stricter or kinder.
 */
import { createHash } from "node:crypto";
import { ConfigError } from "../../base/errors.ts";
import { isBrace, type ParseSources, WordReader } from "./word-reader.ts";
import type { Word } from "./lexer.ts";
import type { Corefile, Directive, ServerBlock, Token } from "./tree.ts";

/** `known`: CoreDNS has such a directive and this build has not. */
export type DirectiveStatus = "built" | "known" | "unknown";

export interface ParseOptions extends ParseSources {
  /** What a directive's name means. Absent: every name passes. */
  readonly directiveStatus?: (name: string) => DirectiveStatus;
}

/**
 * @param file path for positions and for relative imports
 * @throws ConfigError at the first mistake
 */
export function parseCorefile(text: string, file: string, options: ParseOptions): Corefile {
  const blocks = new Parser(new WordReader(text, file, options), options).blocks();
  return { file, blocks, hash: hashBlocks(blocks) };
}

function hashBlocks(blocks: readonly ServerBlock[]): string {
  const texts = (tokens: readonly Token[]): string[] => tokens.map((token) => token.text);
  const shape = blocks.map((block) => [
    texts(block.keys),
    block.directives.map((directive) => [
      directive.name.text,
      texts(directive.args),
      directive.lines === undefined ? null : directive.lines.map(texts),
    ]),
  ]);
  return createHash("sha512").update(JSON.stringify(shape)).digest("hex");
}

class Parser {
  readonly #words: WordReader;
  readonly #options: ParseOptions;

  constructor(words: WordReader, options: ParseOptions) {
    this.#words = words;
    this.#options = options;
  }

  blocks(): ServerBlock[] {
    const blocks: ServerBlock[] = [];
    for (let first = this.#words.peek(); first !== undefined; first = this.#words.peek()) {
      const keys = this.#keys();
      const brace = this.#openBrace();
      const snippet = snippetName(keys);
      if (snippet !== undefined) {
        if (brace === undefined) throw new ConfigError(first.position, `snippet ${snippet} needs a '{' after its name`);
        this.#words.defineSnippet(snippet, keys[0] ?? first, brace);
        continue;
      }
      if (keys.length === 0 && this.#words.peek() === undefined) continue;
      if (brace === undefined) this.#refuseDirectiveAsKey(keys);
      const directives = this.#directives(keys, brace);
      if (keys.length > 0) blocks.push({ keys, directives });
      else this.#warn(first, "server block ignored: none of its zones has a value");
    }
    return blocks;
  }

  #keys(): Token[] {
    const keys: Token[] = [];
    let commaAt: Token | undefined;
    let first = true;
    for (;;) {
      const word = this.#words.peek();
      if (word === undefined) {
        if (commaAt !== undefined)
          throw new ConfigError(commaAt.position, "Unexpected EOF: a zone must follow the comma");
        return keys;
      }
      if (isBrace(word, "}")) throw new ConfigError(word.position, "Unexpected '}' because no matching opening brace");
      if (isBrace(word, "{")) {
        if (commaAt !== undefined) {
          throw new ConfigError(word.position, "Expected another address but had '{' - check for extra comma");
        }
        if (first) throw new ConfigError(word.position, "Unexpected '{': a server block begins with a zone");
        return keys;
      }
      if (!first && commaAt === undefined && word.startsLine) return keys;
      this.#words.next();
      if (isImport(word) && word.startsLine) {
        this.#words.import(word);
        continue;
      }
      first = false;
      const { key, comma } = this.#key(word);
      if (key !== undefined) keys.push(key);
      commaAt = comma ? word : undefined;
    }
  }

  #key(word: Word): { key: Token | undefined; comma: boolean } {
    const token = this.#words.expand(word);
    const comma = !token.quoted && token.text.endsWith(",");
    const text = comma ? token.text.slice(0, -1) : token.text;
    if (comma && text === "") throw new ConfigError(word.position, "Unexpected ',': a zone must stand before a comma");
    return { key: text === "" ? undefined : { ...token, text }, comma };
  }

  #openBrace(): Token | undefined {
    const word = this.#words.peek();
    if (word === undefined || !isBrace(word, "{")) return undefined;
    this.#words.next();
    return word;
  }

  /** @param brace undefined when the block has none and goes on to the end of the file */
  #directives(keys: readonly Token[], brace: Token | undefined): Directive[] {
    const directives: Directive[] = [];
    for (;;) {
      const word = this.#words.next();
      if (word === undefined) {
        if (brace === undefined) return directives;
        throw new ConfigError(brace.position, "Unexpected EOF: this brace is never closed");
      }
      if (isBrace(word, "}")) {
        if (brace !== undefined) return directives;
        throw new ConfigError(word.position, "Unexpected '}' because no matching opening brace");
      }
      if (isBrace(word, "{")) {
        throw new ConfigError(word.position, "Unexpected '{': a directive opens its brace on its own line");
      }
      if (isImport(word)) this.#words.import(word);
      else directives.push(this.#directive(word, keys));
    }
  }

  #directive(first: Word, keys: readonly Token[]): Directive {
    const name = this.#words.expand(first);
    this.#checkName(name, keys);
    const args: Token[] = [];
    let lines: Token[][] | undefined;
    for (let word = this.#words.nextOnLine(); word !== undefined; word = this.#words.nextOnLine()) {
      if (isBrace(word, "}")) {
        throw new ConfigError(word.position, "Unexpected '}' because no matching opening brace on its line", {
          hint: "Put the '}' of a server block on a line of its own",
        });
      }
      if (lines !== undefined) {
        throw new ConfigError(word.position, `Unexpected '${word.text}': nothing may follow a '}' on its line`);
      }
      if (isBrace(word, "{")) lines = this.#lines(word);
      else args.push(this.#words.expand(word));
    }
    return { name, args, lines };
  }

  /** Lines up to the brace that closes; it may also end the last line. */
  #lines(brace: Word): Token[][] {
    const lines: Token[][] = [];
    let line: Token[] | undefined;
    for (;;) {
      const word = this.#words.next();
      if (word === undefined) throw new ConfigError(brace.position, "Unexpected EOF: this brace is never closed");
      if (isBrace(word, "}")) return lines;
      if (isBrace(word, "{")) {
        throw new ConfigError(word.position, "Unexpected '{': braces do not nest inside a directive");
      }
      if (word.startsLine || line === undefined) {
        if (isImport(word)) {
          this.#words.import(word);
          line = undefined;
          continue;
        }
        line = [];
        lines.push(line);
      }
      line.push(this.#words.expand(word));
    }
  }

  #checkName(name: Token, keys: readonly Token[]): void {
    const status = this.#options.directiveStatus?.(name.text) ?? "built";
    if (status === "built") return;
    if (status === "known") {
      throw new ConfigError(name.position, `directive '${name.text}' is one of CoreDNS that Nodens does not have yet`);
    }
    const first = keys[0];
    const misplaced = first !== undefined && this.#isDirective(first);
    const hint = `'${first?.text}' is a directive itself: it must stand inside a server block`;
    throw new ConfigError(name.position, `Unknown directive '${name.text}'`, misplaced ? { hint } : {});
  }

  /** `forward . 192.0.2.1` at top level would read as three zones. A zone of such a name is written with its dot. */
  #refuseDirectiveAsKey(keys: readonly Token[]): void {
    const first = keys[0];
    if (first === undefined || !this.#isDirective(first)) return;
    throw new ConfigError(first.position, `directive '${first.text}' must stand inside a server block`, {
      hint: `If it is a zone, write '${first.text}.'`,
    });
  }

  #isDirective(token: Token): boolean {
    return (this.#options.directiveStatus?.(token.text) ?? "unknown") !== "unknown";
  }

  #warn(at: Token, fact: string): void {
    const { file, line, column } = at.position;
    this.#options.warn(`${file}:${line}:${column}: ${fact}`);
  }
}

function isImport(word: Word): boolean {
  return word.text === "import" && !word.quoted;
}

/** A snippet is one key in parentheses. */
function snippetName(keys: readonly Token[]): string | undefined {
  const key = keys[0];
  if (key === undefined || keys.length > 1 || key.quoted) return undefined;
  return key.text.startsWith("(") && key.text.endsWith(")") && key.text.length > 1 ? key.text.slice(1, -1) : undefined;
}
