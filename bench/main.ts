/**
 * Compares Nodens with the DNS caches that are installed, on this machine, in one run: `npm run bench -- hits`.
 *
 * The server under test has one core; dnsperf, the prober, the upstream and this process share another. CPU is what the
 * scheduler accounted to all threads of the server's process tree. Peers' settings are in `servers.ts`.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, cpus, release, tmpdir } from "node:os";
import { join } from "node:path";
import { describeError, UsageError } from "../src/base/errors.ts";
import { isInstalled, killChildren, pinSelf, versionLine } from "./children.ts";
import { flood } from "./flood.ts";
import { hits } from "./hits.ts";
import { kube } from "./kube.ts";
import { memory } from "./memory.ts";
import { misses } from "./misses.ts";
import { parseOptions, USAGE, type BenchOptions, type ScenarioName } from "./options.ts";
import { paced } from "./paced.ts";
import { renderTables, Results } from "./results.ts";
import type { Bench, Scenario } from "./scenario.ts";
import { namedPeer, nodens, PEERS, type LaunchPlan, type ServerKind } from "./servers.ts";
import { start } from "./start.ts";
import { storm } from "./storm.ts";
import { startBenchUpstream } from "./upstream-process.ts";

const SCENARIOS = { hits, paced, misses, memory, start, storm, flood, kube } satisfies Record<ScenarioName, Scenario>;
const EXIT_USAGE = 2;
const EXIT_CANNOT = 3;

interface Chosen {
  readonly servers: readonly ServerKind[];
  readonly versions: Readonly<Record<string, string>>;
}

async function main(): Promise<void> {
  const options = parseOptions(process.argv.slice(2));
  const missing = missingForRun(options);
  if (missing !== undefined) {
    process.stderr.write(`bench: ${missing}\n`);
    process.exit(EXIT_CANNOT);
  }
  const { servers, versions } = chooseServers(options);
  const directory = mkdtempSync(join(tmpdir(), "nodens-bench-"));
  process.on("exit", () => {
    killChildren();
    rmSync(directory, { recursive: true, force: true });
  });
  for (const [signal, code] of [
    ["SIGINT", 130],
    ["SIGTERM", 143],
    ["SIGHUP", 129],
  ] as const) {
    process.on(signal, () => process.exit(code));
  }

  const machine = describeMachine();
  pinSelf(options.loadCore);
  const upstream = await startBenchUpstream(options.loadCore);
  const results = new Results();
  const plans = new Map<string, LaunchPlan>();
  const progress = (line: string): void => void process.stderr.write(`${line}\n`);
  const bench: Bench = { options, servers, upstream, directory, results, plans, progress };
  await SCENARIOS[options.scenario](bench);
  await upstream.stop();

  process.stdout.write(`\n${renderTables(results)}\n\n`);
  for (const [name, version] of Object.entries(versions)) process.stdout.write(`${name} ${version}; `);
  process.stdout.write(`${Object.values(machine).join("; ")}\n`);
  if (options.json === undefined) return;
  const report = { options, machine, versions, plans: Object.fromEntries(plans), sections: results.summaries() };
  writeFileSync(options.json, `${JSON.stringify(report, null, 2)}\n`);
}

/** @returns what is missing, with what to do; undefined: nothing */
function missingForRun(options: BenchOptions): string | undefined {
  if (process.platform !== "linux") return "needs Linux";
  for (const [program, debianPackage] of [
    ["dnsperf", "dnsperf"],
    ["taskset", "util-linux"],
  ] as const) {
    if (!isInstalled(program)) return `${program} is not installed: apt-get install ${debianPackage}`;
  }
  const cores = availableParallelism();
  const asked = Math.max(options.serverCore, options.loadCore);
  if (asked >= cores) return `core ${asked} is asked for and this process may use ${cores}`;
  return undefined;
}

/** Those that are installed and asked for. @throws UsageError when that is none */
function chooseServers(options: BenchOptions): Chosen {
  const known = [nodens, ...PEERS, ...options.peers.map(({ name, command }) => namedPeer(name, command))];
  const unknown = options.only.find((name) => !known.some((kind) => kind.name === name));
  if (unknown !== undefined)
    throw new UsageError(`--only ${unknown}: known are ${known.map((kind) => kind.name).join(", ")}`);
  const servers: ServerKind[] = [];
  const versions: Record<string, string> = {};
  for (const kind of known) {
    if (options.only.length > 0 && !options.only.includes(kind.name)) continue;
    const version = kind.version();
    if (version === undefined) {
      process.stderr.write(`${kind.name}: not installed, left out\n`);
      continue;
    }
    servers.push(kind);
    versions[kind.name] = version;
  }
  if (servers.length === 0) throw new UsageError("no server to measure");
  return { servers, versions };
}

function describeMachine(): Record<string, string> {
  return {
    dnsperf: `dnsperf ${versionLine("dnsperf", ["-h"], /Version (\S+)/) ?? "?"}`,
    node: `Node.js ${process.versions.node}`,
    kernel: `Linux ${release()}`,
    cpu: `${cpus()[0]?.model ?? "unknown CPU"}, ${availableParallelism()} cores`,
    date: new Date().toISOString(),
    command: `npm run bench -- ${process.argv.slice(2).join(" ")}`,
  };
}

try {
  await main();
} catch (error) {
  process.stderr.write(`bench: ${describeError(error)}\n`);
  if (error instanceof UsageError) process.stderr.write(`\n${USAGE}\n`);
  process.exit(error instanceof UsageError ? EXIT_USAGE : 1);
}
