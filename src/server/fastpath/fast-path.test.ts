import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { queryFor } from "../../../test/support/dns-client.ts";
import { FastPathBench, LISTENER } from "../../../test/support/fast-path-bench.ts";
import { nodata, nxdomain, positive, type ResponseText } from "../../../test/support/responses.ts";
import { testQuery } from "../../../test/support/setup-context.ts";
import { FLAG_AA, FLAG_AD, FLAG_CD, FLAG_QR, FLAG_RA, FLAG_RD, FLAG_TC, readU16, writeU16 } from "../../dns/header.ts";
import { decodeMessage, type Message } from "../../dns/message.ts";
import { nameFromText } from "../../dns/name-text.ts";
import { recordToText } from "../../dns/records/record-text.ts";
import { KIND_DENIAL } from "../cache/region-layout.ts";
import { KIND_QUERY } from "./relay-ring.ts";

const A = 1;
const DS = 43;
const TXT = 16;
const AAAA = 28;

const WWW: ResponseText = { answers: ["@ 30 IN A 192.0.2.1"] };
const textsOf = (message: Message): string[] =>
  message.answers.map((record) => recordToText(record).replaceAll("\t", " "));

describe("a hit", () => {
  it("has the client's id and spelling, and the age of the answer", () => {
    const bench = new FastPathBench();
    bench.cache("www.example.org.", "A", WWW);
    bench.advanceS(12);
    const reply = bench.ask(queryFor("wWw.eXample.ORG.", A, { id: 0x1234 }));
    assert.equal(reply.id, 0x1234);
    assert.deepEqual(reply.question[0]?.name, nameFromText("wWw.eXample.ORG."));
    assert.deepEqual(textsOf(reply), ["wWw.eXample.ORG. 18 IN A 192.0.2.1"]);
    assert.equal(reply.flags & ~0x000f, FLAG_QR | FLAG_RD | FLAG_RA);
    assert.equal(reply.edns, undefined);
    assert.deepEqual(bench.relayed, []);
    assert.equal(bench.path.takeRelayed(), 0);
  });

  it("is a whole message with all sections", () => {
    const bench = new FastPathBench();
    bench.cache("www.example.org.", "A", {
      answers: ["@ 30 IN CNAME a.example.org.", "a.example.org. 30 IN A 192.0.2.1"],
      authority: ["example.org. 30 IN NS ns.example.org."],
      additional: ["ns.example.org. 30 IN A 192.0.2.53"],
    });
    const plain = bench.ask(queryFor("www.example.org.", A));
    assert.deepEqual([plain.answers.length, plain.authority.length, plain.additional.length], [2, 1, 1]);
    const withOpt = bench.ask(queryFor("www.example.org.", A, { opt: 4096 }));
    assert.deepEqual([withOpt.answers.length, withOpt.authority.length, withOpt.additional.length], [2, 1, 1]);
    assert.deepEqual(withOpt.edns, { udpSize: 1232, version: 0, dnssecOk: false, options: [] });
  });

  it("leaves the store at the end of the answer's time", () => {
    const bench = new FastPathBench();
    bench.cache("www.example.org.", "A", WWW);
    bench.advanceS(29);
    assert.deepEqual(textsOf(bench.ask(queryFor("www.example.org.", A))), ["www.example.org. 1 IN A 192.0.2.1"]);
    bench.advanceS(1);
    assert.deepEqual(bench.serve(queryFor("www.example.org.", A)), [undefined]);
    assert.equal(bench.relayed.length, 1);
  });

  it("denies every type of a name that does not exist, and one type of a name that does", () => {
    const bench = new FastPathBench();
    const denied = { kind: KIND_DENIAL, answers: false } as const;
    const none = testQuery("none.example.org.", "A");
    bench.put(none, nxdomain(none, 30), { ...denied, deniesName: true });
    const some = testQuery("some.example.org.", "A");
    bench.put(some, nodata(some, 30), denied);
    for (const type of [A, AAAA, TXT]) {
      const reply = bench.ask(queryFor("none.example.org.", type));
      assert.deepEqual([reply.rcode, reply.question[0]?.type, reply.authority.length], [3, type, 1]);
    }
    const reply = bench.ask(queryFor("some.example.org.", A));
    assert.deepEqual([reply.rcode, reply.answers.length, reply.authority.length], [0, 0, 1]);
    assert.deepEqual(bench.serve(queryFor("some.example.org.", AAAA)), [undefined]);
    assert.equal(bench.count("coredns_cache_hits_total", { type: "denial" }), 4);
  });

  it("has RD and CD as the client set them, and finds only what was made for its CD and DO", () => {
    const bench = new FastPathBench();
    bench.cache("www.example.org.", "A", WWW);
    bench.cache("www.example.org.", "A", { answers: ["@ 30 IN A 192.0.2.2"] }, { checkingDisabled: true });
    bench.cache("www.example.org.", "A", { answers: ["@ 30 IN A 192.0.2.3"] }, { dnssecOk: true });
    const hosts = [{}, { flags: FLAG_CD }, { dnssecOk: true }].map((options) => {
      const reply = bench.ask(queryFor("www.example.org.", A, { flags: 0, ...options }));
      assert.equal(reply.flags & (FLAG_RD | FLAG_CD), options.flags ?? 0);
      return textsOf(reply)[0]?.slice(-1);
    });
    assert.deepEqual(hosts, ["1", "2", "3"]);
    assert.deepEqual(bench.serve(queryFor("www.example.org.", A, { flags: FLAG_CD, dnssecOk: true })), [undefined]);
  });

  it("has AD only for who showed that it understands it, and DO as in the query", () => {
    const bench = new FastPathBench();
    const authentic = { ...WWW, flags: FLAG_AD };
    bench.cache("www.example.org.", "A", authentic);
    bench.cache("www.example.org.", "A", authentic, { dnssecOk: true });
    const ad = (options: Parameters<typeof queryFor>[2]): [boolean, boolean | undefined] => {
      const reply = bench.ask(queryFor("www.example.org.", A, options));
      return [(reply.flags & FLAG_AD) !== 0, reply.edns?.dnssecOk];
    };
    assert.deepEqual(ad({}), [false, undefined]);
    assert.deepEqual(ad({ opt: 1232 }), [false, false]);
    assert.deepEqual(ad({ flags: FLAG_RD | FLAG_AD }), [true, undefined]);
    assert.deepEqual(ad({ dnssecOk: true }), [true, true]);
  });

  it("has AA as the store says", () => {
    const bench = new FastPathBench();
    bench.cache("plain.example.org.", "A", { ...WWW, authoritative: true });
    bench.cache("kept.example.org.", "A", { ...WWW, authoritative: true }, {}, { authoritative: true });
    assert.equal(bench.ask(queryFor("plain.example.org.", A)).flags & FLAG_AA, 0);
    assert.equal(bench.ask(queryFor("kept.example.org.", A)).flags & FLAG_AA, FLAG_AA);
  });
});

