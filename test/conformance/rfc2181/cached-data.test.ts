/** RFC 2181 §5.2, §9, §11: RRsets, cut answers and names of any bytes, through a whole server. */
import assert from "node:assert/strict";
import { after, describe, it } from "node:test";
import { forwardingServer } from "../../support/forwarding-server.ts";
import { answerA, respond, type Script } from "../../support/scripted-upstream.ts";

const A = 1;
const TXT = 16;

const mixed: Script = (query) => ({
  reply: respond(query, {
    answers: [300, 20, 100].map((ttl, i) => ({ type: A, ttl, rdata: Uint8Array.of(192, 0, 2, i) })),
  }),
});

/** Over UDP a cut answer with a record in it that is wrong; over TCP the right one, of 600 bytes. */
const cut: Script = (query) => {
  const text = (letter: number): Uint8Array => Uint8Array.of(200, ...new Uint8Array(200).fill(letter));
  if (query.transport === "udp") {
    return { reply: respond(query, { flags: 0x0200, answers: [{ type: TXT, ttl: 60, rdata: text(0x78) }] }) };
  }
  return { reply: respond(query, { answers: [1, 2, 3].map((i) => ({ type: TXT, ttl: 60, rdata: text(0x60 + i) })) }) };
};

const server = await forwardingServer({ mixed, cut });
after(() => server.stop());

describe("§5.2: records of one RRset have one TTL: where they differ, the lowest holds", () => {
  it("for the first client and from the cache", async () => {
    for (const expected of [20, 15]) {
      const { answers } = await server.tcp("mixed.example.org.", A);
      assert.deepEqual(new Set(answers.map(({ ttl }) => Math.ceil(ttl / 5) * 5)), new Set([expected]));
      server.clock.advanceMs(5000);
    }
  });
});

describe("§9: an answer that was cut is neither used nor kept: it is asked for over TCP", () => {
  it("the client gets nothing of it but what TCP said", async () => {
    const name = "cut.example.org.";
    const { answers, flags } = await server.udp(name, TXT, { opt: 1232 });
    assert.equal(answers.length, 3);
    assert.equal(flags & 0x0200, 0);
    assert.deepEqual(
      server.asked(name).map((query) => query.transport),
      ["udp", "tcp"],
    );
  });
  it("and a client with less room gets TC, and no half of an RRset", async () => {
    const { answers, flags } = await server.udp("cut.example.org.", TXT);
    assert.equal(answers.length, 0);
    assert.equal(flags & 0x0200, 0x0200);
    assert.equal(server.asked("cut.example.org.").length, 2);
  });
});

describe("§11: any bytes can be a label, and labels of different bytes are different names", () => {
  it("a dot inside a label, NUL, 0xff and a 63-byte label each have their own answer", async () => {
    const labels = [
      [[0x61, 0x2e, 0x62]],
      [[0x61], [0x62]],
      [[0x61, 0x00, 0x62]],
      [[0x61, 0xff]],
      [[0x61, 0xdf]],
      [[...new Uint8Array(63).fill(0x61)]],
      [[...new Uint8Array(62).fill(0x61)]],
    ];
    const addresses = new Map<string, number>();
    server.upstream.use((query) => answerA(`192.0.2.${server.upstream.queries.indexOf(query)}`, 60)(query));
    for (let round = 0; round < 2; round++) {
      for (const name of labels) {
        const question = [...name.flatMap((label) => [label.length, ...label]), 0, 0, A, 0, 1];
        const reply = await server.raw(Uint8Array.of(0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, ...question));
        assert.deepEqual([...reply.subarray(12, 12 + question.length)], question);
        const last = reply.at(-1) ?? -1;
        const key = name.join("|");
        assert.equal(addresses.get(key) ?? last, last, `${key}: kept`);
        addresses.set(key, last);
      }
    }
    assert.equal(new Set(addresses.values()).size, labels.length);
  });
});
