import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { FLAG_TC } from "../../../dns/header.ts";
import { pluginServer } from "../../../../test/support/plugin-server.ts";
import { respond } from "../../../../test/support/scripted-upstream.ts";
import { answering, chainOf, setUp, testQuery, type TestQueryOptions } from "../../../../test/support/setup-context.ts";
import { bufsize } from "./bufsize.ts";

async function sizeSeen(size: string, options: TestQueryOptions): Promise<number | undefined> {
  const next = answering();
  await chainOf(setUp(bufsize, `. {\nbufsize ${size}\n}`).instance, next).serve(testQuery(".", "A", options));
  return next.queries[0]?.view.udpSize;
}

describe("bufsize", () => {
  it("lowers a client's size to the limit and never raises it", async () => {
    assert.equal(await sizeSeen("1024", { udpSize: 1152 }), 1024);
    assert.equal(await sizeSeen("1024", { udpSize: 896 }), 896);
    assert.equal(await sizeSeen("", { udpSize: 4096 }), 1232);
    assert.equal(await sizeSeen("4096", { udpSize: 4096 }), 4096);
  });

  it("does not give an OPT to a query without one", async () => {
    const next = answering();
    await chainOf(setUp(bufsize, ". {\nbufsize 1024\n}").instance, next).serve(testQuery(".", "A"));
    assert.deepEqual([next.queries[0]?.view.hasOpt, next.queries[0]?.view.udpSize], [false, 512]);
  });

  it("is on the slow path only where it makes a difference", () => {
    assert.equal(setUp(bufsize, ". {\nbufsize 1231\n}").context.seesEveryQuery, true);
    for (const size of ["", "1232", "4096"]) {
      assert.equal(setUp(bufsize, `. {\nbufsize ${size}\n}`).context.seesEveryQuery, false);
    }
  });

  for (const [text, message] of [
    ["5000", "Corefile:2:9: 5000 is out of range: 512 to 4096"],
    ["511", "Corefile:2:9: 511 is out of range: 512 to 4096"],
    ["-1", "Corefile:2:9: -1 is out of range: 512 to 4096"],
    ["abc123", "Corefile:2:9: 'abc123' is no whole number"],
    ['"512 512"', "Corefile:2:9: '512 512' is no whole number"],
    ["512 512", "Corefile:2:13: Wrong argument count: 'bufsize' does not take '512'"],
    ["{\nsize 512\n}", "Corefile:3:1: unknown property 'size'"],
  ] as const) {
    it(`refuses bufsize ${text.replaceAll("\n", " ")}`, () => {
      assert.throws(() => setUp(bufsize, `. {\nbufsize ${text}\n}`), { message });
    });
  }

  it("limits replies over UDP, hits of the cache too", async (t) => {
    const records = Array.from({ length: 60 }, (_, i) => ({ type: 1, ttl: 60, rdata: Uint8Array.of(192, 0, 2, i) }));
    const corefile = ". {\n bufsize 600\n cache\n forward . 127.0.0.1:PORT\n}\n";
    const { ask, upstream } = await pluginServer(
      t,
      (query) => ({ reply: respond(query, { answers: records }) }),
      corefile,
    );
    for (let i = 0; i < 2; i++) {
      const reply = await ask("big.test.", 1, { opt: 1232 });
      assert.equal(reply.flags & FLAG_TC, FLAG_TC);
      // One RRset, kept whole or not at all.
      assert.equal(reply.answers.length, 0);
    }
    assert.equal(upstream.queries.length, 1);
  });
});
