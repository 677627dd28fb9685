/** RFC 8906 §8 through a whole server: a server answers what it does not understand, over UDP and TCP. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { decodeMessage, type Message } from "../../../src/dns/message.ts";
import { askTcp, NoAnswer, queryFor } from "../../support/dns-client.ts";
import { type ForwardingServer, forwardingServer } from "../../support/forwarding-server.ts";

const A = 1;
const SOA = 6;

let server: ForwardingServer;
before(async () => {
  server = await forwardingServer({});
});
after(() => server.stop());

const over: readonly [string, (wire: Uint8Array) => Promise<Uint8Array>][] = [
  ["UDP", (wire) => server.raw(wire)],
  ["TCP", (wire) => askTcp({ port: server.port, wire })],
];
/** `wire` with its flags word changed. */
function flagged(wire: Uint8Array, flags: number): Uint8Array {
  return wire.with(2, flags >> 8).with(3, flags & 255);
}
const decode = async (reply: Promise<Uint8Array>): Promise<Message> => decodeMessage(await reply);
const NAME = "www.example.org.";

for (const [transport, ask] of over) {
  describe(`over ${transport}`, () => {
    it("§8.1.1: a plain query for SOA is answered", async () => {
      assert.equal((await decode(ask(queryFor(NAME, SOA)))).rcode, 0);
    });
    it("§8.1.2: types that are not known are answered, not refused", async () => {
      for (const type of [666, 1000, 5000, 65_280]) assert.equal((await decode(ask(queryFor(NAME, type)))).rcode, 0);
    });
    it("§8.1.3: AA, RA, Z, AD and CD in a query are ignored, AA and Z not sent back", async () => {
      for (const bit of [0x0400, 0x0080, 0x0040, 0x0020, 0x0010]) {
        const { rcode, flags } = await decode(ask(queryFor(NAME, SOA, { flags: 0x0100 | bit })));
        assert.equal(rcode, 0);
        assert.equal(flags & 0x0440, 0);
      }
    });
    it("§8.1.4: an unknown opcode gets NOTIMP with that opcode, whatever the flags", async () => {
      for (const flags of [15 << 11, (15 << 11) | 0x07f0, 4 << 11, 5 << 11]) {
        const reply = await ask(flagged(queryFor(NAME, SOA), flags));
        assert.equal((reply[2] ?? 0) & 0x78, (flags >> 8) & 0x78);
        assert.equal((reply[3] ?? 0) & 0x0f, 4);
        assert.equal((reply[2] ?? 0) & 0x06, 0);
        assert.equal((reply[3] ?? 0) & 0x70, 0);
      }
    });
    it("§8.2.1: EDNS version 0 is answered with EDNS version 0", async () => {
      assert.equal((await decode(ask(queryFor(NAME, SOA, { opt: 4096 })))).edns?.version, 0);
    });
    it("§8.2.2 and §8.2.5: version 1 gets BADVERS with version 0, with options and without", async () => {
      const wire = queryFor(NAME, SOA, { opt: 4096 });
      const optAt = wire.length - 11;
      const plain = wire.with(optAt + 6, 1);
      const withOption = Uint8Array.of(...plain.with(optAt + 10, 4), 0, 100, 0, 0);
      for (const query of [plain, withOption]) {
        const { rcode, edns, answers } = await decode(ask(query));
        assert.deepEqual([rcode, edns?.version, edns?.options.length, answers.length], [16, 0, 0, 0]);
      }
    });
    it("§8.2.3: an unknown option is ignored and not sent back", async () => {
      const wire = queryFor(NAME, SOA, { opt: 4096 });
      const reply = await decode(ask(Uint8Array.of(...wire.with(wire.length - 1, 4), 0, 100, 0, 0)));
      assert.deepEqual([reply.rcode, reply.edns?.options], [0, []]);
    });
    it("§8.2.4: an unknown EDNS flag is ignored and not sent back", async () => {
      const wire = queryFor(NAME, SOA, { opt: 4096 });
      const reply = await ask(wire.with(wire.length - 3, 0x80));
      assert.deepEqual([...reply.subarray(-4, -2)], [0, 0]);
    });
    it("RFC 9619 §4: a query with two questions is a format error", async () => {
      const one = queryFor(NAME, A);
      const two = Uint8Array.of(...one.with(5, 2), ...one.subarray(12));
      assert.equal((await decode(ask(two))).rcode, 1);
    });
    it("a query without a question is a format error, and the reply has none either", async () => {
      const reply = await ask(Uint8Array.of(0x11, 0x22, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0));
      assert.deepEqual([...reply], [0x11, 0x22, 0x81, 0x81 & 0x81, 0, 0, 0, 0, 0, 0, 0, 0]);
    });
    it("transfers are refused, and the types of meta data are a format error", async () => {
      for (const [type, rcode] of [
        [252, 5],
        [251, 5],
        [41, 1],
        [249, 1],
        [250, 1],
      ] as const) {
        assert.equal((await decode(ask(queryFor(NAME, type)))).rcode, rcode, `${type}`);
      }
    });
    it("classes other than IN are refused and never forwarded", async () => {
      const before = server.upstream.queries.length;
      for (const qclass of [3, 4, 254, 255, 999]) {
        assert.equal((await decode(ask(queryFor("version.bind.", 16, { class: qclass })))).rcode, 5);
      }
      assert.equal(server.upstream.queries.length, before);
    });
  });
}

describe("§8: silence is for what is no query", () => {
  it("a response, and half a header, get none: answers to answers would go on for ever", async () => {
    for (const wire of [flagged(queryFor(NAME, A), 0x8100), queryFor(NAME, A).subarray(0, 11)]) {
      await assert.rejects(Promise.race([server.raw(wire), after50ms()]), NoAnswer);
    }
  });
});

/** A server that says nothing has said nothing for long enough. */
async function after50ms(): Promise<never> {
  await new Promise((resolve) => setTimeout(resolve, 50));
  throw new NoAnswer("no answer in 50 ms");
}
