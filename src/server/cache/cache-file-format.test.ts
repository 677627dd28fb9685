/** A cache file gives back what was written into it, with the time that has passed; a damaged one gives nothing. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { StoreBench } from "../../../test/support/cached-answers.ts";
import { nxdomain, positive, responseTo } from "../../../test/support/responses.ts";
import { testQuery } from "../../../test/support/setup-context.ts";
import { type Clock, FakeClock } from "../../base/clock.ts";
import { CacheFileEntries, CacheFileError, CacheFileWriter } from "./cache-file-format.ts";
import type { ImportReport } from "./entry-source.ts";
import { KIND_DENIAL } from "./region-layout.ts";

type Query = ReturnType<typeof testQuery>;

const LIMITS = { success: 5000, denial: 1000, failure: 1000 };
const SIGNATURE = "forward . 192.0.2.53";
const A = testQuery("a.example.", "A");
const STALE = testQuery("stale.example.", "A");
const GONE = testQuery("gone.example.", "A");

function filled(clock = new FakeClock()): StoreBench {
  const bench = new StoreBench({}, clock);
  bench.store.configure(bench.store.partition(SIGNATURE), LIMITS);
  bench.put(A, positive(A, 60), { ttlS: 60 });
  bench.put(STALE, positive(STALE, 5), { ttlS: 5, staleS: 3600 });
  bench.put(GONE, nxdomain(GONE, 30), { ttlS: 30, kind: KIND_DENIAL, deniesName: true, answers: false });
  return bench;
}

function fileOf(bench: StoreBench): Uint8Array<ArrayBuffer> {
  const writer = new CacheFileWriter(bench.store, bench.clock);
  const body = [...writer.body()];
  return new Uint8Array(Buffer.concat([writer.header(), ...body]));
}

function read(file: Uint8Array<ArrayBuffer>, clock: FakeClock): { to: StoreBench; report: ImportReport } {
  const to = new StoreBench({}, clock);
  to.store.partition("another");
  return { to, report: to.store.importFrom(new CacheFileEntries(file, clock), 1000) };
}

function ttlOf(bench: StoreBench, query: Query): number | undefined {
  const slot = bench.store.find(query.wire, query.view, bench.store.partition(SIGNATURE));
  return slot < 0 ? undefined : bench.store.remainingS(slot);
}

/** A clock at other times than another: after a restart of the machine, or with the wall clock set. */
function later(clock: FakeClock, monotonicMs: number, wallMs: number): FakeClock {
  return new FakeClock(clock.monotonicMs() + monotonicMs, clock.wallMs() + wallMs);
}

