import assert from "node:assert/strict";
import { hostname } from "node:os";
import { describe, it } from "node:test";
import { admitQuery, QueryView } from "../../../dns/query-view.ts";
import type { Answer } from "../../chain/answer.ts";
import { Query } from "../../chain/query.ts";
import { queryFor } from "../../../../test/support/dns-client.ts";
import { pluginServer } from "../../../../test/support/plugin-server.ts";
import { answerA } from "../../../../test/support/scripted-upstream.ts";
import { answering, chainOf, setUp, testQuery } from "../../../../test/support/setup-context.ts";
import { nsid } from "./nsid.ts";

/** A query with an OPT and these option codes, without data. */
function wireAsking(name: string, ...codes: readonly number[]): Uint8Array {
  const plain = queryFor(name, 1, { opt: 1232 });
  const options = codes.flatMap((code) => [code >> 8, code & 0xff, 0, 0]);
  return Uint8Array.from([...plain.slice(0, -2), 0, options.length, ...options]);
}

function queryAsking(...codes: readonly number[]): Query {
  const base = testQuery("a.test", "A");
  const wire = wireAsking("a.test.", ...codes);
  const view = new QueryView();
  assert.equal(admitQuery(wire, 0, wire.length, view), 0);
  return Query.again(base, wire, view, 0);
}

async function optionsFor(corefile: string, query: Query): Promise<Answer["options"]> {
  const { instance } = setUp(nsid, `. {\n${corefile}\n}`);
  return (await chainOf(instance, answering()).serve(query)).options;
}

const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text));

describe("nsid", () => {
  for (const [corefile, text] of [
    ["nsid", hostname()],
    ['nsid "ps0"', "ps0"],
    ["nsid worker1", "worker1"],
    ['nsid "tf 2"', "tf 2"],
    ["nsid Use The Force", "Use The Force"],
  ] as const) {
    it(`tells who asks for it what ${corefile} says`, async () => {
      assert.deepEqual(await optionsFor(corefile, queryAsking(3)), [{ code: 3, data: bytes(text) }]);
    });
  }

  it("finds the question for it among other options, and stays silent without", async () => {
    assert.equal((await optionsFor("nsid a", queryAsking(10, 65_001, 3)))?.length, 1);
    assert.equal(await optionsFor("nsid a", queryAsking(10, 12)), undefined);
    assert.equal(await optionsFor("nsid a", queryAsking()), undefined);
    assert.equal(await optionsFor("nsid a", testQuery("a.test", "A")), undefined);
  });

  it("adds to the options of plugins below", async () => {
    const other = { code: 65_001, data: new Uint8Array(1) };
    const { instance } = setUp(nsid, ". {\nnsid a\n}");
    const next = answering((query) => ({
      wire: query.wire.slice(0, query.view.questionEnd),
      plugin: "",
      options: [other],
    }));
    assert.deepEqual((await chainOf(instance, next).serve(queryAsking(3))).options, [
      other,
      { code: 3, data: bytes("a") },
    ]);
  });

  it("stands once and has no properties", () => {
    assert.throws(() => setUp(nsid, ". {\nnsid\nnsid\n}"), { message: /^Corefile:3:1: .*only be used once/ });
    assert.throws(() => setUp(nsid, ". {\nnsid {\nfoo\n}\n}"), { message: "Corefile:3:1: unknown property 'foo'" });
  });

  it("marks misses and hits of the cache, and never what an upstream sees", async (t) => {
    const corefile = ". {\n nsid edge\n cache\n forward . 127.0.0.1:PORT\n}\n";
    const { send, upstream } = await pluginServer(t, answerA("192.0.2.1", 300), corefile);
    for (let i = 0; i < 2; i++) {
      const reply = await send(wireAsking("a.test.", 3));
      assert.deepEqual(reply.edns?.options, [{ code: 3, data: bytes("edge") }]);
      assert.equal(reply.answers.length, 1);
    }
    assert.equal(upstream.queries.length, 1);
    assert.deepEqual((await send(wireAsking("a.test."))).edns?.options, []);
    assert.equal((await send(queryFor("a.test.", 1))).edns, undefined);
  });
});
