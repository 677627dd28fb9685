import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { FLAG_AA, FLAG_RA, FLAG_RD } from "../../../dns/header.ts";
import type { FlagOverride } from "../../chain/answer.ts";
import { pluginServer } from "../../../../test/support/plugin-server.ts";
import { answerA } from "../../../../test/support/scripted-upstream.ts";
import { answering, setUp, testQuery, type TestQueryOptions } from "../../../../test/support/setup-context.ts";
import { header } from "./header.ts";

const block = (...rules: string[]): string => `. {\nheader {\n${rules.join("\n")}\n}\n}`;

/** What is decided for replies. */
async function decided(...rules: string[]): Promise<FlagOverride | undefined> {
  const { instance } = setUp(header, block(...rules));
  return (await instance.aboveCache?.(answering()).serve(testQuery("a.test", "A")))?.flags;
}

/** Flags that plugins below see. */
async function seen(rules: string[], options: TestQueryOptions = {}): Promise<number> {
  const next = answering();
  const query = testQuery("a.test", "A", options);
  const before = query.wire.slice();
  const { instance } = setUp(header, block(...rules));
  await (instance.handler?.(next) ?? next).serve(query);
  assert.deepEqual(query.wire, before, "the client's query stays as it is");
  const [below] = next.queries;
  assert.equal(((below?.wire[2] ?? 0) << 8) | (below?.wire[3] ?? 0), below?.view.flags, "wire and view agree");
  return below?.view.flags ?? 0;
}

describe("header on replies", () => {
  it("sets and clears flags", async () => {
    assert.deepEqual(await decided("response clear ra"), { mask: FLAG_RA, value: 0 });
    assert.deepEqual(await decided("response set rd"), { mask: FLAG_RD, value: FLAG_RD });
    assert.deepEqual(await decided("response set aa"), { mask: FLAG_AA, value: FLAG_AA });
    assert.deepEqual(await decided("response set ra aa", "response clear rd"), {
      mask: FLAG_AA | FLAG_RA | FLAG_RD,
      value: FLAG_AA | FLAG_RA,
    });
  });

  it("lets the last rule for a flag count, in any case of letters", async () => {
    assert.deepEqual(await decided("response set aa rd", "RESPONSE Clear AA"), {
      mask: FLAG_AA | FLAG_RD,
      value: FLAG_RD,
    });
  });

  it("has nothing to do where RA is set, and then leaves the fast path on", async () => {
    assert.equal(await decided("response set ra"), undefined);
    assert.equal(setUp(header, block("response set ra")).context.seesEveryQuery, false);
    assert.equal(setUp(header, block("query set rd")).context.seesEveryQuery, false);
    assert.equal(setUp(header, block("response set aa")).context.seesEveryQuery, true);
    assert.equal(setUp(header, block("response set ra", "response clear ra")).context.seesEveryQuery, true);
  });
});

describe("header on queries", () => {
  it("sets and clears flags for the plugins below", async () => {
    assert.equal(await seen(["query set rd"], { recursionDesired: false }), FLAG_RD);
    assert.equal(await seen(["query clear rd"]), 0);
    assert.equal(await seen(["query set ra aa"]), FLAG_RD | FLAG_RA | FLAG_AA);
    assert.equal(await seen(["query set rd", "query clear rd"]), 0);
    assert.equal(await seen(["response set aa"]), FLAG_RD);
  });
});

describe("the header directive", () => {
  for (const [text, message] of [
    ["header", "Corefile:2:1: Wrong argument count or unexpected line ending after 'header'"],
    ["header {\n}", "Corefile:2:1: Wrong argument count or unexpected line ending after 'header'"],
    ["header set", "Corefile:2:8: Wrong argument count: 'header' does not take 'set'"],
    ["header {\nfoo\n}", "Corefile:3:1: setting up rule: invalid selector=foo should be query or response"],
    ["header {\nquery\n}", "Corefile:3:1: setting up rule: no flag action provided"],
    [
      "header {\nresponse set\n}",
      "Corefile:3:10: setting up rule: invalid length for flags, at least one should be provided",
    ],
    [
      "header {\nquery foo\n}",
      "Corefile:3:7: setting up rule: invalid length for flags, at least one should be provided",
    ],
    ["header {\nquery foo rd\n}", "Corefile:3:7: setting up rule: unknown flag action=foo, should be set or clear"],
    ["header {\nquery set rd\nquery set ad\n}", "Corefile:4:11: setting up rule: unknown/unsupported flag=ad"],
  ] as const) {
    it(`refuses ${text.replaceAll("\n", " ")}`, () => {
      assert.throws(() => setUp(header, `. {\n${text}\n}`), { message });
    });
  }
});

describe("header in a chain", () => {
  it("decides flags of misses and of hits", async (t) => {
    const rules = " header {\n  response set aa\n  response clear ra rd\n }\n";
    const corefile = `. {\n cache\n${rules} forward . 127.0.0.1:PORT\n}\n`;
    const { ask, upstream } = await pluginServer(t, answerA("192.0.2.1", 300), corefile);
    for (let i = 0; i < 2; i++) {
      assert.equal((await ask("a.test.", 1)).flags & (FLAG_AA | FLAG_RA | FLAG_RD), FLAG_AA);
    }
    assert.equal(upstream.queries.length, 1);
  });

  it("does so without a cache, and tells upstreams what it says of queries", async (t) => {
    const corefile = ". {\n header {\n  query clear rd\n  response set aa\n }\n forward . 127.0.0.1:PORT\n}\n";
    const { ask, upstream } = await pluginServer(t, answerA("192.0.2.1", 300), corefile);
    assert.equal((await ask("a.test.", 1)).flags & (FLAG_AA | FLAG_RD), FLAG_AA | FLAG_RD);
    assert.equal((upstream.queries[0]?.flags ?? 0) & FLAG_RD, 0);
  });

  it("does not touch what plugins above the cache answer", async (t) => {
    const corefile = ". {\n any\n cache\n header {\n  response clear ra\n }\n forward . 127.0.0.1:PORT\n}\n";
    const { ask } = await pluginServer(t, answerA("192.0.2.1", 300), corefile);
    assert.equal((await ask("a.test.", 255)).flags & FLAG_RA, FLAG_RA);
    assert.equal((await ask("a.test.", 1)).flags & FLAG_RA, 0);
  });
});
