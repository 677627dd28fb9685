/**
 * Hash flooding: names chosen so that all fall into one place of the index (CoreDNS has FNV without a key, PowerDNS a
 * 32-bit hash). The defence: a hash with a secret key of each process, whole keys compared, eight places looked at and
 * no more.
 */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { describe, it } from "node:test";
import { FakeClock } from "../../src/base/clock.ts";
import { AnswerStore } from "../../src/server/cache/answer-store.ts";
import { QuestionHash } from "../../src/server/cache/question-hash.ts";
import { Region } from "../../src/server/cache/region.ts";
import { WAYS } from "../../src/server/cache/region-layout.ts";
import { PARTITION, StoreBench } from "../support/cached-answers.ts";
import { positive } from "../support/responses.ts";
import { testQuery } from "../support/setup-context.ts";

const KNOWN_KEY = Int32Array.of(0x01234567, 0x89abcdef | 0);
const TYPE_CLASS_A_IN = 1 | (1 << 16);
/** All names are so long, in wire form. */
const NAME = "n0000000000.example.";
const AIMED = 256;
/** Sets of an index with room for 8192 entries. */
const ENTRIES = 8192;
const SETS = (ENTRIES * 2) / WAYS;

/** Names whose hashes end alike under a key: they share a set of any index that is not larger than `SETS`. */
function aimedNames(key: Int32Array): string[] {
  const hash = new QuestionHash(key[0] ?? 0, key[1] ?? 0);
  const words = new Int32Array(64);
  const bytes = new Uint8Array(words.buffer);
  const { wire, view } = testQuery(NAME, "A");
  bytes.set(wire.subarray(12, 12 + view.nameLength));
  const names: string[] = [];
  for (let n = 0; names.length < AIMED; n++) {
    const digits = String(n).padStart(10, "0");
    for (let i = 0; i < 10; i++) bytes[2 + i] = digits.charCodeAt(i);
    hash.begin(PARTITION, words, 0, view.nameLength);
    if ((hash.finish(TYPE_CLASS_A_IN) & (SETS - 1)) === 0) names.push(`n${digits}.example.`);
  }
  return names;
}

function held(key: Int32Array, names: readonly string[]): number {
  const bench = new StoreBench({ bytes: 8 << 20, maxEntries: ENTRIES, hashKey: key });
  for (const name of names) {
    const query = testQuery(name, "A");
    bench.put(query, positive(query, 60));
  }
  return names.filter((name) => bench.read(testQuery(name, "A")) !== undefined).length;
}

describe("names aimed at one place of the index", () => {
  const names = aimedNames(KNOWN_KEY);

  it("meet there only where the key is known: eight stay, none is taken for another", () => {
    assert.equal(held(KNOWN_KEY, names), WAYS);
  });

  it("are spread like any others under another key", () => {
    for (let i = 0; i < 5; i++) {
      const key = new Int32Array(randomBytes(8).buffer.slice(0, 8));
      assert.ok(held(key, names) >= AIMED - 2, "names were pushed out by their hashes");
    }
  });

  it("find another key in each store", () => {
    const keys = Array.from({ length: 4 }, () => {
      const store = AnswerStore.create({ bytes: 1 << 20, clock: new FakeClock() });
      const { key0, key1 } = Region.open(store.handle);
      assert.notEqual(key0 | key1, 0);
      return `${key0} ${key1}`;
    });
    assert.equal(new Set(keys).size, keys.length);
  });
});
