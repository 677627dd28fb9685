import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { wireName } from "../../test/support/dns-arbitraries.ts";
import {
  checkName,
  expandName,
  isBelow,
  labelCount,
  lowerCaseName,
  NAME_MAX_BYTES,
  nameLength,
  sameName,
  sameNameInMessage,
  skipName,
} from "./name.ts";
import { nameFromText, nameToText } from "./name-text.ts";
import { ERR_COMPRESSED, ERR_LABEL_TYPE, ERR_NAME_TOO_LONG, ERR_POINTER, ERR_TRUNCATED } from "./parse-codes.ts";

/** Names of about 255 bytes and many labels; 12 bytes of header before, as pointers want. */
const noise = fc.uint8Array({ maxLength: 300 }).chain((packet) =>
  fc.constantFrom(0, 1, 2).map((shape) => {
    const likely = packet.slice();
    // Plain noise rarely holds two labels in a row; small lengths and pointers do.
    if (shape > 0) for (let i = 0; i < likely.length; i += 2) likely[i] = (likely[i] ?? 0) % 4;
    if (shape > 1) for (let i = 0; i < likely.length; i += 5) likely[i] = 0xc0;
    return likely;
  }),
);

function wireOfLength(length: number): Uint8Array {
  const wire: number[] = [];
  while (wire.length < length - 1) {
    const label = Math.min(63, length - 2 - wire.length);
    wire.push(label, ...Array.from({ length: label }, () => 0x61));
  }
  return Uint8Array.from([...wire, 0]);
}

/** A message of 12 header bytes and then these. */
function after12(...bytes: number[]): Uint8Array {
  return Uint8Array.from([...new Uint8Array(12), ...bytes]);
}

describe("nameLength", () => {
  it("never reads past any packet and never throws", () => {
    fc.assert(
      fc.property(noise, fc.nat(310), fc.nat(310), (packet, at, end) => {
        const length = nameLength(packet, at, end);
        assert.ok(length < 0 || (length >= 1 && length <= NAME_MAX_BYTES));
        assert.ok(length < 0 || (at + length <= end && at + length <= packet.length));
      }),
    );
  });

  it("measures what nameFromText wrote", () => {
    fc.assert(fc.property(wireName, (name) => assert.equal(nameLength(name, 0, name.length), name.length)));
  });

  it("stops at the end of the message, not of the buffer", () => {
    const name = nameFromText("www.example.org");
    assert.equal(nameLength(name, 0, name.length - 1), ERR_TRUNCATED);
  });

  it("takes 255 bytes and refuses 256", () => {
    const longest = wireOfLength(255);
    assert.equal(nameLength(longest, 0, 255), 255);
    const longer = wireOfLength(256);
    assert.equal(nameLength(longer, 0, 256), ERR_NAME_TOO_LONG);
  });

  it("refuses a pointer", () => assert.equal(nameLength(Uint8Array.of(0xc0, 0x0c), 0, 2), ERR_COMPRESSED));

  it("refuses the label types 01 and 10", () => {
    assert.equal(nameLength(Uint8Array.of(0x40, 0), 0, 2), ERR_LABEL_TYPE);
    assert.equal(nameLength(Uint8Array.of(0x80, 0), 0, 2), ERR_LABEL_TYPE);
  });
});

