import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { FrameReader } from "./frame.ts";
import { ERR_LENGTH } from "./parse-codes.ts";

function framed(messages: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(messages.flatMap((m) => [m.length >> 8, m.length & 0xff, ...m]));
}

function readAll(stream: Uint8Array, cuts: readonly number[]): { messages: Uint8Array[]; code: number } {
  const reader = new FrameReader();
  const messages: Uint8Array[] = [];
  const places = [...new Set(cuts.map((c) => c % (stream.length + 1)))].toSorted((a, b) => a - b);
  let at = 0;
  let code = 0;
  for (const place of [...places, stream.length]) {
    code = reader.push(stream.slice(at, place), (m) => messages.push(m.slice()));
    if (code < 0) return { messages, code };
    at = place;
  }
  return { messages, code };
}

describe("FrameReader", () => {
  it("gives back the messages however the stream is cut", () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ minLength: 1, maxLength: 400 }), { maxLength: 6 }),
        fc.array(fc.nat(5000), { maxLength: 12 }),
        (messages, cuts) => {
          assert.deepEqual(readAll(framed(messages), cuts).messages, messages);
        },
      ),
    );
  });

  it("grows with what arrives, byte by byte, up to the longest message", () => {
    const message = new Uint8Array(65_535).map((_, i) => i & 0xff);
    const reader = new FrameReader();
    const got: Uint8Array[] = [];
    for (const byte of framed([message])) reader.push(Uint8Array.of(byte), (m) => got.push(m.slice()));
    assert.equal(got.length, 1);
    assert.deepEqual(got[0], message);
  });

  it("refuses a message of no bytes", () => {
    assert.equal(readAll(Uint8Array.of(0, 1, 7, 0, 0), []).code, ERR_LENGTH);
  });

  it("knows when it is inside a message", () => {
    const reader = new FrameReader();
    const ignore = (): void => undefined;
    assert.equal(reader.inMessage, false);
    reader.push(Uint8Array.of(0), ignore);
    assert.equal(reader.inMessage, true);
    reader.push(Uint8Array.of(2, 9), ignore);
    assert.equal(reader.inMessage, true);
    reader.push(Uint8Array.of(9), ignore);
    assert.equal(reader.inMessage, false);
  });
});
