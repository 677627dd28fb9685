import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { FLAG_AA } from "../../../dns/header.ts";
import { decodeMessage } from "../../../dns/message.ts";
import { linesOf, pluginServer } from "../../../../test/support/plugin-server.ts";
import { answerA } from "../../../../test/support/scripted-upstream.ts";
import { answering, chainOf, setUp, testQuery } from "../../../../test/support/setup-context.ts";
import { any } from "./any.ts";

const HINFO = '8482 IN HINFO "ANY obsoleted" "See RFC 8482"';

describe("any", () => {
  it("answers ANY with one HINFO record, in the client's spelling (RFC 8482 §4.2)", async () => {
    const next = answering();
    const answer = await chainOf(setUp(any, ". {\nany\n}").instance, next).serve(testQuery("Example.org", "ANY"));
    assert.equal(answer.plugin, "any");
    assert.deepEqual(next.queries, []);
    const message = decodeMessage(answer.wire);
    assert.deepEqual(linesOf(message.answers), [`Example.org. ${HINFO}`]);
    assert.deepEqual([message.rcode, message.flags & FLAG_AA], [0, 0]);
    assert.deepEqual([message.authority.length, message.additional.length], [0, 0]);
  });

  for (const type of ["A", "AAAA", "MX", "TXT", "CNAME", "HINFO"]) {
    it(`leaves ${type} to the next plugin`, async () => {
      const next = answering();
      await chainOf(setUp(any, ". {\nany\n}").instance, next).serve(testQuery("example.org", type));
      assert.equal(next.queries.length, 1);
    });
  }

  it("takes no arguments and no properties", () => {
    assert.throws(() => setUp(any, ". {\nany example.org\n}"), { message: /^Corefile:2:5: Wrong argument count/ });
    assert.throws(() => setUp(any, ". {\nany {\nfoo\n}\n}"), { message: "Corefile:3:1: unknown property 'foo'" });
  });

  it("keeps ANY from upstreams, and from answers that were cached before it came, and leaves the rest fast", async (t) => {
    const corefile = ". {\n cache\n forward . 127.0.0.1:PORT\n}\n";
    const { running, upstream, ask } = await pluginServer(t, answerA("192.0.2.1", 300), corefile);
    await ask("a.test.", 255);
    const asked = upstream.queries.length;
    running.configure(`. {\n any\n cache\n forward . 127.0.0.1:${upstream.port}\n}\n`);
    await running.server.reload();
    assert.deepEqual(linesOf((await ask("a.test.", 255)).answers), [`a.test. ${HINFO}`]);
    assert.equal(upstream.queries.length, asked);
    assert.equal(running.server.blocks[0]?.slow, false);
  });
});
