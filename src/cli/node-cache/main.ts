/** The command `node-cache` in the process that serves, with a keeper before it or alone. */
import { systemClock } from "../../base/clock.ts";
import { describeError, NodensError } from "../../base/errors.ts";
import { standardLog } from "../../base/log.ts";
import { directiveStatus } from "../../server/chain/plugin-order.ts";
import { systemSources } from "../../server/corefile/load.ts";
import { untilAnswers } from "../../server/daemon/answer-probe.ts";
import { KeeperLink } from "../../server/daemon/keeper-link.ts";
import { showNode } from "../../server/daemon/node-metrics.ts";
import { builtDirectives } from "../../server/daemon/plugin-table.ts";
import { Server } from "../../server/daemon/server.ts";
import { BEATS_BYTES } from "../../server/keeper/beats-layout.ts";
import { HANDED_OVER_SIGNAL, NODE_END_SIGNAL } from "../../server/keeper/names.ts";
import { NodeLife } from "../../server/keeper/node-life.ts";
import { trapNodeSignals } from "../../server/keeper/node-signals.ts";
import { clientOptions } from "../client-options.ts";
import { startBanner } from "../serve-banner.ts";
import { packageVersion } from "../version.ts";
import type { NodeCacheSettings } from "./flags.ts";
import { metricsTls } from "./metrics-tls.ts";
import { nodePlanOf, printDryRun } from "./node-plan.ts";
import { NodeConfiguration } from "./node-configuration.ts";
import { PLUMBING_VARIABLE, readTold, rebinding, toldOf } from "./plumbing.ts";
import { readCommandLine } from "./command-line.ts";
import { pluginsText, usage, versionText } from "./usage.ts";

const MIB = 1024 * 1024;
const PROGRAM = "node-cache";
/** As of a process that SIGKILL ended. */
const KILLED = 137;

/** @param argv words after `node-cache` */
export async function main(argv: string[]): Promise<number> {
  const kept = process.env["NODENS_KEEPER_FD"] !== undefined;
  const line = readCommandLine(argv, { quiet: kept });
  switch (line.kind) {
    case "exit":
      process.stderr.write(line.usage ? `${line.message}${usage(PROGRAM)}` : line.message);
      return line.code;
    case "version":
      process.stdout.write(versionText(packageVersion()));
      return 0;
    case "plugins":
      process.stdout.write(pluginsText(builtDirectives));
      return 0;
    case "run":
      break;
  }
  try {
    if (line.settings["dry-run"]) return await printDryRun(line.settings);
    return kept ? await serveKept(line.settings) : await serveAlone(line.settings);
  } catch (error) {
    if (!(error instanceof NodensError)) throw error;
    process.stderr.write(`${PROGRAM}: ${describeError(error)}\n`);
    return 1;
  }
}

interface Serving {
  readonly server: Server;
  readonly configuration: NodeConfiguration;
  /** Its exit code; the server itself has not been stopped. */
  readonly ended: Promise<number>;
}

/** The keeper has the node's life. */
async function serveKept(settings: NodeCacheSettings): Promise<number> {
  const log = standardLog();
  const told = readTold(process.env[PLUMBING_VARIABLE]);
  delete process.env[PLUMBING_VARIABLE];
  const keeper = KeeperLink.open(process.env, log);
  const counters = keeper?.beats === undefined ? new Float64Array(BEATS_BYTES >> 3) : floatsOf(keeper.beats.buffer);
  const ended = Promise.withResolvers<number>();
  const probing = new AbortController();
  let lameduck = true;
  const stop = (code: number): void => ended.resolve(code);
  // They may come to all processes at once: the keeper says when.
  for (const signal of ["SIGTERM", "SIGINT", "SIGQUIT", "SIGHUP"] as const) process.on(signal, () => {});
  process.once(NODE_END_SIGNAL, () => {
    log.info("Shutting down servers then terminating");
    stop(0);
  });
  process.once(HANDED_OVER_SIGNAL, () => {
    lameduck = false;
    stop(0);
  });
  const { server, configuration } = await startServing(settings, {
    keeper,
    told,
    counters,
    onClusterDns: (endpoints) => keeper?.setFallback(endpoints),
    onFatal: () => stop(1),
  });
  void untilAnswers({ blocks: () => server.blocks, clock: systemClock, log, signal: probing.signal }).then(
    (answered) => answered && keeper?.answers(),
  );
  const code = await ended.promise;
  probing.abort();
  configuration.close();
  await server.stop({ lameduck });
  return code;
}

