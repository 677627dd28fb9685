/** What failed and why, in one line for a person. */
import type { Change } from "./plumbing.ts";

export function failureText({ what, failure }: Pick<Change, "what" | "failure">): string {
  const reason = failure?.reason ?? "failed";
  // Of an interface the reason says which: it may stand elsewhere without this.
  return reason.startsWith(`${what}: `) ? reason : `${what}: ${reason}`;
}
