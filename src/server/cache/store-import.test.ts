/** Another process's store, dead or alive, damaged or not: what is taken over from it is what it held. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { StoreBench } from "../../../test/support/cached-answers.ts";
import { nodata, nxdomain, positive, responseTo } from "../../../test/support/responses.ts";
import { testQuery } from "../../../test/support/setup-context.ts";
import { FakeClock } from "../../base/clock.ts";
import type { AnswerStoreOptions } from "./answer-store.ts";
import { EntryCopy } from "./entry-copy.ts";
import type { CacheLimits } from "./entry-queues.ts";
import type { ImportReport } from "./entry-source.ts";
import { RegionEntries } from "./region-entries.ts";
import { geometryOf, HEADER_CHECK_WORD, KIND_DENIAL, KIND_FAILURE, VERSION_WORD } from "./region-layout.ts";
import { StoreRegionError } from "./region.ts";
import { headerCheck } from "./slot-check.ts";

const LIMITS = { success: 1000, denial: 1000, failure: 1000 };
const SIGNATURE = "forward . 192.0.2.53";
const NAMES = ["a.example.", "B.a.example.", "c.", "a-rather-long-name-that-fills-a-slot.of-another.size.example."];
const TYPES = ["A", "TXT", "MX"];

type Query = ReturnType<typeof testQuery>;
type What = "answer" | "large answer" | "nodata" | "denial" | "failure";

/** Options of a store in memory that a test may damage. */
function ownMemory(bytes: number): Partial<AnswerStoreOptions> & { readonly memory: SharedArrayBuffer } {
  const memory = new SharedArrayBuffer(bytes);
  return { memory, region: { buffer: memory, bytes, handle: { kind: "buffer", buffer: memory }, close: () => {} } };
}

/** A store whose partition 1 has a signature and limits. */
function configured(bytes: number, clock: FakeClock): { bench: StoreBench; memory: SharedArrayBuffer } {
  const { memory, ...options } = ownMemory(bytes);
  const bench = new StoreBench({ hashKey: Int32Array.of(1, 2), ...options }, clock);
  bench.store.configure(bench.store.partition(SIGNATURE), LIMITS);
  return { bench, memory };
}

/** A new store on the same clock; its own partition comes first, so numbers differ. */
function emptyStore(clock: FakeClock, options: Partial<AnswerStoreOptions> = {}): StoreBench {
  const bench = new StoreBench({ hashKey: Int32Array.of(3, 4), ...options }, clock);
  bench.store.configure(bench.store.partition("another"), LIMITS);
  return bench;
}

function takeOver(to: StoreBench, memory: SharedArrayBuffer, budgetMs = 1000): ImportReport {
  const source = RegionEntries.of({ buffer: memory, bytes: memory.byteLength }, to.clock.monotonicMs());
  return to.store.importFrom(source, budgetMs);
}

function put(bench: StoreBench, query: Query, what: What, ttlS: number, staleS: number, mark = 1): void {
  const kind = what === "failure" ? KIND_FAILURE : what.endsWith("answer") ? 0 : KIND_DENIAL;
  const answers = kind === 0;
  bench.put(query, wireOf(query, what, mark), {
    kind,
    ttlS,
    staleS,
    answers,
    aside: what === "failure",
    deniesName: what === "denial",
    authoritative: mark % 2 === 0,
    keepTtl: mark % 3 === 0,
  });
}

function wireOf(query: Query, what: What, mark: number): Uint8Array {
  if (what === "denial") return nxdomain(query, 60);
  if (what === "nodata") return nodata(query, 60);
  if (what === "failure") return responseTo(query, { rcode: 2 });
  if (what === "answer") return positive(query, 60, `192.0.2.${mark}`);
  return responseTo(query, { answers: Array.from({ length: 30 }, (_, i) => `@ 60 IN A 198.51.${i}.${mark}`) });
}

/** A message without its question. */
function gist(wire: Uint8Array, query: Query): string {
  return Buffer.concat([wire.subarray(2, 12), wire.subarray(query.view.questionEnd)]).toString("hex");
}

