import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { message, mutated, randomNumbers } from "../../test/support/dns-arbitraries.ts";
import { encodeMessage } from "./message.ts";
import { nameFromText } from "./name-text.ts";
import { buildQuery, type QueryOptions } from "./query-builder.ts";
import { admitQuery, QueryView, VERDICT_ACCEPT, VERDICT_DROP } from "./query-view.ts";
import { writeRefusal } from "./refusal.ts";
import { scanResponse, ResponseScan } from "./response-scan.ts";
import { RCODE_BADVERS, RCODE_FORMERR, RCODE_NOTIMP, RCODE_REFUSED } from "./types.ts";

const NAME = nameFromText("WWW.example.org");
const QUESTION_END = 12 + 17 + 4;

function query(options: QueryOptions = {}, type = 1, dnsClass = 1): Uint8Array {
  return buildQuery(NAME, type, dnsClass, { id: 0xbeef, ...options });
}

/** The packet with bytes put over it. */
function with_(packet: Uint8Array, at: number, ...bytes: number[]): Uint8Array {
  const copy = packet.slice();
  copy.set(bytes, at);
  return copy;
}

function append(packet: Uint8Array, ...bytes: number[]): Uint8Array {
  return Uint8Array.of(...packet, ...bytes);
}

function verdict(packet: Uint8Array, view = new QueryView()): number {
  return admitQuery(packet, 0, packet.length, view);
}

const OPT = [0, 0, 41, 4, 208, 0, 0, 0x80, 0, 0, 0];

