/** Answers from the cache at fixed rates: what each costs, and how long it takes. */
import { probe } from "./probe.ts";
import { HOT_NAMES, writeHotQueries } from "./questions.ts";
import type { Column } from "./results.ts";
import type { RunningServer } from "./running-server.ts";
import { CPU_COLUMNS, sideBySide, fileIn, load, measuredLoad, type Bench, type MeasuredLoad } from "./scenario.ts";

const COLUMNS: readonly Column[] = [
  ...CPU_COLUMNS,
  { key: "p50Us", title: "p50 µs", digits: 0 },
  { key: "p99Us", title: "p99 µs", digits: 0, claim: true },
  { key: "p999Us", title: "p99.9 µs", digits: 0 },
  { key: "averageUs", title: "dnsperf average µs", digits: 0 },
  { key: "maxMs", title: "max ms", digits: 1 },
  { key: "lost", title: "lost", digits: 0 },
];

export async function paced(bench: Bench): Promise<void> {
  const queries = fileIn(bench, "hot.txt");
  await writeHotQueries(queries);
  const { loadCore, rates, seconds, warmUpSeconds } = bench.options;
  // At a rate, for at full speed a server with a compiler meets full batches only, and goes on compiling while it is measured.
  const warmUp = (server: RunningServer): Promise<unknown> =>
    load(bench, server, { queries, seconds: warmUpSeconds, queriesPerSecond: Math.max(...rates) });
  await sideBySide(bench, warmUp, async (servers, round) => {
    for (const rate of rates) {
      // One right after the other, and what takes other time only then.
      const loads = new Map<RunningServer, MeasuredLoad>();
      for (const server of servers) {
        loads.set(server, await measuredLoad(bench, server, { queries, queriesPerSecond: rate }));
      }
      for (const [server, { result, cost }] of loads) {
        const request = { port: server.port, names: HOT_NAMES, queriesPerSecond: rate, seconds, spin: true };
        const latency = await probe(loadCore, request);
        const values = {
          ...cost,
          p50Us: latency?.p50Us ?? Number.NaN,
          p99Us: latency?.p99Us ?? Number.NaN,
          p999Us: latency?.p999Us ?? Number.NaN,
          averageUs: result.averageLatencyMs * 1000,
          maxMs: result.maxLatencyMs,
          lost: result.lost + (latency === undefined ? 0 : latency.sent - latency.answered),
        };
        bench.results.add(`hits at ${rate} queries/s`, COLUMNS, { server: server.name, values });
        bench.progress(
          `round ${round} ${server.name} at ${rate}/s: ${cost["cpuUs"]?.toFixed(2)} µs, p99 ${values.p99Us.toFixed(0)} µs`,
        );
      }
    }
  });
}
