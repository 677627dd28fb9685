/** What every scenario of the bench works with. */
import { join } from "node:path";
import { cpuBetween, sampleCpu } from "./process-accounts.ts";
import { runDnsperf, type DnsperfResult, type DnsperfRun } from "./dnsperf.ts";
import type { BenchOptions } from "./options.ts";
import type { Column, Results } from "./results.ts";
import { startServer, type RunningServer } from "./running-server.ts";
import type { LaunchPlan, ServerKind } from "./servers.ts";
import type { BenchUpstream } from "./upstream-process.ts";

export interface Bench {
  readonly options: BenchOptions;
  readonly servers: readonly ServerKind[];
  readonly upstream: BenchUpstream;
  /** Temporary, removed at the end. */
  readonly directory: string;
  readonly results: Results;
  /** Command lines and configurations that were used, by server and variant. */
  readonly plans: Map<string, LaunchPlan>;
  /** One line of progress. */
  progress(line: string): void;
}

export type Scenario = (bench: Bench) => Promise<void>;

export const CPU_COLUMNS: readonly Column[] = [
  { key: "cpuUs", title: "CPU µs/query", digits: 2, claim: true },
  { key: "userUs", title: "user", digits: 2 },
  { key: "systemUs", title: "system", digits: 2 },
];

export interface RoundOptions {
  /** Default: `options.serverCore`. */
  readonly core?: "any";
  /** Default false. */
  readonly forceTcp?: boolean;
  /** Default 0: next to nothing goes to the upstream. See `Launch`. */
  readonly waiting?: number;
  /** Default: the bench's own. */
  readonly upstreamPort?: number;
  /** Default: `options.rounds`. */
  readonly rounds?: number;
}

/** Starts every server once a round, each time afresh, forwards and backwards in turn. */
export async function eachServer(
  bench: Bench,
  measure: (server: RunningServer, round: number) => Promise<void>,
  options: RoundOptions = {},
): Promise<void> {
  const { rounds = bench.options.rounds } = options;
  for (let round = 1; round <= rounds; round++) {
    for (const kind of inTurn(bench.servers, round)) {
      const server = await started(bench, kind, options);
      if (server === undefined) continue;
      try {
        await measure(server, round);
      } finally {
        await server.stop();
      }
    }
  }
}

/**
 * Starts every server once; they are measured in turn while the others stand idle on the same core: what is compared is then
 * seconds apart, and the machine's own ups and downs meet all of them alike.
 *
 * @param measure once a round, with the servers forwards and backwards in turn
 */
export async function sideBySide(
  bench: Bench,
  warmUp: (server: RunningServer) => Promise<unknown>,
  measure: (servers: readonly RunningServer[], round: number) => Promise<void>,
): Promise<void> {
  const servers: RunningServer[] = [];
  try {
    for (const kind of bench.servers) {
      const server = await started(bench, kind, {});
      if (server === undefined) continue;
      servers.push(server);
      await warmUp(server);
    }
    for (let round = 1; round <= bench.options.rounds; round++) await measure(inTurn(servers, round), round);
  } finally {
    await Promise.all(servers.map((server) => server.stop()));
  }
}

async function started(bench: Bench, kind: ServerKind, options: RoundOptions): Promise<RunningServer | undefined> {
  const {
    core = bench.options.serverCore,
    forceTcp = false,
    waiting = 0,
    upstreamPort = bench.upstream.port,
  } = options;
  const { directory } = bench;
  const server = await startServer(kind, {
    core,
    upstreamPort,
    forceTcp,
    waiting,
    directory,
  });
  if (server !== undefined) bench.plans.set(forceTcp ? `${kind.name}, TCP upstream` : kind.name, server.plan);
  return server;
}

function inTurn<T>(all: readonly T[], round: number): readonly T[] {
  return round % 2 === 1 ? all : all.toReversed();
}

export type Load = Pick<DnsperfRun, "queries"> & Partial<DnsperfRun>;

/** dnsperf against a server, with the options of the command line. */
export function load(bench: Bench, server: RunningServer, run: Load): Promise<DnsperfResult> {
  const { loadCore, seconds, clients, outstanding } = bench.options;
  return runDnsperf({ core: loadCore, port: server.port, seconds, clients, outstanding, ...run });
}

export interface MeasuredLoad {
  readonly result: DnsperfResult;
  /** Values of `CPU_COLUMNS`. */
  readonly cost: Readonly<Record<string, number>>;
}

/** The same, and what it cost the server: microseconds of CPU for each answer. */
export async function measuredLoad(bench: Bench, server: RunningServer, run: Load): Promise<MeasuredLoad> {
  const before = sampleCpu(server.pid);
  const result = await load(bench, server, run);
  const { ns, userShare } = cpuBetween(before, sampleCpu(server.pid));
  const cpuUs = ns / 1000 / result.completed;
  return { result, cost: { cpuUs, userUs: cpuUs * userShare, systemUs: cpuUs * (1 - userShare) } };
}

export function fileIn(bench: Bench, name: string): string {
  return join(bench.directory, name);
}
