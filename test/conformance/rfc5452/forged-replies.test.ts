/** RFC 5452: what makes forging hard, and what is taken for a reply. */
import assert from "node:assert/strict";
import { after, describe, it } from "node:test";
import { forwardingServer, type Scripts } from "../../support/forwarding-server.ts";
import { linesOf } from "../../support/plugin-server.ts";
import {
  delayed,
  answerA,
  respond,
  type ScriptedResponse,
  type UpstreamQuery,
} from "../../support/scripted-upstream.ts";

const A = 1;
const FORGED = { type: A, ttl: 60, rdata: Uint8Array.of(203, 0, 113, 66) };
const TRUE = { type: A, ttl: 60, rdata: Uint8Array.of(192, 0, 2, 1) };

const good = (query: UpstreamQuery): Uint8Array => respond(query, { answers: [TRUE] });
const bad = (query: UpstreamQuery, change: ScriptedResponse = {}): Uint8Array =>
  respond(query, { answers: [FORGED], ...change });

/** The reply with one byte changed. */
function changed(wire: Uint8Array, at: number, by: number): Uint8Array {
  const copy = wire.slice();
  copy[at] = (copy[at] ?? 0) ^ by;
  return copy;
}

/** A forgery first, by first label; the right reply comes after it. */
const forgeries: Readonly<Record<string, (query: UpstreamQuery) => Uint8Array>> = {
  "other-name": (query) => changed(bad(query), 13, 1),
  "other-type": (query) => changed(bad(query), query.questionEnd - 3, 28 ^ A),
  "other-class": (query) => changed(bad(query), query.questionEnd - 1, 3 ^ 1),
  "no-response": (query) => changed(bad(query), 2, 0x80),
  "other-opcode": (query) => changed(bad(query), 2, 0x28),
  short: (query) => bad(query).subarray(0, 11),
  cut: (query) => bad(query).subarray(0, -3),
  empty: () => new Uint8Array(0),
};

const scripts: Scripts = {
  ...Object.fromEntries(
    Object.entries(forgeries).map(([label, forge]) => [label, (query) => ({ reply: [forge(query), good(query)] })]),
  ),
  id: (query) =>
    query.transport === "tcp" || query.count > 1
      ? { reply: good(query) }
      : { reply: [bad(query, { id: query.id ^ 1 }), good(query)] },
  port: async (query) => {
    return query.count === 1 ? { reply: bad(query), fromOtherPort: true } : { reply: good(query) };
  },
  extra: (query) => ({
    reply: respond(query, {
      answers: [TRUE, { ...FORGED, owner: "bank.example.org." }],
      authority: [{ owner: "example.net.", type: 2, ttl: 60, rdata: Uint8Array.of(0) }],
      additional: [{ ...FORGED, owner: "ns.example.net." }],
    }),
  }),
  slow: delayed(60, answerA("192.0.2.1", 60)),
};

const server = await forwardingServer(scripts);
after(() => server.stop());

const ask = async (name: string): Promise<string> => linesOf((await server.udp(name, A)).answers).join("; ");

describe("§9.1: a reply counts only if id, source, and the question's name, type and class are those of the query", () => {
  for (const label of Object.keys(forgeries)) {
    it(`${label}: ignored, and the right one waited for`, async () => {
      const name = `${label}.example.org.`;
      assert.equal(await ask(name), `${name} 60 IN A 192.0.2.1`);
      assert.equal(server.asked(name).length, 1);
    });
  }
  it("another id with the right question: that exchange is given up and another one made", async () => {
    assert.equal(await ask("id.example.org."), "id.example.org. 60 IN A 192.0.2.1");
  });
  it("another source port: never seen", async () => {
    assert.equal(await ask("port.example.org."), "port.example.org. 60 IN A 192.0.2.1");
  });
});

describe("§6: what an answer holds besides the answer is not believed", () => {
  it("records of other names are neither passed on nor kept", async () => {
    const reply = await server.udp("extra.example.org.", A);
    assert.deepEqual(linesOf(reply.answers), ["extra.example.org. 60 IN A 192.0.2.1"]);
    for (const name of ["bank.example.org.", "ns.example.net."]) {
      assert.equal(await ask(name), `${name} 60 IN A 192.0.2.1`);
      assert.equal(server.asked(name).length, 1);
    }
  });
});

describe("§9.2: ids are random over all 16 bits, and so are ports", () => {
  it("40 queries", async () => {
    const from = server.upstream.queries.length;
    for (let i = 0; i < 40; i++) await server.udp(`n${i}.example.org.`, A);
    const queries = server.upstream.queries.slice(from);
    assert.ok(new Set(queries.map((query) => query.id)).size >= 38);
    assert.ok(queries.some((query) => query.id >= 0x8000) && queries.some((query) => query.id < 0x8000));
    const ports = queries.map((query) => query.remotePort);
    assert.ok(new Set(ports).size >= 20, `${new Set(ports).size} ports`);
    const rising = ports.filter((port, i) => i > 0 && port === (ports[i - 1] ?? 0) + 1).length;
    assert.ok(rising < 10, `${rising} ports follow each other`);
  });
  it("a client's id never goes upstream", async () => {
    const from = server.upstream.queries.length;
    for (let i = 0; i < 8; i++) await server.udp(`own${i}.example.org.`, A, { id: 4242 });
    assert.ok(server.upstream.queries.slice(from).filter((query) => query.id === 4242).length <= 1);
  });
});

describe("§5: equal questions are not open more than once at a time, which would be so many chances to guess", () => {
  it("30 at once", async () => {
    const replies = await Promise.all(Array.from({ length: 30 }, () => ask("slow.example.org.")));
    assert.deepEqual(new Set(replies), new Set(["slow.example.org. 60 IN A 192.0.2.1"]));
    assert.equal(server.asked("slow.example.org.").length, 1);
  });
});
