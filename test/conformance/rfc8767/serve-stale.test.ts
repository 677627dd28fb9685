/** RFC 8767: what has expired is better than nothing, and worse than news. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { Message } from "../../../src/dns/message.ts";
import { type ForwardingServer, forwardingServer } from "../../support/forwarding-server.ts";
import { linesOf } from "../../support/plugin-server.ts";
import {
  answerA,
  delayed,
  inTurn,
  nodata,
  nxdomain,
  refused,
  respond,
  type Script,
  servfail,
  silence,
  soa,
} from "../../support/scripted-upstream.ts";

const A = 1;
const EXTENDED_ERROR = 15;
const EXPIRED_MS = 62_000;

const old = answerA("192.0.2.1", 60);
/** First the answer that will expire, then this. */
const thenAlways = (script: Script): Script => inTurn(old, script);
const signed: Script = (query) => ({
  reply: respond(query, { flags: 0x0420, answers: [{ type: A, ttl: 60, rdata: Uint8Array.of(192, 0, 2, 1) }] }),
});

let server: ForwardingServer;
before(async () => {
  server = await forwardingServer(
    {
      servfail: thenAlways(servfail()),
      refused: thenAlways(refused()),
      silent: thenAlways(silence()),
      nxdomain: thenAlways(nxdomain(60, 60)),
      nodata: thenAlways(nodata(60, 60)),
      renewed: inTurn(old, answerA("192.0.2.2", 60)),
      late: inTurn(old, delayed(150, answerA("192.0.2.2", 60))),
      denied: inTurn((query) => ({ reply: respond(query, { rcode: 3, authority: [soa(60, 60)] }) }), servfail()),
      signed: inTurn(signed, servfail()),
      long: (query) => ({
        reply: respond(query, {
          answers: [0x7fff_ffff, 0x8000_0000, 0xffff_ffff].map((ttl, i) => ({
            type: A,
            ttl,
            rdata: Uint8Array.of(192, 0, 2, i),
          })),
        }),
      }),
    },
    ". {\n cache {\n serve_stale 1h verify 100ms\n}\n forward . 127.0.0.1:PORT\n}\n",
  );
});
after(() => server.stop());

const address = (reply: Message): string => linesOf(reply.answers).join().replace(/^.* /, "");
const extendedErrors = (reply: Message): number[] =>
  (reply.edns?.options ?? [])
    .filter(({ code }) => code === EXTENDED_ERROR)
    .map(({ data }) => ((data[0] ?? 0) << 8) | (data[1] ?? 0));
const ask = (name: string): Promise<Message> => server.tcp(name, A, { opt: 1232 });

/** Asks, lets the answer expire, and asks again. */
async function askAfterExpiry(label: string, zone = "example.org."): Promise<Message> {
  await ask(`${label}.${zone}`);
  server.clock.advanceMs(EXPIRED_MS);
  return ask(`${label}.${zone}`);
}

describe("§4: a TTL with its highest bit set is a large one, not zero; and what is large is capped", () => {
  it("2^31 - 1, 2^31 and 2^32 - 1", async () => {
    const { answers } = await ask("long.example.org.");
    assert.deepEqual(new Set(answers.map(({ ttl }) => ttl)), new Set([3600]));
  });
});

describe("§4: data that has expired may be used when it cannot be refreshed", () => {
  for (const label of ["servfail", "refused", "silent"]) {
    it(label, async () => {
      const reply = await askAfterExpiry(label);
      assert.deepEqual([reply.rcode, address(reply)], [0, "192.0.2.1"]);
    });
  }
});

describe("§4: the TTL of expired data is more than 0, 30 seconds as recommended", () => {
  it("of every record", async () => assert.equal((await askAfterExpiry("servfail", "a.example.")).answers[0]?.ttl, 30));
});

describe("§4: an answer that is news replaces what has expired, a denial too", () => {
  for (const [label, rcode] of [
    ["nxdomain", 3],
    ["nodata", 0],
  ] as const) {
    it(label, async () => {
      for (let i = 0; i < 2; i++) {
        const reply = i === 0 ? await askAfterExpiry(label) : await ask(`${label}.example.org.`);
        assert.deepEqual([reply.rcode, reply.answers.length], [rcode, 0]);
      }
    });
  }
  it("a new address", async () => assert.equal(address(await askAfterExpiry("renewed")), "192.0.2.2"));
});

describe("§5: a refresh goes on when the client has been answered, and what it brings is kept", () => {
  it("after the time that clients are made to wait", async () => {
    assert.equal(address(await askAfterExpiry("late")), "192.0.2.1");
    await new Promise((resolve) => setTimeout(resolve, 100));
    assert.equal(address(await ask("late.example.org.")), "192.0.2.2");
    assert.equal(server.asked("late.example.org.").length, 2);
  });
});

describe("§5: an upstream that just failed is not asked about every stale answer again", () => {
  it("twenty clients within the hold of a failure", async () => {
    await askAfterExpiry("servfail", "b.example.");
    for (let i = 0; i < 20; i++) assert.equal(address(await ask("servfail.b.example.")), "192.0.2.1");
    assert.equal(server.asked("servfail.b.example.").length, 2);
  });
});

describe("§5: there is an end to staleness", () => {
  it("after the hour that is configured", async () => {
    await ask("refused.example.net.");
    server.clock.advanceMs(61_000 + 3_600_000);
    assert.equal((await ask("refused.example.net.")).rcode, 5);
  });
});

describe("§6 and §7: what has expired is neither authoritative nor authentic", () => {
  it("AA and AD are clear", async () => {
    await server.tcp("signed.example.org.", A, { dnssecOk: true });
    server.clock.advanceMs(EXPIRED_MS);
    const reply = await server.tcp("signed.example.org.", A, { dnssecOk: true });
    assert.equal(address(reply), "192.0.2.1");
    assert.equal(reply.flags & 0x0420, 0);
  });
});

describe("RFC 8914 §4.4 and §4.20: who asks with EDNS is told that an answer is stale", () => {
  it("3 with data, 19 with an NXDOMAIN, none with what is fresh", async () => {
    assert.deepEqual(extendedErrors(await askAfterExpiry("servfail", "c.example.")), [3]);
    assert.deepEqual(extendedErrors(await askAfterExpiry("denied")), [19]);
    assert.deepEqual(extendedErrors(await ask("fresh.example.org.")), []);
  });
});

describe("§5: a client waits 1.8 seconds at most where there is stale data, and less if it is so configured", () => {
  it("by default nobody waits: the refresh goes on behind the answer", async () => {
    const immediate = await forwardingServer(
      { late: inTurn(old, delayed(80, answerA("192.0.2.2", 60))) },
      ". {\n cache {\n serve_stale\n}\n forward . 127.0.0.1:PORT\n}\n",
    );
    try {
      await immediate.tcp("late.example.org.", A);
      immediate.clock.advanceMs(EXPIRED_MS);
      assert.equal(address(await immediate.tcp("late.example.org.", A)), "192.0.2.1");
      await immediate.upstream.untilQueries(2);
    } finally {
      await immediate.stop();
    }
  });
});
