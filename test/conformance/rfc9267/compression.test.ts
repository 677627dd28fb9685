/** RFC 9267: mistakes that parsers made with names, counts and lengths; none is made here. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { decodeMessage } from "../../../src/dns/message.ts";
import { ResponseScan, scanResponse } from "../../../src/dns/response-scan.ts";

const A = [0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 1];
const QUESTION = [1, 0x61, 0, 0, 1, 0, 1];
/** Offset of the first answer. */
const ANSWER_AT = 12 + QUESTION.length;

function response(...answer: number[]): Uint8Array {
  return Uint8Array.of(0, 1, 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0, ...QUESTION, ...answer);
}

/** Whether both readers refuse the message. */
function refused(wire: Uint8Array): boolean {
  const code = scanResponse(wire, 0, wire.length, new ResponseScan());
  if (code === 0) {
    decodeMessage(wire);
    return false;
  }
  assert.throws(() => decodeMessage(wire), { code: "NODENS_DNS_MESSAGE" });
  return true;
}

const cases: Readonly<Record<string, Uint8Array>> = {
  "§2: a pointer to itself": response(0xc0, ANSWER_AT, ...A),
  "§2: a label, then a pointer back to it": response(1, 0x62, 0xc0, ANSWER_AT, ...A),
  "§2: two pointers to each other": response(0xc0, ANSWER_AT + 2, 0xc0, ANSWER_AT, ...A),
  "§2: a pointer forwards": response(0xc0, ANSWER_AT + 2, 0, ...A),
  "§2: a pointer past the end": response(0xff, 0xff, ...A),
  "§2: a pointer into the header": response(0xc0, 0, ...A),
  "§2: a pointer into the header, where a zero stands": response(0xc0, 8, ...A),
  "§2: half a pointer at the end": response(...A.slice(1), 0xc0),
  "§3: a label longer than the message": response(63, 0x61, 0x62),
  "§3: label types 01 and 10": response(0x41, 0x61, 0, ...A),
  "§4: a name without its end": response(1, 0x62),
  "§4: a name of 256 bytes": response(...Array.from({ length: 4 * 64 }, (_, i) => (i % 64 === 0 ? 63 : 0x61)), 0, ...A),
  "§5: data longer than the message": response(0xc0, 12, ...A.slice(0, 9), 200, 1, 2, 3, 4),
  "§5: data shorter than its type": response(0xc0, 12, ...A.slice(0, 9), 3, 1, 2, 3),
  "§5: a record cut in its fixed part": response(0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0),
};

describe("a response is refused for", () => {
  for (const [what, wire] of Object.entries(cases)) it(what, () => assert.ok(refused(wire)));

  it("§6: more records announced than there are", () => {
    const wire = response(0xc0, 12, ...A);
    wire[7] = 2;
    assert.ok(refused(wire));
    wire[6] = 0xff;
    assert.ok(refused(wire));
  });
});

describe("a response is accepted with", () => {
  it("a pointer to the question", () => assert.ok(!refused(response(0xc0, 12, ...A))));
  it("a name of 63-byte labels and 255 bytes, with any bytes in it", () => {
    const odd = [0, 0xff, 0x2e, 0x41, 0xc0];
    const label = (length: number): number[] => [length, ...Array.from({ length }, (_, i) => odd[i % odd.length] ?? 0)];
    assert.ok(!refused(response(...label(63), ...label(63), ...label(63), ...label(61), 0, ...A)));
  });
});
