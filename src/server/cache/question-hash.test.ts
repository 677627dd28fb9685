import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { QuestionHash } from "./question-hash.ts";

/**
 * HalfSipHash-c-d with 32 bits out, written from the paper's description over bytes, to stand against the word-wise one.
 */
function halfSipHash(c: number, d: number, key: readonly [number, number], input: Uint8Array): number {
  let [v0, v1, v2, v3] = [key[0], key[1], 0x6c796765 ^ key[0], 0x74656462 ^ key[1]];
  const rotl = (x: number, n: number): number => (x << n) | (x >>> (32 - n));
  const round = (): void => {
    v0 = (v0 + v1) | 0;
    v1 = rotl(v1, 5) ^ v0;
    v0 = rotl(v0, 16);
    v2 = (v2 + v3) | 0;
    v3 = rotl(v3, 8) ^ v2;
    v0 = (v0 + v3) | 0;
    v3 = rotl(v3, 7) ^ v0;
    v2 = (v2 + v1) | 0;
    v1 = rotl(v1, 13) ^ v2;
    v2 = rotl(v2, 16);
  };
  const padded = new Uint8Array((Math.floor(input.length / 4) + 1) * 4);
  padded.set(input);
  padded[padded.length - 1] = input.length;
  const view = new DataView(padded.buffer);
  for (let at = 0; at < padded.length; at += 4) {
    const word = view.getInt32(at, true);
    v3 ^= word;
    for (let i = 0; i < c; i++) round();
    v0 ^= word;
  }
  v2 ^= 0xff;
  for (let i = 0; i < d; i++) round();
  return v1 ^ v3;
}

/** Key 00 01 … 07 as in all published vectors. */
const KEY = [0x03020100, 0x07060504] as const;
const counting = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => i);

function hashOf(hash: QuestionHash, scope: number, name: Uint8Array, typeClass: number): number {
  const words = new Int32Array(66);
  // What follows the name in a packet must not matter.
  new Uint8Array(words.buffer).fill(0x41);
  new Uint8Array(words.buffer).set(name, 4);
  hash.begin(scope, words, 1, name.length);
  return hash.finish(typeClass);
}

describe("question hash", () => {
  it("has the published HalfSipHash-1-3 values (lib/test_siphash.c of Linux, 32-bit; bytes 0, 1, 2 …)", () => {
    const published: [number, number][] = [
      [12, 0x6b28096c],
      [16, 0x8b31d501],
      [20, 0x911bb605],
      [24, 0x57150ad7],
      [32, 0xbc6dda8d],
      [60, 0x88b4c4cc],
    ];
    for (const [length, expected] of published) {
      assert.equal(halfSipHash(1, 3, KEY, counting(length)) >>> 0, expected, `the reference at ${length}`);
      const bytes = counting(length);
      const view = new DataView(bytes.buffer);
      const hash = new QuestionHash(...KEY);
      const name = bytes.subarray(4, length - 4);
      assert.equal(hashOf(hash, view.getInt32(0, true), name, view.getInt32(length - 4, true)) >>> 0, expected);
    }
  });

  it("is HalfSipHash-1-3 of scope, lower-case name with zeros up to whole words, type and class", () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 1, maxLength: 255 }),
        fc.integer(),
        fc.integer(),
        fc.tuple(fc.integer(), fc.integer()),
        (name, scope, typeClass, key) => {
          const lower = name.map((byte) => (byte >= 0x41 && byte <= 0x5a ? byte + 32 : byte));
          const nameBytes = Math.ceil(name.length / 4) * 4;
          const message = new Uint8Array(nameBytes + 8);
          message.set(lower, 4);
          const view = new DataView(message.buffer);
          view.setInt32(0, scope, true);
          view.setInt32(nameBytes + 4, typeClass, true);
          const hash = new QuestionHash(...key);
          const actual = hashOf(hash, scope, name, typeClass);
          const expected = halfSipHash(1, 3, key, message);
          assert.equal(actual, expected === 0 ? 1 : expected);
          assert.deepEqual(new Uint8Array(hash.name.buffer).slice(0, nameBytes), message.slice(4, nameBytes + 4));
        },
      ),
    );
  });

  it("lowers A to Z only, at every place of a word", () => {
    for (let place = 0; place < 4; place++) {
      for (let byte = 0; byte < 256; byte++) {
        const name = new Uint8Array(4).fill(0x61);
        name[place] = byte;
        const hash = new QuestionHash(1, 2);
        hashOf(hash, 0, name, 0);
        const expected = byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte;
        assert.equal(new Uint8Array(hash.name.buffer)[place], expected);
      }
    }
  });
});
