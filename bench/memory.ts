/**
 * Memory of the whole process tree, with nothing and with 10,000 answers in the cache, each after a rest.
 *
 * What is written here runs on a Node.js too. Nodens gets a copy of that program, or half of its pages would count as the bench's.
 */
import { copyFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { proportionalMemory } from "./process-accounts.ts";
import { writeColdQueries } from "./questions.ts";
import type { Column } from "./results.ts";
import { eachServer, fileIn, load, type Bench } from "./scenario.ts";
import type { ServerKind } from "./servers.ts";

const ENTRIES = 10_000;
const COLUMNS: readonly Column[] = [
  { key: "emptyMib", title: "PSS MiB, empty", digits: 1 },
  { key: "fullMib", title: `PSS MiB, ${ENTRIES} cached`, digits: 1, claim: true },
  { key: "cached", title: "of them cached", digits: 0 },
];
/** What a start or a load leaves behind is given back by then. */
const REST_MS = 5000;
const MIB = 1024 * 1024;
/** Slow enough that none is lost: each name is asked once only. */
const RATE = 5000;

export async function memory(bench: Bench): Promise<void> {
  const queries = fileIn(bench, "entries.txt");
  await writeColdQueries(queries, "e", ENTRIES);
  const program = fileIn(bench, "node");
  copyFileSync(process.execPath, program);
  const servers = bench.servers.map((kind) => onCopy(kind, program));
  await eachServer({ ...bench, servers }, async (server, round) => {
    await sleep(REST_MS);
    const emptyMib = proportionalMemory(server.pid) / MIB;
    const pass = { queries, seconds: 60, queriesPerSecond: RATE, once: true };
    await load(bench, server, pass);
    await sleep(REST_MS);
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

function onCopy(kind: ServerKind, program: string): ServerKind {
  const plan: ServerKind["plan"] = (launch) => {
    const own = kind.plan(launch);
    return own && { ...own, command: own.command.map((word) => (word === process.execPath ? program : word)) };
  };
  return { ...kind, plan };
}
