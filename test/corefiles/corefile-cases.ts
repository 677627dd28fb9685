/** Reads the cases of this folder; `README.md` says how they are written. */
import { globSync, readFileSync } from "node:fs";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";

export interface CorefileQuestion {
  readonly name: string;
  readonly type: string;
  readonly flags: readonly string[];
  /** Response code and answer section. */
  readonly expected: string;
}

export interface CorefileCase {
  /** Name of the file without its end. */
  readonly group: string;
  readonly title: string;
  readonly text: string;
  /** `LINE:COLUMN: MESSAGE`; undefined when it works. */
  readonly error: string | undefined;
  readonly questions: readonly CorefileQuestion[];
}

const FOLDER = fileURLToPath(new URL(".", import.meta.url));

export function corefileCases(): CorefileCase[] {
  return globSync("*.txt", { cwd: FOLDER })
    .toSorted()
    .flatMap((file) => {
      const group = basename(file, ".txt");
      const [before, ...cases] = readFileSync(`${FOLDER}${file}`, "utf8").split(/^=== /m);
      if (before?.trim() !== "") throw new Error(`${file} begins with something else than a case`);
      return cases.map((text) => readCase(group, text));
    });
}

function readCase(group: string, written: string): CorefileCase {
  const at = `${group}: ${written.split("\n", 1)[0]}`;
  const parts = /^(.+)\n([^]*)^--- (.+)\n([^]*)$/m.exec(written);
  const [, title, text, outcome, rest] = parts ?? [];
  if (title === undefined || text === undefined || outcome === undefined || rest === undefined) {
    throw new Error(`${at} has no outcome`);
  }
  const error = /^error (.+)$/.exec(outcome)?.[1];
  if (error === undefined && outcome !== "works") throw new Error(`${at}: outcome ${outcome}`);
  const lines = rest.split("\n").filter((line) => line !== "");
  const questions: CorefileQuestion[] = [];
  for (let i = 0; i < lines.length; i += 2) {
    const [, name, type, flags] = /^\? (\S+) (\S+)(.*)$/.exec(lines[i] ?? "") ?? [];
    const expected = /^= (.+)$/.exec(lines[i + 1] ?? "")?.[1];
    if (name === undefined || type === undefined || expected === undefined) throw new Error(`${at}: ${lines[i]}`);
    questions.push({ name, type, flags: flags?.split(" ").filter((flag) => flag !== "") ?? [], expected });
  }
  return { group, title, text, error, questions };
}
