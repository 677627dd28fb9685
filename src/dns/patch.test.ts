import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { message } from "../../test/support/dns-arbitraries.ts";
import { FLAG_AA, FLAG_RA, FLAG_TC } from "./header.ts";
import { decodeMessage, encodeMessage, type Message } from "./message.ts";
import { nameFromText } from "./name-text.ts";
import { ageTtls, capTtls, patchFlags, patchId, patchName, stampTtls } from "./patch.ts";
import { recordFromText } from "./records/record-text.ts";
import { ResponseScan, scanResponse, TTL_MAX_S } from "./response-scan.ts";

function withTtls(whole: Message, change: (ttl: number) => number): Message {
  const map = (section: Message["answers"]): Message["answers"] =>
    section.map((record) => ({ ...record, ttl: change(record.ttl) }));
  return { ...whole, answers: map(whole.answers), authority: map(whole.authority), additional: map(whole.additional) };
}

/** Checks that `patch` does to a message in a slab what `change` does to every TTL, and nothing else. */
function checkTtls(
  patch: (slab: Uint8Array, start: number, scan: ResponseScan) => void,
  change: (ttl: number) => number,
): void {
  const scan = new ResponseScan();
  fc.assert(
    fc.property(message, (whole) => {
      const wire = encodeMessage(whole);
      const slab = new Uint8Array(9 + wire.length);
      slab.set(wire, 9);
      assert.equal(scanResponse(slab, 9, wire.length, scan), 0);
      patch(slab, 9, scan);
      assert.deepEqual(decodeMessage(slab.subarray(9)), withTtls(whole, change));
    }),
  );
}

describe("patching TTLs", () => {
  it("stamps every record but the OPT", () => {
    checkTtls(
      (slab, start, scan) => stampTtls(slab, start, scan.ttlAts, scan.ttlCount, 17),
      () => 17,
    );
  });

  it("ages every record, down to a floor", () => {
    checkTtls(
      (slab, start, scan) => ageTtls(slab, start, scan.ttlAts, scan.ttlCount, 100, 1),
      (ttl) => Math.max(1, Math.min(ttl, TTL_MAX_S) - 100),
    );
  });

  it("caps every record", () => {
    checkTtls(
      (slab, start, scan) => capTtls(slab, start, scan.ttlAts, scan.ttlCount, 300),
      (ttl) => Math.min(ttl, 300),
    );
  });
});

describe("patching the rest", () => {
  const whole: Message = {
    id: 1,
    flags: 0x8180 | FLAG_AA,
    opcode: 0,
    rcode: 3,
    question: [{ name: nameFromText("www.example.org"), type: 1, class: 1 }],
    answers: [recordFromText("www.example.org. 60 IN A 192.0.2.1")],
    authority: [],
    additional: [],
  };
  const patched = (patch: (bytes: Uint8Array) => void): Message => {
    const wire = encodeMessage(whole);
    patch(wire);
    return decodeMessage(wire);
  };

  it("changes the id alone", () => {
    assert.deepEqual(
      patched((bytes) => patchId(bytes, 0, 0xfedc)),
      { ...whole, id: 0xfedc },
    );
  });

  it("sets and clears flags and leaves opcode and response code", () => {
    const flags = (whole.flags & ~(FLAG_AA | FLAG_RA)) | FLAG_TC;
    assert.deepEqual(
      patched((bytes) => patchFlags(bytes, 0, FLAG_TC, FLAG_AA | FLAG_RA)),
      { ...whole, flags },
    );
  });

  it("spells the question, and the owners that point at it, as the client did", () => {
    const spelled = nameFromText("wWw.ExAmple.org");
    assert.deepEqual(
      patched((bytes) => patchName(bytes, 0, spelled, 0, spelled.length)),
      {
        ...whole,
        question: [{ name: spelled, type: 1, class: 1 }],
        answers: whole.answers.map((record) => ({ ...record, name: spelled })),
      },
    );
  });
});