/** What both readers say to a question, and what stands aside of it: everything that a client could get. */
function answersTo(bench: StoreBench, query: Query, partition: number): readonly unknown[] {
  const { store } = bench;
  const message = (slot: number): unknown =>
    slot < 0
      ? undefined
      : [
          gist(store.message(slot, query.wire, query.view), query),
          store.remainingS(slot),
          store.kind(slot),
          store.answers(slot),
        ];
  const fast = bench.read(query, partition);
  return [
    fast === undefined ? undefined : gist(fast, query),
    message(store.find(query.wire, query.view, partition)),
    message(store.findAside(query.wire, query.view, partition)),
  ];
}

const QUESTIONS = NAMES.flatMap((name) => TYPES.map((type) => testQuery(name, type)));

const entry = fc.record({
  question: fc.nat(QUESTIONS.length - 1),
  what: fc.constantFrom<What>("answer", "large answer", "nodata", "denial", "failure"),
  ttlS: fc.integer({ min: 1, max: 20 }),
  staleS: fc.constantFrom(0, 10),
  mark: fc.integer({ min: 1, max: 255 }),
  hits: fc.nat(12),
  thenS: fc.nat(4),
});
type Entry = typeof entry extends fc.Arbitrary<infer T> ? T : never;

function fill(bench: StoreBench, entries: readonly Entry[]): void {
  for (const { question, what, ttlS, staleS, mark, hits, thenS } of entries) {
    const query = QUESTIONS[question];
    assert.ok(query !== undefined);
    put(bench, query, what, ttlS, staleS, mark);
    for (let i = 0; i < hits; i++) bench.read(query);
    bench.advanceS(thenS);
    bench.store.tick();
  }
}

