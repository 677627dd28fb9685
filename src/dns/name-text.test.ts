import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { wireName } from "../../test/support/dns-arbitraries.ts";
import { nameFromText, NameTextError, nameToText } from "./name-text.ts";

describe("nameToText and nameFromText", () => {
  it("keep any bytes in labels", () => {
    fc.assert(
      fc.property(wireName, (name) => assert.deepEqual(nameFromText(nameToText(name)), name)),
      { numRuns: 500 },
    );
  });

  it("write only printable ASCII without blanks", () => {
    fc.assert(fc.property(wireName, (name) => assert.match(nameToText(name), /^[\x21-\x7e]+$/)));
  });

  it("tell a dot inside a label from one between labels", () => {
    assert.deepEqual(nameFromText("a\\.b"), Uint8Array.of(3, 0x61, 0x2e, 0x62, 0));
    assert.equal(nameToText(Uint8Array.of(3, 0x61, 0x2e, 0x62, 0)), "a\\.b.");
    assert.equal(nameToText(Uint8Array.of(1, 0x61, 1, 0x62, 0)), "a.b.");
  });

  it("write the root as a dot", () => {
    assert.equal(nameToText(Uint8Array.of(0)), ".");
    assert.deepEqual(nameFromText("."), Uint8Array.of(0));
  });

  it("read a name at an offset", () => assert.equal(nameToText(Uint8Array.of(9, 9, 1, 0x61, 0), 2), "a."));
});

describe("nameFromText", () => {
  it("takes text without a final dot as absolute", () => {
    assert.deepEqual(nameFromText("example.org"), nameFromText("example.org."));
  });

  it("reads decimal escapes", () => assert.deepEqual(nameFromText("\\000\\255"), Uint8Array.of(2, 0, 255, 0)));

  it("gives an error or a name for any text", () => {
    const texts = fc.oneof(fc.string(), fc.string({ unit: fc.constantFrom("\\", ".", "1", "9", "a", "é") }));
    fc.assert(
      fc.property(texts, (text) => {
        try {
          const name = nameFromText(text);
          assert.ok(name.length <= 255);
          assert.deepEqual(nameFromText(nameToText(name)), name);
        } catch (error) {
          assert.ok(error instanceof NameTextError, String(error));
        }
      }),
      { numRuns: 500 },
    );
  });

  for (const [text, fact] of [
    ["", /empty/],
    [".org", /a label is empty/],
    ["a..b", /a label is empty/],
    ["..", /a label is empty/],
    [`${"a".repeat(64)}.org`, /longer than 63/],
    ["abcdefg.".repeat(32), /longer than 255/],
    ["a\\", /backslash/],
    ["a\\25", /three digits/],
    ["\\256", /more than a byte/],
  ] as const) {
    it(`refuses ${JSON.stringify(text.slice(0, 20))}`, () => {
      assert.throws(() => nameFromText(text), { code: "NODENS_DNS_NAME", message: fact });
    });
  }

  it("takes the longest label and the longest name", () => {
    assert.equal(nameFromText("a".repeat(63)).length, 65);
    assert.equal(nameFromText(`${"abcdefg.".repeat(31)}abcde`).length, 255);
  });
});
