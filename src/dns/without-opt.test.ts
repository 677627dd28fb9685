import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { message } from "../../test/support/dns-arbitraries.ts";
import { decodeMessage, encodeMessage, type Message } from "./message.ts";
import { nameFromText } from "./name-text.ts";
import { recordFromText } from "./records/record-text.ts";
import { ResponseScan, scanResponse } from "./response-scan.ts";
import { removeOpt } from "./without-opt.ts";

function removed(wire: Uint8Array): Uint8Array {
  const scan = new ResponseScan();
  assert.equal(scanResponse(wire, 0, wire.length, scan), 0);
  const out = removeOpt(wire, scan);
  assert.ok(typeof out !== "number");
  return out;
}

function plain(whole: Message): Message {
  const { id, flags, opcode, question, answers, authority, additional } = whole;
  return { id, flags, opcode, rcode: whole.rcode & 15, question, answers, authority, additional };
}

describe("removeOpt", () => {
  it("leaves everything but the OPT, and no bytes after the last record", () => {
    fc.assert(
      fc.property(message, fc.uint8Array({ maxLength: 5 }), (whole, trailing) => {
        const wire = Uint8Array.of(...encodeMessage(whole), ...trailing);
        const before = wire.slice();
        assert.deepEqual(removed(wire), encodeMessage(plain(whole)));
        assert.deepEqual(wire, before);
      }),
    );
  });

  it("keeps names that point across an OPT in the middle", () => {
    const whole: Message = {
      id: 1,
      flags: 0x8180,
      opcode: 0,
      rcode: 0,
      question: [{ name: nameFromText("www.example.org"), type: 1, class: 1 }],
      answers: [],
      authority: [],
      additional: [recordFromText("x.test. 1 IN A 198.51.100.1"), recordFromText("y.x.test. 2 IN A 198.51.100.2")],
      edns: { udpSize: 1232, version: 0, dnssecOk: false, options: [] },
    };
    const wire = encodeMessage(whole);
    const opt = wire.subarray(-11);
    const questionEnd = 33;
    // The OPT first: what `y.x.test.` points at moves, so its pointer must as well.
    const moved = Uint8Array.of(...wire.subarray(0, questionEnd), ...opt, ...wire.subarray(questionEnd, -11));
    const pointer = moved.lastIndexOf(0xc0);
    moved[pointer + 1] = (moved[pointer + 1] ?? 0) + 11;
    assert.deepEqual(decodeMessage(moved), whole);
    assert.deepEqual(decodeMessage(removed(moved)), plain(whole));
  });

  it("takes what stands behind an OPT in the middle away with it, when there is very much", () => {
    const additional = Array.from({ length: 501 }, (_, i) => recordFromText(`n${i}. 1 IN A 192.0.2.1`));
    const whole = { id: 1, flags: 0x8180, opcode: 0, rcode: 0, question: [], answers: [], authority: [] };
    const before = encodeMessage({ ...whole, additional: additional.slice(0, 2) });
    const after = encodeMessage({ ...whole, additional: additional.slice(2) });
    const opt = [0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0];
    const moved = Uint8Array.of(...before, ...opt, ...after.subarray(12));
    moved[10] = 502 >> 8;
    moved[11] = 502 & 0xff;
    assert.deepEqual(removed(moved), before);
  });
});