/** Without a keeper: the same life in one process. */
async function serveAlone(settings: NodeCacheSettings): Promise<number> {
  const log = standardLog();
  const plan = await nodePlanOf(settings);
  const counters = new Float64Array(BEATS_BYTES >> 3);
  const node = new NodeLife({ ...plan, log, clock: systemClock, counters });
  const ended = Promise.withResolvers<number>();
  const probing = new AbortController();
  let serving: Server | undefined;
  if (settings.handover !== "") {
    log.warning("-handover has no effect: without a keeper there is nothing to hand over");
  }
  const exitCode = trapNodeSignals({
    node,
    end: (how) => {
      if (how === "in order") {
        log.info("Shutting down servers then terminating");
        ended.resolve(0);
      } else {
        void node.finish(true).then(() => process.exit(exitCode(KILLED)));
      }
    },
    reload: () => {},
  });
  await node.prepare();
  try {
    const told = toldOf(plan.plumbing);
    const started = await startServing(settings, {
      keeper: undefined,
      told,
      counters,
      onClusterDns: (endpoints) => node.tellFallback(endpoints),
      onFatal: () => ended.resolve(1),
    });
    serving = started.server;
    const { configuration } = started;
    node.serves();
    void untilAnswers({ blocks: () => started.server.blocks, clock: systemClock, log, signal: probing.signal }).then(
      (answered) => (answered ? node.capture() : undefined),
    );
    const code = await ended.promise;
    probing.abort();
    configuration.close();
    await serving.stop();
    return exitCode(code);
  } finally {
    await node.finish(serving !== undefined);
  }
}

interface StartParts {
  readonly keeper: KeeperLink | undefined;
  readonly told: ReturnType<typeof readTold>;
  readonly counters: Float64Array;
  readonly onClusterDns: (endpoints: readonly string[]) => void;
  readonly onFatal: () => void;
}

async function startServing(
  settings: NodeCacheSettings,
  { keeper, told, counters, onClusterDns, onFatal }: StartParts,
): Promise<Omit<Serving, "ended">> {
  const log = standardLog();
  const configuration = new NodeConfiguration({
    settings,
    environment: process.env,
    sources: systemSources((message) => log.warning(message), directiveStatus(builtDirectives)),
    log,
    print: (text) => process.stdout.write(text),
  });
  const clients = await clientOptions(settings.clients);
  const start = (): Promise<Server> =>
    Server.start({
      log,
      keeper,
      load: configuration.load,
      defaultPort: settings.port,
      listen: [],
      threads: settings.threads,
      cacheBytes: settings["cache-size"] * MIB,
      cacheFile: settings["cache-file"] === "" ? undefined : settings["cache-file"],
      compat: settings["coredns-compat"],
      tcpLimits: {
        connections: settings["tcp-connections"],
        connectionsPerClient: settings["tcp-connections-per-client"],
      },
      maxInFlight: settings["max-in-flight"],
      version: packageVersion(),
      rebind: rebinding(settings, told.rewrites, told.extraAddresses),
      ...clients,
      onClusterDns,
      onFatal,
    });
  const started = Promise.withResolvers<Server>();
  // Before it is ready already: one that Node.js takes itself opens its debugger.
  process.on("SIGUSR1", () => void started.promise.then((server) => reload(server, configuration)));
  const server = await configuration.begin(start, keeper?.previous === "dead");
  started.resolve(server);
  showNode(counters, () => configuration.errors, server.metrics, systemClock);
  await serveMetrics(server, settings);
  if (!settings.quiet) process.stdout.write(startBanner(server, packageVersion()));
  return { server, configuration };
}

/** What is in template and ConfigMap now, and then whatever else a Corefile reads. */
async function reload(server: Server, configuration: NodeConfiguration): Promise<void> {
  const log = standardLog();
  log.info("SIGUSR1: Reloading");
  await configuration.update(server);
  const refused = await server.reload();
  if (refused !== undefined) log.error(`SIGUSR1: starting with the new configuration failed: ${refused}`);
}

/** As node-cache does: without them it serves all the same. */
async function serveMetrics(server: Server, settings: NodeCacheSettings): Promise<void> {
  try {
    await server.http.acquire(
      settings["metrics-listen-address"],
      "/metrics",
      async () => ({ status: 200, ...(await server.metrics.expose()) }),
      { https: metricsTls(settings, standardLog()) },
    );
  } catch (error) {
    if (!(error instanceof NodensError)) throw error;
    standardLog().error(`Failed to start metrics handler: ${describeError(error)}`);
  }
}

function floatsOf(buffer: ArrayBufferLike): Float64Array {
  return new Float64Array(buffer, 0, BEATS_BYTES >> 3);
}
