/** Nothing that is stored makes the store grow beyond its bounds, nor the many push out the popular. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { PARTITION, StoreBench } from "../../../test/support/cached-answers.ts";
import { nxdomain, positive, responseTo } from "../../../test/support/responses.ts";
import { testQuery } from "../../../test/support/setup-context.ts";
import { KIND_DENIAL, KIND_FAILURE, KIND_SUCCESS } from "./region-layout.ts";

type Query = ReturnType<typeof testQuery>;

const denial = { kind: KIND_DENIAL, answers: false, deniesName: true };

/** The same query for another name of equal length, without building it anew. */
class NameTemplate {
  readonly query: Query;
  readonly wire: Uint8Array;

  constructor(type: string, respond: (query: Query) => Uint8Array) {
    this.query = testQuery("n00000000.example.org.", type);
    this.wire = respond(this.query);
  }

  number(n: number): void {
    for (let i = 0, rest = n; i < 8; i++, rest = Math.floor(rest / 10)) {
      this.query.wire[21 - i] = 48 + (rest % 10);
      this.wire[21 - i] = 48 + (rest % 10);
    }
  }
}

describe("answer store bounds", () => {
  it("keeps 99 of 100 popular names through 200,000 names that are asked for once", () => {
    const bench = new StoreBench({ bytes: 16 << 20 });
    const hot = Array.from({ length: 500 }, (_, i) => testQuery(`hot${i}.example.org.`, "A"));
    const once = new NameTemplate("A", (query) => positive(query, 60));
    const denied = new NameTemplate("MX", (query) => nxdomain(query, 60));
    for (const query of hot) {
      bench.put(query, positive(query, 3600), { ttlS: 3600 });
      for (let i = 0; i < 3; i++) bench.read(query);
    }
    let misses = 0;
    let asked = 0;
    for (let n = 0; n < 100_000; n++) {
      once.number(n);
      denied.number(n);
      bench.put(once.query, once.wire, { ttlS: 60 });
      bench.put(denied.query, denied.wire, { ...denial, ttlS: 60 });
      if (n % 10 === 0) {
        const query = hot[asked++ % hot.length];
        assert.ok(query !== undefined);
        if (bench.read(query) !== undefined) continue;
        misses++;
        bench.put(query, positive(query, 3600), { ttlS: 3600 });
      }
    }
    assert.ok(misses <= asked / 100, `${misses} of ${asked} popular look-ups missed`);
    const held = hot.filter((query) => bench.read(query) !== undefined).length;
    assert.ok(held >= 495, `${held} of 500 are held`);
    assert.equal(bench.store.entries(PARTITION, KIND_SUCCESS), 9984);
    assert.equal(bench.store.entries(PARTITION, KIND_DENIAL), 9984);
    assert.ok(bench.store.evictions(PARTITION, KIND_DENIAL) >= 90_000);
    assert.ok(bench.store.rejections >= 180_000);
  });

  it("keeps them also where bytes are scarce, not entries", () => {
    const bench = new StoreBench({ bytes: 2 << 20, maxEntries: 100_000 });
    const hot = Array.from({ length: 500 }, (_, i) => testQuery(`hot${i}.example.org.`, "A"));
    for (const query of hot) {
      bench.put(query, positive(query, 3600), { ttlS: 3600 });
      for (let i = 0; i < 3; i++) bench.read(query);
    }
    bench.store.configure(PARTITION, { success: 99_840, denial: 1024, failure: 1024 });
    const once = new NameTemplate("A", (query) => positive(query, 60));
    let misses = 0;
    for (let n = 0, asked = 0; n < 50_000; n++) {
      once.number(n);
      bench.put(once.query, once.wire, { ttlS: 60 });
      const query = n % 4 === 0 ? hot[asked++ % hot.length] : undefined;
      if (query !== undefined && bench.read(query) === undefined) misses++;
    }
    assert.ok(misses <= 125, `${misses} of 12500 popular look-ups missed`);
    assert.ok(bench.store.size < 8000);
  });

  it("stays within its bytes whatever sizes come, and goes on storing", () => {
    for (const bytes of [512 << 10, 1 << 20, 3 << 20]) {
      const bench = new StoreBench({ bytes });
      assert.ok(bench.store.regionBytes <= bytes);
      const template = new NameTemplate("TXT", (query) => positive(query, 60));
      let random = 12345;
      for (let n = 0; n < 2500; n++) {
        random = (Math.imul(random, 1103515245) + 12345) & 0x7fffffff;
        template.number(n % 2000);
        const lines = Array.from({ length: random % 7 === 0 ? random % 60 : random % 3 }, () => TXT_LINE);
        const wire = responseTo(template.query, { answers: lines });
        assert.ok(bench.put(template.query, wire, { ttlS: 60 }));
        assert.equal(bench.read(template.query)?.length, wire.length, "what was just stored is there");
        assert.ok(bench.store.usedBytes <= bench.store.limitBytes);
      }
      assert.ok(bench.store.size > 0);
    }
  });

  it("gives memory to the size that is asked for now", () => {
    const bench = new StoreBench({ bytes: 2 << 20, maxEntries: 100_000 });
    const small = new NameTemplate("A", (query) => positive(query, 60));
    for (let n = 0; n < 10_000; n++) {
      small.number(n);
      bench.put(small.query, small.wire, { ttlS: 60 });
    }
    const large = new NameTemplate("TXT", (query) => responseTo(query, { answers: [TXT_LINE, TXT_LINE, TXT_LINE] }));
    for (let n = 0; n < 10_000; n++) {
      large.number(n);
      bench.put(large.query, large.wire, { ttlS: 60 });
    }
    let held = 0;
    for (let n = 0; n < 10_000; n++) {
      large.number(n);
      if (bench.read(large.query) !== undefined) held++;
    }
    // Half of the pages, 64 of these a page.
    assert.ok(held > 700, `${held} large answers are held`);
  });

  it("bounds entries in all", () => {
    const bench = new StoreBench({ bytes: 4 << 20, maxEntries: 300 });
    const template = new NameTemplate("A", (query) => positive(query, 60));
    for (let n = 0; n < 1000; n++) {
      template.number(n);
      bench.put(template.query, template.wire, {}, 1 + (n % 5));
      assert.ok(bench.store.size <= 300);
    }
    assert.equal(bench.store.size, 300);
  });

  it("takes a lower capacity at once, and lets a higher one fill", () => {
    const bench = new StoreBench();
    const template = new NameTemplate("A", (query) => positive(query, 60));
    const fill = (): void => {
      for (let n = 0; n < 5000; n++) {
        template.number(n);
        bench.put(template.query, template.wire);
      }
    };
    const limits = { success: 2048, denial: 1024, failure: 1024 };
    bench.store.configure(PARTITION, limits);
    fill();
    assert.equal(bench.store.entries(PARTITION, KIND_SUCCESS), 2048);
    bench.store.configure(PARTITION, { ...limits, success: 1024 });
    assert.equal(bench.store.entries(PARTITION, KIND_SUCCESS), 1024);
    bench.store.configure(PARTITION, { ...limits, success: 4096 });
    fill();
    assert.equal(bench.store.entries(PARTITION, KIND_SUCCESS), 4096);
  });

  it("bounds failures by themselves: no number of them pushes out an answer", () => {
    const bench = new StoreBench();
    const query = testQuery("example.org.", "A");
    bench.put(query, positive(query, 60), { ttlS: 60 });
    const template = new NameTemplate("A", (failing) => responseTo(failing, { rcode: 2 }));
    for (let n = 0; n < 5000; n++) {
      template.number(n);
      bench.put(template.query, template.wire, { kind: KIND_FAILURE, aside: true, answers: false });
    }
    assert.equal(bench.store.entries(PARTITION, KIND_FAILURE), 1024);
    assert.ok(bench.read(query) !== undefined);
  });
});

const TXT_LINE = `@ 60 IN TXT "${"x".repeat(200)}"`;
