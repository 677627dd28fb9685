import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { testQuery } from "../../../test/support/setup-context.ts";
import { FLAG_QR, FLAG_TC, FLAGS_AT, readU16, writeU16 } from "../../dns/header.ts";
import { ResponseScan } from "../../dns/response-scan.ts";
import { IGNORED_MALFORMED, IGNORED_REASONS, judgeReply, REPLY_ACCEPTED } from "./reply-check.ts";

const { wire: query, view } = testQuery("www.Example.org.", "A");
const scan = new ResponseScan();

function judge(message: Uint8Array, mayBeCut = true): number {
  return judgeReply(message, query, view.questionEnd, mayBeCut, scan);
}

/** An A record under the question. */
function goodReply(): Uint8Array {
  const reply = Uint8Array.from([...query, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 1]);
  writeU16(reply, FLAGS_AT, readU16(query, FLAGS_AT) | FLAG_QR);
  reply[7] = 1;
  return reply;
}

describe("judgeReply", () => {
  it("accepts a reply", () => assert.equal(judge(goodReply()), REPLY_ACCEPTED));

  it("gives every message a verdict, and accepts none with another question or a hole", () => {
    const mutation = fc.record({ at: fc.nat(60), byte: fc.nat(255) });
    fc.assert(
      fc.property(fc.array(mutation, { maxLength: 4 }), fc.nat(60), fc.boolean(), (mutations, length, cut) => {
        const good = goodReply();
        for (const { at, byte } of mutations) if (at < good.length) good[at] = byte;
        const message = good.subarray(0, length);
        const verdict = judge(message, cut);
        assert.ok(verdict === REPLY_ACCEPTED || IGNORED_REASONS[verdict] !== undefined);
        if (verdict !== REPLY_ACCEPTED || message.length === 12) return;
        const question = (bytes: Uint8Array): string =>
          Buffer.from(bytes.subarray(12, view.questionEnd)).toString("latin1").toLowerCase();
        assert.equal(question(message), question(query));
        const truncated = cut && (readU16(message, FLAGS_AT) & FLAG_TC) !== 0;
        if (!truncated) assert.ok(scan.end <= message.length);
      }),
      { numRuns: 2000 },
    );
  });

  it("takes random bytes", () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => assert.notEqual(judge(bytes), REPLY_ACCEPTED)));
  });

  it("does not look into a body that is cut, unless it came over a stream", () => {
    const reply = goodReply().subarray(0, -2);
    writeU16(reply, FLAGS_AT, readU16(reply, FLAGS_AT) | FLAG_TC);
    assert.equal(judge(reply, true), REPLY_ACCEPTED);
    assert.equal(judge(reply, false), IGNORED_MALFORMED);
  });
});
