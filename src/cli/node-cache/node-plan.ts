/** What the flags want of the life of the node. */
import type { NodePlan } from "../../server/keeper/node-life.ts";
import { openPlumbing } from "../../server/plumbing/open-plumbing.ts";
import type { NodeCacheSettings } from "./flags.ts";
import { plumbingSpec } from "./plumbing.ts";

/** Looks at what this machine can do. @throws PlumbingError */
export async function nodePlanOf(settings: NodeCacheSettings): Promise<NodePlan> {
  return {
    plumbing: await openPlumbing(plumbingSpec(settings)),
    interfaceName: settings.interfacename,
    syncIntervalMs: settings.syncinterval,
    skipTeardown: settings.skipteardown,
    pidFile: settings.pidfile === "" ? undefined : settings.pidfile,
    fallback: settings.fallbackEndpoints,
    fallbackFile: settings["fallback-file"] === "" ? undefined : settings["fallback-file"],
  };
}

/** What would be changed on the node, as programs that would do the same and what they would be given. @throws PlumbingError */
export async function printDryRun(settings: NodeCacheSettings): Promise<number> {
  const plumbing = await openPlumbing(plumbingSpec(settings));
  const { intercept, backend, why } = plumbing.choice;
  const { steps, failures } = await plumbing.plan();
  plumbing.close();
  process.stdout.write(`# intercept ${intercept}, rules ${backend}: ${why}\n`);
  for (const { program, input } of steps) {
    process.stdout.write(`\n${program} <<'END'\n${input}${input.endsWith("\n") ? "" : "\n"}END\n`);
  }
  if (steps.length === 0 && failures.length === 0) process.stdout.write("# nothing: the node is as wanted\n");
  for (const { what, failure } of failures) process.stderr.write(`node-cache: ${what}: ${failure?.reason}\n`);
  return failures.length === 0 ? 0 : 1;
}
