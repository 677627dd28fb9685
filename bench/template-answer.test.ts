import assert from "node:assert/strict";
import { it } from "node:test";
import * as dnsPacket from "dns-packet";
import fc from "fast-check";
import { queryFor } from "../test/support/dns-client.ts";
import { answerInPlace, RESPONSE_EXTRA_BYTES } from "./template-answer.ts";

function answer(wire: Uint8Array, start = 8): dnsPacket.DecodedPacket & { rcode: number } {
  const bytes = new Uint8Array(start + wire.length + RESPONSE_EXTRA_BYTES);
  bytes.set(wire, start);
  const length = answerInPlace(bytes, start, wire.length);
  const message = dnsPacket.decode(Buffer.from(bytes.subarray(start, start + length)));
  return { ...message, rcode: (message.flags ?? 0) & 15 };
}

it("answers A and AAAA, with an OPT when asked with one", () => {
  const a = answer(queryFor("one.bench.", 1, { id: 5, opt: 1232 }));
  assert.equal(a.id, 5);
  assert.deepEqual(
    a.answers?.map((r) => [r.name, r.type, "data" in r && r.data]),
    [["one.bench", "A", "192.0.2.1"]],
  );
  assert.equal(a.additionals?.[0]?.type, "OPT");
  const aaaa = answer(queryFor("one.bench.", 28));
  assert.deepEqual(
    aaaa.answers?.map((r) => [r.type, "data" in r && r.data]),
    [["AAAA", "2001:db8::1"]],
  );
  assert.deepEqual(aaaa.additionals, []);
});

it("denies names that begin with nx, and has no data for other types", () => {
  const denied = answer(queryFor("nx1.bench.", 1));
  assert.equal(denied.rcode, 3);
  assert.equal(denied.authorities?.[0]?.type, "SOA");
  const nodata = answer(queryFor("one.bench.", 16));
  assert.equal(nodata.rcode, 0);
  assert.deepEqual(nodata.answers, []);
  assert.equal(nodata.authorities?.[0]?.type, "SOA");
});

it("stays within its room whatever comes", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 120 }), fc.boolean(), (tail, oneQuestion) => {
      const wire = oneQuestion ? Uint8Array.of(0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, ...tail) : tail;
      const bytes = new Uint8Array(wire.length + RESPONSE_EXTRA_BYTES);
      bytes.set(wire);
      const length = answerInPlace(bytes, 0, wire.length);
      assert.ok(length === 0 || (length >= 17 && length <= bytes.length));
    }),
  );
});
