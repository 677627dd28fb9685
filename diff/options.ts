/** Command line of the differential check. */
import { parseArgs } from "node:util";
import { UsageError } from "../src/base/errors.ts";

export const PEER_NAMES = ["unbound", "dnsdist"] as const;
export type PeerName = (typeof PEER_NAMES)[number];

export interface DiffOptions {
  readonly peer: PeerName;
  readonly queries: number;
  readonly seed: number;
  /** Differences shown of each kind. */
  readonly show: number;
}

export const USAGE: string = `Usage: npm run diff -- --peer ${PEER_NAMES.join("|")} [options]

  Sends the same queries to Nodens and to another server, both in front of one scripted upstream, and lists where their
  replies differ and docs/differences.md does not say why.

  --queries N  default 10000
  --seed N     of the query mix (default 1)
  --show N     differences shown of each kind (default 3)

Exit code: 0 none but explained differences, 1 others, 2 usage, 3 the peer is not installed`;

/** @throws UsageError */
export function parseOptions(argv: readonly string[]): DiffOptions {
  const values = parse(argv);
  const peer = PEER_NAMES.find((name) => name === values.peer);
  if (peer === undefined) throw new UsageError(`--peer must be ${PEER_NAMES.join(" or ")}`);
  const number = (name: "queries" | "seed" | "show", otherwise: number): number => {
    const value = values[name];
    const read = value === undefined ? otherwise : Number(value);
    if (!Number.isInteger(read) || read < (name === "queries" ? 1 : 0)) {
      throw new UsageError(`--${name} must be a whole number, not "${value}"`);
    }
    return read;
  };
  return { peer, queries: number("queries", 10_000), seed: number("seed", 1), show: number("show", 3) };
}

function parse(argv: readonly string[]): Partial<Record<"peer" | "queries" | "seed" | "show", string>> {
  const option = { type: "string" } as const;
  try {
    const options = { peer: option, queries: option, seed: option, show: option };
    return parseArgs({ args: [...argv], options }).values;
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}
