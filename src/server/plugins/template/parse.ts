/**
 * Go templates (`text/template`), read into a tree.
 *
 * Understood: values, fields, methods, variables, pipelines, `if`, `else if`, `with`, `range`, `break`, `continue`,
 * comments and trim markers. Not: `define`, `template` and `block`, which need more than one template.
 */
import { FUNCTION_NAMES, UNSUPPORTED_FUNCTIONS } from "./functions.ts";
import { type Piece, piecesOf, TemplateSyntaxError, type Word } from "./words.ts";
import type { Value } from "./values.ts";

/** A value, with fields taken from it: `.Group.a`, `$x.Name`, `(index .Match 1)`. */
export type Operand =
  | { readonly kind: "literal"; readonly value: Value }
  | { readonly kind: "nil" }
  | { readonly kind: "dot"; readonly fields: readonly string[] }
  | { readonly kind: "variable"; readonly name: string; readonly fields: readonly string[] }
  | { readonly kind: "function"; readonly name: string }
  | { readonly kind: "pipeline"; readonly pipeline: Pipeline; readonly fields: readonly string[] };

/** The first operand, and what it is called with. */
export type Command = readonly [Operand, ...Operand[]];

export interface Pipeline {
  /** `$x :=` or `$x =`; two of them only in a `range`. */
  readonly variables: readonly string[];
  readonly declares: boolean;
  readonly commands: readonly Command[];
}

export type TemplateNode =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "action"; readonly pipeline: Pipeline }
  | {
      readonly kind: "if" | "with" | "range";
      readonly pipeline: Pipeline;
      readonly body: readonly TemplateNode[];
      readonly otherwise: readonly TemplateNode[];
    }
  | { readonly kind: "break" | "continue" };

const DEPTH_MAX = 100;

/** @throws TemplateSyntaxError */
export function parseTemplate(text: string): TemplateNode[] {
  return new TemplateParser(piecesOf(text)).parse();
}

class TemplateParser {
  readonly #pieces: readonly Piece[];
  readonly #variables: string[];
  #at: number;
  #depth: number;
  #loops: number;

  constructor(pieces: readonly Piece[]) {
    this.#pieces = pieces;
    this.#variables = ["$"];
    this.#at = 0;
    this.#depth = 0;
    this.#loops = 0;
  }

  parse(): TemplateNode[] {
    const { nodes, end } = this.#list();
    if (end !== undefined) throw new TemplateSyntaxError(`unexpected {{${end.keyword}}}`);
    return nodes;
  }

  /** Up to `{{end}}` or `{{else …}}`, which is taken. */
  #list(): { nodes: TemplateNode[]; end: { keyword: "end" | "else"; rest: readonly Word[] } | undefined } {
    if (++this.#depth > DEPTH_MAX) throw new TemplateSyntaxError("nested too deeply");
    const nodes: TemplateNode[] = [];
    for (;;) {
      const piece = this.#pieces[this.#at++];
      if (piece === undefined || piece.kind === "text") {
        if (piece !== undefined) nodes.push(piece);
        else return { nodes, end: undefined };
        continue;
      }
      const [word, ...rest] = piece.words;
      const keyword = word?.kind === "name" ? word.text : "";
      if (keyword === "end" || keyword === "else") {
        this.#depth--;
        return { nodes, end: { keyword, rest } };
      }
      nodes.push(this.#node(keyword, piece.words, rest));
    }
  }

  #node(keyword: string, words: readonly Word[], rest: readonly Word[]): TemplateNode {
    switch (keyword) {
      case "if":
      case "with":
      case "range":
        return this.#control(keyword, rest);
      case "break":
      case "continue":
        if (this.#loops === 0) throw new TemplateSyntaxError(`{{${keyword}}} outside {{range}}`);
        nothing(rest, keyword);
        return { kind: keyword };
      case "define":
      case "template":
      case "block":
        throw new TemplateSyntaxError(`{{${keyword}}} is not supported`);
      default:
        return { kind: "action", pipeline: this.#pipeline(words, "command", 1) };
    }
  }

  /** `if`, `with` or `range`, from behind its keyword to its `{{end}}`. Variables live as long. */
  #control(kind: "if" | "with" | "range", words: readonly Word[]): TemplateNode {
    const known = this.#variables.length;
    const pipeline = this.#pipeline(words, kind, kind === "range" ? 2 : 1);
    if (kind === "range") this.#loops++;
    const { nodes: body, end } = this.#list();
    if (kind === "range") this.#loops--;
    const otherwise = this.#otherwise(kind, end);
    this.#variables.length = known;
    return { kind, pipeline, body, otherwise };
  }

  #otherwise(
    kind: "if" | "with" | "range",
    end: { keyword: "end" | "else"; rest: readonly Word[] } | undefined,
  ): readonly TemplateNode[] {
    if (end === undefined) throw new TemplateSyntaxError("unexpected EOF");
    if (end.keyword === "end") {
      nothing(end.rest, "end");
      return [];
    }
    const [next, ...rest] = end.rest;
    // `{{else if …}}` has no `{{end}}` of its own.
    if (next?.kind === "name" && next.text === kind && kind !== "range") return [this.#control(kind, rest)];
    nothing(end.rest, "else");
    const { nodes, end: last } = this.#list();
    if (last === undefined) throw new TemplateSyntaxError("unexpected EOF");
    if (last.keyword === "else") throw new TemplateSyntaxError("expected end; found {{else}}");
    nothing(last.rest, "end");
    return nodes;
  }

  #pipeline(words: readonly Word[], context: string, variablesMax: number): Pipeline {
    const parser = new PipelineParser(words, this.#variables, context);
    const pipeline = parser.pipeline(variablesMax);
    parser.end();
    return pipeline;
  }
}

function nothing(words: readonly Word[], keyword: string): void {
  const [word] = words;
  if (word !== undefined) throw new TemplateSyntaxError(`unexpected "${word.text}" in ${keyword}`);
}

class PipelineParser {
  readonly #words: readonly Word[];
  readonly #variables: string[];
  readonly #context: string;
  #at: number;
  #depth: number;

