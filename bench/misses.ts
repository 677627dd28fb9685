/** Queries that all go to the upstream: what each costs, and whether equal ones are asked together. */
import { askUdp, queryFor } from "../test/support/dns-client.ts";
import { answerA, delayed, startUpstream } from "../test/support/scripted-upstream.ts";
import { coldName, writeColdQueries } from "./questions.ts";
import type { Column } from "./results.ts";
import { CPU_COLUMNS, eachServer, fileIn, load, measuredLoad, type Bench, type Load } from "./scenario.ts";
import type { RunningServer } from "./running-server.ts";

const COLUMNS: readonly Column[] = [
  ...CPU_COLUMNS,
  { key: "qps", title: "queries/s", digits: 0 },
  { key: "lost", title: "lost", digits: 0 },
  { key: "upstream", title: "upstream queries/query", digits: 3 },
];
const TOGETHER_COLUMNS: readonly Column[] = [
  { key: "upstream", title: "upstream queries", digits: 0 },
  { key: "answered", title: "answered", digits: 0 },
];
/** More than any server here answers in a second: the files must not run out, and are never begun again. */
const NAMES_PER_SECOND = 160_000;
const EQUAL_QUERIES = 20;

export async function misses(bench: Bench): Promise<void> {
  const { seconds, rates, warmUpSeconds } = bench.options;
  const warmUp = fileIn(bench, "warm-up.txt");
  const saturated = fileIn(bench, "saturated.txt");
  await writeColdQueries(warmUp, "w", Math.ceil(NAMES_PER_SECOND * warmUpSeconds));
  await writeColdQueries(saturated, "s", Math.ceil(NAMES_PER_SECOND * seconds));
  for (const rate of rates)
    await writeColdQueries(fileIn(bench, `rate-${rate}.txt`), `r${rate}`, Math.ceil(rate * (seconds + 1)));

  for (const forceTcp of [false, true]) {
    const upstream = forceTcp ? "TCP upstream" : "UDP upstream";
    const measure = async (title: string, server: RunningServer, round: number, run: Load): Promise<void> => {
      const askedBefore = await bench.upstream.queries();
      const { result, cost } = await measuredLoad(bench, server, { once: true, ...run });
      const asked = (await bench.upstream.queries()) - askedBefore;
      const { queriesPerSecond: qps, lost } = result;
      const values = { ...cost, qps, lost, upstream: asked / result.completed };
      bench.results.add(title, COLUMNS, { server: server.name, values });
      bench.progress(
        `round ${round} ${server.name}, ${title}: ${cost["cpuUs"]?.toFixed(2)} µs, ${qps.toFixed(0)} queries/s`,
      );
    };
    await eachServer(
      bench,
      async (server, round) => {
        await load(bench, server, { queries: warmUp, seconds: warmUpSeconds, once: true });
        for (const queriesPerSecond of rates) {
          const run = { queries: fileIn(bench, `rate-${queriesPerSecond}.txt`), queriesPerSecond };
          await measure(`misses, ${upstream}, ${queriesPerSecond} queries/s offered`, server, round, run);
        }
        await measure(`misses, ${upstream}, saturated`, server, round, { queries: saturated });
      },
      { forceTcp, waiting: 2 * bench.options.outstanding },
    );
    await together(bench, forceTcp, upstream);
  }
}

/** Twenty equal questions from twenty sockets at once, to an upstream that takes its time. */
async function together(bench: Bench, forceTcp: boolean, upstream: string): Promise<void> {
  const slow = await startUpstream({
    script: (query) =>
      (query.name.includes("cold") ? delayed(200, answerA("192.0.2.1", 60)) : answerA("192.0.2.1", 60))(query),
  });
  try {
    await eachServer(
      bench,
      async (server) => {
        const before = slow.queries.length;
        const wire = queryFor(coldName("together", 1), 1);
        const ask = (): Promise<unknown> => askUdp({ port: server.port, wire, timeoutMs: 5000 });
        const answers = await Promise.allSettled(Array.from({ length: EQUAL_QUERIES }, ask));
        const answered = answers.filter((answer) => answer.status === "fulfilled").length;
        const asked = slow.queries.length - before;
        bench.results.add(`${EQUAL_QUERIES} equal misses at once, ${upstream}`, TOGETHER_COLUMNS, {
          server: server.name,
          values: { upstream: asked, answered },
        });
      },
      { forceTcp, waiting: EQUAL_QUERIES, upstreamPort: slow.port, rounds: 1 },
    );
  } finally {
    await slow.close();
  }
}
