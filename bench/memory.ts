/** Memory of the whole process tree, with nothing and with 10,000 answers in the cache. */
import { proportionalMemory } from "./process-accounts.ts";
import { writeColdQueries } from "./questions.ts";
import type { Column } from "./results.ts";
import { eachServer, fileIn, load, type Bench } from "./scenario.ts";

const ENTRIES = 10_000;
const COLUMNS: readonly Column[] = [
  { key: "emptyMib", title: "PSS MiB, empty", digits: 1 },
  { key: "fullMib", title: `PSS MiB, ${ENTRIES} cached`, digits: 1, claim: true },
  { key: "cached", title: "of them cached", digits: 0 },
];
const MIB = 1024 * 1024;
/** Slow enough that none is lost: each name is asked once only. */
const RATE = 5000;

export async function memory(bench: Bench): Promise<void> {
  const queries = fileIn(bench, "entries.txt");
  await writeColdQueries(queries, "e", ENTRIES);
  await eachServer(bench, async (server, round) => {
    const emptyMib = proportionalMemory(server.pid) / MIB;
    const pass = { queries, seconds: 60, queriesPerSecond: RATE, once: true };
    await load(bench, server, pass);
    const fullMib = proportionalMemory(server.pid) / MIB;
    const askedBefore = await bench.upstream.queries();
    const { completed } = await load(bench, server, pass);
    const cached = completed - ((await bench.upstream.queries()) - askedBefore);
    bench.results.add(`memory, ${ENTRIES} names of type A`, COLUMNS, {
      server: server.name,
      values: { emptyMib, fullMib, cached },
    });
    bench.progress(`round ${round} ${server.name}: ${fullMib.toFixed(1)} MiB`);
  });
}
