/** From the start of the process to its first answer. */
import type { Column } from "./results.ts";
import { eachServer, type Bench } from "./scenario.ts";

const COLUMNS: readonly Column[] = [{ key: "startMs", title: "first answer after ms", digits: 0, claim: true }];

export async function start(bench: Bench): Promise<void> {
  await eachServer(bench, async (server, round) => {
    bench.results.add("start", COLUMNS, { server: server.name, values: { startMs: server.startMs } });
    bench.progress(`round ${round} ${server.name}: ${server.startMs.toFixed(0)} ms`);
  });
}
