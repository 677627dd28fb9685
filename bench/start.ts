/** From the start of the process to its first answer: on one core, and on as many as there are. */
import type { Column } from "./results.ts";
import { eachServer, type Bench } from "./scenario.ts";

const COLUMNS: readonly Column[] = [{ key: "startMs", title: "first answer after ms", digits: 0, claim: true }];

export async function start(bench: Bench): Promise<void> {
  for (const cores of ["one core", "any core"]) {
    await eachServer(
      bench,
      async (server, round) => {
        bench.results.add(`start, ${cores}`, COLUMNS, { server: server.name, values: { startMs: server.startMs } });
        bench.progress(`${cores}, round ${round} ${server.name}: ${server.startMs.toFixed(0)} ms`);
      },
      cores === "any core" ? { core: "any" } : {},
    );
  }
}
