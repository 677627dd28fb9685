import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { queryFor } from "../../../test/support/dns-client.ts";
import { FastPathBench, LISTENER } from "../../../test/support/fast-path-bench.ts";
import { soaLine } from "../../../test/support/responses.ts";
import { testQuery } from "../../../test/support/setup-context.ts";
import { writeU16 } from "../../dns/header.ts";
import { nameFromText } from "../../dns/name-text.ts";
import { AnswerReader } from "../cache/answer-reader.ts";
import { Region } from "../cache/region.ts";
import { RegionHits } from "../cache/region-hits.ts";
import { KIND_DENIAL } from "../cache/region-layout.ts";
import { Metrics } from "../metrics/metrics.ts";
import { ZoneTable } from "./zone-table.ts";

const A = 1;
const AAAA = 28;

class CountingReader extends AnswerReader {
  finds = 0;
  found = -1;

  override find(...args: Parameters<AnswerReader["find"]>): number {
    this.finds++;
    this.found = super.find(...args);
    return this.found;
  }
}

class RepeatBench extends FastPathBench {
  readonly reader = new CountingReader(this.store.handle);
  readonly repeating = this.newPath(this.reader);

  /** @returns how often the store was searched for these */
  finds(...wires: readonly Uint8Array[]): number {
    const before = this.reader.finds;
    this.serveBy(this.repeating, ...wires);
    return this.reader.finds - before;
  }
}

const address = (last: number): { answers: string[] } => ({ answers: [`@ 30 IN A 192.0.2.${last}`] });
const www = (id: number): Uint8Array => queryFor("www.example.org.", A, { id });

describe("a query that came twice in this second", () => {
  it("is answered without a look into the store, by its own id", () => {
    const bench = new RepeatBench();
    bench.cache("www.example.org.", "A", address(1));
    assert.equal(bench.finds(www(1), www(2), www(3), www(4), www(5)), 2);
    const replies = bench.serveBy(bench.repeating, www(0xabcd));
    assert.deepEqual(replies, bench.serveBy(bench.newPath(), www(0xabcd)));
  });

  it("is looked up again when the second, the answer, a bit of it or its zones are others", () => {
    const bench = new RepeatBench();
    bench.cache("www.example.org.", "A", address(1));
    bench.finds(www(1), www(2), www(3));
    bench.advanceS(1);
    assert.equal(bench.finds(www(4), www(5)), 1);
    bench.cache("www.example.org.", "A", address(2));
    assert.equal(bench.finds(www(6), www(7)), 1);
    const { wire, view } = testQuery("www.example.org.", "A");
    bench.store.remove(wire, view, 1);
    assert.equal(bench.finds(www(8), www(9)), 2);
    bench.cache("www.example.org.", "A", address(3));
    bench.finds(www(10), www(11));
    const otherFlags = www(12);
    writeU16(otherFlags, 2, 0x0110);
    assert.equal(bench.finds(www(13), otherFlags, queryFor("wWw.example.org.", A), www(14)), 2);
    bench.io.put([www(15)]);
    bench.repeating.serve(bench.io, LISTENER, new ZoneTable([]));
    assert.equal(bench.io.replies.at(-1)?.wire[3], 0x85, "REFUSED");
  });

  it("counts as a hit of its answer, for what is asked often is fetched anew before it expires", () => {
    const bench = new RepeatBench();
    bench.cache("www.example.org.", "A", address(1));
    for (let i = 0; i < 40; i++) bench.finds(www(i));
    assert.equal(bench.reader.finds, 2);
    assert.equal(new RegionHits(Region.open(bench.store.handle)).count(bench.reader.found), 40);
  });

  it("is told from one with the same hash", () => {
    const bench = new RepeatBench();
    // The hash is a sum of words times powers of this: what is added to one is taken from the next.
    const factor = 0x01000193;
    const name = "aaabbbbcccc.example.org.";
    bench.cache(name, "A", address(1));
    const query = queryFor(name, A, { id: 1 });
    const otherName = query.slice();
    addToWord(otherName, 4, 1);
    addToWord(otherName, 5, -factor);
    const otherFlags = query.slice();
    otherFlags[2] = 3;
    // The seed is zones and flags by exclusive or: the bit that is set here is one that the flags lack.
    const seedChange = ((bench.zones.id ^ 3) - (bench.zones.id ^ 1)) | 0;
    addToWord(otherFlags, 1, -Math.imul(factor, seedChange));
    bench.finds(query, query, query);
    assert.deepEqual(bench.serveBy(bench.repeating, otherName), [undefined], "a miss");
    bench.finds(query, query, query);
    assert.equal(bench.serveBy(bench.repeating, otherFlags)[0]?.[3], 0x81, "FORMERR");
  });

  it("is not given again as stale when what is stale may no longer be given", () => {
    const bench = new RepeatBench();
    bench.cache("www.example.org.", "A", address(1), {}, { staleS: 100 });
    bench.advanceS(31);
    bench.relay.isPressed = true;
    assert.notEqual(bench.serveBy(bench.repeating, www(1), www(2), www(3))[2], undefined);
    bench.relay.isPressed = false;
    assert.deepEqual(bench.serveBy(bench.repeating, www(4)), [undefined]);
  });

  it("has no place when it is longer than 128 bytes, or its reply than 512", () => {
    const bench = new RepeatBench();
    const long = `${"x".repeat(60)}.${"y".repeat(50)}.example.org.`;
    bench.cache(long, "A", address(1));
    const many = Array.from({ length: 40 }, (_, i) => `@ 30 IN A 192.0.2.${i}`);
    bench.cache("www.example.org.", "A", { answers: many });
    const query = queryFor("www.example.org.", A, { opt: 1232 });
    assert.equal(bench.finds(...Array.from({ length: 5 }, () => queryFor(long, A))), 5);
    assert.equal(bench.finds(...Array.from({ length: 5 }, () => query)), 5);
  });
});