describe("a hit that is too large", () => {
  const many = (count: number): ResponseText => ({
    answers: Array.from({ length: count }, (_, i) => `@ 30 IN A 192.0.2.${i}`),
  });

  for (const { what, count, opt, limit, truncated } of [
    { what: "at 512 bytes without EDNS", count: 40, opt: undefined, limit: 512, truncated: true },
    { what: "at the size that the client named", count: 60, opt: 700, limit: 700, truncated: true },
    { what: "at 512 bytes when the client named less", count: 40, opt: 100, limit: 512, truncated: true },
    { what: "at our own size when the client named more", count: 120, opt: 4096, limit: 1232, truncated: true },
    { what: "not when it fits", count: 29, opt: undefined, limit: 512, truncated: false },
  ]) {
    it(`is cut ${what}`, () => {
      const bench = new FastPathBench();
      bench.cache("www.example.org.", "A", many(count));
      const [wire] = bench.serve(queryFor("www.example.org.", A, opt === undefined ? {} : { opt }));
      const reply = decodeMessage(wire ?? assert.fail());
      assert.ok((wire?.length ?? 0) <= limit, String(wire?.length));
      assert.equal((reply.flags & FLAG_TC) !== 0, truncated);
      // One RRset: all of it or nothing.
      assert.equal(reply.answers.length, truncated ? 0 : count);
      assert.equal(reply.edns !== undefined, opt !== undefined);
    });
  }

  it("loses additional records first, and says nothing of that", () => {
    const bench = new FastPathBench();
    bench.cache("www.example.org.", "A", {
      answers: ["@ 30 IN A 192.0.2.1"],
      additional: Array.from({ length: 30 }, (_, i) => `ns${i}.example.org. 30 IN A 192.0.2.${i}`),
    });
    const reply = bench.ask(queryFor("www.example.org.", A));
    assert.equal(reply.flags & FLAG_TC, 0);
    assert.equal(reply.answers.length, 1);
    assert.ok(reply.additional.length > 0 && reply.additional.length < 30);
  });
});

