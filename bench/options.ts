/** Command line of the bench. */
import { parseArgs } from "node:util";
import { UsageError } from "../src/base/errors.ts";

export const SCENARIO_NAMES = ["hits", "paced", "misses", "memory", "start", "storm", "flood", "kube"] as const;
export type ScenarioName = (typeof SCENARIO_NAMES)[number];

export interface BenchOptions {
  readonly scenario: ScenarioName;
  readonly seconds: number;
  readonly rounds: number;
  /** Seconds of load before a server is measured: its cache fills, its code is compiled. */
  readonly warmUpSeconds: number;
  /** Sockets of dnsperf. */
  readonly clients: number;
  /** Queries of dnsperf that may wait at once. The default stays below the 256 that a default socket buffer holds. */
  readonly outstanding: number;
  /** Offered queries a second: of `misses` (beside saturated), of `paced`, of `flood`. */
  readonly rates: readonly number[];
  /** Names of the servers to run; empty: all that are installed. */
  readonly only: readonly string[];
  readonly peers: readonly { readonly name: string; readonly command: string }[];
  readonly serverCore: number;
  /** Of dnsperf, the prober, the upstream, and the bench itself. */
  readonly loadCore: number;
  readonly json: string | undefined;
}

export const USAGE = `Usage: npm run bench -- hits | paced | misses | memory | start | storm | flood | kube [options]

  hits    CPU per answer from the cache, as many queries as the server answers
  paced   CPU per answer and latency at fixed rates
  misses  CPU per query that goes to the upstream, by UDP and by TCP; upstream queries for 20 equal questions at once
  memory  proportional memory of the process tree with 10,000 answers cached
  start   from the start of the process to its first answer
  storm   latency of answers from the cache while 10,000 other questions wait for the upstream
  flood   answers from the cache and memory while random names are asked for, with an upstream that takes 200 ms
  kube    10,000 Services: from the start to synced, memory, from a change to its answer (Nodens alone)

  --seconds N          of each measured run (default 5; flood 30)
  --warm-up N          seconds of load before that (default 2)
  --rounds N           runs of each server, in alternating order; medians are shown (default 3; flood 1)
  --clients N          client sockets (default 100)
  --outstanding N      queries under way at once when saturated (default 200)
  --rate N[,N...]      offered queries a second (default: paced 1000,10000; misses 10000;
                       flood 20000)
  --only NAME[,NAME]   these servers only
  --peer NAME=COMMAND  one more server; {port}, {upstream} (a port of 127.0.0.1) and {corefile} are put in. Repeatable
  --server-core N      core of the server (default 0)
  --load-core N        core of the load generator and the upstream (default 1)
  --json FILE          all runs, versions, configurations and ratios as JSON`;

/** @throws UsageError */
export function parseOptions(argv: readonly string[]): BenchOptions {
  const { values, positionals } = parse(argv);
  const scenario = SCENARIO_NAMES.find((name) => name === positionals[0]);
  if (scenario === undefined || positionals.length !== 1) {
    throw new UsageError(`say what to measure: ${SCENARIO_NAMES.join(", ")}`);
  }
  const positive = (name: string, value: string | undefined, otherwise: number): number => {
    const number = value === undefined ? otherwise : Number(value);
    if (!(number > 0)) throw new UsageError(`--${name} must be a number above 0, not "${value}"`);
    return number;
  };
  const core = (name: string, value: string | undefined, otherwise: number): number => {
    const number = value === undefined ? otherwise : Number(value);
    if (!Number.isInteger(number) || number < 0) throw new UsageError(`--${name} must be the number of a core`);
    return number;
  };
  const defaultRates = { paced: [1000, 10_000], flood: [20_000] }[String(scenario)] ?? [10_000];
  return {
    scenario,
    seconds: positive("seconds", values.seconds, scenario === "flood" ? 30 : 5),
    warmUpSeconds: positive("warm-up", values["warm-up"], 2),
    rounds: Math.ceil(positive("rounds", values.rounds, scenario === "flood" ? 1 : 3)),
    clients: Math.ceil(positive("clients", values.clients, 100)),
    outstanding: Math.ceil(positive("outstanding", values.outstanding, 200)),
    rates: values.rate === undefined ? defaultRates : values.rate.split(",").map((rate) => positive("rate", rate, 0)),
    only: values.only === undefined ? [] : values.only.split(","),
    peers: (values.peer ?? []).map(parsePeer),
    serverCore: core("server-core", values["server-core"], 0),
    loadCore: core("load-core", values["load-core"], 1),
    json: values.json,
  };
}

const STRING = { type: "string" } as const;

function parse(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: {
        seconds: STRING,
        rounds: STRING,
        "warm-up": STRING,
        clients: STRING,
        outstanding: STRING,
        rate: STRING,
        only: STRING,
        peer: { type: "string", multiple: true },
        "server-core": STRING,
        "load-core": STRING,
        json: STRING,
      },
    });
  } catch (cause) {
    throw new UsageError(cause instanceof Error ? cause.message : String(cause), { cause });
  }
}

function parsePeer(text: string): { name: string; command: string } {
  const [, name, command] = /^([\w.-]+)=(.+)$/s.exec(text) ?? [];
  if (name === undefined || command === undefined) throw new UsageError(`--peer must be name=command, not "${text}"`);
  return { name, command };
}
