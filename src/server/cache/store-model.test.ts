/** The store against a `Map`: whatever happens in whatever order, both readers find what the rules say. */
import assert from "node:assert/strict";
import { it } from "node:test";
import fc from "fast-check";
import { PARTITION, StoreBench } from "../../../test/support/cached-answers.ts";
import { nodata, nxdomain, positive, responseTo } from "../../../test/support/responses.ts";
import { testQuery } from "../../../test/support/setup-context.ts";
import { decodeMessage } from "../../dns/message.ts";
import { KIND_DENIAL, KIND_FAILURE } from "./region-layout.ts";

type Query = ReturnType<typeof testQuery>;

interface Held {
  readonly what: "answer" | "nodata" | "denial" | "failure";
  readonly expiresS: number;
  readonly staleUntilS: number;
  readonly ttlS: number;
  readonly mark: number;
  readonly bytes: number;
}

/** Keys are `name type`; type `*` is the denial of a name, an aside entry begins with `!`. */
interface Model {
  nowS: number;
  readonly held: Map<string, Held>;
}

const NAMES = ["a.example.", "B.a.example."];
const TYPES = ["A", "TXT", "MX"];
type Command = fc.Command<Model, StoreBench>;

const question = { name: fc.constantFrom(...NAMES), type: fc.constantFrom(...TYPES) };
const lives = { ttlS: fc.integer({ min: 1, max: 20 }), staleS: fc.constantFrom(0, 10) };

function keyOf(name: string, type: string): string {
  return `${name.toLowerCase()} ${type}`;
}

function command(text: string, run: (model: Model, bench: StoreBench) => void): Command {
  return { check: () => true, run, toString: () => text };
}

/** What the rules say that a look-up finds: fresh first, then stale. */
function expected(model: Model, name: string, type: string): Held | undefined {
  const candidates = [model.held.get(keyOf(name, type)), model.held.get(keyOf(name, "*"))];
  return (
    candidates.find((held) => held !== undefined && held.expiresS > model.nowS) ??
    candidates.find((held) => held !== undefined && held.staleUntilS > model.nowS)
  );
}

function check(model: Model, bench: StoreBench, name: string, type: string): void {
  const query = testQuery(name, type);
  const held = expected(model, name, type);
  const slot = bench.store.find(query.wire, query.view, PARTITION);
  assert.equal(slot >= 0, held !== undefined, "the main thread finds what is held, fresh or stale");
  const fresh = held !== undefined && held.expiresS > model.nowS;
  if (held !== undefined) assert.equal(bench.store.remainingS(slot), held.expiresS - model.nowS);
  const read = bench.read(query);
  assert.equal(read !== undefined, fresh, "the fast path finds what is fresh");
  if (read !== undefined && held !== undefined) {
    const left = held.expiresS - model.nowS;
    const message = decodeMessage(read);
    assert.equal(message.rcode, held.what === "denial" ? 3 : 0);
    assert.equal(read.length, held.bytes);
    const records = [...message.answers, ...message.authority];
    assert.ok(records.every((record) => record.ttl === left));
    const [record] = message.answers;
    if (record?.data.kind === "a") assert.equal(record.data.address[3], held.mark);
    assert.deepEqual(read, withoutId(bench.store.message(slot, query.wire, query.view), read));
  }
  const failure = model.held.get(`!${keyOf(name, type)}`);
  const aside = bench.store.findAside(query.wire, query.view, PARTITION);
  assert.equal(aside >= 0, failure !== undefined && failure.expiresS > model.nowS);
}

function withoutId(message: Uint8Array, like: Uint8Array): Uint8Array {
  message.set(like.subarray(0, 2));
  return message;
}

const put = fc
  .record({
    ...question,
    ...lives,
    what: fc.constantFrom("answer", "nodata", "denial", "failure"),
    mark: fc.integer({ min: 1, max: 255 }),
    records: fc.constantFrom(1, 2, 20),
  })
  .map(({ name, type, ttlS, staleS, what, mark, records }) =>
    command(`put ${name} ${type} ${what} ${ttlS}+${staleS}`, (model, bench) => {
      const query = testQuery(name, type);
      const wire = wireOf(query, what, mark, records);
      const kind = what === "failure" ? KIND_FAILURE : what === "answer" ? 0 : KIND_DENIAL;
      const aside = what === "failure";
      const deniesName = what === "denial";
      assert.ok(bench.put(query, wire, { kind, ttlS, staleS, aside, deniesName, answers: what === "answer" }));
      const held: Held = {
        what,
        ttlS,
        expiresS: model.nowS + ttlS,
        staleUntilS: model.nowS + ttlS + staleS,
        mark,
        bytes: wire.length,
      };
      const key = keyOf(name, type);
      if (aside) {
        model.held.set(`!${key}`, held);
        return;
      }
      model.held.delete(`!${key}`);
      if (!deniesName) {
        model.held.delete(keyOf(name, "*"));
        model.held.set(key, held);
        return;
      }
      const others = TYPES.filter((other) => other !== type && model.held.get(keyOf(name, other))?.what === "answer");
      if (others.length > 0) {
        model.held.set(key, held);
        return;
      }
      model.held.delete(key);
      model.held.set(keyOf(name, "*"), held);
    }),
  );

const find = fc
  .record(question)
  .map(({ name, type }) => command(`find ${name} ${type}`, (model, bench) => check(model, bench, name, type)));

const findOften = fc.record(question).map(({ name, type }) =>
  command(`find ${name} ${type} ten times`, (model, bench) => {
    for (let i = 0; i < 10; i++) check(model, bench, name, type);
  }),
);

const remove = fc.record(question).map(({ name, type }) =>
  command(`remove ${name} ${type}`, (model, bench) => {
    const query = testQuery(name, type);
    bench.store.remove(query.wire, query.view, PARTITION);
    for (const key of [keyOf(name, type), keyOf(name, "*"), `!${keyOf(name, type)}`]) model.held.delete(key);
  }),
);

/** A tick lets go of what is over, sooner or later: until then it denies nothing, so the model forgets it at once. */
const pass = fc.integer({ min: 0, max: 8 }).map((seconds) =>
  command(`${seconds} s pass`, (model, bench) => {
    bench.advanceS(seconds);
    model.nowS += seconds;
  }),
);

const tick = fc.constant(
  command("16 ticks", (model, bench) => {
    for (let i = 0; i < 16; i++) bench.store.tick();
    for (const [key, held] of model.held) if (held.staleUntilS <= model.nowS) model.held.delete(key);
    assert.equal(bench.store.size, model.held.size);
  }),
);

function wireOf(query: Query, what: Held["what"], mark: number, records: number): Uint8Array {
  if (what === "denial") return nxdomain(query, 60);
  if (what === "nodata") return nodata(query, 60);
  if (what === "failure") return responseTo(query, { rcode: 2 });
  if (records === 1) return positive(query, 60, `192.0.2.${mark}`);
  const lines = Array.from({ length: records }, () => `@ 60 IN A 192.0.2.${mark}`);
  return responseTo(query, { answers: lines });
}

it("the store finds what a Map with the same rules would", () => {
  fc.assert(
    fc.property(fc.commands([put, put, find, findOften, pass, tick, remove], { maxCommands: 60 }), (commands) => {
      fc.modelRun(() => {
        const bench = new StoreBench({ bytes: 512 << 10 });
        return { model: { nowS: bench.store.nowS(), held: new Map() }, real: bench };
      }, commands);
    }),
    { numRuns: 150 },
  );
});
