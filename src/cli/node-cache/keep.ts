/** `node-cache` as the keeper of its server: entry of the process, loaded by `bin/node-cache.js`. */
import { describeError, NodensError } from "../../base/errors.ts";
import { canKeep, runKeeper } from "../../server/keeper/keeper.ts";
import { readCommandLine } from "./command-line.ts";
import { nodePlanOf } from "./node-plan.ts";
import { PLUMBING_VARIABLE, toldOf } from "./plumbing.ts";

export interface KeepStart {
  readonly args: readonly string[];
  /** Program and arguments of a server. */
  readonly command: readonly [string, ...string[]];
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** @returns the exit code; `alone`: there can be no keeper here; `aside`: the command line asks for something else */
export async function keepNodeCache({ args, command, environment }: KeepStart): Promise<number | "alone" | "aside"> {
  const silent = readCommandLine(args, { quiet: true });
  if (silent.kind !== "run" || silent.settings["dry-run"]) return "aside";
  if (!canKeep()) return "alone";
  const line = readCommandLine(args, { quiet: false });
  if (line.kind !== "run") return "aside";
  const { settings } = line;
  try {
    const node = await nodePlanOf(settings);
    const told = JSON.stringify(toldOf(node.plumbing));
    const handover = settings.handover === "" ? undefined : settings.handover;
    return await runKeeper({
      command,
      environment: { ...environment, [PLUMBING_VARIABLE]: told },
      readsInput: settings.corefilePath === "stdin",
      handover,
      node,
    });
  } catch (error) {
    if (!(error instanceof NodensError)) throw error;
    process.stderr.write(`node-cache: ${describeError(error)}\n`);
    return 1;
  }
}
