import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { FLAGS_AT, RCODE_MASK, readU16 } from "../../../dns/header.ts";
import type { Answer } from "../../chain/answer.ts";
import type { Handler } from "../../chain/handler.ts";
import { pluginServer } from "../../../../test/support/plugin-server.ts";
import { answerA, delayed } from "../../../../test/support/scripted-upstream.ts";
import { answering, chainOf, emptyReply, setUp, testQuery } from "../../../../test/support/setup-context.ts";
import { cancel } from "./cancel.ts";

/** Answers when the test says so. */
function waiting(): { next: Handler; answer: (answer: Answer) => void; fail: (error: Error) => void } {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  return { next: { serve: () => promise }, answer: resolve, fail: reject };
}

describe("cancel", () => {
  it("answers SERVFAIL, with the reason, when the time is over, and not before", async (t) => {
    t.mock.timers.enable({ apis: ["setTimeout"] });
    const query = testQuery("a.test", "A", { udpSize: 1232 });
    const { next, answer } = waiting();
    let given: Answer | undefined;
    const served = chainOf(setUp(cancel, ". {\ncancel 20ms\n}").instance, next).serve(query);
    void served.then((reply) => (given = reply));
    t.mock.timers.tick(19);
    await Promise.resolve();
    assert.equal(given, undefined);
    t.mock.timers.tick(1);
    const reply = await served;
    assert.equal(readU16(reply.wire, FLAGS_AT) & RCODE_MASK, 2);
    assert.equal(reply.error?.message, "no answer within 20ms");
    assert.deepEqual(reply.extendedError, { code: 0, text: "no answer within 20ms" });
    answer({ wire: emptyReply(query, 0), plugin: "late" });
    assert.equal((await served).plugin, "");
  });

  it("gives an answer back as it is, and a defect too", async () => {
    const chain = chainOf(setUp(cancel, ". {\ncancel\n}").instance, answering());
    assert.deepEqual((await chain.serve(testQuery("a.test", "A"))).plugin, "");
    const { next, fail } = waiting();
    const served = chainOf(setUp(cancel, ". {\ncancel\n}").instance, next).serve(testQuery("a.test", "A"));
    fail(new Error("a defect"));
    await assert.rejects(served, { message: "a defect" });
  });

  it("waits 5001 ms unless told otherwise", async (t) => {
    t.mock.timers.enable({ apis: ["setTimeout"] });
    const served = chainOf(setUp(cancel, ". {\ncancel\n}").instance, waiting().next).serve(testQuery("a.test", "A"));
    t.mock.timers.tick(5001);
    assert.equal((await served).error?.message, "no answer within 5.001s");
  });

  it("takes times that no timer takes for the longest one", async () => {
    const { next, answer } = waiting();
    const query = testQuery("a.test", "A");
    const served = chainOf(setUp(cancel, ". {\ncancel 10000h\n}").instance, next).serve(query);
    setTimeout(() => answer({ wire: emptyReply(query, 0), plugin: "late" }), 15);
    assert.equal((await served).plugin, "late");
  });

  it("leaves the fast path on", () => {
    assert.equal(setUp(cancel, ". {\ncancel 1s\n}").context.seesEveryQuery, false);
  });

  for (const [text, message] of [
    ["5", 'Corefile:2:8: invalid duration: "5"'],
    ["soon", 'Corefile:2:8: invalid duration: "soon"'],
    ["-1s", 'Corefile:2:8: invalid negative duration: "-1s"'],
    ["0s", 'Corefile:2:8: invalid negative duration: "0s"'],
    ["1s 2s", "Corefile:2:11: Wrong argument count: 'cancel' does not take '2s'"],
    ["{\nafter 1s\n}", "Corefile:3:1: unknown property 'after'"],
  ] as const) {
    it(`refuses cancel ${text.replaceAll("\n", " ")}`, () => {
      assert.throws(() => setUp(cancel, `. {\ncancel ${text}\n}`), { message });
    });
  }

  it("gives up a slow upstream, whose answer the next client finds in the cache", async (t) => {
    const corefile = ". {\n cancel 30ms\n cache\n forward . 127.0.0.1:PORT\n}\n";
    const { ask, upstream } = await pluginServer(t, delayed(60, answerA("192.0.2.1", 300)), corefile);
    assert.equal((await ask("slow.test.", 1)).rcode, 2);
    await new Promise((resolve) => setTimeout(resolve, 60));
    assert.equal((await ask("slow.test.", 1)).answers.length, 1);
    assert.equal(upstream.queries.length, 1);
  });
});
