import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { decodeMessage } from "../../dns/message.ts";
import { FLAG_AA, FLAG_AD, FLAG_RA, FLAG_TC } from "../../dns/header.ts";
import { StoreBench, PARTITION } from "../../../test/support/cached-answers.ts";
import { nodata, nxdomain, positive, responseTo } from "../../../test/support/responses.ts";
import { testQuery } from "../../../test/support/setup-context.ts";
import { AnswerReader } from "./answer-reader.ts";
import { AnswerStore } from "./answer-store.ts";
import {
  geometryOf,
  KIND_DENIAL,
  KIND_FAILURE,
  KIND_SUCCESS,
  SETS_WORD,
  SLOTS_WORD,
  STAMP_S_WORD,
  VERSION_WORD,
} from "./region-layout.ts";
import { StoreRegionError } from "./region.ts";

const denial = { kind: KIND_DENIAL, answers: false };
const deniesName = { ...denial, deniesName: true };
const failure = { kind: KIND_FAILURE, aside: true, answers: false };

function ttls(message: Uint8Array | undefined): number[] {
  assert.ok(message !== undefined, "expected a hit");
  const { answers, authority, additional } = decodeMessage(message);
  return [...answers, ...authority, ...additional].map((record) => record.ttl);
}

describe("answer store", () => {
  it("gives back the records as upstream sent them, behind the question as the client spelled it", () => {
    const bench = new StoreBench();
    const query = testQuery("www.example.org.", "A");
    const wire = responseTo(query, {
      answers: ["@ 60 IN CNAME a.Example.org.", "a.Example.org. 60 IN A 192.0.2.1", "a.Example.org. 60 IN A 192.0.2.2"],
      authority: ["example.org. 60 IN NS ns.example.org."],
      additional: ["ns.example.org. 60 IN A 192.0.2.53"],
    });
    assert.ok(bench.put(query, wire, { ttlS: 60 }));
    const asked = testQuery("wWw.exAmple.ORG.", "A");
    for (const reply of [
      bench.read(asked),
      bench.store.message(bench.store.find(asked.wire, asked.view, PARTITION), asked.wire, asked.view),
    ]) {
      assert.ok(reply !== undefined);
      assert.deepEqual(reply.slice(6, 12), wire.slice(6, 12));
      assert.deepEqual(reply.slice(12, asked.view.questionEnd), asked.wire.slice(12, asked.view.questionEnd));
      assert.deepEqual(reply.slice(asked.view.questionEnd), wire.slice(asked.view.questionEnd));
    }
  });

  it("copies tails of every phase and length", () => {
    const bench = new StoreBench();
    for (let label = 1; label <= 12; label++) {
      for (let text = 1; text <= 12; text++) {
        const query = testQuery(`${"a".repeat(label)}.example.`, "TXT");
        const wire = responseTo(query, { answers: [`@ 30 IN TXT "${"x".repeat(text)}"`] });
        bench.put(query, wire);
        const reply = bench.read(query);
        assert.ok(reply !== undefined);
        assert.deepEqual(reply.slice(12), wire.slice(12));
      }
    }
  });

  it("ages TTLs by whole seconds and ends with the last", () => {
    const bench = new StoreBench();
    const query = testQuery("example.org.", "A");
    bench.put(query, positive(query, 3), { ttlS: 3 });
    for (const left of [3, 2, 1]) {
      assert.deepEqual(ttls(bench.read(query)), [left]);
      bench.advanceS(1);
    }
    assert.equal(bench.read(query), undefined);
    assert.equal(bench.store.find(query.wire, query.view, PARTITION), -1);
  });

  it("keeps the TTLs of entries that are to keep them", () => {
    const bench = new StoreBench();
    const query = testQuery("example.org.", "A");
    bench.put(query, positive(query, 30), { keepTtl: true });
    bench.advanceS(29);
    for (let i = 0; i < 20; i++) bench.read(query);
    bench.store.tick();
    assert.deepEqual(ttls(bench.read(query)), [30]);
    bench.advanceS(1);
    assert.equal(bench.read(query), undefined);
  });

  it("answers alike whether an entry was stamped for this second or not", () => {
    const bench = new StoreBench();
    const query = testQuery("example.org.", "A");
    const wire = responseTo(query, { answers: ["@ 9 IN A 192.0.2.1", "@ 30 IN A 192.0.2.2"] });
    bench.put(query, wire, { ttlS: 30 });
    for (let second = 0; second < 30; second++) {
      assert.deepEqual(ttls(bench.read(query)), [30 - second, 30 - second]);
      for (let i = 0; i < 20; i++) bench.read(query);
      bench.advanceS(1);
      if (second % 2 === 0) bench.store.tick();
    }
  });

  it("stamps entries that were asked for often in the last second, and only those", () => {
    const bench = new StoreBench({ region: regionOf(1 << 20) });
    const { region } = bench.store.handle;
    assert.ok(region.kind === "buffer");
    const words = new Int32Array(region.buffer);
    const { slotsWord } = geometryOf(words[SETS_WORD] ?? 0, words[SLOTS_WORD] ?? 0);
    const stamp = (slot: number): number => words[slotsWord + slot * 64 + STAMP_S_WORD] ?? 0;
    const queries = ["hot.example.", "warm.example."].map((name) => testQuery(name, "A"));
    for (const query of queries) bench.put(query, positive(query, 30));
    const [hot, warm] = queries.map((query) => bench.store.find(query.wire, query.view, PARTITION));
    assert.ok(hot !== undefined && warm !== undefined);
    for (let i = 0; i < 50; i++) for (const query of i < 3 ? queries : queries.slice(0, 1)) bench.read(query);
    bench.advanceS(2);
    bench.store.tick();
    assert.deepEqual([stamp(hot), stamp(warm)], [3, 1]);
    bench.advanceS(1);
    bench.store.tick();
    assert.equal(stamp(hot), 3, "nobody asked meanwhile");
  });

  it("keeps apart type, class, DO, CD, partition and name", () => {
    const bench = new StoreBench();
    const query = testQuery("example.org.", "A");
    bench.put(query, positive(query, 30));
    assert.ok(bench.read(query) !== undefined);
    for (const other of [
      testQuery("example.org.", "AAAA"),
      testQuery("example.org.", "A", { qclass: 3 }),
      testQuery("example.org.", "A", { dnssecOk: true }),
      testQuery("example.org.", "A", { checkingDisabled: true }),
      testQuery("example.orf.", "A"),
      testQuery("xample.org.", "A"),
      testQuery(".", "A"),
    ]) {
      assert.equal(bench.read(other), undefined);
      assert.equal(bench.store.find(other.wire, other.view, PARTITION), -1);
    }
    assert.equal(bench.read(query, 2), undefined);
  });

  it("never gives a question the answer of another with the same hash", () => {
    // Found by trying names under this key; the two of a pair fall on one tag and one set.
    for (const [first, second] of [
      ["n00007436.example.org.", "n00069811.example.org."],
      ["aaamq+.", "aaaoyg."],
    ] as const) {
      const bench = new StoreBench({ hashKey: Int32Array.of(1, 2) });
      const one = testQuery(first, "A");
      const other = testQuery(second, "A");
      bench.put(one, positive(one, 30, "192.0.2.1"));
      assert.equal(bench.read(other), undefined);
      assert.equal(bench.store.find(other.wire, other.view, PARTITION), -1);
      bench.put(other, positive(other, 30, "192.0.2.2"));
      assert.equal(bench.store.size, 2);
      assert.equal(bench.read(one)?.at(-1), 1);
      assert.equal(bench.read(other)?.at(-1), 2);
      bench.store.remove(one.wire, one.view, PARTITION);
      assert.equal(bench.read(one), undefined);
      assert.equal(bench.read(other)?.at(-1), 2);
    }
  });

  it("takes a label that holds a dot for no other name", () => {
    const bench = new StoreBench();
    const query = testQuery("a\\.b.example.", "A");
    bench.put(query, positive(query, 30));
    assert.equal(bench.read(testQuery("a.b.example.", "A")), undefined);
  });

  it("gives AA only when told to, and RA, AD and response code as stored", () => {
    const bench = new StoreBench();
    const query = testQuery("example.org.", "A");
    const wire = responseTo(query, { answers: ["@ 30 IN A 192.0.2.1"], authoritative: true, flags: FLAG_AD });
    bench.put(query, wire);
    assert.equal(decodeMessage(bench.read(query) ?? wire).flags & (FLAG_AA | FLAG_AD | FLAG_RA), FLAG_AD | FLAG_RA);
    bench.put(query, wire, { authoritative: true });
    const flags = decodeMessage(bench.read(query) ?? wire).flags;
    assert.equal(flags & (FLAG_AA | FLAG_AD | FLAG_RA | FLAG_TC), FLAG_AA | FLAG_AD | FLAG_RA);
  });

  it("leaves out the OPT, and refuses a response that goes on behind it", () => {
    const bench = new StoreBench();
    const query = testQuery("example.org.", "A");
    const plain = positive(query, 30);
    const opt = Uint8Array.of(0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0);
    const withOpt = new Uint8Array([...plain, ...opt]);
    withOpt[11] = 1;
    assert.ok(bench.put(query, withOpt));
    assert.equal(bench.read(query)?.length, plain.length);
    assert.deepEqual(decodeMessage(bench.read(query) ?? plain).additional, []);
    const behind = new Uint8Array([...withOpt, 0, 0, 1, 0, 1, 0, 0, 0, 9, 0, 4, 1, 2, 3, 4]);
    behind[11] = 2;
    assert.equal(bench.put(query, behind), false);
  });

  it("does not give more than there is room for", () => {
    const bench = new StoreBench();
    const query = testQuery("example.org.", "A");
    const wire = positive(query, 30);
    bench.put(query, wire);
    const tail = wire.length - query.view.questionEnd;
    assert.equal(bench.read(query, PARTITION, tail - 1), undefined);
    assert.equal(bench.read(query, PARTITION, tail)?.length, wire.length);
  });

  it("refuses what is longer than 16 KiB", () => {
    const bench = new StoreBench();
    const query = testQuery("example.org.", "TXT");
    const line = `@ 30 IN TXT "${"x".repeat(250)}"`;
    assert.ok(bench.put(query, responseTo(query, { answers: Array.from({ length: 60 }, () => line) })));
    assert.equal(bench.read(query)?.length, responseTo(query, { answers: Array(60).fill(line) }).length);
    assert.equal(bench.put(query, responseTo(query, { answers: Array(64).fill(line) })), false);
  });

  describe("denials", () => {
    it("answers every type of a denied name (RFC 2308 section 5)", () => {
      const bench = new StoreBench();
      const query = testQuery("nx.example.org.", "A");
      bench.put(query, nxdomain(query, 30), deniesName);
      for (const type of ["A", "AAAA", "HTTPS", "MX"]) {
        const reply = bench.read(testQuery("nx.example.org.", type));
        assert.equal(decodeMessage(reply ?? query.wire).rcode, 3);
      }
      assert.equal(bench.store.size, 1);
      assert.equal(bench.read(testQuery("www.nx.example.org.", "A")), undefined);
      assert.equal(bench.read(testQuery("nx.example.org.", "A", { qclass: 3 })), undefined);
    });

    it("denies one type only while a positive answer of the name is held", () => {
      const bench = new StoreBench();
      const a = testQuery("example.org.", "A");
      const aaaa = testQuery("example.org.", "AAAA");
      bench.put(a, positive(a, 30), { staleS: 3600 });
      bench.advanceS(60);
      bench.put(aaaa, nxdomain(aaaa, 30), deniesName);
      assert.equal(decodeMessage(bench.read(aaaa) ?? a.wire).rcode, 3);
      assert.equal(bench.read(testQuery("example.org.", "MX")), undefined);
      assert.ok(bench.store.find(a.wire, a.view, PARTITION) >= 0, "the stale answer is still there");
    });

    it("takes the place of the expired answer to the same question, for all types", () => {
      const bench = new StoreBench();
      const a = testQuery("example.org.", "A");
      bench.put(a, positive(a, 30), { staleS: 3600 });
      bench.advanceS(60);
      bench.put(a, nxdomain(a, 30), deniesName);
      assert.equal(decodeMessage(bench.read(a) ?? a.wire).rcode, 3);
      assert.equal(decodeMessage(bench.read(testQuery("example.org.", "MX")) ?? a.wire).rcode, 3);
      assert.equal(bench.store.size, 1);
    });

    it("is found behind an expired answer for one type", () => {
      const bench = new StoreBench();
      const aaaa = testQuery("example.org.", "AAAA");
      bench.put(aaaa, nodata(aaaa, 5), { ...denial, ttlS: 5, staleS: 3600 });
      bench.advanceS(10);
      const a = testQuery("example.org.", "A");
      bench.put(a, nxdomain(a, 30), deniesName);
      assert.equal(decodeMessage(bench.read(aaaa) ?? a.wire).rcode, 3);
      const slot = bench.store.find(aaaa.wire, aaaa.view, PARTITION);
      assert.equal(bench.store.remainingS(slot), 30);
    });

    it("counts only positive answers that are held now", () => {
      const a = testQuery("example.org.", "A");
      const aaaa = testQuery("example.org.", "AAAA");
      const mx = testQuery("example.org.", "MX");
      const turned = new StoreBench();
      turned.put(a, positive(a, 30));
      turned.put(a, nodata(a, 30), denial);
      turned.put(aaaa, nxdomain(aaaa, 30), deniesName);
      assert.ok(turned.read(mx) !== undefined, "no positive answer is left");
      const back = new StoreBench();
      back.put(a, nodata(a, 30), denial);
      back.put(a, positive(a, 30));
      back.put(aaaa, nxdomain(aaaa, 30), deniesName);
      assert.equal(back.read(mx), undefined, "there is one again");
      const removed = new StoreBench();
      removed.put(a, positive(a, 30));
      removed.store.remove(a.wire, a.view, PARTITION);
      removed.put(aaaa, nxdomain(aaaa, 30), deniesName);
      assert.ok(removed.read(mx) !== undefined);
    });

    it("is taken back by any answer that shows that the name exists", () => {
      for (const show of [
        (bench: StoreBench) => {
          const query = testQuery("example.org.", "AAAA");
          bench.put(query, responseTo(query, { answers: ["@ 30 IN AAAA 2001:db8::1"] }));
        },
        (bench: StoreBench) => {
          const query = testQuery("example.org.", "AAAA");
          bench.put(query, nodata(query, 30), denial);
        },
      ]) {
        const bench = new StoreBench();
        const a = testQuery("example.org.", "A");
        bench.put(a, nxdomain(a, 30), deniesName);
        show(bench);
        assert.equal(bench.read(a), undefined);
      }
    });
  });

  describe("what stands aside", () => {
    it("is never given to the fast path and never displaces data", () => {
      const bench = new StoreBench();
      const query = testQuery("example.org.", "A");
      bench.put(query, responseTo(query, { rcode: 2 }), { ...failure, ttlS: 5 });
      assert.equal(bench.read(query), undefined);
      assert.equal(bench.store.find(query.wire, query.view, PARTITION), -1);
      assert.ok(bench.store.findAside(query.wire, query.view, PARTITION) >= 0);
      bench.put(query, positive(query, 30));
      bench.put(query, responseTo(query, { rcode: 2 }), { ...failure, ttlS: 5 });
      assert.deepEqual(ttls(bench.read(query)), [30]);
    });

    it("goes when there is new data", () => {
      const bench = new StoreBench();
      const query = testQuery("example.org.", "A");
      bench.put(query, responseTo(query, { rcode: 2 }), { ...failure, ttlS: 60 });
      bench.put(query, positive(query, 5), { ttlS: 5 });
      bench.advanceS(5);
      assert.equal(bench.store.findAside(query.wire, query.view, PARTITION), -1);
    });
  });

  describe("expired answers", () => {
    it("are found by the main thread for as long as they may be served stale, never by the fast path", () => {
      const bench = new StoreBench();
      const query = testQuery("example.org.", "A");
      bench.put(query, positive(query, 30), { staleS: 100 });
      bench.advanceS(129);
      assert.equal(bench.read(query), undefined);
      const slot = bench.store.find(query.wire, query.view, PARTITION);
      assert.ok(slot >= 0);
      assert.equal(bench.store.remainingS(slot), -99);
      assert.deepEqual(ttls(bench.store.message(slot, query.wire, query.view, 7)), [7]);
      bench.advanceS(1);
      assert.equal(bench.store.find(query.wire, query.view, PARTITION), -1);
    });

    it("leave the memory some seconds after their last use", () => {
      const bench = new StoreBench();
      for (let i = 0; i < 500; i++) {
        const query = testQuery(`n${i}.example.org.`, "A");
        bench.put(query, positive(query, 30), { staleS: i % 2 === 0 ? 0 : 100 });
      }
      bench.advanceS(31);
      for (let i = 0; i < 16; i++) bench.store.tick();
      assert.equal(bench.store.size, 250);
      bench.advanceS(100);
      for (let i = 0; i < 16; i++) bench.store.tick();
      assert.equal(bench.store.size, 0);
    });

    it("rest after a failed refresh for as long as told", () => {
      const bench = new StoreBench();
      const query = testQuery("example.org.", "A");
      bench.put(query, positive(query, 1), { ttlS: 1, staleS: 100 });
      bench.advanceS(2);
      const slot = bench.store.find(query.wire, query.view, PARTITION);
      bench.store.rest(slot, 10);
      assert.equal(bench.store.isResting(slot), true);
      bench.advanceS(10);
      assert.equal(bench.store.isResting(slot), false);
      bench.store.rest(slot, 10);
      bench.put(query, positive(query, 1), { ttlS: 1, staleS: 100 });
      assert.equal(bench.store.isResting(bench.store.find(query.wire, query.view, PARTITION)), false);
    });
  });

  describe("prefetch", () => {
    function prefetching(amount: number): { bench: StoreBench; asked: string[]; stop: () => void } {
      const bench = new StoreBench();
      const asked: string[] = [];
      const stop = bench.store.configure(PARTITION, {
        success: 1024,
        denial: 1024,
        failure: 1024,
        prefetch: {
          amount,
          durationS: 60,
          percentage: 10,
          ask: ({ name, qtype, dnssecOk }) => asked.push(`${name.length} ${qtype} ${dnssecOk}`),
        },
      });
      return { bench, asked, stop };
    }

    function pass(bench: StoreBench, seconds: number): void {
      for (let i = 0; i < seconds; i++) {
        bench.advanceS(1);
        bench.store.tick();
      }
    }

    it("asks for a popular answer once, in the last tenth of its life", () => {
      const { bench, asked } = prefetching(3);
      const query = testQuery("example.org.", "A", { dnssecOk: true });
      bench.put(query, positive(query, 30));
      for (let i = 0; i < 3; i++) bench.read(query);
      pass(bench, 26);
      assert.deepEqual(asked, []);
      pass(bench, 1);
      assert.deepEqual(asked, [`${query.view.nameLength} 1 true`]);
      pass(bench, 2);
      assert.equal(asked.length, 1);
    });

    it("asks again in the next life only if the run of hits went on", () => {
      const { bench, asked } = prefetching(3);
      const query = testQuery("example.org.", "A");
      bench.put(query, positive(query, 30));
      for (let i = 0; i < 3; i++) bench.read(query);
      pass(bench, 27);
      bench.put(query, positive(query, 30));
      pass(bench, 27);
      assert.equal(asked.length, 2, "hits of the life before count, without a gap of a minute");
      bench.put(query, positive(query, 300), { ttlS: 300 });
      pass(bench, 299);
      assert.equal(asked.length, 2, "nobody asked for a minute");
    });

    it("does not ask for what is unpopular, nor after it was stopped", () => {
      const { bench, asked, stop } = prefetching(3);
      const rare = testQuery("rare.example.org.", "A");
      const popular = testQuery("popular.example.org.", "A");
      for (const query of [rare, popular]) bench.put(query, positive(query, 30));
      for (let i = 0; i < 2; i++) bench.read(rare);
      for (let i = 0; i < 9; i++) bench.read(popular);
      pass(bench, 20);
      stop();
      pass(bench, 9);
      assert.deepEqual(asked, []);
    });

    it("looks one second before the end where a tenth is less", () => {
      const { bench, asked } = prefetching(1);
      const query = testQuery("example.org.", "A");
      bench.put(query, positive(query, 5), { ttlS: 5 });
      bench.read(query);
      pass(bench, 3);
      assert.equal(asked.length, 0);
      pass(bench, 1);
      assert.equal(asked.length, 1);
    });
  });

  it("removes a question's data and what stands aside", () => {
    const bench = new StoreBench();
    const query = testQuery("example.org.", "A");
    bench.put(query, positive(query, 30));
    bench.put(query, responseTo(query, { rcode: 2 }), failure);
    assert.equal(bench.store.remove(query.wire, query.view, PARTITION), true);
    assert.equal(bench.read(query), undefined);
    assert.equal(bench.store.findAside(query.wire, query.view, PARTITION), -1);
    assert.equal(bench.store.size, 0);
    assert.equal(bench.store.remove(query.wire, query.view, PARTITION), false);
  });

  it("gives a signature the same number each time, and recycles the oldest after 4096", () => {
    const bench = new StoreBench();
    const first = bench.store.partition("first");
    const second = bench.store.partition("second");
    assert.notEqual(first, second);
    const query = testQuery("example.org.", "A");
    bench.put(query, positive(query, 30), {}, first);
    bench.put(query, positive(query, 30), {}, second);
    for (let i = 0; i < 4094; i++) bench.store.partition(`other ${i}`);
    assert.equal(bench.store.partition("first"), first);
    assert.equal(bench.store.partition("new"), second);
    assert.ok(bench.read(query, first) !== undefined);
    assert.equal(bench.read(query, second), undefined);
  });

  it("refuses memory of another layout, of another kind, or too small", () => {
    const bench = new StoreBench({ region: regionOf(4 << 20) });
    const { region } = bench.store.handle;
    assert.ok(region.kind === "buffer");
    new Int32Array(region.buffer)[VERSION_WORD] = 99;
    assert.throws(() => new AnswerReader(bench.store.handle), /layout 99, this program knows/);
    assert.throws(() => new AnswerReader({ region: regionOf(4096).handle }), StoreRegionError);
    assert.throws(() => AnswerStore.create({ bytes: 65536, clock: bench.clock }), StoreRegionError);
  });

  it("gives expired answers to who takes stale ones, with a TTL of 30 s, for as long as they may be served", () => {
    const bench = new StoreBench();
    const query = testQuery("stale.test.", "A");
    bench.put(query, positive(query, 10), { ttlS: 10, staleS: 100 });
    const read = (stale: boolean): number | undefined => {
      const message = bench.read(query, undefined, undefined, stale);
      return message === undefined ? undefined : decodeMessage(message).answers[0]?.ttl;
    };
    bench.advanceS(4);
    assert.deepEqual([read(false), read(true)], [6, 6]);
    bench.advanceS(6);
    assert.deepEqual([read(false), read(true)], [undefined, 30]);
    bench.advanceS(99);
    assert.equal(read(true), 30);
    bench.advanceS(1);
    assert.equal(read(true), undefined);
  });

  it("counts seconds alike from equal clocks, whatever their fraction", () => {
    const bench = new StoreBench();
    bench.clock.advanceMs(1234.5);
    const reader = new AnswerReader(bench.store.handle);
    assert.equal(reader.secondsAt(bench.clock.monotonicMs()), bench.store.nowS());
    assert.equal(bench.store.nowS(), 2);
  });

  it("counts entries by kind", () => {
    const bench = new StoreBench();
    const a = testQuery("a.example.", "A");
    bench.put(a, positive(a, 30));
    bench.put(a, responseTo(a, { rcode: 2 }), failure);
    const b = testQuery("b.example.", "A");
    bench.put(b, nxdomain(b, 30), deniesName);
    const kinds = [KIND_SUCCESS, KIND_DENIAL, KIND_FAILURE];
    assert.deepEqual(
      kinds.map((kind) => bench.store.entries(PARTITION, kind)),
      [1, 1, 1],
    );
    bench.put(a, nodata(a, 30), denial);
    assert.deepEqual(
      kinds.map((kind) => bench.store.entries(PARTITION, kind)),
      [0, 2, 0],
    );
  });
});