describe("a cache file", () => {
  it("gives back every answer with the lifetime that it has left", () => {
    const clock = new FakeClock(1_234_567.8);
    const bench = filled(clock);
    const file = fileOf(bench);
    clock.advanceMs(10_300);
    const { to, report } = read(file, clock);
    assert.deepEqual([report.taken, report.expired, report.unreadable, report.unwanted], [3, 0, 0, 0]);
    for (const query of [A, STALE, GONE]) assert.equal(ttlOf(to, query), ttlOf(bench, query));
    assert.deepEqual(to.read(A, to.store.partition(SIGNATURE)), bench.read(A));
    assert.equal(ttlOf(to, STALE), -5);
    clock.advanceMs(50_000);
    assert.equal(ttlOf(to, A), undefined);
    assert.equal(read(file, clock).report.expired, 2);
  });

  it("holds large stores in pieces, popular answers first, and not what is over", () => {
    const clock = new FakeClock();
    const bench = filled(clock);
    const queries = Array.from({ length: 3000 }, (_, i) => testQuery(`n${i}.example.`, "A"));
    for (const [i, query] of queries.entries()) {
      bench.put(query, responseTo(query, { answers: [`@ 60 IN TXT "${"x".repeat(i % 200)}"`] }), { ttlS: 60 });
    }
    const popular = queries[2500];
    assert.ok(popular !== undefined);
    for (let i = 0; i < 20; i++) bench.read(popular);
    clock.advanceMs(31_000);
    const pieces = [...new CacheFileWriter(bench.store, clock).body()];
    assert.ok(pieces.length > 3 && pieces.every(({ length }) => length <= 65_536 && length % 4 === 0));
    const file = fileOf(bench);
    assert.ok(Buffer.from(file).indexOf("\u0005n2500") < 400);
    const { to, report } = read(file, clock);
    assert.equal(report.taken, bench.store.size - 1, "all but the denial, which lived 30 s");
    for (const query of queries) assert.equal(ttlOf(to, query), ttlOf(bench, query));
  });

  it("gives an empty store for an empty one", () => {
    const bench = new StoreBench();
    assert.equal(read(fileOf(bench), bench.clock).report.taken, 0);
  });

  it("is written while the store changes, and never mixes up what a partition means", () => {
    const clock = new FakeClock();
    const bench = filled(clock);
    for (let i = 0; i < 2000; i++) {
      const query = testQuery(`n${i}.example.`, "A");
      bench.put(query, positive(query, 60), { ttlS: 60 });
    }
    const writer = new CacheFileWriter(bench.store, clock);
    const body: Uint8Array[] = [];
    for (const piece of writer.body()) {
      body.push(piece);
      if (body.length > 1) continue;
      bench.store.configure(1, { ...LIMITS, rules: "others" });
      for (let i = 0; i < 2000; i++) {
        const query = testQuery(`n${i}.example.`, "A");
        bench.put(query, positive(query, 60, "192.0.2.99"), { ttlS: 60 });
      }
    }
    const { to, report } = read(new Uint8Array(Buffer.concat([writer.header(), ...body])), clock);
    assert.ok(report.taken > 100 && report.taken < 1000, `${report.taken}: those of the first piece`);
    for (let i = 0; i < 2000; i++) {
      const query = testQuery(`n${i}.example.`, "A");
      assert.notEqual(to.read(query, to.store.partition(SIGNATURE))?.at(-1), 99);
    }
  });

  it("ages by the wall clock when the machine was started anew, and never too little", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: -1_200_000, max: 60_000 }),
        fc.integer({ min: 1001, max: 60_000 }),
        fc.nat(999),
        (uptime, extra, fraction) => {
          const clock = new FakeClock(1_234_567 + fraction, 1_700_000_000_000 + fraction);
          const bench = filled(clock);
          clock.advanceMs(fraction * 3);
          const file = fileOf(bench);
          const passedMs = Math.max(uptime, 0) + extra;
          const now = later(clock, uptime, passedMs);
          const { to } = read(file, now);

          const left = ttlOf(to, A);
          clock.advanceMs(passedMs);
          const right = ttlOf(bench, A);
          if (right === undefined) assert.equal(left, undefined);
          // Whole seconds on two clocks whose seconds change at different times.
          else assert.ok((left ?? 0) <= right + 1 && (left ?? 0) >= right - 2, `${left} for ${right}`);
          assertEndsInTime(to, now, bench, clock);
        },
      ),
    );
  });

  it("is not believed when the wall clock was set back, nor when it is a week old", () => {
    const bench = filled();
    const file = fileOf(bench);
    const cases: readonly (readonly [RegExp, number, number])[] = [
      [/later than now/, -500_000, -10_000],
      [/later than now/, 10_000, -10_000],
      [/8 days old/, -500_000, 8.5 * 86_400_000],
    ];
    for (const [reason, monotonicMs, wallMs] of cases) {
      const now = later(bench.clock, monotonicMs, wallMs);
      assert.throws(() => read(file, now), { name: "CacheFileError", message: reason });
    }
    assert.equal(read(file, later(bench.clock, 10_000, 40_000)).report.expired, 1, "in doubt it is older");
  });
});

/** Steps both clocks on together: what is gone there is gone here. */
function assertEndsInTime(to: StoreBench, now: FakeClock, from: StoreBench, clock: FakeClock): void {
  for (let i = 0; i < 130; i++) {
    if (ttlOf(from, A) === undefined) {
      assert.equal(ttlOf(to, A), undefined);
      return;
    }
    now.advanceMs(500);
    clock.advanceMs(500);
  }
  assert.fail("it never ends");
}

describe("a file that is damaged", () => {
  const file = fileOf(filled());
  const clock: Clock = new FakeClock();

  it("is refused cut short anywhere, or with something behind it", () => {
    for (let length = 0; length < file.length; length++) {
      assert.throws(() => new CacheFileEntries(file.slice(0, length), clock), CacheFileError);
    }
    const longer = new Uint8Array(file.length + 1);
    longer.set(file);
    assert.throws(() => new CacheFileEntries(longer, clock), { message: "it is damaged" });
  });

  it("is refused with any bit changed", () => {
    for (let bit = 0; bit < file.length * 8; bit++) {
      const changed = file.slice();
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      assert.throws(() => new CacheFileEntries(changed, clock), CacheFileError);
    }
  });

  it("says when it is another file, or of another version", () => {
    const changed = (at: number, value: number): Uint8Array<ArrayBuffer> => {
      const copy = file.slice();
      copy[at] = value;
      return copy;
    };
    assert.throws(() => new CacheFileEntries(changed(0, 1), clock), { message: "it is no cache file" });
    assert.throws(() => new CacheFileEntries(changed(4, 9), clock), { message: /version 9\.2, this program .* 1\.2/ });
    assert.throws(() => new CacheFileEntries(changed(8, 1), clock), { message: /version 1\.1/ });
    assert.throws(() => new CacheFileEntries(new Uint8Array(0), clock), { message: "it is no cache file" });
  });
});
