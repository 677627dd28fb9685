/** The whole check with two servers of ours in this process, one of which can be made to differ. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { runServer } from "../test/support/running-server.ts";
import { startUpstream } from "../test/support/scripted-upstream.ts";
import { react } from "./answers.ts";
import { type Case, runQueries } from "./run.ts";
import { Tally } from "./tally.ts";

/** Cases for some hundred queries to a server with these directives, and one without. */
async function compareWith(directives: string): Promise<Case[]> {
  const upstream = await startUpstream({ script: react });
  const corefile = (more: string): string => `.:53 {\n${more}\ncache\nforward . 127.0.0.1:${upstream.port}\n}\n`;
  const [plain, other] = await Promise.all([runServer(corefile("")), runServer(corefile(directives))]);
  const cases: Case[] = [];
  try {
    await runQueries({
      ourPort: plain.port,
      theirPort: other.port,
      queries: 400,
      seed: 5,
      timeoutsMs: [250, 3000],
      onCase: (found) => cases.push(found),
    });
  } finally {
    await Promise.all([plain.stop(), other.stop()]);
    await upstream.close();
  }
  return cases;
}

describe("the differential check", () => {
  it("finds nothing between two servers that are the same", async () => {
    assert.deepEqual(
      (await compareWith("")).map(({ query, differences }) => [query.text, differences]),
      [],
    );
  });

  it("finds and lists what another configuration changes", async () => {
    const cases = await compareWith("header {\nresponse set aa\n}");
    assert.ok(cases.length > 100, `${cases.length} of 400`);
    const aspects = new Set(cases.flatMap(({ differences }) => differences.map(({ aspect }) => aspect)));
    assert.deepEqual([...aspects], ["flag AA"]);
    const tally = new Tally("unbound", 1);
    for (const found of cases) tally.add(found);
    assert.equal(tally.unexplained, cases.length);
    const report = tally.report(400).join("\n");
    assert.match(report, /400 queries, \d+ with differences/);
    assert.match(report, /flag AA, svc\n +svc-\d+.*\n +nodens 0\n +unbound 1/i);
  });
});
