/** A plan as text: what `--dry-run` prints. */
import { failureText } from "./failure-text.ts";
import type { Plan } from "./open-plumbing.ts";

/**
 * The exact changes, as commands with what they are given: a shell script that would do the same.
 *
 * @returns "" when there is nothing to do
 */
export function planText({ steps, failures }: Plan): string {
  const parts: string[] = [];
  let last = "";
  for (const { program, input } of steps) {
    // One command where the same one follows itself.
    if (program === last) parts.splice(-1, 1, input, "END\n");
    else parts.push(`${program} <<'END'\n`, input, "END\n");
    last = program;
  }
  for (const each of failures) parts.push(`# ${failureText(each)}\n`);
  return parts.join("");
}
