/** RFC 2181 §5.2, §8, §9: TTLs of an RRset, the longest TTL, and when TC is set. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { FLAG_TC } from "../../../src/dns/header.ts";
import { decodeMessage, encodeMessage, type Message } from "../../../src/dns/message.ts";
import { nameFromText } from "../../../src/dns/name-text.ts";
import { recordFromText } from "../../../src/dns/records/record-text.ts";
import { ResponseScan, scanResponse } from "../../../src/dns/response-scan.ts";
import { truncateByRrset } from "../../../src/dns/truncate.ts";

function response(answers: string[], additional: string[] = []): Uint8Array {
  const message: Message = {
    id: 1,
    flags: 0x8180,
    opcode: 0,
    rcode: 0,
    question: [{ name: nameFromText("a.example"), type: 1, class: 1 }],
    answers: answers.map((line) => recordFromText(line)),
    authority: [],
    additional: additional.map((line) => recordFromText(line)),
  };
  return encodeMessage(message);
}

function minTtl(wire: Uint8Array): number {
  const scan = new ResponseScan();
  assert.equal(scanResponse(wire, 0, wire.length, scan), 0);
  return scan.answerMinTtl;
}

describe("§5.2: where TTLs of an RRset differ, the lowest holds", () => {
  it("in any order", () => {
    assert.equal(
      minTtl(response(["a.example. 9 A 192.0.2.1", "a.example. 3 A 192.0.2.2", "a.example. 5 A 192.0.2.3"])),
      3,
    );
  });
});

describe("§8, with RFC 8767 §4: TTLs end at 2^31 - 1, and what is longer counts as that", () => {
  for (const [ttl, counts] of [
    [0, 0],
    [1, 1],
    [2147483647, 2147483647],
    [2147483648, 2147483647],
    [4294967295, 2147483647],
  ] as const) {
    it(`${ttl}`, () => assert.equal(minTtl(response([`a.example. ${ttl} A 192.0.2.1`])), counts));
  }
});

describe("§9: TC is set only when a needed RRset did not fit", () => {
  const addresses = (owner: string): string[] => Array.from({ length: 40 }, (_, i) => `${owner} 1 A 192.0.2.${i}`);
  const cut = (wire: Uint8Array): Message =>
    decodeMessage(wire.subarray(0, truncateByRrset(wire, 0, wire.length, 512)));

  it("an answer that did not fit", () => {
    const message = cut(response(addresses("a.example.")));
    assert.deepEqual([message.answers.length, message.flags & FLAG_TC], [0, FLAG_TC]);
  });

  it("additional records that did not fit", () => {
    const message = cut(response(["a.example. 1 A 192.0.2.1"], addresses("b.example.")));
    assert.deepEqual([message.answers.length, message.additional.length, message.flags & FLAG_TC], [1, 0, 0]);
  });
});
