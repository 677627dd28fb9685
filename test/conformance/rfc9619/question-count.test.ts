/** RFC 9619: a query (OPCODE 0) has at most one question; more than one is a format error. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { nameFromText } from "../../../src/dns/name-text.ts";
import { buildQuery } from "../../../src/dns/query-builder.ts";
import { admitQuery, QueryView } from "../../../src/dns/query-view.ts";
import { RCODE_FORMERR, RCODE_NOTIMP } from "../../../src/dns/types.ts";

function withQuestions(count: number, opcode = 0): Uint8Array {
  const one = buildQuery(nameFromText("example.org"), 1, 1);
  const question = one.subarray(12);
  const packet = Uint8Array.from([
    ...one.subarray(0, 12),
    ...Array.from({ length: count }, () => [...question]).flat(),
  ]);
  packet[2] = opcode << 3;
  packet[5] = count;
  return packet;
}

function verdict(packet: Uint8Array): number {
  return admitQuery(packet, 0, packet.length, new QueryView());
}

describe("RFC 9619 §4", () => {
  it("QDCOUNT 1 is accepted", () => assert.equal(verdict(withQuestions(1)), 0));

  for (const count of [0, 2, 3, 255]) {
    it(`QDCOUNT ${count} is a format error`, () => assert.equal(verdict(withQuestions(count)), RCODE_FORMERR));
  }

  it("says nothing about other opcodes", () => assert.equal(verdict(withQuestions(2, 5)), RCODE_NOTIMP));
});
