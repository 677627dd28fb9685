import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { resourceRecord, wireName } from "../../test/support/dns-arbitraries.ts";
import { FLAG_TC } from "./header.ts";
import { decodeMessage, encodeMessage, type Message } from "./message.ts";
import { nameFromText, nameToText } from "./name-text.ts";
import { recordFromText } from "./records/record-text.ts";
import type { ResourceRecord } from "./records/record.ts";
import { ResponseScan, scanResponse } from "./response-scan.ts";
import { truncateByRrset } from "./truncate.ts";

const QUESTION = { name: nameFromText("www.example.org"), type: 1, class: 1 };

function response(parts: Partial<Message>): Message {
  return {
    id: 1,
    flags: 0x8180,
    opcode: 0,
    rcode: 0,
    question: [QUESTION],
    answers: [],
    authority: [],
    additional: [],
    ...parts,
  };
}

function truncated(whole: Message, limit: number): { cut: Message; length: number } {
  const wire = encodeMessage(whole);
  const length = truncateByRrset(wire, 0, wire.length, limit);
  return { cut: decodeMessage(wire.subarray(0, length)), length };
}

function addresses(owner: string, count: number): ResourceRecord[] {
  return Array.from({ length: count }, (_, i) => recordFromText(`${owner} 60 IN A 192.0.2.${i}`));
}

/** Which RRset of its section a record belongs to; a signature to the one that it covers. */
function setKey(record: ResourceRecord): string {
  const type = record.data.kind === "rrsig" ? record.data.typeCovered : record.type;
  return `${nameToText(record.name).toLowerCase()} ${record.class} ${type}`;
}

/** Few owners, so that RRsets have several members, some not side by side. */
const records = fc.array(
  fc.tuple(fc.constantFrom("a", "A", "b.example", "www.example.org"), resourceRecord).map(([owner, record]) => ({
    ...record,
    name: nameFromText(owner),
    type: record.data.kind === "opaque" ? 666 : record.type,
  })),
  { maxLength: 8 },
);

describe("truncateByRrset", () => {
  it("keeps a whole front of every section, whole RRsets, within the limit, and decodable", () => {
    const scan = new ResponseScan();
    fc.assert(
      fc.property(records, records, records, wireName, fc.nat(600), (answers, authority, additional, name, more) => {
        const whole = response({ question: [{ name, type: 1, class: 1 }], answers, authority, additional });
        const wire = encodeMessage(whole);
        const limit = 12 + name.length + 4 + more;
        const slab = new Uint8Array(7 + wire.length);
        slab.set(wire, 7);
        const length = truncateByRrset(slab, 7, wire.length, limit);
        assert.ok(length <= limit && length <= wire.length);
        assert.equal(length, wire.length <= limit ? wire.length : length);
        assert.equal(scanResponse(slab, 7, length, scan), 0);
        assert.equal(scan.end, length);
        const cut = decodeMessage(slab.slice(7, 7 + length));
        for (const section of ["answers", "authority", "additional"] as const) {
          const kept = cut[section].length;
          assert.deepEqual(cut[section], whole[section].slice(0, kept));
          const keptSets = new Set(cut[section].map(setKey));
          for (const dropped of whole[section].slice(kept)) assert.ok(!keptSets.has(setKey(dropped)));
        }
        if (cut.authority.length > 0) assert.equal(cut.answers.length, answers.length);
        if (cut.additional.length > 0) assert.equal(cut.authority.length, authority.length);
        const lostAnswer = cut.answers.length < answers.length;
        const tc = (cut.flags & FLAG_TC) !== 0;
        if (lostAnswer) assert.ok(tc);
        if (cut.authority.length === authority.length && !lostAnswer) assert.ok(!tc);
        assert.deepEqual({ ...cut, answers, authority, additional, flags: whole.flags }, whole);
      }),
      { numRuns: 400 },
    );
  });

  it("leaves a response that fits as it is", () => {
    const wire = encodeMessage(response({ answers: addresses("www.example.org.", 3) }));
    const before = wire.slice();
    assert.equal(truncateByRrset(wire, 0, wire.length, wire.length), wire.length);
    assert.deepEqual(wire, before);
  });

  it("drops an answer RRset that does not fit whole, and says TC", () => {
    const alias = recordFromText("www.example.org. 60 IN CNAME web.example.org.");
    const { cut } = truncated(response({ answers: [alias, ...addresses("web.example.org.", 40)] }), 512);
    assert.deepEqual(cut.answers, [alias]);
    assert.equal(cut.flags & FLAG_TC, FLAG_TC);
  });

  it("drops additional records without TC", () => {
    const answers = addresses("www.example.org.", 2);
    const { cut } = truncated(response({ answers, additional: addresses("ns.example.org.", 40) }), 512);
    assert.deepEqual(cut.answers, answers);
    assert.deepEqual(cut.additional, []);
    assert.equal(cut.flags & FLAG_TC, 0);
  });

  it("drops the NS records beside an answer without TC", () => {
    const answers = addresses("www.example.org.", 2);
    const authority = Array.from({ length: 40 }, (_, i) => recordFromText(`example.org. 60 IN NS ns${i}.example.org.`));
    const { cut } = truncated(response({ answers, authority }), 512);
    assert.deepEqual([cut.answers.length, cut.authority.length, cut.flags & FLAG_TC], [2, 0, 0]);
  });

  it("says TC when a referral, or the proof beside an answer, is cut", () => {
    const ns = Array.from({ length: 40 }, (_, i) => recordFromText(`example.org. 60 IN NS ns${i}.example.org.`));
    assert.equal(truncated(response({ authority: ns }), 512).cut.flags & FLAG_TC, FLAG_TC);
    const proof = recordFromText("example.org. 60 IN NSEC z.example.org. A NS SOA");
    const alias = recordFromText("www.example.org. 60 IN CNAME web.example.org.");
    const { cut } = truncated(response({ answers: [alias], authority: [...ns, proof] }), 512);
    assert.equal(cut.flags & FLAG_TC, FLAG_TC);
  });

  it("keeps a signature with what it covers, or drops both", () => {
    const covered = addresses("www.example.org.", 1);
    const text = `www.example.org. 60 IN RRSIG A 13 3 60 20300101000000 20200101000000 1 example.org. ${"A".repeat(400)}`;
    const { cut } = truncated(response({ answers: [...covered, recordFromText(text)] }), 300);
    assert.deepEqual(cut.answers, []);
    assert.equal(cut.flags & FLAG_TC, FLAG_TC);
  });

  it("ends soon on a message full of records of one RRset in disorder", () => {
    const record = [0, 0, 16, 0, 1, 0, 0, 0, 1, 0, 0];
    const other = [0, 0, 17, 0, 1, 0, 0, 0, 1, 0, 0];
    const body = Array.from({ length: 2000 }, () => [...record, ...other]).flat();
    const wire = Uint8Array.of(0, 1, 0x80, 0, 0, 0, 4000 >> 8, 4000 & 0xff, 0, 0, 0, 0, ...body);
    assert.equal(truncateByRrset(wire, 0, wire.length, 1232), 12);
  });

  it("keeps nothing, and says TC, when finding out which RRsets are cut would take long", () => {
    const owners = Array.from({ length: 3000 }, (_, i) => recordFromText(`n${i}. 60 IN A 192.0.2.1`));
    const { cut, length } = truncated(response({ answers: owners }), 4096);
    assert.deepEqual(cut.answers, []);
    assert.ok((cut.flags & FLAG_TC) !== 0);
    assert.equal(length, 12 + QUESTION.name.length + 4);
  });
});