describe("expandName and checkName", () => {
  it("agree, stay inside and end for any packet", () => {
    fc.assert(
      fc.property(noise, fc.nat(310), fc.nat(40), (packet, at, start) => {
        const out = new Uint8Array(NAME_MAX_BYTES + 8).fill(0xee);
        const length = expandName(packet, start, at, packet.length, out, 4);
        const next = checkName(packet, start, at, packet.length);
        assert.equal(length < 0, next < 0);
        assert.equal(length < 0 ? length : 0, next < 0 ? next : 0);
        assert.ok(next <= packet.length);
        // What was written is a name, and nothing was written outside its room.
        if (length > 0) assert.equal(nameLength(out, 4, 4 + length), length);
        assert.deepEqual([...out.subarray(0, 4), ...out.subarray(4 + NAME_MAX_BYTES)], Array(8).fill(0xee));
        if (next > 0) assert.equal(skipName(packet, at, packet.length), next);
      }),
      { numRuns: 2000 },
    );
  });

  const out = new Uint8Array(NAME_MAX_BYTES);
  const expand = (bytes: Uint8Array, at: number): number => expandName(bytes, 0, at, bytes.length, out, 0);

  it("follow a pointer to an earlier name", () => {
    const bytes = after12(3, 0x6f, 0x72, 0x67, 0, 1, 0x61, 0xc0, 12);
    assert.equal(expand(bytes, 17), 7);
    assert.equal(nameToText(out), "a.org.");
    assert.equal(checkName(bytes, 0, 17, bytes.length), 21);
  });

  it("count pointers from the message's start, wherever it lies in the buffer", () => {
    const message = after12(3, 0x6f, 0x72, 0x67, 0, 1, 0x61, 0xc0, 12);
    const slab = new Uint8Array(100);
    slab.set(message, 40);
    assert.equal(expandName(slab, 40, 40 + 17, 40 + message.length, out, 0), 7);
    assert.equal(nameToText(out), "a.org.");
  });

  it("refuse a pointer to itself, forwards, into the header, and between two pointers", () => {
    assert.equal(expand(after12(0xc0, 12), 12), ERR_POINTER);
    assert.equal(expand(after12(0xc0, 14, 0), 12), ERR_POINTER);
    assert.equal(expand(after12(1, 0x61, 0xc0, 3), 12), ERR_POINTER);
    assert.equal(expand(after12(0xc0, 14, 0xc0, 12), 14), ERR_POINTER);
    assert.equal(expand(after12(1, 0x61, 0xc0, 12), 12), ERR_POINTER);
  });

  it("refuse a pointer into a label of its own name, though a name stands there", () => {
    const bytes = after12(3, 1, 0x62, 0, 0xc0, 13);
    assert.equal(expand(bytes, 12), ERR_POINTER);
    assert.equal(checkName(bytes, 0, 12, bytes.length), ERR_POINTER);
  });

  it("refuse a pointer to a label that runs on over the pointer", () => {
    const bytes = after12(5, 0x61, 0x62, 0, 0xc0, 12, 0);
    assert.equal(expand(bytes, 16), ERR_POINTER);
    assert.equal(checkName(bytes, 0, 16, bytes.length), ERR_POINTER);
    bytes[12] = 2;
    assert.equal(expand(bytes, 16), 4);
    assert.equal(checkName(bytes, 0, 16, bytes.length), 18);
  });

  it("refuse a pointer cut in half", () => assert.equal(expand(after12(0xc0), 12), ERR_TRUNCATED));

  it("follow 126 pointers and no more", () => {
    // A root, then pointers, each to the one before.
    const chain = (pointers: number): Uint8Array => {
      const bytes = [0];
      for (let i = 0; i < pointers; i++) {
        const target = 12 + (i === 0 ? 0 : bytes.length - 2);
        bytes.push(0xc0 | (target >> 8), target & 0xff);
      }
      return after12(...bytes);
    };
    const most = chain(126);
    assert.equal(expand(most, most.length - 2), 1);
    const more = chain(127);
    assert.equal(expand(more, more.length - 2), ERR_POINTER);
  });

  it("take a name that pointers make 255 bytes long, and refuse one byte more", () => {
    const withLabel = (length: number): Uint8Array =>
      after12(...wireOfLength(200), length, ...Array.from({ length }, () => 0x62), 0xc0, 12);
    const [most, more] = [withLabel(54), withLabel(55)];
    assert.equal(expand(most, 12 + 200), 255);
    assert.equal(checkName(most, 0, 12 + 200, most.length), most.length);
    assert.equal(expand(more, 12 + 200), ERR_NAME_TOO_LONG);
    assert.equal(checkName(more, 0, 12 + 200, more.length), ERR_NAME_TOO_LONG);
  });
});

describe("skipName", () => {
  it("does not look where a pointer leads", () => assert.equal(skipName(Uint8Array.of(0xff, 0xff), 0, 2), 2));
});

describe("case", () => {
  it("is folded for A to Z only", () => {
    const name = Uint8Array.from([6, 0x40, 0x41, 0x5a, 0x5b, 0xc3, 0x9c, 0]);
    lowerCaseName(name, 0, name.length);
    assert.deepEqual([...name], [6, 0x40, 0x61, 0x7a, 0x5b, 0xc3, 0x9c, 0]);
  });

  it("is no difference to sameName, and `@` and backtick are", () => {
    const same = (a: string, b: string): boolean =>
      sameName(nameFromText(a), 0, nameFromText(b), 0, nameFromText(a).length);
    assert.ok(same("ExAmPlE.ORG", "example.org"));
    assert.ok(!same("\\@.org", "`.org"));
    assert.ok(!same("[.org", "{.org"));
  });

  it("makes sameName equal to comparing lower-case copies", () => {
    fc.assert(
      fc.property(wireName, fc.nat(254), u8(), (name, at, byte) => {
        const other = name.slice();
        other[at % name.length] = byte;
        const lower = (wire: Uint8Array): Uint8Array => {
          const copy = wire.slice();
          lowerCaseName(copy, 0, copy.length);
          return copy;
        };
        const expected = lower(name).every((value, i) => value === lower(other)[i]);
        assert.equal(sameName(name, 0, other, 0, name.length), expected);
      }),
    );
  });
});

function u8(): fc.Arbitrary<number> {
  return fc.nat(255);
}

describe("sameNameInMessage", () => {
  it("sees through pointers and case", () => {
    const bytes = after12(1, 0x61, 3, 0x6f, 0x72, 0x67, 0, 1, 0x41, 0xc0, 14, 0xc0, 19);
    assert.ok(sameNameInMessage(bytes, 0, 12, 19));
    assert.ok(sameNameInMessage(bytes, 0, 12, 23));
    assert.ok(!sameNameInMessage(bytes, 0, 12, 14));
  });

  it("ends for any bytes", () => {
    fc.assert(fc.property(noise, fc.nat(310), fc.nat(310), (packet, a, b) => void sameNameInMessage(packet, 0, a, b)));
  });
});

describe("isBelow", () => {
  const below = (name: string, zone: string): boolean => isBelow(nameFromText(name), 0, nameFromText(zone));

  it("holds for the zone itself, names in it, and everything under the root", () => {
    assert.ok(below("example.org", "EXAMPLE.org"));
    assert.ok(below("a.b.example.org", "example.org"));
    assert.ok(below("a", "."));
    assert.ok(below(".", "."));
  });

  it("does not hold for names that only end in the same letters or bytes", () => {
    assert.ok(!below("badexample.org", "example.org"));
    assert.ok(!below("org", "example.org"));
    // One label whose last bytes look like the wire form of the zone.
    assert.ok(!below("x\\003org", "org"));
  });
});

describe("labelCount", () => {
  it("does not count the root", () => {
    assert.equal(labelCount(nameFromText("a.b.c"), 0), 3);
    assert.equal(labelCount(nameFromText("."), 0), 0);
  });
});
