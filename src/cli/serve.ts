/** `nodens serve`: the cache in the foreground. */
import { existsSync } from "node:fs";
import { availableParallelism } from "node:os";
import { Command, InvalidArgumentError, Option } from "commander";
import { isIpAddress } from "../base/address.ts";
import { standardLog } from "../base/log.ts";
import type { CorednsCompat } from "../server/chain/plugin.ts";
import { directiveStatus } from "../server/chain/plugin-order.ts";
import { loadCorefile, systemSources } from "../server/corefile/load.ts";
import { parseCorefile } from "../server/corefile/parse.ts";
import type { Corefile } from "../server/corefile/tree.ts";
import { KeeperLink } from "../server/daemon/keeper-link.ts";
import type { ListenOverride } from "../server/daemon/listener-plan.ts";
import { builtDirectives } from "../server/daemon/plugin-table.ts";
import { Server } from "../server/daemon/server.ts";
import { HANDED_OVER_SIGNAL } from "../server/keeper/names.ts";
import { addClientOptions, type ClientFlags, clientOptions } from "./client-options.ts";
import { packageFile } from "./package-file.ts";
import { startBanner, tryCommands } from "./serve-banner.ts";
import { packageVersion } from "./version.ts";

interface ServeFlags extends ClientFlags {
  readonly config?: string;
  readonly example?: boolean;
  readonly listen: readonly ListenOverride[];
  readonly port: number;
  readonly threads: number;
  readonly cacheSize: number;
  readonly cacheFile?: string;
  readonly corednsCompat: CorednsCompat;
  readonly maxInFlight: number;
  readonly tcpConnections: number;
  readonly tcpConnectionsPerClient: number;
  readonly quiet?: boolean;
  /** Seen by the launcher (`bin/nodens.js`), which starts a keeper or not. */
  readonly keeper: boolean;
  /** Used by the keeper. */
  readonly handover?: string;
}

/** A worker thread more pays off only when the kernel has cores left for the clients. */
const DEFAULT_THREADS = availableParallelism() <= 4 ? 1 : 2;
const MIB = 1024 * 1024;
/** One Ctrl-C may come twice: from the terminal, and passed on by npm. */
const SAME_SIGNAL_MS = 1000;
/** What runs without a Corefile, or with one that names no server, as CoreDNS: who asks is told who it is. */
const DEFAULT_COREFILE = ". {\n    whoami\n    log\n}\n";

export function serveCommand(exit: (code: number) => void): Command {
  const command = new Command("serve")
    .description("Serve DNS as a Corefile says")
    .option("-c, --config <file>", "Corefile; `stdin` reads it there (default: ./Corefile if it exists)")
    .option("--example", "serve the example cluster on 127.0.0.1:1053, and everything else by the system's resolvers")
    .addOption(
      new Option(
        "-l, --listen <addr:port...>",
        "listen here instead of where the dns:// keys of the Corefile say; may be given several times",
      )
        .argParser(addListen)
        .default([], "where they say"),
    )
    .option("-p, --port <port>", "port of server blocks that name none", integer(0, 65_535), 53)
    .option(
      "--threads <n>",
      "fast-path threads, unless the Corefile says otherwise (multisocket)",
      integer(1, 16),
      DEFAULT_THREADS,
    )
    .option("--cache-size <MiB>", "memory for cached answers, in MiB", integer(1, 4096), 32)
    .option("--cache-file <path>", "keep cached answers in this file over a restart")
    .addOption(
      new Option("--coredns-compat <version>", "be like this CoreDNS where versions differ")
        .choices(["1.12", "1.14"])
        .default("1.14"),
    )
    .option("--max-in-flight <n>", "queries being worked on at once; more are dropped", integer(1, 1_000_000), 16_384)
    .option("--tcp-connections <n>", "TCP connections of clients in all", integer(1, 65_536), 1024)
    .option("--tcp-connections-per-client <n>", "TCP connections of one client address", integer(1, 65_536), 64)
    .option("--quiet", "do not log what is served at start")
    .option(
      "--handover <socket>",
      "take over from the instance that was started with the same path, and hand over to the next one (on Linux)",
    )
    .option("--no-keeper", "serve in this process alone, which is then not started again when it dies (on Linux)");
  return addClientOptions(command)
    .exitOverride()
    .action(async (flags: ServeFlags) => exit(await serve(flags)));
}

