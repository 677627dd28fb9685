/** Options of `serve` about who asks: counting, names of pods, and the admin API that tells. */
import { type Command, InvalidArgumentError, Option } from "commander";
import { UsageError } from "../base/errors.ts";
import type { ClusterSource } from "../kube/cluster-source.ts";
import type { ServerOptions } from "../server/daemon/server.ts";
import { type AdminAddress, defaultAdminAddresses, readAdminAddress } from "../server/web/admin-address.ts";
import { COUNTING, LEDGER_SIZES, type Counting } from "../server/clients/counting.ts";

/** About 50 MiB. */
const NAMES_IN_ALL_MAX = 262_144;

export interface ClientFlags {
  readonly countClients: Counting;
  readonly clientsKept: number;
  readonly namesKept: number;
  readonly namesPerClient: number;
  readonly podNames?: string;
  readonly nodeName?: string;
  readonly admin?: AdminAddress | "none";
}

export function addClientOptions(command: Command): Command {
  return command
    .option(
      "--admin <place>",
      "admin API: unix:PATH, a loopback ADDR:PORT, or none (default: a socket in /run/nodens)",
      adminPlace,
    )
    .addOption(
      new Option("--count-clients <when>", "count queries by client: while somebody looks, always, or as metrics too")
        .choices(COUNTING)
        .default("watched"),
    )
    .option(
      "--clients-kept <n>",
      "clients that are counted one by one, the busiest",
      upTo(16_384),
      LEDGER_SIZES.clients,
    )
    .option("--names-kept <n>", "names that are counted one by one, the busiest", upTo(16_384), LEDGER_SIZES.names)
    .option("--names-per-client <n>", "names that are kept of each client", upTo(100), LEDGER_SIZES.namesPerClient)
    .option("--pod-names <from>", "names of clients: api, or a file or folder of manifests with their Pods")
    .addOption(new Option("--node-name <name>", "the node whose pods are looked for by --pod-names").env("NODE_NAME"));
}

export async function clientOptions(
  flags: ClientFlags,
): Promise<Pick<ServerOptions, "counting" | "ledgerSizes" | "pods" | "admin">> {
  const { admin, podNames, nodeName = "" } = flags;
  if (flags.clientsKept * flags.namesPerClient > NAMES_IN_ALL_MAX) {
    throw new UsageError(`--clients-kept times --names-per-client must be at most ${NAMES_IN_ALL_MAX}`);
  }
  return {
    counting: flags.countClients,
    ledgerSizes: { clients: flags.clientsKept, names: flags.namesKept, namesPerClient: flags.namesPerClient },
    pods: podNames === undefined ? undefined : { source: await podSource(podNames), node: nodeName },
    admin:
      admin === "none"
        ? undefined
        : admin === undefined
          ? { addresses: defaultAdminAddresses(process.env["XDG_RUNTIME_DIR"]), needed: false }
          : { addresses: [admin], needed: true },
  };
}

/** Loaded when it is asked for: most servers know no Kubernetes. @throws NodensError when there is nothing to read */
async function podSource(from: string): Promise<ClusterSource> {
  if (from === "api") {
    const { apiSource, checkApiAccess } = await import("../kube/api-source.ts");
    const inCluster = process.env["KUBERNETES_SERVICE_HOST"] !== undefined;
    const access = inCluster ? ({ kind: "in-cluster" } as const) : ({ kind: "kubeconfig" } as const);
    await checkApiAccess(access);
    return apiSource(access);
  }
  const { checkManifests, manifestSource } = await import("../kube/manifest-source.ts");
  await checkManifests(from);
  return manifestSource(from);
}

function adminPlace(text: string): AdminAddress | "none" {
  if (text === "none") return text;
  const address = readAdminAddress(text);
  if (typeof address === "string")
    throw new InvalidArgumentError(`It must be unix:PATH, a loopback ADDR:PORT, or none; ${address}.`);
  return address;
}

function upTo(max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || value < 1 || value > max)
      throw new InvalidArgumentError(`It must be a number from 1 to ${max}.`);
    return value;
  };
}
