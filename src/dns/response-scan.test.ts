import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { message, mutated, randomNumbers, resourceRecord } from "../../test/support/dns-arbitraries.ts";
import { decodeMessage, encodeMessage, type Message } from "./message.ts";
import { nameFromText } from "./name-text.ts";
import { ERR_LABORIOUS, ERR_LENGTH, ERR_OPT, ERR_POINTER, ERR_TRUNCATED } from "./parse-codes.ts";
import { recordFromText } from "./records/record-text.ts";
import type { ResourceRecord } from "./records/record.ts";
import { RECORDS_MAX, ResponseScan, scanResponse, TTL_MAX_S, TTL_NONE } from "./response-scan.ts";
import { TYPE_A, TYPE_ANY, TYPE_RRSIG, TYPE_SOA } from "./types.ts";
import { readU32 } from "./header.ts";

function response(type: number, parts: Partial<Message>): Uint8Array {
  return encodeMessage({
    id: 1,
    flags: 0x8180,
    opcode: 0,
    rcode: 0,
    question: [{ name: nameFromText("www.example.org"), type, class: 1 }],
    answers: [],
    authority: [],
    additional: [],
    ...parts,
  });
}

function scanned(wire: Uint8Array): ResponseScan {
  const scan = new ResponseScan();
  assert.equal(scanResponse(wire, 0, wire.length, scan), 0);
  return scan;
}

function code(wire: Uint8Array): number {
  return scanResponse(wire, 0, wire.length, new ResponseScan());
}

/** A response whose answer section is these bytes. */
function raw(answers: number, ...bytes: number[]): Uint8Array {
  const wire = response(TYPE_A, {});
  const count = [answers >> 8, answers & 0xff];
  return Uint8Array.of(...wire.subarray(0, 6), ...count, ...wire.subarray(8), ...bytes);
}

const EDNS = { udpSize: 1232, version: 0, dnssecOk: false, options: [] };
const SOA = recordFromText("example.org. 900 IN SOA ns.example.org. admin.example.org. 1 2 3 4 300");