describe("admitQuery", () => {
  it("reads question, flags and OPT of a query anywhere in a slab", () => {
    const packet = query({ dnssecOk: true, udpSize: 1400, checkingDisabled: true }, 28);
    const slab = new Uint8Array(512).fill(0xff);
    slab.set(packet, 100);
    const view = new QueryView();
    assert.equal(admitQuery(slab, 100, packet.length, view), VERDICT_ACCEPT);
    assert.deepEqual(
      { ...view },
      {
        id: 0xbeef,
        flags: 0x0110,
        nameLength: 17,
        qtype: 28,
        qclass: 1,
        questionEnd: QUESTION_END,
        hasOpt: true,
        udpSize: 1400,
        dnssecOk: true,
        ednsVersion: 0,
        optionsAt: QUESTION_END + 11,
        optionsLength: 0,
      },
    );
    assert.deepEqual(view.clone(), view);
  });

  it("leaves nothing of the packet before in the view", () => {
    const view = new QueryView();
    verdict(query({ dnssecOk: true, udpSize: 4096 }, 28), view);
    verdict(query(), view);
    const fresh = new QueryView();
    verdict(query(), fresh);
    assert.deepEqual(view, fresh);
    verdict(query({ dnssecOk: true, udpSize: 4096 }, 28), view);
    const header = with_(new Uint8Array(12), 5, 1);
    verdict(header, view);
    verdict(header, fresh);
    assert.deepEqual(view, fresh);
  });

  it("never accepts what lies after the packet in the slab", () => {
    const packet = query({ udpSize: 1232 });
    for (let length = 0; length < packet.length; length++) {
      const expected = length < 12 ? VERDICT_DROP : RCODE_FORMERR;
      assert.equal(admitQuery(packet, 0, length, new QueryView()), expected, `${length} bytes`);
    }
  });

  describe("drops", () => {
    it("11 bytes", () => assert.equal(verdict(query().slice(0, 11)), VERDICT_DROP));
    it("nothing", () => assert.equal(verdict(new Uint8Array(0)), VERDICT_DROP));
    it("responses", () => assert.equal(verdict(with_(query(), 2, 0x81)), VERDICT_DROP));
  });

  describe("answers FORMERR to", () => {
    const opt = query({ udpSize: 1232 });
    const withOption = (...rdata: number[]): Uint8Array =>
      append(with_(opt, opt.length - 2, rdata.length >> 8, rdata.length & 255), ...rdata);
    const cases: Readonly<Record<string, Uint8Array>> = {
      "a header alone that announces a question": with_(new Uint8Array(12), 5, 1),
      "two questions (RFC 9619)": append(with_(query(), 5, 2), ...query().subarray(12)),
      "no question": with_(new Uint8Array(12), 5, 0),
      TC: with_(query(), 2, 0x03),
      "a name that is a pointer to itself": with_(query(), 12, 0xc0, 12),
      "a label byte 0x40": with_(query(), 12, 0x40),
      "a label byte 0x80": with_(query(), 12, 0x80),
      "a name of 257 bytes": longName(),
      "a question without its class": query().slice(0, -1),
      "ANCOUNT 1": with_(query(), 7, 1),
      "NSCOUNT 1": with_(query(), 9, 1),
      "ANCOUNT 1 with that record": append(with_(query(), 7, 1), 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 1, 0, 4, 1, 2, 3, 4),
      "two OPT": append(with_(opt, 11, 2), ...OPT),
      "an OPT and a TSIG": append(with_(opt, 11, 2), 0, 0, 250, 0, 255, 0, 0, 0, 0, 0, 0),
      "a lone TSIG, which nobody here could check": append(with_(query(), 11, 1), 0, 0, 250, 0, 255, 0, 0, 0, 0, 0, 0),
      "a lone A record as additional": append(with_(query(), 11, 1), 0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4, 1, 2, 3, 4),
      "an OPT whose owner is `a.`": append(with_(query(), 11, 1), 1, 0x61, ...OPT),
      "an OPT whose owner is a pointer to the question": append(with_(query(), 11, 1), 0xc0, 12, ...OPT.slice(1)),
      "an announced additional record that is not there": with_(query(), 11, 1),
      "half an OPT": append(with_(query(), 11, 1), ...OPT.slice(0, 6)),
      "an OPT with RDLENGTH 16 and no data": with_(opt, opt.length - 1, 16),
      "an EDNS option that overruns its OPT": withOption(0, 10, 0, 9, 1, 2, 3, 4, 5, 6, 7, 8),
      "an EDNS option without its length": withOption(0, 10, 0),
      "type OPT": query({}, 41),
      "type TSIG": query({}, 250),
      "type TKEY": query({}, 249),
      "type MAILA": query({}, 254),
      "type MAILB": query({}, 253),
      "type NXNAME (RFC 9824)": query({}, 128),
      "meta type 200": query({}, 200),
    };
    for (const [what, packet] of Object.entries(cases)) it(what, () => assert.equal(verdict(packet), RCODE_FORMERR));
  });

  it("answers NOTIMP to every opcode but QUERY", () => {
    for (let opcode = 1; opcode < 16; opcode++) {
      assert.equal(verdict(with_(query({ udpSize: 1232 }), 2, opcode << 3)), RCODE_NOTIMP, `opcode ${opcode}`);
    }
  });

  describe("answers REFUSED to", () => {
    it("AXFR", () => assert.equal(verdict(query({}, 252)), RCODE_REFUSED));
    it("IXFR", () => assert.equal(verdict(query({}, 251)), RCODE_REFUSED));
    it("IXFR with the client's SOA in authority", () =>
      assert.equal(verdict(append(with_(query({}, 251), 9, 1), 0, 0, 6, 0, 1)), RCODE_REFUSED));
    for (const dnsClass of [0, 2, 4, 254, 255, 65535]) {
      it(`class ${dnsClass}`, () => assert.equal(verdict(query({}, 1, dnsClass)), RCODE_REFUSED));
    }
  });

  describe("answers BADVERS to an EDNS version above 0", () => {
    const version1 = with_(query({ udpSize: 1232 }), QUESTION_END + 6, 1);
    it("alone", () => assert.equal(verdict(version1), RCODE_BADVERS));
    it("before judging type, class or what its options mean", () => {
      assert.equal(verdict(with_(version1, QUESTION_END - 1, 255)), RCODE_BADVERS);
      assert.equal(verdict(append(with_(version1, version1.length - 1, 3), 1, 2, 3)), RCODE_BADVERS);
    });
    it("after format errors", () => {
      assert.equal(verdict(with_(version1, version1.length - 1, 3)), RCODE_FORMERR);
      assert.equal(verdict(append(with_(version1, 11, 2), ...OPT)), RCODE_FORMERR);
    });
  });

  describe("accepts", () => {
    const accepted: Readonly<Record<string, Uint8Array>> = {
      "bytes after the last record": append(query({ udpSize: 1232 }), 0x78, 0x79, 0x7a),
      "bytes after the question": append(query(), 0x78, 0x79, 0x7a),
      "the Z bit": with_(query(), 3, 0x40),
      "AA, RA and AD, which mean nothing in a query": with_(query(), 2, 0x05, 0xa0),
      "a query without RD": query({ recursionDesired: false }),
      "an rcode in a query": with_(query(), 3, 0x0f),
      "class CH": query({}, 16, 3),
      "type 0": query({}, 0),
      "type 65535": query({}, 65535),
      "type ANY": query({}, 255),
      "type URI": query({}, 256),
      "an unknown EDNS option": append(with_(query({ udpSize: 1232 }), QUESTION_END + 10, 6), 0, 100, 0, 2, 1, 2),
      "the root": buildQuery(nameFromText("."), 2, 1),
    };
    for (const [what, packet] of Object.entries(accepted))
      it(what, () => assert.equal(verdict(packet), VERDICT_ACCEPT));

    it("a UDP size below 512 as 512", () => {
      const view = new QueryView();
      verdict(query({ udpSize: 100 }), view);
      assert.equal(view.udpSize, 512);
    });

    it("no OPT as 512", () => {
      const view = new QueryView();
      verdict(query({}), view);
      assert.equal(view.udpSize, 512);
    });

    it("the letters of the name as they are", () => {
      const packet = query();
      const before = packet.slice();
      verdict(packet);
      assert.deepEqual(packet, before);
    });
  });
});

