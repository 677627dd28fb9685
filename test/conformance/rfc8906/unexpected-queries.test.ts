/**
 * RFC 8906 §8: queries that servers were found to mishandle, and what a correct one says.
 *
 * Only what is decided before a question is looked up: the rest is asked of a whole server.
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { FLAG_AA, FLAG_AD, FLAG_CD, FLAG_RA, FLAG_Z } from "../../../src/dns/header.ts";
import { decodeMessage, type Message } from "../../../src/dns/message.ts";
import { nameFromText } from "../../../src/dns/name-text.ts";
import { buildQuery } from "../../../src/dns/query-builder.ts";
import { admitQuery, QueryView } from "../../../src/dns/query-view.ts";
import { writeRefusal } from "../../../src/dns/refusal.ts";
import { RCODE_NOTIMP } from "../../../src/dns/types.ts";

const NAME = nameFromText("example.org");

function verdict(packet: Uint8Array): number {
  return admitQuery(packet, 0, packet.length, new QueryView());
}

describe("§8.1.2: a type that is not known is looked up, not refused", () => {
  for (const type of [0, 62, 666, 1000, 32767, 65280, 65535]) {
    it(`TYPE${type}`, () => assert.equal(verdict(buildQuery(NAME, type, 1)), 0));
  }
});

describe("§8.1.3: header bits that mean nothing in a query are ignored", () => {
  for (const [bit, flag] of Object.entries({ aa: FLAG_AA, ra: FLAG_RA, z: FLAG_Z, ad: FLAG_AD, cd: FLAG_CD })) {
    it(bit, () => {
      const packet = buildQuery(NAME, 6, 1);
      packet[2] = (packet[2] ?? 0) | (flag >> 8);
      packet[3] = (packet[3] ?? 0) | (flag & 0xff);
      assert.equal(verdict(packet), 0);
    });
  }
});

describe("§8.1.4: an opcode that is not known gets NOTIMP with that opcode, all sections empty, AA clear", () => {
  function refused(packet: Uint8Array): Message {
    const view = new QueryView();
    assert.equal(admitQuery(packet, 0, packet.length, view), RCODE_NOTIMP);
    return decodeMessage(packet.subarray(0, writeRefusal(packet, 0, view, RCODE_NOTIMP)));
  }

  it("to a header alone with opcode 15 and every flag set", () => {
    const reply = refused(Uint8Array.of(0, 1, 0x7f, 0xf0, 0, 0, 0, 0, 0, 0, 0, 0));
    assert.deepEqual([reply.opcode, reply.rcode], [15, RCODE_NOTIMP]);
    assert.equal(reply.flags & (FLAG_AA | FLAG_AD | FLAG_CD | FLAG_RA | FLAG_Z), 0);
  });

  it("to one with a question", () => {
    const packet = buildQuery(NAME, 6, 1, { udpSize: 4096 });
    packet[2] = 14 << 3;
    const reply = refused(packet);
    assert.deepEqual([reply.opcode, reply.question, reply.edns], [14, [], undefined]);
  });
});
