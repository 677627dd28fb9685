/**
 * The words of a configuration in reading order, imports spliced in where they stand.
 *
 * Each import opens a frame; reading goes on in the importing frame when it is used up. Every frame knows the imports
 * that it stands in, so an import of one of these is a loop.
 */
import { dirname, isAbsolute, join } from "node:path";
import { ConfigError, describeError } from "../../base/errors.ts";
import { type Environment, expandEnvironment } from "./environment.ts";
import { lex, type Word } from "./lexer.ts";
import type { Token } from "./tree.ts";

/** What reading a configuration needs from outside. */
export interface ParseSources {
  readonly env: Environment;
  /** Text of a file. Throws when it cannot be read. */
  readFile(path: string): string;
  /** Paths that match a pattern with `*` or `?`, sorted. */
  glob(pattern: string): readonly string[];
  /** Something the operator should know and that is no error: one line, position first. */
  warn(message: string): void;
}

/** More imports than this in one configuration are taken for a mistake (CoreDNS: 10,000 snippets, 100,000 files). */
export const MAX_IMPORTS = 10_000;

interface Frame {
  readonly words: readonly Word[];
  at: number;
  /** What is being imported here, outermost first: for loop detection and its message. */
  readonly chain: readonly string[];
  /** File that relative paths inside start from. */
  readonly file: string;
}

export class WordReader {
  readonly #sources: ParseSources;
  readonly #frames: Frame[];
  readonly #snippets: Map<string, { readonly words: readonly Word[]; readonly file: string }>;
  #imports: number;

  constructor(text: string, file: string, sources: ParseSources) {
    this.#sources = sources;
    this.#frames = [{ words: lex(text, file), at: 0, chain: [file], file }];
    this.#snippets = new Map();
    this.#imports = 0;
  }

  /** The next word, left where it is; undefined at the end of everything. */
  peek(): Word | undefined {
    for (;;) {
      const frame = this.#frames.at(-1);
      if (frame === undefined) return undefined;
      const word = frame.words[frame.at];
      if (word !== undefined) return word;
      this.#frames.pop();
    }
  }

  next(): Word | undefined {
    const word = this.peek();
    const frame = this.#frames.at(-1);
    if (frame !== undefined) frame.at++;
    return word;
  }

  /** The next word, when it stands on the line of the one that was just read. Never leaves the file or snippet. */
  peekOnLine(): Word | undefined {
    const frame = this.#frames.at(-1);
    const word = frame?.words[frame.at];
    return word?.startsLine === false ? word : undefined;
  }

  nextOnLine(): Word | undefined {
    const word = this.peekOnLine();
    const frame = this.#frames.at(-1);
    if (word !== undefined && frame !== undefined) frame.at++;
    return word;
  }

  /** The word with its environment references replaced. */
  expand(word: Word): Token {
    const text = expandEnvironment(word.text, this.#sources.env);
    return { text, position: word.position, quoted: word.quoted };
  }

  /**
   * Keeps the words up to the matching `}` under a name.
   *
   * @param name of the snippet, for its position
   * @param brace that opened it; it was just read
   */
  defineSnippet(name: string, key: Token, brace: Token): void {
    if (this.#snippets.has(name)) {
      throw new ConfigError(key.position, `redeclaration of previously declared snippet ${name}`);
    }
    const frame = this.#frames.at(-1);
    const words: Word[] = [];
    for (let depth = 1; ;) {
      const word = frame?.words[frame.at];
      if (frame === undefined || word === undefined) {
        throw new ConfigError(brace.position, `Unexpected EOF: the brace of snippet ${name} is never closed`);
      }
      frame.at++;
      if (isBrace(word, "{")) depth++;
      if (isBrace(word, "}")) depth--;
      if (depth === 0) break;
      words.push(words.length === 0 ? { ...word, startsLine: true } : word);
    }
    this.#snippets.set(name, { words, file: frame.file });
  }

  /** Follows an import. @param keyword the word `import`, which was just read */
  import(keyword: Word): void {
    const argument = this.nextOnLine();
    if (argument === undefined) {
      throw new ConfigError(keyword.position, "Wrong argument count or unexpected line ending after 'import'");
    }
    const extra = this.peekOnLine();
    if (extra !== undefined) {
      throw new ConfigError(extra.position, "Import takes only one argument (glob pattern or file)");
    }
    const target = this.expand(argument);
    if (target.text === "") throw new ConfigError(target.position, "Import requires a non-empty filepath");
    if (++this.#imports > MAX_IMPORTS) {
      throw new ConfigError(target.position, `more than ${MAX_IMPORTS} imports: is this a loop?`);
    }
    const snippet = this.#snippets.get(target.text);
    const from = this.#frames.at(-1);
    if (from === undefined) throw new Error("an import was read from no frame");
    if (snippet === undefined) this.#importFiles(target, from);
    else this.#open(from, `(${target.text})`, snippet.file, target, () => snippet.words);
  }

  #importFiles(target: Token, from: Frame): void {
    const path = isAbsolute(target.text) ? target.text : join(dirname(from.file), target.text);
    if (!/[*?[\]]/.test(path)) {
      this.#open(from, path, path, target, () => lex(this.#read(path, target), path));
      return;
    }
    if (path.split("*").length > 2 || path.split("?").length > 2 || (path.includes("[") && path.includes("]"))) {
      const fact = `Glob pattern may only contain one wildcard (*), but has others: ${target.text}`;
      throw new ConfigError(target.position, fact);
    }
    const files = this.#sources.glob(path);
    if (files.length === 0) {
      const { file, line, column } = target.position;
      this.#sources.warn(`${file}:${line}:${column}: No files matching import glob pattern: ${target.text}`);
    }
    for (const file of files.toReversed()) {
      this.#open(from, file, file, target, () => lex(this.#read(file, target), file));
    }
  }

  #read(path: string, target: Token): string {
    try {
      return this.#sources.readFile(path);
    } catch (error) {
      const missing = error instanceof Error && "code" in error && error.code === "ENOENT";
      const fact = missing
        ? `File to import not found: ${target.text}`
        : `Could not import ${target.text}: ${describeError(error)}`;
      throw new ConfigError(target.position, fact, { cause: error });
    }
  }

  #open(from: Frame, label: string, file: string, target: Token, words: () => readonly Word[]): void {
    const at = from.chain.indexOf(label);
    if (at >= 0) {
      throw new ConfigError(target.position, `import loop: ${[...from.chain.slice(at), label].join(" -> ")}`);
    }
    this.#frames.push({ words: words(), at: 0, chain: [...from.chain, label], file });
  }
}

/** Quoted braces are words like any other. */
export function isBrace(word: Token, brace: "{" | "}"): boolean {
  return word.text === brace && !word.quoted;
}
