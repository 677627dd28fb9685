/** The repository as the laws see it: its files, and who imports whom. */
import { execFileSync } from "node:child_process";
import { existsSync, globSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve, sep } from "node:path";
import { fileURLToPath } from "node:url";

export const ROOT: string = fileURLToPath(new URL("../..", import.meta.url));

/** One import, export-from or worker entry in a file. */
export interface Import {
  /** File that imports, from the repository's root, with forward slashes. */
  readonly from: string;
  /** What it names: such a path for a file of ours, else the specifier as written (`node:fs`, `koffi`). */
  readonly to: string;
  readonly ours: boolean;
  /** `import type` or `export type`: gone at run time. */
  readonly typeOnly: boolean;
  readonly line: number;
}

export function readText(path: string): string {
  return readFileSync(join(ROOT, path), "utf8");
}

/** Files that match, from the root, sorted. */
export function filesMatching(...patterns: string[]): string[] {
  return globSync(patterns, { cwd: ROOT })
    .map((path) => path.split(sep).join("/"))
    .filter((path) => !path.startsWith("node_modules/") && !path.startsWith("dist/"))
    .sort();
}

/** What git tracks or would track; in a tree without git, everything but what is made. */
export function trackedFiles(): string[] {
  if (!existsSync(join(ROOT, ".git"))) return filesMatching("**/*", ".ci/*", ".*.json").filter(isFile);
  const list = execFileSync("git", ["ls-files", "-z"], { cwd: ROOT, encoding: "utf8" });
  return list.split("\0").filter((path) => path !== "" && isFile(path));
}

function isFile(path: string): boolean {
  return globSync(path, { cwd: ROOT, withFileTypes: true })[0]?.isFile() ?? false;
}

export function isTest(path: string): boolean {
  return path.endsWith(".test.ts");
}

const STATEMENT = /^[ \t]*(?:import|export)\b(?<clause>[^;"'`]*?)\bfrom\s*["'](?<from>[^"']+)["']/gm;
const BARE = /^[ \t]*import\s*["'](?<bare>[^"']+)["']/gm;
const DYNAMIC = /\bimport\(\s*["'](?<dynamic>[^"']+)["']/gm;
const INLINE_TYPE = /^\s*type\b/;

/** Imports of a TypeScript file, static and dynamic, in the order of the text. */
export function importsOf(path: string): Import[] {
  const text = readText(path);
  const found: Import[] = [];
  const add = (specifier: string, at: number, typeOnly: boolean): void => {
    const ours = specifier.startsWith(".");
    const to = ours
      ? relative(ROOT, resolve(ROOT, dirname(path), specifier))
          .split(sep)
          .join("/")
      : specifier;
    found.push({ from: path, to, ours, typeOnly, line: text.slice(0, at).split("\n").length });
  };
  for (const match of text.matchAll(STATEMENT)) {
    add(match.groups?.["from"] ?? "", match.index, INLINE_TYPE.test(match.groups?.["clause"] ?? ""));
  }
  for (const match of text.matchAll(BARE)) add(match.groups?.["bare"] ?? "", match.index, false);
  for (const match of text.matchAll(DYNAMIC)) add(match.groups?.["dynamic"] ?? "", match.index, false);
  return found.sort((a, b) => a.line - b.line);
}

export const SOURCES: readonly string[] = filesMatching("src/**/*.ts");