function addToWord(bytes: Uint8Array, index: number, by: number): void {
  const view = new DataView(bytes.buffer);
  view.setInt32(index * 4, (view.getInt32(index * 4, true) + by) | 0, true);
}

describe("whatever comes and changes", () => {
  const NAMES = ["www.example.org.", "a.example.org.", "WWW.example.org.", "no.denials.test.", "www.slow.test."];
  const asked = fc.record({
    name: fc.constantFrom(...NAMES),
    type: fc.constantFrom(A, AAAA),
    options: fc.constantFrom({}, { opt: 1232 }, { opt: 512 }, { dnssecOk: true }, { flags: 0x0110 }),
    // Several in a row, so that something is repeated at all.
    times: fc.integer({ min: 1, max: 6 }),
  });
  const step = fc.oneof(
    { weight: 6, arbitrary: asked.map((query) => ({ does: "ask" as const, query })) },
    { weight: 1, arbitrary: fc.integer({ min: 100, max: 12_000 }).map((ms) => ({ does: "wait" as const, ms })) },
    {
      weight: 3,
      arbitrary: fc
        .record({
          name: fc.constantFrom(...NAMES),
          how: fc.constantFrom("answer", "nodata", "nxdomain", "remove", "many"),
        })
        .map((change) => ({ does: "change" as const, ...change })),
    },
  );

  it("replies and counts are those of fast paths that remember nothing", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const bench = new RepeatBench();
        const plain = Metrics.create({ threads: 2 });
        assert.equal(plain.row("dns://:53", "example.org.", ""), bench.row);
        plain.show("dns://:53", "example.org.", "");
        let changes = 0;
        for (const one of steps) {
          if (one.does === "wait") bench.advanceS(one.ms / 1000);
          if (one.does === "change") change(bench, one.name, one.how, ++changes);
          if (one.does !== "ask") continue;
          const { name, type, options, times } = one.query;
          const wires = Array.from({ length: times }, () => queryFor(name, type, options));
          const replies = bench.serveBy(bench.repeating, ...wires);
          const relayed = bench.relayed.splice(0);
          const wanted = wires.map((wire) => bench.serveBy(bench.newPath(undefined, plain), wire)[0]);
          assert.deepEqual(replies, wanted);
          assert.deepEqual(
            relayed.map(({ wire }) => wire),
            bench.relayed.splice(0).map(({ wire }) => wire),
          );
        }
        const counted = (metrics: Metrics): unknown =>
          metrics
            .collect()
            .filter(({ name }) => name.startsWith("coredns_") && !name.includes("duration"))
            .map(({ name, samples }) => [name, samples]);
        assert.deepEqual(counted(bench.metrics), counted(plain));
      }),
      { numRuns: 150 },
    );
  });

  function change(bench: FastPathBench, name: string, how: string, count: number): void {
    const denial = { authority: [soaLine(30, 30)] };
    const terms = { kind: KIND_DENIAL, answers: false };
    if (how === "answer") {
      bench.cache(name, "A", address(count & 0xff));
      bench.cache(name, "A", address(count & 0xff), { dnssecOk: true });
    }
    if (how === "many") {
      bench.cache(name, "A", { answers: Array.from({ length: 60 }, (_, i) => `@ 30 IN A 192.0.2.${i}`) });
    }
    if (how === "nodata") bench.cache(name, "AAAA", denial, {}, terms);
    if (how === "nxdomain") bench.cache(name, "A", { rcode: 3, ...denial }, {}, { ...terms, deniesName: true });
    if (how === "remove") bench.store.removeNames(1, [nameFromText(name.toLowerCase())]);
  }
});
