/** RFC 9520: failures are held, so that those who ask again and again do not become a flood upstream. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { type ForwardingServer, forwardingServer } from "../../support/forwarding-server.ts";
import {
  answerA,
  inTurn,
  refused,
  servfail,
  silence,
  startUpstream,
  withRcode,
} from "../../support/scripted-upstream.ts";

const A = 1;
const AAAA = 28;
const SERVFAIL = 2;

let server: ForwardingServer;
before(async () => {
  server = await forwardingServer(
    {
      servfail: servfail(),
      refused: refused(),
      formerr: withRcode(1),
      silent: silence(),
      once: inTurn(servfail(), answerA("192.0.2.1", 60)),
    },
    ". {\n cache\n forward . 127.0.0.1:PORT {\n read_timeout 60ms\n}\n}\n",
  );
});
after(() => server.stop());

/** How often the upstream was asked while `work` ran. */
async function queriesDuring(work: () => Promise<void>): Promise<number> {
  const before = server.upstream.queries.length;
  await work();
  return server.upstream.queries.length - before;
}

describe("§3.2: a failure is held for a second at least: SERVFAIL, REFUSED, FORMERR and silence (§2)", () => {
  for (const [label, rcode] of [
    ["servfail", SERVFAIL],
    ["refused", 5],
    ["formerr", 1],
    ["silent", SERVFAIL],
  ] as const) {
    it(`${label}: 20 who ask within that second do not reach the upstream`, async () => {
      const name = `${label}.example.org.`;
      assert.equal((await server.tcp(name, A)).rcode, rcode);
      const more = await queriesDuring(async () => {
        for (let i = 0; i < 10; i++) assert.equal((await server.tcp(name, A)).rcode, rcode);
        server.clock.advanceMs(900);
        for (let i = 0; i < 10; i++) assert.equal((await server.tcp(name, A)).rcode, rcode);
      });
      assert.equal(more, 0);
    });
  }
});

describe("§3.2: a failure is not held for more than five minutes", () => {
  it("for five seconds by default", async () => {
    const name = "once.example.org.";
    assert.equal((await server.tcp(name, A)).rcode, SERVFAIL);
    server.clock.advanceMs(5001);
    assert.equal((await server.tcp(name, A)).rcode, 0);
  });
  it("and a longer time cannot be configured", async () => {
    await assert.rejects(
      forwardingServer({}, ". {\n cache {\n servfail 5m1s\n}\n forward . 127.0.0.1:PORT\n}\n"),
      /over 5 minutes is not permitted/,
    );
  });
});

describe("§3.2: what failed is one question, not its name and not its upstream", () => {
  it("other types and other names are asked for", async () => {
    await server.tcp("servfail.example.com.", A);
    const more = await queriesDuring(async () => {
      await server.tcp("servfail.example.com.", AAAA);
      assert.equal((await server.tcp("www.example.com.", A)).rcode, 0);
    });
    assert.equal(more, 2);
  });
});

describe("§3.1: an upstream gets a question three times over a transport at most", () => {
  it("when it is silent", async () => {
    assert.equal((await server.tcp("silent.example.com.", A)).rcode, SERVFAIL);
    assert.equal((await server.udp("silent.example.net.", A)).rcode, SERVFAIL);
    for (const name of ["silent.example.com.", "silent.example.net."]) {
      const tries = server.asked(name);
      for (const transport of ["udp", "tcp"]) {
        const over = tries.filter((query) => query.transport === transport).length;
        assert.ok(over <= 3, `${name}: ${over} over ${transport}`);
      }
    }
  });
  it("and of two upstreams, each so often at most", async (t) => {
    const second = await startUpstream({ script: silence() });
    t.after(() => second.close());
    const both = await forwardingServer(
      { silent: silence() },
      `. {\n cache\n forward . 127.0.0.1:PORT 127.0.0.1:${second.port} {\n read_timeout 60ms\n}\n}\n`,
    );
    t.after(() => both.stop());
    assert.equal((await both.udp("silent.example.org.", A)).rcode, SERVFAIL);
    for (const { queries } of [both.upstream, second]) {
      const tries = queries.filter((query) => query.name === "silent.example.org.").length;
      assert.ok(tries >= 1 && tries <= 3, `${tries}`);
    }
  });
});

describe("§3.2: a failure never displaces data that is good", () => {
  it("an answer that is held outlives the failure of a question for another type", async () => {
    const name = "data.example.org.";
    assert.equal((await server.tcp(name, A)).rcode, 0);
    server.upstream.use(servfail());
    assert.equal((await server.tcp(name, AAAA)).rcode, SERVFAIL);
    assert.equal((await server.tcp(name, A)).answers.length, 1);
  });
});
