/** What random-subdomain queries do to answers from the cache and to memory, while the upstream takes its time. */
import { proportionalMemory } from "./process-accounts.ts";
import { flood as floodWith } from "./flood-source.ts";
import { probe } from "./probe.ts";
import { HOT_NAMES } from "./questions.ts";
import type { Column } from "./results.ts";
import { eachServer, type Bench } from "./scenario.ts";
import { startSlowUpstream } from "./slow-upstream-process.ts";

const COLUMNS: readonly Column[] = [
  { key: "hitPercent", title: "hot names from the cache %", digits: 3, claim: true },
  { key: "p50Us", title: "p50 µs", digits: 0 },
  { key: "p99Us", title: "p99 µs", digits: 0, claim: true },
  { key: "maxUs", title: "max µs", digits: 0 },
  { key: "lost", title: "hot queries lost", digits: 0 },
  { key: "startMib", title: "PSS MiB, before", digits: 1 },
  { key: "minuteMib", title: "after a minute", digits: 1 },
  { key: "endMib", title: "at the end", digits: 1 },
  { key: "floodQps", title: "flood queries/s", digits: 0 },
  { key: "floodAnswered", title: "of them answered %", digits: 1 },
  { key: "upstreamQps", title: "upstream queries/s", digits: 0 },
];
const UPSTREAM_MS = 200;
const HIT_RATE = 1000;
const MIB = 1024 * 1024;

export async function flood(bench: Bench): Promise<void> {
  const { loadCore, seconds, rates } = bench.options;
  const upstream = await startSlowUpstream(loadCore, UPSTREAM_MS);
  try {
    for (const rate of rates) {
      await eachServer(
        bench,
        async (server, round) => {
          const { port, pid } = server;
          const hot = { port, names: HOT_NAMES, spin: false };
          await probe(loadCore, { ...hot, queriesPerSecond: 100, seconds: 1 });
          const startMib = proportionalMemory(pid) / MIB;
          const before = await upstream.counts();
          let minuteMib = Number.NaN;
          // In a short run: at half of its time.
          const timer = setTimeout(() => (minuteMib = proportionalMemory(pid) / MIB), Math.min(60, seconds / 2) * 1000);
          // When the flood ends there is still something under way: the memory at that time is what counts.
          const flooding = floodWith(loadCore, { port, queriesPerSecond: rate, seconds }).then((result) => ({
            ...result,
            endMib: proportionalMemory(pid) / MIB,
          }));
          const latency = await probe(loadCore, { ...hot, queriesPerSecond: HIT_RATE, seconds });
          const { sent, answered, endMib } = await flooding;
          clearTimeout(timer);
          const after = await upstream.counts();
          const { p50Us = Number.NaN, p99Us = Number.NaN, maxUs = Number.NaN } = latency ?? {};
          const asked = latency?.sent ?? Number.NaN;
          const got = latency?.answered ?? Number.NaN;
          const hitPercent = (100 * (got - (after.other - before.other))) / asked;
          bench.results.add(`hits at ${HIT_RATE} queries/s under a flood of ${rate} random names/s`, COLUMNS, {
            server: server.name,
            values: {
              hitPercent,
              p50Us,
              p99Us,
              maxUs,
              lost: asked - got,
              startMib,
              minuteMib,
              endMib,
              floodQps: sent / seconds,
              floodAnswered: (100 * answered) / sent,
              upstreamQps: (after.flood - before.flood) / seconds,
            },
          });
          bench.progress(
            `round ${round} ${server.name}: ${hitPercent.toFixed(2)} % hits, p99 ${p99Us.toFixed(0)} µs, ${endMib.toFixed(1)} MiB`,
          );
        },
        // As many a second as come, times how long each waits, and as many again.
        { waiting: Math.round((2 * rate * UPSTREAM_MS) / 1000), upstreamPort: upstream.port },
      );
    }
  } finally {
    await upstream.stop();
  }
}
