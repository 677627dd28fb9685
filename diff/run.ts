/** Sends the mix to both servers at once and collects what differs. */
import { Random } from "../fuzz/random.ts";
import { upstreamAnswer } from "./answers.ts";
import { Asker } from "./asker.ts";
import { compareReplies, type Difference, type Reading, readReply } from "./compare.ts";
import { type DiffQuery, nextQuery } from "./questions.ts";

/** Queries under way at once. */
const AT_ONCE = 24;
/**
 * How long replies are waited for. A query that no server answers costs the first; when one of them was silent, the second
 * says whether it was, or was slow.
 */
const TIMEOUTS_MS: readonly number[] = [600, 5000];

export interface Case {
  readonly query: DiffQuery;
  readonly our: Reading;
  readonly their: Reading;
  readonly differences: readonly Difference[];
}

export interface RunOptions {
  readonly ourPort: number;
  readonly theirPort: number;
  readonly queries: number;
  readonly seed: number;
  /** Default 600 ms, then 5 s. */
  readonly timeoutsMs?: readonly number[];
  /** Called with each query whose replies differ. */
  readonly onCase: (found: Case) => void;
}

export async function runQueries(options: RunOptions): Promise<void> {
  const random = new Random(options.seed);
  const startMs = performance.now();
  let sent = 0;
  const worker = async (): Promise<void> => {
    const [ours, theirs] = await Promise.all([Asker.open(options.ourPort), Asker.open(options.theirPort)]);
    try {
      while (sent < options.queries) {
        const query = nextQuery(random, ++sent & 0xffff);
        const found = await askBoth(ours, theirs, query, startMs, options.timeoutsMs ?? TIMEOUTS_MS);
        if (found.differences.length > 0) options.onCase(found);
      }
    } finally {
      ours.close();
      theirs.close();
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}

async function askBoth(
  ours: Asker,
  theirs: Asker,
  query: DiffQuery,
  startMs: number,
  timeoutsMs: readonly number[],
): Promise<Case> {
  let our: Uint8Array | undefined;
  let their: Uint8Array | undefined;
  for (const timeoutMs of timeoutsMs) {
    [our, their] = await Promise.all([ours.ask(query, timeoutMs), theirs.ask(query, timeoutMs)]);
    if ((our === undefined) === (their === undefined)) break;
  }
  const [ourReading, theirReading] = [readReply(our), readReply(their)];
  const upstream =
    query.oddity === undefined ? upstreamAnswer(query.name, query.type, query.marks.has("DO")) : undefined;
  const elapsedS = (performance.now() - startMs) / 1000;
  const differences = compareReplies(ourReading, theirReading, upstream, elapsedS);
  return { query, our: ourReading, their: theirReading, differences };
}
