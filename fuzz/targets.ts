/** All targets, in the order in which they are run; each is loaded when it is wanted. */
import type { Target } from "./target.ts";

export const TARGET_NAMES = ["query", "reply", "frame", "record-text", "corefile", "rewrite", "template"] as const;

export type TargetName = (typeof TARGET_NAMES)[number];

export function isTargetName(name: string): name is TargetName {
  return TARGET_NAMES.some((known) => known === name);
}

export async function loadTarget(name: TargetName): Promise<Target> {
  switch (name) {
    case "query":
      return (await import("./targets/query.ts")).queryTarget();
    case "reply":
      return (await import("./targets/reply.ts")).replyTarget();
    case "frame":
      return (await import("./targets/frame.ts")).frameTarget();
    case "record-text":
      return (await import("./targets/record-text.ts")).recordTextTarget();
    case "corefile":
      return (await import("./targets/corefile.ts")).corefileTarget();
    case "rewrite":
      return (await import("./targets/rewrite.ts")).rewriteTarget();
    case "template":
      return (await import("./targets/template.ts")).templateTarget();
  }
}
