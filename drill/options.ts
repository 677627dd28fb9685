/** Command line of the drills. */
import { parseArgs } from "node:util";
import { UsageError } from "../src/base/errors.ts";
import { QUESTIONS_MAX } from "./questions.ts";

export const DRILL_NAMES = ["kill-server", "hang-server", "crash-loop", "upgrade", "kill-keeper", "soak"] as const;
export type DrillName = (typeof DRILL_NAMES)[number];

export interface DrillOptions {
  readonly drill: DrillName;
  /** Of load. */
  readonly seconds: number;
  /** Offered queries a second. */
  readonly rate: number;
  /** 0 to 100. */
  readonly missPercent: number;
  readonly hotNames: number;
  /** From one harm to the next, seconds. A crash loop is one harm. */
  readonly every: number;
  /** Folder of the picture and the log. */
  readonly out: string;
}

/** Offered queries a second, unless the drill has its own. */
const RATE = 20_000;

interface Defaults {
  readonly seconds: number;
  readonly every: number;
  readonly rate?: number;
}

const DEFAULTS: Readonly<Record<DrillName, Defaults>> = {
  "kill-server": { seconds: 60, every: 0.7 },
  "hang-server": { seconds: 30, every: 5 },
  "crash-loop": { seconds: 60, every: 60 },
  upgrade: { seconds: 40, every: 3 },
  "kill-keeper": { seconds: 30, every: 5 },
  soak: { seconds: 1800, every: 10, rate: 10_000 },
};

export const USAGE: string = `Usage: npm run drill -- ${DRILL_NAMES.join(" | ")} [options]

  kill-server  kill -9 of the server every 0.7 s
  hang-server  SIGSTOP of the server every 5 s
  crash-loop   the Corefile is replaced by a bad one and the server killed, so that no start succeeds; later the good one
               comes back
  upgrade      ten times in a row a new nodens serve takes over from the one that runs
  kill-keeper  kill -9 of the keeper every 5 s; it is started again, as a supervisor would
  soak         kill -9 of the server every 10 s for half an hour: is memory flat, are descriptors

  --seconds N       of load (default 60; hang-server and kill-keeper 30, upgrade 40, soak 1800)
  --rate QPS        offered queries a second (default 20000; soak 10000)
  --miss-percent P  of the queries, for names that are not cached; the upstream takes 20 ms (default 5)
  --names N         names that are cached (default 1000)
  --every SECONDS   from one harm to the next (default see above; upgrade 3)
  --out DIR         where the timeline DRILL.svg and what the server printed, DRILL.log, are written (default drill/results)

Exit code: 0 nothing was lost, 1 queries were lost or answered wrongly, a cached name got SERVFAIL, or memory grew,
2 usage, 3 cannot be done here`;

/** @throws UsageError */
export function parseOptions(argv: readonly string[]): DrillOptions {
  const { values, positionals } = parse(argv);
  const drill = DRILL_NAMES.find((name) => name === positionals[0]);
  if (drill === undefined || positionals.length !== 1)
    throw new UsageError(`say which drill: ${DRILL_NAMES.join(", ")}`);
  const number = (name: string, value: string | undefined, otherwise: number, min: number, max: number): number => {
    const read = value === undefined ? otherwise : Number(value);
    if (value?.trim() === "" || !(read >= min && read <= max)) {
      throw new UsageError(`--${name} must be a number from ${min} to ${max}, not "${value}"`);
    }
    return read;
  };
  const defaults = DEFAULTS[drill];
  const options = {
    drill,
    seconds: number("seconds", values.seconds, defaults.seconds, 1, 86_400),
    rate: number("rate", values.rate, defaults.rate ?? RATE, 1, 1_000_000),
    missPercent: number("miss-percent", values["miss-percent"], 5, 0, 100),
    hotNames: Math.floor(number("names", values.names, 1000, 1, 9000)),
    every: number("every", values.every, defaults.every, 0.05, 86_400),
    out: values.out ?? "drill/results",
  };
  if (options.rate * options.seconds > QUESTIONS_MAX) throw new UsageError("--rate times --seconds is too much");
  return options;
}

const STRING = { type: "string" } as const;

function parse(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: {
        seconds: STRING,
        rate: STRING,
        "miss-percent": STRING,
        names: STRING,
        every: STRING,
        out: STRING,
      },
    });
  } catch (cause) {
    throw new UsageError(cause instanceof Error ? cause.message : String(cause), { cause });
  }
}