describe("a zone whose denials a plugin wants to see", () => {
  it("is answered here but for NXDOMAIN", () => {
    const bench = new FastPathBench();
    const soa = ["denials.test. 30 IN SOA ns. admin. 1 2 3 4 30"];
    bench.cache("www.denials.test.", "A", WWW);
    bench.cache("www.denials.test.", "AAAA", { authority: soa }, {}, { kind: KIND_DENIAL, answers: false });
    const denial = { kind: KIND_DENIAL, answers: false, deniesName: true };
    bench.cache("no.denials.test.", "A", { rcode: 3, authority: soa }, {}, denial);
    bench.cache("no.example.org.", "A", { rcode: 3, authority: soa }, {}, denial);
    const here = [
      queryFor("www.denials.test.", A),
      queryFor("www.denials.test.", AAAA),
      queryFor("no.example.org.", A),
    ];
    const replies = bench.serve(...here, queryFor("no.denials.test.", A));
    assert.deepEqual(
      replies.map((reply) => (reply === undefined ? "main" : (reply[3] ?? 0) & 15)),
      [0, 0, 3, "main"],
    );
    assert.equal(bench.relayed.length, 1);
  });
});

describe("a query goes to the main thread", () => {
  for (const [why, wire] of [
    ["on a miss", queryFor("other.example.org.", A)],
    ["when its zone is slow", queryFor("www.slow.test.", A)],
    ["for DS, which belongs to the parent's zone", queryFor("www.example.org.", DS)],
    ["in class CH", queryFor("www.example.org.", A, { class: 3 })],
  ] as const) {
    it(why, () => {
      const bench = new FastPathBench();
      for (const name of ["www.example.org.", "www.slow.test."]) bench.cache(name, "A", WWW);
      bench.cache("www.example.org.", "DS", { answers: ["@ 30 IN DS 1 8 2 00"] });
      const [reply] = bench.serve(queryFor("unknown.test.", A), wire);
      assert.equal(reply?.[3], FLAG_RA | 5);
      assert.deepEqual(bench.relayed, [
        {
          kind: KIND_QUERY,
          id: LISTENER,
          receivedAtMs: bench.clock.monotonicMs(),
          wire,
          sockaddrAt: bench.io.sockaddrAt(1),
          control: [bench.io.controlAt(1), 4],
        },
      ]);
      assert.equal(bench.path.takeRelayed(), 1);
      assert.equal(bench.path.takeRelayed(), 0);
      assert.equal(bench.count("nodens_fastpath_handed_over_total"), 1);
      assert.equal(bench.count("coredns_dns_requests_total"), 0, "the main thread counts it");
    });
  }

  it("unless that is far behind and there is an answer that may be served stale", () => {
    const bench = new FastPathBench();
    bench.cache("www.example.org.", "A", { ...WWW, flags: FLAG_QR | FLAG_AD }, {}, { staleS: 100 });
    const denial = { kind: KIND_DENIAL, answers: false, deniesName: true, staleS: 100 };
    bench.cache(
      "no.denials.test.",
      "A",
      { rcode: 3, authority: ["denials.test. 30 IN SOA ns. admin. 1 2 3 4 30"] },
      {},
      denial,
    );
    const query = queryFor("www.example.org.", A, { flags: FLAG_RD | FLAG_AD });
    assert.notEqual(bench.ask(query).flags & FLAG_AD, 0);
    bench.advanceS(31);
    assert.deepEqual(bench.serve(query), [undefined]);
    bench.relay.isPressed = true;
    const reply = bench.ask(query);
    assert.deepEqual(textsOf(reply), ["www.example.org. 30 IN A 192.0.2.1"]);
    assert.equal(reply.flags & FLAG_AD, 0, "it may not be so any more");
    assert.equal(bench.count("coredns_cache_served_stale_total"), 1);
    assert.deepEqual(bench.serve(queryFor("no.denials.test.", A)), [undefined]);
    bench.advanceS(100);
    assert.deepEqual(bench.serve(query), [undefined]);
    assert.equal(bench.relayed.length, 3);
  });

  it("unless it may be served stale, which an extended error says to who speaks EDNS and has room", () => {
    const bench = new FastPathBench();
    bench.cache("www.example.org.", "A", WWW, {}, { staleS: 100 });
    const denial = { kind: KIND_DENIAL, answers: false, deniesName: true, staleS: 100 };
    const authority = ["example.org. 30 IN SOA ns. admin. 1 2 3 4 30"];
    bench.cache("no.example.org.", "A", { rcode: 3, authority }, {}, denial);
    const errorsOf = (name: string, udpSize: number): readonly number[] | undefined =>
      bench.ask(queryFor(name, A, { opt: udpSize })).edns?.options.flatMap(({ code, data }) => [code, ...data]);
    assert.deepEqual(errorsOf("www.example.org.", 1232), []);
    bench.advanceS(31);
    bench.relay.isPressed = true;
    assert.deepEqual(errorsOf("www.example.org.", 1232), [15, 0, 3]);
    assert.deepEqual(errorsOf("no.example.org.", 1232), [15, 0, 19]);
    assert.equal(bench.ask(queryFor("www.example.org.", A)).edns, undefined);
    const answers = Array.from({ length: 30 }, (_, i) => `@ 30 IN A 192.0.2.${i}`);
    bench.cache("many.example.org.", "A", { answers }, {}, { staleS: 100 });
    bench.advanceS(31);
    // Header and question, the records, the OPT, the error.
    const whole = 34 + 30 * 16 + 11 + 6;
    assert.deepEqual(errorsOf("many.example.org.", whole), [15, 0, 3]);
    assert.deepEqual(errorsOf("many.example.org.", whole - 1), []);
    assert.equal(bench.ask(queryFor("many.example.org.", A, { opt: whole - 1 })).answers.length, 30);
  });

  it("unless that is too far behind: then it is dropped and counted", () => {
    const bench = new FastPathBench();
    bench.ringIsFull = true;
    assert.deepEqual(bench.serve(queryFor("other.example.org.", A)), [undefined]);
    assert.equal(bench.path.takeRelayed(), 0);
    assert.equal(bench.count("nodens_fastpath_ring_full_total"), 1);
    assert.equal(bench.count("nodens_dropped_total", { reason: "ring_full" }), 1);
  });
});