describe("entries taken over", () => {
  it("give the same answers, ages and all, as where they came from", () => {
    const life = fc.tuple(fc.array(entry, { maxLength: 30 }), fc.nat(20_000), fc.array(fc.nat(6), { maxLength: 4 }));
    fc.assert(
      fc.property(life, fc.boolean(), ([entries, laterMs, looks], early) => {
        const clock = new FakeClock();
        const before = early ? emptyStore(clock, { bytes: 1 << 20 }) : undefined;
        clock.advanceMs(5500);
        const { bench: from, memory } = configured(512 << 10, clock);
        fill(from, entries);
        clock.advanceMs(laterMs);
        const to = before ?? emptyStore(clock, { bytes: 1 << 20 });
        const report = takeOver(to, memory);
        assert.equal(report.unreadable + report.unwanted, 0);
        assert.equal(report.taken, to.store.size);
        const there = from.store.partition(SIGNATURE);
        const here = to.store.partition(SIGNATURE);
        assert.notEqual(there, here);
        for (const seconds of [0, ...looks]) {
          clock.advanceMs(seconds * 1000);
          for (const query of QUESTIONS) assert.deepEqual(answersTo(to, query, here), answersTo(from, query, there));
        }
      }),
    );
  });

  it("are right or missing, whatever bits of the source have changed", () => {
    const damage = fc.record({
      // Where something stands: header, index, control, partition record, and slots in use.
      area: fc.nat(8),
      at: fc.nat(0xffff),
      change: fc.integer({ min: 1, max: 255 }),
    });
    fc.assert(
      fc.property(
        fc.array(entry, { minLength: 1, maxLength: 20 }),
        fc.array(damage, { maxLength: 20 }),
        (list, harm) => {
          const clock = new FakeClock();
          const { bench: from, memory } = configured(512 << 10, clock);
          // None stale: where two are found for one question, and one is lost, the other is right too.
          fill(
            from,
            list.map((one) => ({ ...one, staleS: 0 })),
          );
          const there = from.store.partition(SIGNATURE);
          const right = QUESTIONS.map((query) => answersTo(from, query, there));
          const bytes = new Uint8Array(memory);
          const words = new Int32Array(memory);
          const layout = geometryOf(words[4] ?? 0, words[5] ?? 0);
          const areas = [
            [0, 32],
            [layout.indexWord * 4, layout.sets * 64],
            [layout.controlWord * 4, 2 * 256 * 16],
            [layout.partitionsWord * 4, 64],
          ] as const;
          for (const { area, at, change } of harm) {
            const [first, size] = areas[area] ?? [layout.slotsWord * 4 + (at % QUESTIONS.length) * 256, 160];
            const place = first + ((at >> 4) % size);
            bytes[place] = (bytes[place] ?? 0) ^ change;
          }
          const to = emptyStore(clock);
          try {
            takeOver(to, memory);
          } catch (error) {
            assert.ok(error instanceof StoreRegionError);
          }
          const here = to.store.partition(SIGNATURE);
          for (const [i, query] of QUESTIONS.entries()) {
            for (const [j, answer] of answersTo(to, query, here).entries()) {
              if (answer !== undefined && harm.length === 0) assert.deepEqual(answer, right[i]?.[j]);
              // A type's own entry may be lost, and the denial of the whole name found: never anything made up.
              const ofName = right.filter((_, k) => Math.floor(k / TYPES.length) === Math.floor(i / TYPES.length));
              if (answer !== undefined) assert.ok(isOneOf(answer, ofName), JSON.stringify(answer));
            }
          }
        },
      ),
      { numRuns: 300 },
    );
  });

  it("keep the denial of a whole name until an answer shows that the name exists", () => {
    const clock = new FakeClock();
    const { bench: from, memory } = configured(512 << 10, clock);
    const [denied, other] = [testQuery("gone.example.", "A"), testQuery("gone.example.", "TXT")];
    put(from, denied, "denial", 30, 0);
    const to = emptyStore(clock);
    takeOver(to, memory);
    const here = to.store.partition(SIGNATURE);
    assert.ok(to.read(other, here) !== undefined);
    to.put(other, responseTo(other, { answers: ['@ 60 IN TXT "here"'] }), {}, here);
    assert.equal(to.read(denied, here), undefined);
  });

  it("stay within their slots, whatever their length", () => {
    const clock = new FakeClock();
    const { bench: from, memory } = configured(1 << 20, clock);
    const queries = Array.from({ length: 250 }, (_, i) => testQuery(`n${i}.example.`, "TXT"));
    for (const [i, query] of queries.entries()) {
      from.put(query, responseTo(query, { answers: [`@ 60 IN TXT "${"x".repeat(i)}"`] }));
    }
    const to = emptyStore(clock);
    const here = to.store.partition(SIGNATURE);
    const there = from.store.partition(SIGNATURE);
    // The second time slots are given out in the other order.
    for (let round = 0; round < 2; round++) {
      assert.equal(takeOver(to, memory).taken, queries.length);
      for (const query of queries) assert.deepEqual(answersTo(to, query, here), answersTo(from, query, there));
      for (const query of queries) assert.ok(to.store.remove(query.wire, query.view, here));
      assert.equal(to.store.size, 0);
    }
  });

  it("do not displace what is there already, nor contradict it", () => {
    const clock = new FakeClock();
    const { bench: from, memory } = configured(512 << 10, clock);
    const to = emptyStore(clock);
    const here = to.store.partition(SIGNATURE);
    to.store.configure(here, LIMITS);
    const [a, txt] = [testQuery("a.example.", "A"), testQuery("a.example.", "TXT")];
    const [b, bTxt] = [testQuery("b.example.", "A"), testQuery("b.example.", "TXT")];
    put(from, a, "answer", 60, 0, 1);
    put(from, bTxt, "denial", 60, 0);
    from.put(txt, responseTo(txt, { answers: ['@ 60 IN TXT "old"'] }));
    to.put(a, nxdomain(a, 60), { kind: KIND_DENIAL, deniesName: true, answers: false }, here);
    to.put(b, positive(b, 60, "192.0.2.2"), {}, here);
    assert.deepEqual(outcome(takeOver(to, memory)), { taken: 0, expired: 0, unreadable: 0, unwanted: 3 });
    assert.equal((to.read(a, here)?.[3] ?? 0) & 15, 3);
    assert.equal(to.read(bTxt, here), undefined);
  });

  it("are the popular ones where not all fit, and nobody is pushed out for them", () => {
    const clock = new FakeClock();
    const { bench: from, memory } = configured(4 << 20, clock);
    from.store.configure(1, { ...LIMITS, success: 5000 });
    const queries = Array.from({ length: 4000 }, (_, i) => testQuery(`n${i}.example.`, "A"));
    const popular = queries.filter((_, i) => i % 8 === 5);
    for (const query of queries) put(from, query, "answer", 600, 0);
    for (const query of popular) for (let i = 0; i < 5; i++) from.read(query);
    const to = emptyStore(clock, { bytes: 512 << 10 });
    const report = takeOver(to, memory);
    assert.ok(report.taken >= 1000 && report.taken < 3000, `${report.taken} taken`);
    assert.equal(report.taken + report.unwanted, from.store.size);
    const here = to.store.partition(SIGNATURE);
    assert.equal(popular.filter((query) => to.read(query, here) === undefined).length, 0);
    assert.equal(to.store.evictions(here, 0), 0);
    const few = emptyStore(clock, { maxEntries: 700 });
    assert.equal(takeOver(few, memory).taken, 700);
    assert.equal(popular.filter((query) => few.read(query, few.store.partition(SIGNATURE)) === undefined).length, 0);
  });

  it("stop when time is up", () => {
    const clock = new FakeClock();
    const { bench: from, memory } = configured(1 << 20, clock);
    for (let i = 0; i < 300; i++) put(from, testQuery(`n${i}.example.`, "A"), "answer", 600, 0);
    const to = emptyStore(clock);
    const report = takeOver(to, memory, -1);
    assert.deepEqual([report.complete, report.taken], [false, 64]);
  });

  it("are let go of when the rules have changed or allow a shorter life", () => {
    const clock = new FakeClock();
    const { memory, ...options } = ownMemory(512 << 10);
    const from = new StoreBench(options, clock);
    const query = testQuery("a.example.", "A");
    const rules = { ...LIMITS, rules: "keepttl" };
    from.store.configure(from.store.partition(SIGNATURE), rules);
    put(from, query, "answer", 600, 0);
    const maxTtlS = { success: 30, denial: 30, failure: 30 };
    const cases: readonly (readonly [limits: CacheLimits, held: boolean])[] = [
      [rules, true],
      [LIMITS, false],
      [{ ...rules, maxTtlS }, false],
    ];
    for (const [limits, held] of cases) {
      const to = emptyStore(clock);
      takeOver(to, memory);
      const here = to.store.partition(SIGNATURE);
      to.store.configure(here, limits);
      assert.equal(to.read(query, here) !== undefined, held);
    }
    const late = emptyStore(clock);
    const here = late.store.partition(SIGNATURE);
    late.store.configure(here, LIMITS);
    assert.equal(takeOver(late, memory).unwanted, 1);
  });

  it("go on to a third process, also where the second had no such server block", () => {
    const clock = new FakeClock();
    const { bench: from, memory } = configured(512 << 10, clock);
    const query = testQuery("a.example.", "A");
    put(from, query, "answer", 600, 0);
    const { memory: between, ...options } = ownMemory(512 << 10);
    takeOver(new StoreBench(options, clock), memory);
    clock.advanceMs(7000);
    const to = emptyStore(clock);
    takeOver(to, between);
    assert.deepEqual(
      answersTo(to, query, to.store.partition(SIGNATURE)),
      answersTo(from, query, from.store.partition(SIGNATURE)),
    );
  });

  it("are not taken from a partition that was never configured, nor of one that means something else by now", () => {
    const clock = new FakeClock();
    const { bench: from, memory } = configured(512 << 10, clock);
    const unconfigured = from.store.partition("unconfigured");
    from.put(testQuery("u.example.", "A"), positive(testQuery("u.example.", "A"), 60), {}, unconfigured);
    put(from, testQuery("a.example.", "A"), "answer", 60, 0);
    for (let i = 0; i < 4096; i++) from.store.partition(`other ${i}`);
    assert.equal(from.store.entries(1, 0), 0, "its number was given to another");
    from.put(testQuery("b.example.", "A"), positive(testQuery("b.example.", "A"), 60));
    const to = emptyStore(clock);
    assert.equal(takeOver(to, memory).taken, 0);
  });

  it("are not taken half written", () => {
    const clock = new FakeClock();
    const { bench: from, memory } = configured(512 << 10, clock);
    const query = testQuery("a.example.", "A");
    put(from, query, "answer", 60, 0);
    const source = RegionEntries.of({ buffer: memory, bytes: memory.byteLength }, clock.monotonicMs());
    class SlowCopy extends EntryCopy {
      override fill(words: Int32Array, at: number, end: number): number {
        const count = super.fill(words, at, end);
        put(from, query, "answer", 60, 0, 2);
        return count;
      }
    }
    assert.equal(source.next(new SlowCopy()), "unreadable");
    const { controlWord } = geometryOf(new Int32Array(memory)[4] ?? 0, new Int32Array(memory)[5] ?? 0);
    new Int32Array(memory)[controlWord] = 5;
    assert.deepEqual(outcome(takeOver(emptyStore(clock), memory)), {
      taken: 0,
      expired: 0,
      unreadable: 0,
      unwanted: 0,
    });
  });
});

