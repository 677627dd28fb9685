import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { decodeMessage, type Message } from "./message.ts";
import { FLAG_CD, FLAG_QR, FLAG_RA, FLAG_RD } from "./header.ts";
import { nameFromText } from "./name-text.ts";
import { buildQuery, type QueryOptions } from "./query-builder.ts";
import { admitQuery, QueryView } from "./query-view.ts";
import { writeRefusal } from "./refusal.ts";
import { RCODE_BADVERS, RCODE_FORMERR, RCODE_NOTIMP, RCODE_REFUSED } from "./types.ts";

const NAME = nameFromText("MiXed.example");

function refused(packet: Uint8Array, rcode: number): { reply: Message; length: number; bytes: Uint8Array } {
  const view = new QueryView();
  admitQuery(packet, 0, packet.length, view);
  const length = writeRefusal(packet, 0, view, rcode);
  const bytes = packet.subarray(0, length);
  return { reply: decodeMessage(bytes), length, bytes };
}

function query(options: QueryOptions = {}): Uint8Array {
  return buildQuery(NAME, 1, 1, { id: 99, ...options });
}

describe("writeRefusal", () => {
  it("echoes id, RD, CD and the question in its spelling, and nothing else", () => {
    const packet = query({ checkingDisabled: true, authenticData: true });
    // AA, TC and Z as well.
    packet[2] = (packet[2] ?? 0) | 0x06;
    packet[3] = (packet[3] ?? 0) | 0x40;
    const { reply } = refused(packet, RCODE_REFUSED);
    assert.deepEqual(reply, {
      id: 99,
      flags: FLAG_QR | FLAG_RD | FLAG_CD | FLAG_RA,
      opcode: 0,
      rcode: RCODE_REFUSED,
      question: [{ name: NAME, type: 1, class: 1 }],
      answers: [],
      authority: [],
      additional: [],
    });
  });

  it("does not set RD for a client that did not", () => {
    assert.equal(refused(query({ recursionDesired: false }), RCODE_REFUSED).reply.flags, FLAG_QR | FLAG_RA);
  });

  it("answers an OPT with its own: size 1232, version 0, DO copied, no option echoed", () => {
    const plain = query({ udpSize: 4096, dnssecOk: true });
    const cookie = [0, 10, 0, 8, 1, 2, 3, 4, 5, 6, 7, 8];
    const packet = Uint8Array.of(...plain, ...cookie);
    packet[plain.length - 1] = cookie.length;
    const { reply, length } = refused(packet, RCODE_REFUSED);
    assert.deepEqual(reply.edns, { udpSize: 1232, version: 0, dnssecOk: true, options: [] });
    assert.equal(length, plain.length);
  });

  it("says BADVERS with the OPT's bits", () => {
    const packet = query({ udpSize: 1232 });
    packet[packet.length - 5] = 1;
    const { reply } = refused(packet, RCODE_BADVERS);
    assert.equal(reply.rcode, RCODE_BADVERS);
    assert.equal(reply.edns?.version, 0);
  });

  it("puts one OPT where the query had two", () => {
    const plain = query({ udpSize: 1232 });
    const packet = Uint8Array.of(...plain, ...plain.subarray(-11));
    packet[11] = 2;
    const { reply, length } = refused(packet, RCODE_FORMERR);
    assert.equal(reply.rcode, RCODE_FORMERR);
    assert.equal(length, plain.length);
  });

  it("has QDCOUNT 0 when the question could not be read", () => {
    const header = Uint8Array.of(0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0);
    const { reply, length } = refused(header, RCODE_FORMERR);
    assert.equal(length, 12);
    assert.deepEqual(reply.question, []);
    assert.equal(reply.id, 7);
  });

  it("answers another opcode with that opcode and a header alone, without RA, CD or AD", () => {
    const packet = query({ udpSize: 1232, checkingDisabled: true, authenticData: true });
    packet[2] = (packet[2] ?? 0) | (5 << 3);
    const { reply, length } = refused(packet, RCODE_NOTIMP);
    assert.equal(length, 12);
    assert.equal(reply.opcode, 5);
    assert.equal(reply.flags, FLAG_QR | FLAG_RD);
    assert.equal(reply.rcode, RCODE_NOTIMP);
  });
});
