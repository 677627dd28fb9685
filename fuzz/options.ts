/** Command line of the fuzzer. */
import { parseArgs } from "node:util";
import { UsageError } from "../src/base/errors.ts";
import { isTargetName, TARGET_NAMES, type TargetName } from "./targets.ts";

export interface FuzzOptions {
  readonly targets: readonly TargetName[];
  /** Of each target. */
  readonly seconds: number;
  /** Of each target. */
  readonly runs: number;
  readonly seed: number;
}

const DEFAULT_SECONDS = 20;
/** When a number of runs is asked for. */
const LONGEST_SECONDS = 3600;

export const USAGE: string = `Usage: npm run fuzz [-- TARGET...] [options]

  Targets: ${TARGET_NAMES.join(", ")} (default: all, one after another)

  --seconds N  at most so long for each target (default ${DEFAULT_SECONDS}; with --runs ${LONGEST_SECONDS})
  --runs N     at most so many inputs for each target
  --seed N     of the pseudo-random numbers (default 1); the same seed and --runs give the same inputs

Exit code: 0 no finding, 1 findings (written to fuzz/findings/), 2 usage`;

/** @throws UsageError */
export function parseOptions(argv: readonly string[]): FuzzOptions {
  const { values, positionals } = parse(argv);
  const targets = positionals.map((name) => {
    if (!isTargetName(name)) throw new UsageError(`no target "${name}": there are ${TARGET_NAMES.join(", ")}`);
    return name;
  });
  const number = (name: "seconds" | "runs" | "seed", otherwise: number): number => {
    const value = values[name];
    if (value === undefined) return otherwise;
    const read = Number(value);
    const least = name === "seed" ? 0 : 1;
    if (!Number.isInteger(read) || read < least)
      throw new UsageError(`--${name} must be a whole number, not "${value}"`);
    return read;
  };
  return {
    targets: targets.length === 0 ? TARGET_NAMES : targets,
    seconds: number("seconds", values.runs === undefined ? DEFAULT_SECONDS : LONGEST_SECONDS),
    runs: number("runs", Number.MAX_SAFE_INTEGER),
    seed: number("seed", 1),
  };
}

function parse(argv: readonly string[]): {
  values: Partial<Record<"seconds" | "runs" | "seed", string>>;
  positionals: string[];
} {
  const option = { type: "string" } as const;
  try {
    return parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: { seconds: option, runs: option, seed: option },
    });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}