describe("a query is refused with", () => {
  const changed = (at: number, value: number): Uint8Array => {
    const wire = queryFor("www.example.org.", A, { opt: 1232 });
    writeU16(wire, at, value);
    return wire;
  };
  const badVersion = queryFor("www.example.org.", A, { opt: 1232 });
  badVersion[badVersion.length - 5] = 1;

  for (const [name, rcode, wire] of [
    ["REFUSED", 5, queryFor("www.elsewhere.test.", A, { opt: 1232 })],
    ["REFUSED", 5, queryFor("www.example.org.", 252, { opt: 1232 })],
    ["REFUSED", 5, queryFor("www.example.org.", A, { class: 4, opt: 1232 })],
    ["FORMERR", 1, changed(4, 2)],
    ["NOTIMP", 4, changed(2, 0x2000)],
    ["BADVERS", 16, badVersion],
  ] as const) {
    it(`${name}, in no more bytes than it had`, () => {
      const bench = new FastPathBench();
      bench.cache("www.example.org.", "A", WWW);
      const [reply] = bench.serve(wire);
      assert.ok(reply !== undefined && reply.length <= wire.length);
      assert.equal(readU16(reply, 0), readU16(wire, 0));
      assert.equal(decodeMessage(reply).rcode, rcode);
      assert.deepEqual(bench.relayed, []);
      assert.equal(bench.count("nodens_refused_total", { rcode: name }), 1);
    });
  }
});

describe("a datagram is dropped and counted", () => {
  for (const [why, reason, wire] of [
    ["when it is shorter than a header", "short", new Uint8Array(11)],
    ["when it is empty", "short", new Uint8Array(0)],
    ["when it is a response", "response", Uint8Array.of(0, 1, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0)],
    ["when it did not fit", "oversized", new Uint8Array(5000)],
  ] as const) {
    it(why, () => {
      const bench = new FastPathBench();
      assert.deepEqual(bench.serve(wire), [undefined]);
      assert.deepEqual(bench.relayed, []);
      assert.equal(bench.count("nodens_dropped_total", { reason }), 1);
      assert.equal(bench.count("nodens_dropped_total"), 1);
    });
  }
});