describe("a region of somebody else", () => {
  const { memory } = configured(512 << 10, new FakeClock());

  function changed(change: (words: Int32Array) => void, bytes = memory.byteLength): SharedArrayBuffer {
    const copy = new SharedArrayBuffer(bytes);
    new Uint8Array(copy).set(new Uint8Array(memory, 0, Math.min(bytes, memory.byteLength)));
    change(new Int32Array(copy, 0, bytes >> 2));
    return copy;
  }

  it("is refused when it is of another version, no store, damaged in its header, or cut short", () => {
    const cases: readonly (readonly [RegExp, SharedArrayBuffer])[] = [
      [/layout 99, this program knows 2/, changed((words) => (words[VERSION_WORD] = 99))],
      [/holds no answer store/, changed((words) => (words[0] = 0))],
      [/header is damaged/, changed((words) => (words[6] = 12_345))],
      [/cut short/, changed(() => {}, 400 << 10)],
      [/holds no answer store/, changed(() => {}, 20)],
      [/holds no answer store/, new SharedArrayBuffer(0)],
    ];
    for (const [reason, buffer] of cases) {
      const to = emptyStore(new FakeClock());
      assert.throws(() => takeOver(to, buffer), { name: "StoreRegionError", message: reason });
      assert.equal(to.store.size, 0);
    }
  });

  it("is refused when its sizes make no sense, also with a right check sum", () => {
    for (const [at, value] of [
      [4, 0],
      [4, 65],
      [4, -64],
      [4, 0x40000000],
      [5, 100],
      [5, -256],
      [5, 0x7fffff00],
    ] as const) {
      const buffer = changed((words) => {
        words[at] = value;
        words[HEADER_CHECK_WORD] = headerCheck(words);
      });
      assert.throws(() => takeOver(emptyStore(new FakeClock()), buffer), StoreRegionError);
    }
  });

  it("may hold anything behind its header", () => {
    fc.assert(
      fc.property(fc.infiniteStream(fc.integer({ min: -0x80000000, max: 0x7fffffff })), fc.nat(3), (noise, thin) => {
        const buffer = changed((words) => {
          for (let i = 32; i < words.length; i += 1 + thin * 3) words[i] = noise.next().value as number;
        });
        const report = takeOver(emptyStore(new FakeClock()), buffer);
        assert.equal(report.taken, 0);
      }),
      { numRuns: 10 },
    );
  });
});

function outcome({ taken, expired, unreadable, unwanted }: ImportReport): Record<string, number> {
  return { taken, expired, unreadable, unwanted };
}

/** Whether some question had that answer; TTLs and the rest equal, the name in whatever spelling. */
function isOneOf(answer: unknown, right: readonly (readonly unknown[])[]): boolean {
  return right.some((answers) => answers.some((one) => JSON.stringify(one) === JSON.stringify(answer)));
}