function longName(): Uint8Array {
  const label = [63, ...Array.from({ length: 63 }, () => 0x61)];
  const header = with_(new Uint8Array(12), 5, 1);
  return append(header, ...label, ...label, ...label, ...label, 0, 0, 1, 0, 1);
}

describe("admitQuery and writeRefusal on a corpus of 20,000 random and mutated packets", () => {
  const seeds = [
    query(),
    query({ udpSize: 1232, dnssecOk: true }),
    append(with_(query({ udpSize: 1232 }), QUESTION_END + 10, 12), 0, 10, 0, 8, 1, 2, 3, 4, 5, 6, 7, 8),
    append(with_(query({ udpSize: 1232 }), 11, 2), ...OPT),
    with_(query({ udpSize: 1232 }), QUESTION_END + 6, 1),
    query({ udpSize: 1232 }, 252),
    ...fc.sample(message, { numRuns: 30, seed: 3 }).map((whole) => encodeMessage({ ...whole, flags: 0, opcode: 0 })),
  ];

  it("give a verdict, and a reply that is whole and never longer than the query", () => {
    const random = randomNumbers(3);
    const view = new QueryView();
    const scan = new ResponseScan();
    const seen = new Map<number, number>();
    for (let i = 0; i < 20_000; i++) {
      const seed = seeds[random(seeds.length)] ?? new Uint8Array();
      const packet = i % 4 === 0 ? noise(random) : mutated(seed, random);
      const start = random(8);
      const slab = new Uint8Array(start + packet.length).fill(0xee, 0, start);
      slab.set(packet, start);
      const decision = admitQuery(slab, start, packet.length, view);
      seen.set(decision, (seen.get(decision) ?? 0) + 1);
      assert.deepEqual(slab.subarray(start), packet);
      if (decision === VERDICT_DROP) continue;
      assert.ok([0, 1, 4, 5, 16].includes(decision));
      const length = writeRefusal(slab, start, view, decision === VERDICT_ACCEPT ? RCODE_REFUSED : decision);
      assert.ok(length >= 12 && length <= packet.length);
      assert.ok(slab.length === start + packet.length && slab.subarray(0, start).every((byte) => byte === 0xee));
      assert.equal(scanResponse(slab, start, length, scan), 0);
      assert.equal(scan.end, length);
      assert.equal(scan.extendedRcode, decision === VERDICT_ACCEPT ? RCODE_REFUSED : decision);
    }
    for (const expected of [VERDICT_DROP, VERDICT_ACCEPT, RCODE_FORMERR, RCODE_NOTIMP, RCODE_REFUSED, RCODE_BADVERS]) {
      assert.ok((seen.get(expected) ?? 0) >= 20, `verdict ${expected} came ${seen.get(expected) ?? 0} times`);
    }
  });
});

function noise(random: (below: number) => number): Uint8Array {
  const packet = Uint8Array.from({ length: random(80) }, () => random(256));
  // Otherwise half would be dropped as responses and most of the rest refused for their opcode.
  if (packet.length > 2 && random(4) > 0) packet[2] = random(2);
  if (packet.length > 6 && random(2) > 0) packet.set([0, 1], 4);
  return packet;
}