describe("scanResponse", () => {
  it("accepts every message that encodeMessage writes, and counts alike", () => {
    const scan = new ResponseScan();
    fc.assert(
      fc.property(message, fc.boolean(), (whole, compress) => {
        const wire = encodeMessage(whole, { compress });
        assert.equal(scanResponse(wire, 0, wire.length, scan), 0);
        const sections = [whole.answers, whole.authority, whole.additional];
        assert.deepEqual(
          [scan.answerCount, scan.authorityCount, scan.additionalCount],
          sections.map((s) => s.length),
        );
        assert.equal(scan.end, wire.length);
        assert.equal(scan.extendedRcode, whole.rcode);
        assert.equal(scan.optAt >= 0, whole.edns !== undefined);
        const ttls = sections.flat().map((record) => record.ttl);
        const found = [...scan.ttlAts.subarray(0, scan.ttlCount)].map((at) => readU32(wire, at));
        assert.deepEqual(found, ttls);
        const least = (list: number[]): number =>
          list.length === 0 ? TTL_NONE : Math.min(...list.map((ttl) => Math.min(ttl, TTL_MAX_S)));
        assert.equal(scan.minTtl, least(ttls));
        assert.equal(scan.answerMinTtl, least(whole.answers.map((record) => record.ttl)));
      }),
    );
  });

  it("gives a code and reads nothing outside for any mutated message anywhere in a slab", () => {
    const random = randomNumbers(4);
    const scan = new ResponseScan();
    const alone = new ResponseScan();
    const seeds = fc.sample(message, { numRuns: 40, seed: 4 }).map((whole) => encodeMessage(whole));
    for (let i = 0; i < 4000; i++) {
      const packet = mutated(seeds[i % seeds.length] ?? new Uint8Array(), random);
      const start = random(20);
      const slab = new Uint8Array(start + packet.length + 20).fill(random(256));
      slab.set(packet, start);
      const result = scanResponse(slab, start, packet.length, scan);
      // The same verdict when there is nothing around it: what lies outside has no say.
      assert.equal(scanResponse(packet, 0, packet.length, alone), result);
      if (result === 0) assert.deepEqual({ ...scan, ttlAts: [] }, { ...alone, ttlAts: [] });
      else assert.ok(result < 0);
    }
  });

  it("remembers nothing of the message before", () => {
    const scan = new ResponseScan();
    fc.assert(
      fc.property(message, message, (first, second) => {
        const wires = [encodeMessage(first), encodeMessage(second)];
        for (const wire of wires) scanResponse(wire, 0, wire.length, scan);
        const fresh = scanned(wires[1] ?? new Uint8Array());
        const used = [...scan.ttlAts.subarray(0, scan.ttlCount)];
        assert.deepEqual(used, [...fresh.ttlAts.subarray(0, fresh.ttlCount)]);
        assert.deepEqual({ ...scan, ttlAts: [] }, { ...fresh, ttlAts: [] });
      }),
    );
  });

  it("says what a positive answer is", () => {
    const wire = response(TYPE_A, {
      answers: [
        recordFromText("www.example.org. 60 IN CNAME web.example.org."),
        recordFromText("web.example.org. 30 IN A 192.0.2.1"),
      ],
      authority: [recordFromText("example.org. 10 IN NS ns.example.org.")],
    });
    const scan = scanned(wire);
    assert.ok(scan.answersQuestion && !scan.cnameOnly && !scan.hasSoa && scan.hasNsInAuthority);
    assert.deepEqual([scan.minTtl, scan.answerMinTtl, scan.cnameCount], [10, 30, 1]);
  });

  it("says what a negative answer is, and whose SOA came with it", () => {
    const wire = response(TYPE_A, { rcode: 3, authority: [SOA] });
    const scan = scanned(wire);
    assert.ok(scan.hasSoa && !scan.answersQuestion && !scan.cnameOnly);
    assert.deepEqual([scan.rcode, scan.soaTtl, scan.soaMinimum], [3, 900, 300]);
    assert.equal(scan.soaOwnerAt, scan.questionEnd);
    assert.equal(scan.answerMinTtl, TTL_NONE);
  });

  it("does not take an SOA that was asked for as a negative one", () => {
    const scan = scanned(response(TYPE_SOA, { answers: [SOA] }));
    assert.ok(!scan.hasSoa && scan.answersQuestion);
  });

  it("knows an answer of aliases only, signed or not", () => {
    const alias = recordFromText("www.example.org. 60 IN CNAME web.example.org.");
    assert.ok(scanned(response(TYPE_A, { answers: [alias] })).cnameOnly);
    assert.ok(scanned(response(TYPE_A, { answers: [alias, signature(1, 2)] })).cnameOnly);
    assert.ok(!scanned(response(5, { answers: [alias] })).cnameOnly);
    assert.ok(!scanned(response(TYPE_ANY, { answers: [alias] })).cnameOnly);
    assert.ok(!scanned(response(TYPE_A, { answers: [signature(1, 2)] })).cnameOnly);
  });

  it("does not let the class of an answer pass for another", () => {
    const chaos: ResourceRecord = {
      ...recordFromText("www.example.org. 60 IN TXT x"),
      class: 3,
    };
    assert.ok(!scanned(response(16, { answers: [chaos] })).answersQuestion);
  });

  it("takes a TTL with its first bit set as the longest", () => {
    const scan = scanned(response(TYPE_A, { answers: [recordFromText("www.example.org. 4294967295 IN A 192.0.2.1")] }));
    assert.equal(scan.minTtl, TTL_MAX_S);
  });

  it("accepts a header alone", () => {
    const scan = scanned(Uint8Array.of(0, 1, 0x80, 5, 0, 0, 0, 0, 0, 0, 0, 0));
    assert.deepEqual([scan.rcode, scan.questionEnd, scan.nameLength, scan.end], [5, 12, 0, 12]);
  });

  it("finds an OPT in the middle of the additional records, and its options", () => {
    const end = response(TYPE_A, {
      additional: [recordFromText("a. 1 IN A 192.0.2.1")],
      edns: { ...EDNS, dnssecOk: true, options: [{ code: 15, data: Uint8Array.of(0, 3) }] },
    });
    const glueBytes = 17;
    const at = 12 + 17 + 4;
    const middle = Uint8Array.of(
      ...end.subarray(0, at),
      ...end.subarray(at + glueBytes),
      ...end.subarray(at, at + glueBytes),
    );
    const scan = scanned(middle);
    assert.deepEqual([scan.optAt, scan.optEnd, scan.additionalCount], [at, at + 11 + 6, 1]);
    assert.deepEqual([scan.optionsAt, scan.optionsLength, scan.dnssecOk], [at + 11, 6, true]);
  });

  describe("refuses", () => {
    it("less than a header", () => assert.equal(code(new Uint8Array(11)), ERR_TRUNCATED));

    it("a length beyond the buffer", () => {
      assert.equal(scanResponse(response(TYPE_A, {}), 0, 4000, new ResponseScan()), ERR_TRUNCATED);
    });

    it("two questions", () => {
      const wire = response(TYPE_A, {});
      wire[5] = 2;
      assert.equal(code(wire), ERR_LENGTH);
    });

    it("counts larger than the data", () => {
      assert.equal(code(raw(1)), ERR_LENGTH);
      assert.equal(code(raw(65535, ...new Uint8Array(200))), ERR_LENGTH);
    });

    it("two OPT", () => {
      const wire = response(TYPE_A, { edns: EDNS });
      const two = Uint8Array.of(...wire, ...wire.subarray(-11));
      two[11] = 2;
      assert.equal(code(two), ERR_OPT);
    });

    it("an OPT among the answers", () => assert.equal(code(raw(1, 0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0)), ERR_OPT));

    it("a record cut in its fixed part", () => {
      assert.equal(code(raw(1, 6, 0x61, 0x61, 0x61, 0x61, 0x61, 0x61, 0, 0, 1, 0, 1)), ERR_TRUNCATED);
    });

    it("an RDLENGTH that reaches past the end", () => {
      assert.equal(code(raw(1, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 1, 0, 5, 192, 0, 2, 1)), ERR_LENGTH);
    });

    it("an A record of five bytes and an AAAA record of four", () => {
      assert.equal(code(raw(1, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 1, 0, 5, 192, 0, 2, 1, 1)), ERR_LENGTH);
      assert.equal(code(raw(1, 0xc0, 12, 0, 28, 0, 1, 0, 0, 0, 1, 0, 4, 192, 0, 2, 1)), ERR_LENGTH);
    });

    it("a CNAME with bytes after its name", () => {
      assert.equal(code(raw(1, 0xc0, 12, 0, 5, 0, 1, 0, 0, 0, 1, 0, 3, 0xc0, 12, 9)), ERR_LENGTH);
    });

    it("compression that loops, points forwards, or into the header", () => {
      assert.equal(code(raw(1, 0xc0, 33, 0, 1, 0, 1, 0, 0, 0, 1, 0, 4, 1, 2, 3, 4)), ERR_POINTER);
      assert.equal(code(raw(1, 0xc0, 40, 0, 1, 0, 1, 0, 0, 0, 1, 0, 4, 1, 2, 3, 4)), ERR_POINTER);
      assert.equal(code(raw(1, 0xc0, 4, 0, 1, 0, 1, 0, 0, 0, 1, 0, 4, 1, 2, 3, 4)), ERR_POINTER);
      assert.equal(code(raw(1, 0xc0, 12, 0, 5, 0, 1, 0, 0, 0, 1, 0, 2, 0xc0, 45)), ERR_POINTER);
    });

    it("a pointer to a label that runs on past the pointer", () => {
      const filler = [0, 255, 0, 0, 1, 0, 0, 0, 0, 0, 2, 9, 97];
      assert.equal(code(raw(2, ...filler, 0xc0, 44, 0, 16, 0, 1, 0, 0, 0, 0, 0, 0, 0)), ERR_POINTER);
    });

    it("a name that lies in a TTL, of its own record or of an earlier one", () => {
      const pointer = (to: number): number[] => [0xc0, 12, 0, 12, 0, 1, 0, 0, 0, 0, 0, 2, 0xc0, to];
      const owner = 33;
      const ttl = owner + 6;
      for (const to of [ttl, ttl + 3]) assert.equal(code(raw(1, ...pointer(to))), ERR_POINTER, `pointer to ${to}`);
      assert.equal(code(raw(2, ...pointer(12), ...pointer(ttl))), ERR_POINTER);
      assert.equal(code(raw(3, ...pointer(12), ...pointer(12), ...pointer(ttl + 14))), ERR_POINTER);
    });

    it("names that are short on the wire and long to read, one after another", () => {
      const deep = recordFromText(`${"a.".repeat(120)} 60 IN NS ${"a.".repeat(120)}`);
      const many = (count: number): ResourceRecord[] => Array.from({ length: count }, () => deep);
      assert.equal(code(response(TYPE_A, { answers: many(400) })), 0);
      const wire = response(TYPE_A, { answers: many(1000) });
      assert.equal(code(wire), ERR_LABORIOUS);
      assert.throws(() => decodeMessage(wire), { code: "NODENS_DNS_MESSAGE" });
    });

    it("more than 4096 records", () => {
      const one = [0, 0, 16, 0, 1, 0, 0, 0, 1, 0, 0];
      const many = (count: number): Uint8Array => raw(count, ...Array.from({ length: count }, () => one).flat());
      assert.equal(code(many(RECORDS_MAX)), 0);
      assert.equal(code(many(RECORDS_MAX + 1)), ERR_LENGTH);
    });
  });

  it("does not look into data of unknown types, whatever it looks like", () => {
    assert.equal(code(raw(1, 0xc0, 12, 0xff, 0x00, 0, 1, 0, 0, 0, 1, 0, 2, 0xc0, 45)), 0);
  });

  it("accepts the longest answers that servers give", () => {
    const reverse = `${"0.".repeat(32)}ip6.arpa.`;
    const pointers = Array.from({ length: 1400 }, (_, i) =>
      recordFromText(`${reverse} 60 IN PTR host-${i}.default.svc.cluster.local.`),
    );
    const question = [{ name: nameFromText(reverse), type: 12, class: 1 }];
    const whole = scanned(response(12, { question, answers: pointers }));
    assert.equal(whole.answerCount, 1400);
    const addresses = Array.from({ length: 4000 }, (_, i) =>
      recordFromText(`www.example.org. 60 IN A 10.0.${i >> 8}.${i & 255}`),
    );
    assert.equal(scanned(response(TYPE_A, { answers: addresses })).answerCount, 4000);
  });

  it("grows its list of TTLs for 300 addresses", () => {
    const answers = Array.from({ length: 300 }, (_, i) => recordFromText(`www.example.org. ${i + 5} IN A 192.0.2.1`));
    const wire = response(TYPE_A, { answers });
    const scan = scanned(wire);
    assert.equal(scan.ttlCount, 300);
    assert.equal(readU32(wire, scan.ttlAts[299] ?? 0), 304);
  });
});

