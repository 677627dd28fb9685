import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { decodeMessage, type Message } from "../../../dns/message.ts";
import { pluginServer } from "../../../../test/support/plugin-server.ts";
import { type ResponseText, responseTo } from "../../../../test/support/responses.ts";
import { respond, soa } from "../../../../test/support/scripted-upstream.ts";
import { answering, chainOf, setUp, testQuery } from "../../../../test/support/setup-context.ts";
import { minimal } from "./minimal.ts";

const ANSWER = ["example.com. 293 IN A 142.250.76.46"];
const NS = ["example.com. 157127 IN NS ns1.example.com.", "example.com. 157127 IN NS ns2.example.com."];
const SOA = ["example.com. 60 IN SOA ns1.example.com. admin.example.com. 1 7200 900 1209600 60"];
const GLUE = ["ns1.example.com. 316273 IN A 192.0.2.10", "ns2.example.com. 157127 IN AAAA 2001:db8::a"];
const NSEC = ["a.example.com. 60 IN NSEC c.example.com. A RRSIG NSEC"];
const signature = (inception: string, expiration: string): string =>
  `example.com. 293 IN RRSIG A 13 2 300 ${expiration} ${inception} 1 example.com. AAAA`;
const VALID = signature("20230101000000", "20240101000000");
const EXPIRED = signature("20210101000000", "20220101000000");

async function through(
  text: ResponseText,
  dnssecOk = false,
): Promise<{ counts: number[]; plugin: string; message: Message }> {
  const next = answering((query) => ({ wire: responseTo(query, text), plugin: "forward" }));
  const { instance } = setUp(minimal, ". {\nminimal\n}");
  const answer = await chainOf(instance, next).serve(testQuery("example.com", "A", { dnssecOk }));
  const message = decodeMessage(answer.wire);
  const { answers, authority, additional } = message;
  return { counts: [answers.length, authority.length, additional.length], plugin: answer.plugin, message };
}

describe("minimal", () => {
  for (const [title, text, counts] of [
    ["keeps the answer section of a success", { answers: ANSWER, authority: NS, additional: GLUE }, [1, 0, 0]],
    ["takes additional records away", { answers: ANSWER, additional: GLUE }, [1, 0, 0]],
    ["takes them from an answer that has nothing else", { additional: GLUE }, [0, 0, 0]],
  ] as const) {
    it(title, async () => {
      const result = await through(text);
      assert.deepEqual(result.counts, counts);
      assert.equal(result.plugin, "minimal");
    });
  }

  for (const [title, text, counts] of [
    ["a referral", { authority: NS, additional: GLUE }, [0, 2, 2]],
    ["an empty answer with its SOA", { authority: SOA, additional: GLUE }, [0, 1, 2]],
    ["NXDOMAIN", { rcode: 3, authority: SOA }, [0, 1, 0]],
    ["a failure, answers or not", { rcode: 2, answers: ANSWER, authority: NS, additional: GLUE }, [1, 2, 2]],
    ["a refusal", { rcode: 5, authority: NS }, [0, 2, 0]],
    ["what is short already", { answers: ANSWER }, [1, 0, 0]],
  ] as const) {
    it(`leaves ${title} alone`, async () => {
      const result = await through(text);
      assert.deepEqual(result.counts, counts);
      assert.equal(result.plugin, "forward");
    });
  }

  it("keeps names readable that were compressed", async () => {
    const text = {
      answers: ["example.com. 5 IN CNAME www.example.com.", "www.example.com. 5 IN A 192.0.2.1"],
      additional: GLUE,
    };
    assert.equal((await through(text)).message.answers.length, 2);
  });

  it("leaves the proof of a wildcard to who validates (RFC 4035 §3.1.3.3)", async () => {
    const signed = { answers: [...ANSWER, VALID], authority: NSEC, additional: GLUE };
    assert.deepEqual((await through(signed, true)).counts, [2, 1, 0]);
    assert.deepEqual((await through(signed, false)).counts, [2, 0, 0]);
    assert.deepEqual((await through({ ...signed, authority: NS }, true)).counts, [2, 0, 0]);
  });

  it("leaves expired signatures alone, for clients that look at them", async () => {
    const expired = { answers: [...ANSWER, EXPIRED], authority: NS };
    assert.deepEqual((await through(expired, true)).counts, [2, 2, 0]);
    assert.deepEqual((await through(expired, false)).counts, [2, 0, 0]);
  });

  it("passes failures with a reason and silence on", async () => {
    const { instance } = setUp(minimal, ". {\nminimal\n}");
    for (const extra of [{ error: new Error("x") }, { dropped: true }]) {
      const given = { wire: responseTo(testQuery("a", "A"), { additional: GLUE }), plugin: "forward", ...extra };
      assert.equal(await chainOf(instance, answering(given)).serve(testQuery("a", "A")), given);
    }
  });

  it("takes no arguments and no properties", () => {
    assert.throws(() => setUp(minimal, ". {\nminimal example.org\n}"), { message: /^Corefile:2:9: Wrong argument/ });
    assert.throws(() => setUp(minimal, ". {\nminimal {\nfoo\n}\n}"), {
      message: "Corefile:3:1: unknown property 'foo'",
    });
  });

  it("shortens misses and hits, on the fast path", async (t) => {
    const corefile = ". {\n cache\n minimal\n forward . 127.0.0.1:PORT\n}\n";
    const answers = [{ type: 1, ttl: 300, rdata: Uint8Array.of(192, 0, 2, 1) }];
    const additional = [{ owner: "ns.test.", type: 1, ttl: 300, rdata: Uint8Array.of(192, 0, 2, 2) }];
    const { ask, upstream, running } = await pluginServer(
      t,
      (query) => ({
        reply:
          query.type === 1 ? respond(query, { answers, additional }) : respond(query, { authority: [soa(60, 60)] }),
      }),
      corefile,
    );
    for (let i = 0; i < 2; i++) {
      const reply = await ask("a.test.", 1);
      assert.deepEqual([reply.answers.length, reply.additional.length], [1, 0]);
    }
    assert.equal((await ask("a.test.", 28)).authority.length, 1);
    assert.equal(upstream.queries.length, 2);
    assert.equal(running.server.blocks[0]?.slow, false);
  });
});