  /** @param variables known so far; those that are declared are added */
  constructor(words: readonly Word[], variables: string[], context: string) {
    this.#words = words;
    this.#variables = variables;
    this.#context = context;
    this.#at = 0;
    this.#depth = 0;
  }

  end(): void {
    const word = this.#words[this.#at];
    if (word !== undefined) throw new TemplateSyntaxError(`unexpected "${word.text}" in ${this.#context}`);
  }

  pipeline(variablesMax: number): Pipeline {
    if (++this.#depth > DEPTH_MAX) throw new TemplateSyntaxError("nested too deeply");
    const { variables, declares } = this.#assignment(variablesMax);
    const commands = [this.#command(true)];
    while (this.#mark("|")) commands.push(this.#command(false));
    // Known from here on: `{{ $x := $x }}` needs an outer one.
    if (declares) this.#variables.push(...variables);
    this.#depth--;
    return { variables, declares, commands };
  }

  #mark(text: string): boolean {
    const word = this.#words[this.#at];
    if (word?.kind !== "mark" || word.text !== text) return false;
    this.#at++;
    return true;
  }

  #assignment(variablesMax: number): { variables: string[]; declares: boolean } {
    const start = this.#at;
    const variables: string[] = [];
    for (let word = this.#words[this.#at]; word?.kind === "variable"; word = this.#words[this.#at]) {
      this.#at++;
      variables.push(word.text);
      const declares = this.#mark(":=");
      if (declares || this.#mark("=")) {
        if (variables.length > variablesMax) throw new TemplateSyntaxError(`too many declarations in ${this.#context}`);
        if (!declares) for (const name of variables) this.#known(name);
        return { variables, declares };
      }
      if (!this.#mark(",")) break;
    }
    this.#at = start;
    return { variables: [], declares: false };
  }

  #known(name: string): void {
    if (!this.#variables.includes(name)) throw new TemplateSyntaxError(`undefined variable "${name}"`);
  }

  #command(first: boolean): Command {
    const head = this.#operand();
    if (head === undefined) throw new TemplateSyntaxError(`missing value for ${this.#context}`);
    if (!first && (head.kind === "literal" || head.kind === "nil")) {
      throw new TemplateSyntaxError("non executable command in pipeline");
    }
    const args: Operand[] = [];
    for (let next = this.#operand(); next !== undefined; next = this.#operand()) args.push(next);
    return [head, ...args];
  }

  /** @returns undefined at what ends a command */
  #operand(): Operand | undefined {
    const word = this.#words[this.#at];
    if (word === undefined) return undefined;
    switch (word.kind) {
      case "string":
        this.#at++;
        return this.#plain({ kind: "literal", value: word.text });
      case "integer":
        this.#at++;
        return this.#plain({ kind: "literal", value: integerOf(word.text) });
      case "float":
        this.#at++;
        return this.#plain({ kind: "literal", value: Number(word.text) });
      case "name":
        this.#at++;
        return this.#plain(named(word.text));
      case "variable":
        this.#at++;
        this.#known(word.text);
        return { kind: "variable", name: word.text, fields: this.#fields() };
      case "field": {
        this.#at++;
        return { kind: "dot", fields: [word.text, ...this.#fields()] };
      }
      case "mark":
        if (this.#mark(".")) return this.#plain({ kind: "dot", fields: [] });
        if (!this.#mark("(")) return undefined;
    }
    const pipeline = this.pipeline(0);
    if (!this.#mark(")")) throw new TemplateSyntaxError("unclosed left paren");
    return { kind: "pipeline", pipeline, fields: this.#fields() };
  }

  /** A value that has no fields. */
  #plain(operand: Operand): Operand {
    const next = this.#words[this.#at];
    if (next?.kind === "field" && !next.apart) throw new TemplateSyntaxError(`unexpected .${next.text} after operand`);
    return operand;
  }

  #fields(): string[] {
    const fields: string[] = [];
    for (let word = this.#words[this.#at]; word?.kind === "field" && !word.apart; word = this.#words[this.#at]) {
      fields.push(word.text);
      this.#at++;
    }
    return fields;
  }
}

function named(name: string): Operand {
  if (name === "true" || name === "false") return { kind: "literal", value: name === "true" };
  if (name === "nil") return { kind: "nil" };
  if (FUNCTION_NAMES.has(name)) return { kind: "function", name };
  const fact = UNSUPPORTED_FUNCTIONS.has(name) ? "is not supported" : "not defined";
  throw new TemplateSyntaxError(`function "${name}" ${fact}`);
}

function integerOf(text: string): bigint {
  const negative = text.startsWith("-");
  const digits = text.replace(/^[+-]/, "").replaceAll("_", "");
  const value = BigInt(/^0[0-7]+$/.test(digits) ? `0o${digits.slice(1)}` : digits);
  return negative ? -value : value;
}