function signature(expiration: number, inception: number): ResourceRecord {
  return {
    name: nameFromText("www.example.org"),
    type: TYPE_RRSIG,
    class: 1,
    ttl: 60,
    data: {
      kind: "rrsig",
      typeCovered: 5,
      algorithm: 13,
      labels: 3,
      originalTtl: 60,
      expiration: expiration >>> 0,
      inception: inception >>> 0,
      keyTag: 1,
      signer: nameFromText("example.org"),
      signature: Uint8Array.of(1),
    },
  };
}

describe("rrsigExpired", () => {
  const now = 1_700_000_000;
  const expired = (...signatures: ResourceRecord[]): boolean =>
    scanned(response(TYPE_A, { answers: signatures })).rrsigExpired(now);

  it("is false without signatures", () => assert.ok(!expired()));
  it("is false inside the period", () => assert.ok(!expired(signature(now + 10, now - 10))));
  it("is true when one of several has ended", () => {
    assert.ok(expired(signature(now + 10, now - 10), signature(now - 1, now - 10), signature(now + 20, now - 10)));
  });
  it("is true when one has not begun", () => {
    assert.ok(expired(signature(now + 10, now - 10), signature(now + 20, now + 1)));
  });
  it("compares across the end of 32 bits", () => {
    const late = 0xffff_ff00;
    const scan = scanned(response(TYPE_A, { answers: [signature(late + 0x200, late)] }));
    assert.ok(!scan.rrsigExpired(late + 0x100));
    assert.ok(scan.rrsigExpired(late + 0x300));
  });
  it("does not look at additional records", () => {
    assert.ok(!scanned(response(TYPE_A, { additional: [signature(1, 0)] })).rrsigExpired(now));
  });
});

describe("resourceRecord, which these tests draw from", () => {
  it("makes many kinds", () => {
    const kinds = new Set(fc.sample(resourceRecord, { numRuns: 500, seed: 5 }).map((record) => record.data.kind));
    assert.ok(kinds.size > 20, [...kinds].join());
  });
});
