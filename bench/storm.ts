/** How long an answer from the cache takes while 10,000 other questions wait for a slow upstream. */
import { answerA, delayed, startUpstream } from "../test/support/scripted-upstream.ts";
import { probe } from "./probe.ts";
import { HOT_NAMES, writeColdQueries } from "./questions.ts";
import type { Column } from "./results.ts";
import { eachServer, fileIn, load, type Bench } from "./scenario.ts";

const COLUMNS: readonly Column[] = [
  { key: "p50Us", title: "p50 µs", digits: 0 },
  { key: "p99Us", title: "p99 µs", digits: 0, claim: true },
  { key: "maxUs", title: "max µs", digits: 0 },
  { key: "lost", title: "hits lost", digits: 0 },
  { key: "waiting", title: "waiting at the upstream", digits: 0 },
];
const IN_FLIGHT = 10_000;
/** Shorter than the time after which dnsperf and Nodens give a query up. */
const UPSTREAM_MS = 1500;
const HIT_RATE = 1000;

export async function storm(bench: Bench): Promise<void> {
  const { loadCore, seconds } = bench.options;
  const total = IN_FLIGHT * (seconds + 4);
  const queries = fileIn(bench, "storm.txt");
  await writeColdQueries(queries, "x", total);
  const quick = answerA("192.0.2.1", 3600);
  const slow = await startUpstream({
    script: (query) => (query.name.includes(".cold.") ? delayed(UPSTREAM_MS, quick)(query) : quick(query)),
  });
  try {
    await eachServer(
      bench,
      async (server, round) => {
        const hot = { port: server.port, names: HOT_NAMES, spin: false };
        await probe(loadCore, { ...hot, queriesPerSecond: 100, seconds: 1 });
        // As many a second as wait, divided by how long each waits.
        const rate = Math.round((IN_FLIGHT * 1000) / UPSTREAM_MS);
        const before = slow.queries.length;
        const cold = load(bench, server, {
          queries,
          seconds: seconds + 3,
          queriesPerSecond: rate,
          outstanding: IN_FLIGHT * 2,
          once: true,
        });
        await new Promise((resolve) => setTimeout(resolve, 2000));
        const waiting = Math.min(IN_FLIGHT, ((slow.queries.length - before) * UPSTREAM_MS) / 2000);
        const latency = await probe(loadCore, { ...hot, queriesPerSecond: HIT_RATE, seconds });
        await cold;
        const { p50Us = Number.NaN, p99Us = Number.NaN, maxUs = Number.NaN, sent = 0, answered = 0 } = latency ?? {};
        bench.results.add(`hits at ${HIT_RATE} queries/s while ${IN_FLIGHT} misses wait`, COLUMNS, {
          server: server.name,
          values: { p50Us, p99Us, maxUs, lost: sent - answered, waiting },
        });
        bench.progress(`round ${round} ${server.name}: p99 ${p99Us.toFixed(0)} µs`);
      },
      { waiting: 2 * IN_FLIGHT, upstreamPort: slow.port },
    );
  } finally {
    await slow.close();
  }
}
