import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { LineReader, ListReader } from "./json-stream.ts";
import { ApiError } from "./kube-errors.ts";
import type { Raw } from "./raw.ts";

/** The same bytes, cut anywhere. */
function chunksOf(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const places = [0, ...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length].sort((a, b) => a - b);
  return places.slice(1).map((end, index) => bytes.subarray(places[index], end));
}

const objects = fc.array(fc.dictionary(fc.string({ unit: "binary" }), fc.jsonValue()), { maxLength: 5 });
const cuts = fc.array(fc.nat(), { maxLength: 8 });
const broken = (error: unknown): boolean => error instanceof ApiError && error.failure === "broken";

describe("a list read in pieces", () => {
  it("gives its items and what stands around them, wherever it is cut and wherever its metadata stand", () => {
    fc.assert(
      fc.property(objects, cuts, fc.boolean(), fc.constantFrom(0, 2), (items, places, first, indent) => {
        const metadata = { resourceVersion: "7", continue: "x:y", remainingItemCount: 3 };
        const list = first ? { kind: "L", metadata, items } : { items, kind: "L", metadata };
        const found: Raw[] = [];
        const reader = new ListReader((raw) => found.push(raw));
        for (const chunk of chunksOf(Buffer.from(JSON.stringify(list, null, indent)), places)) reader.push(chunk);
        assert.deepEqual(reader.end(), { resourceVersion: "7", continue: "x:y" });
        assert.equal(JSON.stringify(found), JSON.stringify(items));
      }),
    );
  });

  it("does not keep what the chunk's memory is used for next", () => {
    const bytes = Buffer.from('{"metadata":{"resourceVersion":"7"},"items":[{"a":"one"},{"a":"two"}]}');
    const found: Raw[] = [];
    const reader = new ListReader((raw) => found.push(raw));
    for (const byte of bytes) {
      const chunk = Buffer.of(byte);
      reader.push(chunk);
      chunk.fill(0);
    }
    reader.end();
    assert.deepEqual(found, [{ a: "one" }, { a: "two" }]);
  });

  it("that has no items (null) is empty", () => {
    const reader = new ListReader(() => assert.fail());
    reader.push(Buffer.from('{"kind":"ServiceList","metadata":{"resourceVersion":"7"},"items":null}'));
    assert.equal(reader.end().resourceVersion, "7");
  });

  for (const text of [
    "",
    "{",
    '{"items":[{}]}',
    '{"metadata":{"resourceVersion":"7"},"items":[{"a":1}',
    "<html>",
    "[1]",
  ]) {
    it(`refuses ${text === "" ? "nothing" : text}`, () => {
      assert.throws(() => {
        const reader = new ListReader(() => {});
        reader.push(Buffer.from(text));
        reader.end();
      }, broken);
    });
  }

  it("refuses an item without end before it fills the memory", () => {
    const reader = new ListReader(() => {});
    reader.push(Buffer.from('{"items":[{"a":"'));
    const piece = Buffer.alloc(1 << 20, "x");
    assert.throws(() => {
      for (let i = 0; i < 20; i++) reader.push(piece);
    }, broken);
  });
});

describe("a watch read in pieces", () => {
  it("gives its objects, wherever it is cut", () => {
    fc.assert(
      fc.property(objects, cuts, (events, places) => {
        const found: Raw[] = [];
        const reader = new LineReader((raw) => found.push(raw));
        const bytes = Buffer.from(events.map((event) => `${JSON.stringify(event)}\n`).join(""));
        for (const chunk of chunksOf(bytes, places)) reader.push(chunk);
        assert.equal(JSON.stringify(found), JSON.stringify(events));
        assert.equal(reader.pending, false);
      }),
    );
  });

  it("knows that a line has begun", () => {
    const reader = new LineReader(() => assert.fail());
    reader.push(Buffer.from('{"type":"ADD'));
    assert.equal(reader.pending, true);
  });

  it("refuses a line that is no object", () => {
    for (const line of ["[1]\n", "1\n", "{\n", "null\n"]) {
      assert.throws(() => new LineReader(() => {}).push(Buffer.from(line)), broken);
    }
  });
});
