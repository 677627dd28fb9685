/**
 * Errors that a person may see.
 *
 * Each has a stable code (`NODENS_<AREA>_<FACT>`, listed in `docs/errors.md`), states the fact in its message, keeps
 * the origin in `cause`, and may add a hint that says what to do. Everything else that is thrown is a defect.
 */

export interface NodensErrorOptions {
  readonly cause?: unknown;
  readonly hint?: string;
}

export abstract class NodensError extends Error {
  abstract readonly code: string;
  readonly hint: string | undefined;

  constructor(message: string, options: NodensErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = new.target.name;
    this.hint = options.hint;
  }
}

/** A usage mistake on the command line: exit code 2. */
export class UsageError extends NodensError {
  readonly code = "NODENS_USAGE";
}

/** A place in a configuration file; lines and columns count from 1. */
export interface Position {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** A mistake in a Corefile or in a file that it names. Message reads `file:line:column: fact`. */
export class ConfigError extends NodensError {
  readonly code = "NODENS_CONFIG";
  readonly position: Position;

  constructor(position: Position, fact: string, options: NodensErrorOptions = {}) {
    super(`${position.file}:${position.line}:${position.column}: ${fact}`, options);
    this.position = position;
  }
}

/** Longer ones hold a word of a file that was never meant to be read so. */
const DESCRIPTION_MAX = 2000;

/** One line for a person: the message, and the hint if there is one. */
export function describeError(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  const shown = message.length > DESCRIPTION_MAX ? `${message.slice(0, DESCRIPTION_MAX)}…` : message;
  const line = shown.replaceAll("\n", "\\n").replaceAll("\r", "\\r");
  return error instanceof NodensError && error.hint !== undefined ? `${line}. ${error.hint}` : line;
}