function regionOf(bytes: number): {
  buffer: SharedArrayBuffer;
  bytes: number;
  handle: { kind: "buffer"; buffer: SharedArrayBuffer };
  close: () => void;
} {
  const buffer = new SharedArrayBuffer(bytes);
  return { buffer, bytes, handle: { kind: "buffer", buffer }, close: () => undefined };
}

describe("names taken out of the answer store", () => {
  it("lose all that is held for them: types, flags, denials, what stands aside, and nothing else", () => {
    const bench = new StoreBench();
    const held = [
      testQuery("web.prod.svc.cluster.local.", "A"),
      testQuery("web.prod.svc.cluster.local.", "SRV"),
      testQuery("WEB.prod.svc.cluster.local.", "AAAA", { dnssecOk: true }),
      testQuery("web.prod.svc.cluster.local.", "TXT", { checkingDisabled: true }),
    ];
    for (const query of held) bench.put(query, positive(query, 60), { ttlS: 60 });
    const failing = testQuery("web.prod.svc.cluster.local.", "MX");
    bench.put(failing, nodata(failing, 60), failure);
    const denied = testQuery("new.prod.svc.cluster.local.", "A");
    bench.put(denied, nxdomain(denied, 60), deniesName);
    const others = [testQuery("web.test.svc.cluster.local.", "A"), testQuery("a.web.prod.svc.cluster.local.", "A")];
    for (const query of others) bench.put(query, positive(query, 60), { ttlS: 60 });
    const names = [held[0], denied].map(
      (query) => query?.wire.slice(12, 12 + query.view.nameLength) ?? new Uint8Array(1),
    );
    assert.equal(bench.store.removeNames(PARTITION + 1, names), 0);
    assert.equal(bench.store.removeNames(PARTITION, names), 6);
    for (const query of [...held, denied]) assert.equal(bench.read(query), undefined);
    assert.equal(bench.store.findAside(failing.wire, failing.view, PARTITION), -1);
    for (const query of others) assert.notEqual(bench.read(query), undefined);
    assert.equal(bench.store.removeNames(PARTITION, names), 0);
  });

  it("of a zone are the zone itself and all below it", () => {
    const bench = new StoreBench();
    const inside = ["cluster.local.", "web.prod.svc.Cluster.Local."].map((name) => testQuery(name, "A"));
    const outside = ["local.", "notcluster.local.", "cluster.local.example."].map((name) => testQuery(name, "A"));
    for (const query of [...inside, ...outside]) bench.put(query, positive(query, 60), { ttlS: 60 });
    const [zone] = inside;
    assert.ok(zone !== undefined);
    assert.equal(bench.store.removeBelow(PARTITION, zone.wire.slice(12, 12 + zone.view.nameLength)), 2);
    for (const query of inside) assert.equal(bench.read(query), undefined);
    for (const query of outside) assert.notEqual(bench.read(query), undefined);
  });
});
