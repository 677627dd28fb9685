/** RFC 6891 §6 through a whole server: EDNS is between neighbours. */
import assert from "node:assert/strict";
import { after, describe, it } from "node:test";
import { decodeMessage, type Edns } from "../../../src/dns/message.ts";
import { queryFor } from "../../support/dns-client.ts";
import { forwardingServer } from "../../support/forwarding-server.ts";
import { respond, type UpstreamQuery } from "../../support/scripted-upstream.ts";

const A = 1;
/** Cookie, client subnet, NSID, padding, keepalive, expire, chain, key tag, extended error, and one that nobody has defined. */
const OPTIONS = [10, 8, 3, 12, 11, 9, 13, 14, 15, 65_001];

/** A query with each of these options, 8 bytes of data each. */
function queryWith(name: string, codes: readonly number[]): Uint8Array {
  const plain = queryFor(name, A, { opt: 4096 });
  const data = codes.flatMap((code) => [code >> 8, code & 255, 0, 8, 0, 1, 0, 0, 9, 9, 9, 9]);
  const wire = Uint8Array.of(...plain, ...data);
  wire[plain.length - 2] = data.length >> 8;
  wire[plain.length - 1] = data.length & 255;
  return wire;
}

/** The OPT of a query that came upstream: what stands behind its question. */
const optOf = (query: UpstreamQuery): number[] => [...query.wire.subarray(query.questionEnd)];

const server = await forwardingServer({
  // An upstream that shows all it can do: payload size 4096, an unknown flag, NSID, a cookie.
  talkative: (query) => {
    const answers = [{ type: A, ttl: 60, rdata: Uint8Array.of(192, 0, 2, 1) }];
    const plain = respond(query, { answers, opt: false });
    const options = [0, 3, 0, 2, 1, 2, 0, 10, 0, 16, ...new Uint8Array(16).fill(7)];
    const opt = [0, 0, 41, 16, 0, 0, 0, 0x00, 0x80, 0, options.length, ...options];
    plain[11] = 1;
    return { reply: Uint8Array.of(...plain, ...opt) };
  },
});
after(() => server.stop());

const bare: Edns = { udpSize: 1232, version: 0, dnssecOk: false, options: [] };

describe("§6.2.6: options are for the neighbour: a forwarder makes its own OPT", () => {
  it("none of a client's options travels upstream, none comes back", async () => {
    const name = "options.example.org.";
    for (let i = 0; i < 2; i++) {
      const reply = decodeMessage(await server.raw(queryWith(name, OPTIONS)));
      assert.equal(reply.rcode, 0);
      assert.deepEqual(reply.edns, bare);
    }
    assert.deepEqual(server.asked(name).map(optOf), [[0, 0, 41, 1232 >> 8, 1232 & 255, 0, 0, 0, 0, 0, 0]]);
  });
  it("nothing of an upstream's OPT reaches a client", async () => {
    for (let i = 0; i < 2; i++) {
      assert.deepEqual((await server.udp("talkative.example.org.", A, { opt: 4096 })).edns, bare);
      assert.equal((await server.udp("talkative.example.org.", A)).edns, undefined);
    }
  });
});

describe("§6.1.1: options in any order, and more than one of a kind, are no mistake", () => {
  it("24 of them", async () => {
    const wire = queryWith(
      "many.example.org.",
      Array.from({ length: 24 }, (_, i) => OPTIONS[(i * 7) % 10] ?? 0),
    );
    assert.equal(decodeMessage(await server.raw(wire)).rcode, 0);
  });
});

describe("§6.1.3: BADVERS to a later version, whether the answer is held or not, and no data with it", () => {
  for (const name of ["held.example.org.", "new.example.org."]) {
    it(name, async () => {
      if (name.startsWith("held")) await server.udp(name, A);
      const wire = queryFor(name, A, { opt: 1232 });
      wire[wire.length - 5] = 1;
      const { rcode, edns, answers } = decodeMessage(await server.raw(wire));
      assert.deepEqual([rcode, edns?.version, answers.length], [16, 0, 0]);
    });
  }
});

describe("§6.2.3: a size below 512 counts as 512", () => {
  it("a reply of 400 bytes is not cut for who says 12", async () => {
    const reply = decodeMessage(await server.raw(queryFor(`${"a".repeat(60)}.`.repeat(3), A, { opt: 12 })));
    assert.equal(reply.answers.length, 1);
    assert.equal(reply.flags & 0x0200, 0);
  });
});

describe("§7: an upstream that cannot read EDNS is asked without it", () => {
  it("after a FORMERR without OPT, and remembered", async () => {
    const plain = await forwardingServer({});
    try {
      plain.upstream.use((query) =>
        query.dnssecOk === undefined
          ? { reply: respond(query, { answers: [{ type: A, ttl: 60, rdata: Uint8Array.of(192, 0, 2, 1) }] }) }
          : { reply: respond(query, { rcode: 1, opt: false }) },
      );
      for (const name of ["a.example.org.", "b.example.org."]) {
        assert.equal((await plain.udp(name, A, { opt: 1232 })).answers.length, 1);
      }
      assert.deepEqual(
        plain.upstream.queries.map((query) => query.dnssecOk),
        [false, undefined, undefined],
      );
    } finally {
      await plain.stop();
    }
  });
});
