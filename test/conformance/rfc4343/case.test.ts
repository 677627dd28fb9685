/** RFC 4343: names compare without the case of ASCII letters, and of nothing else; their spelling is kept. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { lowerCaseName, sameName } from "../../../src/dns/name.ts";

describe("§3: of all byte values, only A to Z and a to z have a partner", () => {
  it("in sameName, and alike in lowerCaseName", () => {
    for (let a = 0; a < 256; a++) {
      for (let b = 0; b < 256; b++) {
        const letter = /^[A-Za-z]$/.test(String.fromCharCode(a));
        const partner = a === b || (letter && (a ^ b) === 0x20);
        const [left, right] = [Uint8Array.of(1, a, 0), Uint8Array.of(1, b, 0)];
        assert.equal(sameName(left, 0, right, 0, 3), partner, `${a} ${b}`);
        lowerCaseName(left, 0, 3);
        lowerCaseName(right, 0, 3);
        assert.equal(left[1] === right[1], partner, `${a} ${b}`);
      }
    }
  });
});
