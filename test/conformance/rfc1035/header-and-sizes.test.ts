/** RFC 1035 §2.3, §3.2 and §4: what a reply has of its query, how long records live, how large a reply may be. */
import assert from "node:assert/strict";
import { after, describe, it } from "node:test";
import { queryFor } from "../../support/dns-client.ts";
import { forwardingServer } from "../../support/forwarding-server.ts";
import { linesOf } from "../../support/plugin-server.ts";
import { answerA, respond, type Script } from "../../support/scripted-upstream.ts";

const A = 1;
const TXT = 16;
const FLAG_AA = 0x0400;
const FLAG_RD = 0x0100;
const FLAG_RA = 0x0080;
const FLAG_Z = 0x0040;

/** `count` records of about 110 bytes. */
const large = (count: number): Script => {
  const text = (i: number): Uint8Array => Uint8Array.of(100, ...new Uint8Array(100).fill(0x61 + i));
  const answers = Array.from({ length: count }, (_, i) => ({ type: TXT, ttl: 60, rdata: text(i) }));
  return (query) =>
    query.transport === "tcp" || count < 10
      ? { reply: respond(query, { answers }) }
      : { reply: respond(query, { flags: 0x0200 }) };
};

const server = await forwardingServer({
  authoritative: (query) => ({
    reply: respond(query, { flags: FLAG_AA, answers: [{ type: A, ttl: 60, rdata: Uint8Array.of(192, 0, 2, 9) }] }),
  }),
  long: answerA("192.0.2.2", 300),
  eight: large(8),
  fifty: large(50),
});
after(() => server.stop());

const flagsOf = (wire: Uint8Array): number => ((wire[2] ?? 0) << 8) | (wire[3] ?? 0);

/** Asks twice: the first reply is the upstream's, the second the cache's. */
async function twice(wire: Uint8Array): Promise<[miss: Uint8Array, hit: Uint8Array]> {
  return [await server.raw(wire), await server.raw(wire)];
}

describe("§4.1.1: a reply has the id, the opcode and RD of its query, and RA says that recursion can be had", () => {
  for (const flags of [0, FLAG_RD]) {
    it(flags === 0 ? "RD clear" : "RD set", async () => {
      const name = `rd${flags}.example.org.`;
      for (const [i, id] of [0, 0xffff].entries()) {
        const wire = queryFor(name, A, { id, flags });
        const reply = await server.raw(wire);
        assert.deepEqual([...reply.subarray(0, 2)], [...wire.subarray(0, 2)], `reply ${i}`);
        assert.equal(flagsOf(reply), 0x8000 | FLAG_RA | flags);
      }
    });
  }
});

describe("§4.1.1: AA is for who is an authority: neither a cache nor who passes on an answer is one", () => {
  it("the upstream's AA goes to nobody", async () => {
    for (const reply of await twice(queryFor("authoritative.example.org.", A))) {
      assert.equal(flagsOf(reply) & FLAG_AA, 0);
      assert.equal(flagsOf(reply) & 0x000f, 0);
    }
    assert.equal(server.asked("authoritative.example.org.").length, 1);
  });
});

describe("§4.1.1: Z is zero in every reply", () => {
  it("also where the query has it set", async () => {
    for (const reply of await twice(queryFor("z.example.org.", A, { flags: FLAG_RD | FLAG_Z }))) {
      assert.equal(flagsOf(reply) & FLAG_Z, 0);
    }
  });
});

describe("§2.3.3: names compare without case, and the spelling of the question is kept", () => {
  it("from the upstream and from the cache", async () => {
    for (const name of ["wWw.eXaMpLe.OrG.", "WWW.example.ORG."]) {
      const wire = queryFor(name, A);
      const reply = await server.raw(wire);
      assert.deepEqual([...reply.subarray(12, wire.length)], [...wire.subarray(12)]);
    }
    assert.equal(server.asked("www.example.org.").length, 1);
  });
});

describe("§3.2.1: the TTL says for how long a record may be kept: what is kept tells the time that is left", () => {
  it("after 100 s of 300", async () => {
    assert.equal((await server.tcp("long.example.org.", A)).answers[0]?.ttl, 300);
    server.clock.advanceMs(100_000);
    const ttl = (await server.tcp("long.example.org.", A)).answers[0]?.ttl ?? 0;
    assert.ok(ttl >= 199 && ttl <= 200, `${ttl}`);
    server.clock.advanceMs(201_000);
    assert.equal((await server.tcp("long.example.org.", A)).answers[0]?.ttl, 300);
    assert.equal(server.asked("long.example.org.").length, 2);
  });
});

describe("§3.2.1: a TTL of 0 is for the query at hand alone", () => {
  it("where no least TTL is configured (`success CAPACITY TTL 0`)", async (t) => {
    const exact = await forwardingServer(
      { zero: answerA("192.0.2.3", 0) },
      ". {\n cache {\n success 9984 3600 0\n}\n forward . 127.0.0.1:PORT\n}\n",
    );
    t.after(() => exact.stop());
    for (let i = 0; i < 2; i++) {
      assert.deepEqual(linesOf((await exact.udp("zero.example.org.", A)).answers), [
        "zero.example.org. 0 IN A 192.0.2.3",
      ]);
    }
    assert.equal(exact.asked("zero.example.org.").length, 2);
  });
});

describe("§4.2.1: without EDNS a message over UDP has 512 bytes at most, and TC tells that it was cut", () => {
  for (const size of [undefined, 1232] as const) {
    it(size === undefined ? "8 records of 110 bytes without OPT" : "the same with room for them", async () => {
      const wire = queryFor("eight.example.org.", TXT, size === undefined ? {} : { opt: size });
      for (const reply of await twice(wire)) {
        assert.equal((flagsOf(reply) & 0x0200) !== 0, size === undefined);
        assert.ok(reply.length <= (size ?? 512));
      }
    });
  }
});

describe("§4.2.2: over TCP a message has its length in front and is whole", () => {
  it("50 records of 110 bytes, from the upstream and from the cache", async () => {
    for (let i = 0; i < 2; i++) {
      const { answers, flags } = await server.tcp("fifty.example.org.", TXT);
      assert.equal(linesOf(answers).length, 50);
      assert.equal(flags & 0x0200, 0);
    }
  });
});
