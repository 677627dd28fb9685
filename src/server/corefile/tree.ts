/** A Corefile as a tree: server blocks, directives, and the lines inside a directive's braces. */
import type { Position } from "../../base/errors.ts";

/** One word of the file after quotes are taken off and the environment is put in. */
export interface Token {
  readonly text: string;
  readonly position: Position;
  /** It stood in double quotes. */
  readonly quoted: boolean;
}

export interface Directive {
  readonly name: Token;
  /** Words after the name on its line. */
  readonly args: readonly Token[];
  /** Lines inside its braces, each with at least one word; undefined when it has no braces. */
  readonly lines: readonly (readonly Token[])[] | undefined;
}

export interface ServerBlock {
  /** As written, commas taken off; at least one. */
  readonly keys: readonly Token[];
  readonly directives: readonly Directive[];
}

export interface Corefile {
  /** Path it was read from, or a name in angle brackets for text that has no file. */
  readonly file: string;
  readonly blocks: readonly ServerBlock[];
  /** SHA-512, hex, over the parsed tree (comments and white space do not count; imports do). */
  readonly hash: string;
}
