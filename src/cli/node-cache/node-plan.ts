/** What the flags want of the life of the node. */
import type { NodePlan } from "../../server/keeper/node-life.ts";
import { openPlumbing } from "../../server/plumbing/open-plumbing.ts";
import { planText } from "../../server/plumbing/plan-text.ts";
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

/** What would be changed on the node, as a shell script that would do the same. @throws PlumbingError */
export async function printDryRun(settings: NodeCacheSettings): Promise<number> {
  const plumbing = await openPlumbing(plumbingSpec(settings));
  const { intercept, backend, why } = plumbing.choice;
  const plan = await plumbing.plan();
  plumbing.close();
  const text = planText(plan);
  process.stdout.write(`# intercept ${intercept}, rules ${backend}: ${why}\n`);
  process.stdout.write(text === "" ? "# Nothing is to be done: the node is as wanted.\n" : text);
  return plan.failures.length === 0 ? 0 : 1;
}
