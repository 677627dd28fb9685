/** A Corefile from the file system, its imports with it. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { NodensError } from "../../base/errors.ts";
import { type DirectiveStatus, parseCorefile, type ParseOptions } from "./parse.ts";
import type { Corefile } from "./tree.ts";

/** The Corefile itself cannot be read. Files that it imports give a `ConfigError`. */
export class CorefileReadError extends NodensError {
  readonly code = "NODENS_CONFIG_READ";
  readonly path: string;

  constructor(path: string, cause: unknown) {
    super(`cannot read ${path}: ${reasonOf(cause)}`, { cause });
    this.path = path;
  }
}

/** Sources that read this machine's files and environment. */
export function systemSources(
  warn: (message: string) => void,
  directiveStatus?: (name: string) => DirectiveStatus,
): ParseOptions {
  const readFile = (path: string): string => readFileSync(path, "utf8");
  const sources = { env: process.env, readFile, glob: globFiles, warn };
  return directiveStatus === undefined ? sources : { ...sources, directiveStatus };
}

/**
 * @param path of the Corefile, or `stdin`; imports in `stdin` start from the working directory
 * @throws CorefileReadError, ConfigError
 */
export function loadCorefile(path: string, options: ParseOptions): Corefile {
  let text: string;
  try {
    text = path === "stdin" ? readFileSync(0, "utf8") : options.readFile(path);
  } catch (error) {
    throw new CorefileReadError(path, error);
  }
  return parseCorefile(text, path === "stdin" ? "<stdin>" : path, options);
}

/** Node's message repeats the path; its code and what it means are enough. */
function reasonOf(cause: unknown): string {
  return cause instanceof Error ? (cause.message.split(", ", 1)[0] ?? cause.message) : String(cause);
}

/**
 * Paths that match a pattern, sorted. `*` and `?` match within one path element, leading dots too (Go's
 * `filepath.Glob`). What cannot be read matches nothing.
 */
export function globFiles(pattern: string): string[] {
  const elements = pattern.split("/");
  let paths = [elements[0] === "" ? "/" : "."];
  for (const element of elements) {
    if (element === "") continue;
    paths = /[*?]/.test(element)
      ? paths.flatMap((path) => matchesIn(path, element))
      : paths.map((path) => join(path, element)).filter((path) => existsSync(path));
  }
  return paths;
}

function matchesIn(folder: string, element: string): string[] {
  const source = element.replaceAll(/[.+^${}()|[\]\\*?]/g, (c) => (c === "*" ? ".*" : c === "?" ? "." : `\\${c}`));
  const matches = new RegExp(`^${source}$`, "su");
  try {
    const names = readdirSync(folder).filter((name) => matches.test(name));
    return names.toSorted().map((name) => join(folder, name));
  } catch {
    return [];
  }
}