async function serve(flags: ServeFlags): Promise<number> {
  const log = standardLog();
  const ended = Promise.withResolvers<number>();
  const keeper = KeeperLink.open(process.env, log);
  if (flags.handover !== undefined && keeper === undefined) {
    log.warning("--handover has no effect: without a keeper there is nothing to hand over");
  }
  const started = Promise.withResolvers<Server>();
  const reload = async (signal: string): Promise<void> => {
    const running = await started.promise;
    log.info(`${signal}: Reloading`);
    const refused = await running.reload();
    if (refused !== undefined) log.error(`${signal}: starting with the new configuration failed: ${refused}`);
  };
  // Before it serves already: what nobody takes ends the process, or opens Node.js's debugger.
  for (const signal of ["SIGUSR1", "SIGHUP"] as const) process.on(signal, () => void reload(signal));
  const server = await Server.start({
    log,
    keeper,
    load: corefileLoader(flags, (message) => log.warning(message)),
    defaultPort: flags.port,
    listen: flags.listen,
    threads: flags.threads,
    cacheBytes: flags.cacheSize * MIB,
    // Empty is none, as of node-cache's flags: so templates need no case for it.
    cacheFile: flags.cacheFile === "" ? undefined : flags.cacheFile,
    compat: flags.corednsCompat,
    tcpLimits: { connections: flags.tcpConnections, connectionsPerClient: flags.tcpConnectionsPerClient },
    maxInFlight: flags.maxInFlight,
    version: packageVersion(),
    ...(await clientOptions(flags)),
    onFatal: () => ended.resolve(1),
  });
  started.resolve(server);
  let stoppingAtMs: number | undefined;
  const stop = (signal: NodeJS.Signals): void => {
    const nowMs = performance.now();
    if (stoppingAtMs === undefined) {
      stoppingAtMs = nowMs;
      log.info(`${signal}: Shutting down servers then terminating`);
      ended.resolve(0);
    } else if (nowMs - stoppingAtMs > SAME_SIGNAL_MS) {
      // Somebody does not want to wait for lameduck and queries in flight.
      process.off(signal, stop);
      process.kill(process.pid, signal);
    }
  };
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, stop);
  let handedOver = false;
  if (keeper !== undefined) {
    process.once(HANDED_OVER_SIGNAL, () => {
      handedOver = true;
      stop(HANDED_OVER_SIGNAL);
    });
  }
  if (flags.quiet !== true) process.stdout.write(startBanner(server, packageVersion(), flags.listen));
  if (flags.example === true) process.stdout.write(tryCommands(server));
  const code = await ended.promise;
  await server.stop({ lameduck: !handedOver });
  return code;
}

function corefileLoader(flags: ServeFlags, warn: (message: string) => void): () => Corefile {
  const sources = systemSources(warn, directiveStatus(builtDirectives));
  const path = flags.config ?? (flags.example === true ? packageFile("examples/Corefile") : "Corefile");
  const byDefault = (): Corefile => parseCorefile(DEFAULT_COREFILE, "<default>", sources);
  if (flags.config === undefined && flags.example !== true && !existsSync(path)) return byDefault;
  const load = (): Corefile => {
    const corefile = loadCorefile(path, sources);
    return corefile.blocks.length === 0 ? byDefault() : corefile;
  };
  if (path !== "stdin") return load;
  // Standard input can be read once: a reload finds the same text again.
  let stdin: Corefile | undefined;
  return () => (stdin ??= load());
}

function addListen(text: string, before: readonly ListenOverride[]): readonly ListenOverride[] {
  const [, bracketed, plain, portText] = /^(?:\[([^\]]+)\]|([^:]*)):(\d+)$/.exec(text) ?? [];
  const address = bracketed ?? (plain === "" ? "::" : plain);
  const port = Number(portText);
  if (address === undefined || !isIpAddress(address) || port > 65_535) {
    throw new InvalidArgumentError(
      "It must be an IP address and a port: 127.0.0.1:53, [::1]:53, or :53 for all addresses.",
    );
  }
  return [...before, { address, port }];
}

function integer(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || value < min || value > max)
      throw new InvalidArgumentError(`It must be a number from ${min} to ${max}.`);
    return value;
  };
}
