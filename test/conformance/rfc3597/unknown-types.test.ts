/** RFC 3597: types that a server does not know pass through it as they are. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { decodeMessage, encodeMessage, type Message } from "../../../src/dns/message.ts";
import { nameFromText } from "../../../src/dns/name-text.ts";
import { recordFromText, recordToText } from "../../../src/dns/records/record-text.ts";

function response(...lines: string[]): Message {
  return {
    id: 1,
    flags: 0x8180,
    opcode: 0,
    rcode: 0,
    question: [{ name: nameFromText("a.example"), type: 731, class: 1 }],
    answers: lines.map((line) => recordFromText(line)),
    authority: [],
    additional: [],
  };
}

describe("§3: data of an unknown type is bytes, whatever they look like", () => {
  it("a pointer to the question, a pointer past the end, a name", () => {
    const whole = response(
      "a.example. 1 IN TYPE731 \\# 2 C00C",
      "a.example. 1 IN TYPE731 \\# 2 FFFF",
      "a.example. 1 IN TYPE731 \\# 11 01610765786D61706C6500",
    );
    const wire = encodeMessage(whole);
    assert.deepEqual(decodeMessage(wire), whole);
    assert.deepEqual([...wire.subarray(-11)], [1, 0x61, 7, ...[..."exmaple"].map((c) => c.charCodeAt(0)), 0]);
  });
});

describe("§4: names in the data of types newer than RFC 1035 are not compressed", () => {
  const target = [...nameFromText("a.example")];
  for (const line of [
    "b. 1 IN SRV 0 0 53 a.example.",
    "b. 1 IN DNAME a.example.",
    "b. 1 IN AFSDB 1 a.example.",
    "b. 1 IN RP a.example. a.example.",
    'b. 1 IN NAPTR 1 1 "" "" "" a.example.',
    "b. 1 IN KX 1 a.example.",
    "b. 1 IN HTTPS 0 a.example.",
    "b. 1 IN NSEC a.example.",
  ]) {
    it(line.split(" ")[3] ?? line, () => {
      const wire = encodeMessage(response(line));
      assert.deepEqual([...wire.subarray(-target.length)], target);
    });
  }

  for (const line of [
    "b. 1 IN CNAME a.example.",
    "b. 1 IN NS a.example.",
    "b. 1 IN PTR a.example.",
    "b. 1 IN MX 1 a.example.",
  ]) {
    it(`${line.split(" ")[3]} is of RFC 1035 and is`, () => {
      assert.deepEqual([...encodeMessage(response(line)).subarray(-2)], [0xc0, 12]);
    });
  }
});

describe("§4: compressed names in the data of such types are understood all the same", () => {
  it("SRV", () => {
    const whole = response("a.example. 1 IN SRV 0 0 53 a.example.");
    const wire = encodeMessage(whole);
    const compressed = Uint8Array.of(...wire.subarray(0, -11), 0xc0, 12);
    compressed[compressed.length - 9] = 8;
    assert.deepEqual(decodeMessage(compressed), whole);
  });
});

describe("§5: the text form", () => {
  for (const [text, written] of [
    ["a.example. 1 CLASS32 TYPE731 \\# 6 abcd ( ef 01 23 45 )", "a.example.\t1\tCLASS32\tTYPE731\t\\# 6 ABCDEF012345"],
    ["b.example. 1 HS TYPE62347 \\# 0", "b.example.\t1\tHS\tTYPE62347\t\\# 0"],
    ["e.example. 1 IN A \\# 4 0A000001", "e.example.\t1\tIN\tA\t10.0.0.1"],
    ["e.example. 1 CLASS1 TYPE1 10.0.0.2", "e.example.\t1\tIN\tA\t10.0.0.2"],
  ] as const) {
    it(text, () => assert.equal(recordToText(recordFromText(text)), written));
  }
});