describe("a batch", () => {
  it("is counted: requests, responses, sizes, hits, times, datagrams", () => {
    const bench = new FastPathBench();
    bench.cache("www.example.org.", "A", WWW);
    bench.cache("www.example.org.", "AAAA", { answers: ["@ 30 IN AAAA 2001:db8::1"] }, { dnssecOk: true });
    const wires = [
      queryFor("www.example.org.", A),
      queryFor("miss.example.org.", A),
      queryFor("www.example.org.", A, { opt: 1232 }),
      queryFor("www.example.org.", AAAA, { dnssecOk: true }),
      queryFor("nobody.test.", A),
    ];
    const replies = bench.serve(...wires);
    assert.deepEqual(
      replies.map((reply) => reply !== undefined),
      [true, false, true, true, true],
    );
    const server = { server: "dns://:53", zone: "example.org.", view: "" };
    assert.equal(bench.count("coredns_dns_requests_total", { ...server, type: "A", family: "1", proto: "udp" }), 2);
    assert.equal(bench.count("coredns_dns_requests_total", { ...server, type: "AAAA" }), 1);
    assert.equal(bench.count("coredns_dns_do_requests_total", server), 1);
    assert.equal(bench.count("coredns_dns_responses_total", { ...server, rcode: "NOERROR", plugin: "cache" }), 3);
    assert.equal(bench.count("coredns_cache_hits_total", { type: "success" }), 3);
    assert.equal(bench.count("coredns_cache_misses_total"), 0, "the main thread counts it");
    assert.equal(bench.count("coredns_dns_request_duration_seconds", server, "_count"), 3);
    const bytes = (list: readonly (Uint8Array | undefined)[]): number =>
      [0, 2, 3].reduce((sum, i) => sum + (list[i]?.length ?? 0), 0);
    assert.equal(bench.count("coredns_dns_request_size_bytes", server, "_sum"), bytes(wires));
    assert.equal(bench.count("coredns_dns_response_size_bytes", server, "_sum"), bytes(replies));
    assert.equal(bench.count("nodens_fastpath_hits_total"), 3);
    assert.equal(bench.count("nodens_fastpath_datagrams_total"), 5);
    assert.equal(bench.count("nodens_fastpath_batches_total"), 1);
  });

  it("of an IPv6 client counts as such, of one that a dual-stack socket maps as IPv4", () => {
    const bench = new FastPathBench();
    bench.cache("www.example.org.", "A", WWW);
    for (const client of ["2001:db8::1", "::ffff:10.0.0.1", "::1"]) {
      bench.io.put([queryFor("www.example.org.", A)], client);
      bench.path.serve(bench.io, LISTENER, bench.zones);
    }
    assert.equal(bench.count("coredns_dns_requests_total", { family: "1" }), 1);
    assert.equal(bench.count("coredns_dns_requests_total", { family: "2" }), 2);
  });

  it("that is none is nothing", () => {
    const bench = new FastPathBench();
    assert.equal(bench.path.serve(bench.io, LISTENER, bench.zones), 0);
    assert.equal(bench.count("nodens_fastpath_batches_total"), 0);
  });

  it("of any bytes gives each datagram one fate: a reply with its id, the main thread, or a counted drop", () => {
    const bench = new FastPathBench();
    const query = testQuery("www.example.org.", "A");
    bench.put(query, positive(query, 30));
    const valid = fc.constantFrom(
      queryFor("www.example.org.", A),
      queryFor("www.example.org.", A, { opt: 1232 }),
      queryFor("miss.example.org.", AAAA),
    );
    const broken = fc.tuple(valid, fc.nat(40), fc.nat(255), fc.nat(45)).map(([wire, at, value, length]) => {
      const copy = wire.slice(0, length);
      if (at < copy.length) copy[at] = value;
      return copy;
    });
    const datagram = fc.oneof(valid, broken, fc.uint8Array({ maxLength: 60 }));
    fc.assert(
      fc.property(fc.array(datagram, { minLength: 1, maxLength: 64 }), (datagrams) => {
        const drops = bench.count("nodens_dropped_total");
        bench.relayed.length = 0;
        const replies = bench.serve(...datagrams);
        for (const [i, reply] of replies.entries()) {
          if (reply === undefined) continue;
          assert.deepEqual(reply.subarray(0, 2), datagrams[i]?.subarray(0, 2));
          assert.ok(((reply[2] ?? 0) & 0x80) !== 0 && reply.length <= 1232);
        }
        const replied = replies.filter((reply) => reply !== undefined).length;
        assert.equal(bench.path.takeRelayed(), bench.relayed.length);
        assert.equal(replied + bench.relayed.length + bench.count("nodens_dropped_total") - drops, datagrams.length);
      }),
      { numRuns: 60 },
    );
  });
});
