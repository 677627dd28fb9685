/** `nodens node`: what the node agent has changed on this node, against what is wanted; and its removal. */
import { Command, InvalidArgumentError, Option } from "commander";
import { UsageError } from "../base/errors.ts";
import type { NodePlumbing } from "../server/plumbing/open-plumbing.ts";
import { failureText } from "../server/plumbing/failure-text.ts";
import { openPlumbing, type Plan } from "../server/plumbing/open-plumbing.ts";
import { PlumbingError } from "../server/plumbing/plumbing-error.ts";
import { planText } from "../server/plumbing/plan-text.ts";
import type { Change, Intercept, PlumbingSpec, RuleBackend } from "../server/plumbing/plumbing.ts";

interface NodeFlags {
  readonly localip: readonly string[];
  readonly serviceIp: readonly string[];
  readonly intercept: Intercept;
  readonly rules: RuleBackend;
  readonly interfacename: string;
  readonly port: number;
  readonly healthPort: number;
  readonly fallback: readonly string[];
  readonly json?: boolean;
  readonly dryRun?: boolean;
  readonly force?: boolean;
}

/** What nodelocaldns.yaml asks for in a cluster that kubeadm made. */
const DEFAULT_LOCAL = ["169.254.20.10"];

export function nodeCommand(exit: (code: number) => void): Command {
  const node = new Command("node")
    .description("Interface and packet rules of the node agent on this node")
    .exitOverride();
  node.addCommand(
    withSpec(new Command("status"))
      .description("Say what differs between what is wanted and what is there; exit code 1 when something does")
      .option("--json", "print one JSON object")
      .action(async (flags: NodeFlags) => exit(await withPlumbing(flags, (plumbing) => status(plumbing, flags)))),
  );
  node.addCommand(
    withSpec(new Command("cleanup"))
      .description("Remove what the node agent, or a node-cache that is gone, left behind")
      .option("--dry-run", "print what would be done, and do nothing")
      .option("--force", "also while an instance is alive on this node")
      .action(async (flags: NodeFlags) => exit(await withPlumbing(flags, (plumbing) => cleanup(plumbing, flags)))),
  );
  return node;
}

/** The options of the agent that say what it wants of the node. */
function withSpec(command: Command): Command {
  return command
    .addOption(
      new Option("--localip <addresses>", "addresses that pods ask, separated by commas")
        .argParser(list)
        .default(DEFAULT_LOCAL, DEFAULT_LOCAL.join(",")),
    )
    .addOption(
      new Option("--service-ip <addresses>", "addresses of the cluster DNS Service to rewrite, separated by commas")
        .argParser(list)
        .default([], "none"),
    )
    .addOption(
      new Option("--intercept <how>", "how queries are caught")
        .choices(["auto", "address", "rewrite", "none"])
        .default("auto"),
    )
    .addOption(
      new Option("--rules <backend>", "what keeps the rules").choices(["auto", "nftables", "iptables"]).default("auto"),
    )
    .option("--interfacename <name>", "interface that carries the addresses", "nodelocaldns")
    .option("--port <port>", "port of DNS", port, 53)
    .option("--health-port <port>", "port of the liveness probe", port, 8080)
    .addOption(
      new Option("--fallback <endpoints>", "cluster DNS endpoints while nobody serves, separated by commas")
        .argParser(list)
        .default([], "none"),
    )
    .exitOverride();
}

async function withPlumbing(flags: NodeFlags, action: (plumbing: NodePlumbing) => Promise<number>): Promise<number> {
  const plumbing = await openPlumbing(specOf(flags)).catch((error: unknown) => {
    if (!(error instanceof PlumbingError)) throw error;
    throw new UsageError(error.message, error.hint === undefined ? {} : { hint: error.hint });
  });
  try {
    return await action(plumbing);
  } finally {
    plumbing.close();
  }
}

function specOf(flags: NodeFlags): PlumbingSpec {
  return {
    interfaceName: flags.interfacename,
    setUpInterface: true,
    setUpRules: true,
    localAddresses: flags.localip,
    serviceAddresses: flags.serviceIp,
    intercept: flags.intercept,
    backend: flags.rules,
    port: flags.port,
    healthPort: flags.healthPort,
    fallback: flags.fallback,
  };
}

async function status(plumbing: NodePlumbing, flags: NodeFlags): Promise<number> {
  const plan = await plumbing.plan();
  const changes = plan.steps.flatMap((step) => step.changes);
  const missing = changes.filter((change) => change.kind === "added").map((change) => change.what);
  const surplus = changes.filter((change) => change.kind === "removed").map((change) => change.what);
  const unknown = plan.failures.map(failureText);
  const { intercept, backend, why } = plumbing.choice;
  const isEqual = missing.length + surplus.length + unknown.length === 0;
  if (flags.json === true) {
    const told = { equal: isEqual, intercept, rules: backend, why, missing, surplus, unknown };
    process.stdout.write(`${JSON.stringify(told, undefined, 2)}\n`);
  } else {
    const lines = [
      `intercept: ${intercept}, rules: ${backend} (${why})`,
      ...missing.map((what) => `missing:   ${what}`),
      ...surplus.map((what) => `too many:  ${what}`),
      ...unknown.map((what) => `unknown:   ${what}`),
      isEqual
        ? "The node is as wanted."
        : `The node is not as wanted. Differences: ${changes.length + unknown.length}.`,
    ];
    process.stdout.write(`${lines.join("\n")}\n`);
  }
  return exitCode(plan, isEqual);
}

async function cleanup(plumbing: NodePlumbing, flags: NodeFlags): Promise<number> {
  if (flags.dryRun === true) {
    const plan = await plumbing.planRemoval();
    process.stdout.write(planText(plan) === "" ? "There is nothing to remove.\n" : planText(plan));
    return exitCode(plan, true);
  }
  if (flags.force !== true && plumbing.isInUse()) {
    process.stderr.write(
      "nodens: an instance is alive on this node, and would put all of it back at its next check. Stop it first, or say --force\n",
    );
    return 1;
  }
  const changes = await plumbing.cleanUp();
  const failures = changes.filter((change) => change.kind === "failed");
  for (const change of changes) if (change.kind !== "failed") process.stdout.write(`${change.kind}: ${change.what}\n`);
  for (const change of failures) process.stderr.write(`nodens: ${failureText(change)}\n`);
  if (changes.length === 0) process.stdout.write("There is nothing to remove.\n");
  if (failures.length === 0) return 0;
  return failures.some(isPermission) ? 3 : 1;
}

/** 0: equal. 1: not. 3: the node does not let us look. */
function exitCode({ failures }: Plan, isEqual: boolean): number {
  if (failures.some(isPermission)) return 3;
  return isEqual && failures.length === 0 ? 0 : 1;
}

function isPermission({ failure }: Change): boolean {
  return failure?.reason.includes("not permitted") === true;
}

function list(text: string): readonly string[] {
  return text.split(",").filter((word) => word !== "");
}

function port(text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < 1 || value > 65_535) {
    throw new InvalidArgumentError("It must be a number from 1 to 65535.");
  }
  return value;
}
