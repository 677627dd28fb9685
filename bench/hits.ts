/** As many answers from the cache as the server gives, and what each costs. */
import { writeHotQueries } from "./questions.ts";
import type { Column } from "./results.ts";
import type { RunningServer } from "./running-server.ts";
import { CPU_COLUMNS, sideBySide, fileIn, load, measuredLoad, type Bench } from "./scenario.ts";

const COLUMNS: readonly Column[] = [
  ...CPU_COLUMNS,
  { key: "qps", title: "queries/s", digits: 0 },
  { key: "lost", title: "lost", digits: 0 },
  // Not 0: what is measured are not all hits.
  { key: "upstream", title: "upstream queries", digits: 0 },
];

export async function hits(bench: Bench): Promise<void> {
  const queries = fileIn(bench, "hot.txt");
  await writeHotQueries(queries);
  const { clients, outstanding } = bench.options;
  const title = `hits, saturated: ${clients} clients, ${outstanding} queries under way`;
  const warmUp = (server: RunningServer): Promise<unknown> =>
    load(bench, server, { queries, seconds: bench.options.warmUpSeconds });
  const measure = async (server: RunningServer, round: number): Promise<void> => {
    const askedBefore = await bench.upstream.queries();
    const { result, cost } = await measuredLoad(bench, server, { queries });
    const upstream = (await bench.upstream.queries()) - askedBefore;
    const values = { ...cost, qps: result.queriesPerSecond, lost: result.lost, upstream };
    bench.results.add(title, COLUMNS, { server: server.name, values });
    bench.progress(
      `round ${round} ${server.name}: ${cost["cpuUs"]?.toFixed(2)} µs, ${values.qps.toFixed(0)} queries/s`,
    );
  };
  await sideBySide(bench, warmUp, async (servers, round) => {
    for (const server of servers) await measure(server, round);
  });
}
