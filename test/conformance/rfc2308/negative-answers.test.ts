/** RFC 2308: what may be kept of a denial, for how long, and whom it concerns. */
import assert from "node:assert/strict";
import { after, describe, it } from "node:test";
import { forwardingServer } from "../../support/forwarding-server.ts";
import { linesOf } from "../../support/plugin-server.ts";
import {
  answerA,
  inTurn,
  nodata,
  nxdomain,
  respond,
  servfail,
  soa,
  wireName,
} from "../../support/scripted-upstream.ts";

const A = 1;
const CNAME = 5;
const TXT = 16;
const AAAA = 28;
const NXDOMAIN = 3;

const alias = { type: CNAME, ttl: 600, rdata: wireName("gone.example.net.") };

const server = await forwardingServer(
  {
    minimum: nxdomain(600, 60),
    ttl: nxdomain(60, 600),
    empty: nodata(600, 60),
    day: nxdomain(86_400, 86_400),
    bare: (query) => ({ reply: respond(query, { rcode: NXDOMAIN }) }),
    nothing: (query) => ({ reply: respond(query, {}) }),
    denied: nxdomain(300, 300),
    partly: (query) => (query.type === A ? nodata(300, 300)(query) : answerA("192.0.2.1", 300)(query)),
    alias: (query) => ({ reply: respond(query, { rcode: NXDOMAIN, answers: [alias], authority: [soa(300, 300)] }) }),
    dangling: (query) => ({ reply: respond(query, { answers: [alias], authority: [soa(300, 40)] }) }),
    failing: inTurn(servfail(), answerA("192.0.2.1", 60)),
  },
  ". {\n cache {\n denial 9984 3600\n servfail 5m\n}\n forward . 127.0.0.1:PORT\n}\n",
);
after(() => server.stop());

/** TTL of the SOA in a reply over TCP. */
async function soaTtl(name: string, type = A): Promise<number | undefined> {
  return (await server.tcp(name, type)).authority[0]?.ttl;
}

const near = (actual: number | undefined, expected: number): void =>
  assert.ok(actual !== undefined && actual <= expected && actual >= expected - 1, `${actual}, not ${expected}`);

describe("§5: a denial is kept for the lesser of the SOA's TTL and its MINIMUM", () => {
  for (const [name, what] of [
    ["minimum", "the MINIMUM is less"],
    ["ttl", "the TTL is less"],
    ["empty", "no data, and the MINIMUM is less"],
  ]) {
    it(what ?? "", async () => {
      near(await soaTtl(`${name}.example.org.`), 60);
      server.clock.advanceMs(57_000);
      await server.tcp(`${name}.example.org.`, A);
      assert.equal(server.asked(`${name}.example.org.`).length, 1);
      server.clock.advanceMs(4000);
      await server.tcp(`${name}.example.org.`, A);
      assert.equal(server.asked(`${name}.example.org.`).length, 2);
    });
  }
});

describe("§5: how long a denial is kept at most is for the resolver to say; more than a day has proved a problem", () => {
  it("the limit that is configured holds", async () => near(await soaTtl("day.example.org."), 3600));
});

describe("§5: a denial without SOA says not how long it holds, and should not be kept", () => {
  it("NXDOMAIN spares the upstream for 5 s at most, and only from the same question", async () => {
    const name = "bare.example.org.";
    await server.tcp(name, A);
    assert.equal((await server.tcp(name, AAAA)).rcode, NXDOMAIN);
    assert.equal(server.asked(name).length, 2);
    server.clock.advanceMs(5001);
    await server.tcp(name, A);
    assert.equal(server.asked(name).length, 3);
  });
  it("an empty NOERROR is asked for each time", async () => {
    for (let i = 0; i < 2; i++) assert.equal((await server.udp("nothing.example.org.", A)).rcode, 0);
    assert.equal(server.asked("nothing.example.org.").length, 2);
  });
});

describe("§5: NXDOMAIN is about the name: it answers questions for every type of it", () => {
  it("A, then AAAA and TXT", async () => {
    for (const type of [A, AAAA, TXT]) assert.equal((await server.udp("denied.example.org.", type)).rcode, NXDOMAIN);
    assert.equal(server.asked("denied.example.org.").length, 1);
  });
});

describe("§5: NODATA is about one type of the name", () => {
  it("no A, but AAAA", async () => {
    const name = "partly.example.org.";
    assert.equal((await server.udp(name, A)).answers.length, 0);
    await server.udp(name, AAAA);
    await server.udp(name, A);
    assert.deepEqual(
      server.asked(name).map((query) => query.type),
      [A, AAAA],
    );
  });
});

describe("§2.1: an NXDOMAIN behind an alias is about the name that the alias leads to", () => {
  it("the alias itself may have other types", async () => {
    const name = "alias.example.org.";
    for (const type of [A, A, AAAA]) {
      const reply = await server.udp(name, type);
      assert.equal(reply.rcode, NXDOMAIN);
      assert.match(linesOf(reply.answers).join(), /CNAME gone\.example\.net\.$/);
    }
    assert.equal(server.asked(name).length, 2);
  });
});

describe("§2.2.1: an alias that leads to no data is a denial too", () => {
  it("and lives as long as its SOA says, not its CNAME", async () => {
    const { answers, authority } = await server.tcp("dangling.example.org.", A);
    assert.deepEqual([answers[0]?.ttl, authority[0]?.ttl], [40, 40]);
  });
});

describe("§6: a denial from the cache carries the SOA, whose TTL has been counted down", () => {
  for (const [name, rcode] of [
    ["denied.example.net.", NXDOMAIN],
    ["empty.example.net.", 0],
  ] as const) {
    it(rcode === 0 ? "NODATA" : "NXDOMAIN", async () => {
      const before = (await soaTtl(name)) ?? 0;
      server.clock.advanceMs(20_000);
      const { authority, ...reply } = await server.tcp(name, A);
      assert.equal(reply.rcode, rcode);
      assert.match(linesOf(authority).join(), /^\. \d+ IN SOA /);
      near(authority[0]?.ttl, before - 20);
      assert.equal(server.asked(name).length, 1);
    });
  }
});

describe("§7.1: a server's failure is kept for that question alone, and for five minutes at most", () => {
  it("at the longest time that can be configured", async () => {
    const name = "failing.example.org.";
    assert.equal((await server.tcp(name, A)).rcode, 2);
    assert.equal((await server.tcp(name, AAAA)).rcode, 2);
    assert.equal((await server.tcp(name, A)).rcode, 2);
    assert.equal(server.asked(name).length, 2);
    server.clock.advanceMs(300_001);
    assert.equal((await server.tcp(name, A)).rcode, 0);
  });
});
