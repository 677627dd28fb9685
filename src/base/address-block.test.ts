import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { addressBlock } from "./address-block.ts";

describe("addressBlock", () => {
  it("reads both families, up to their whole length", () => {
    assert.deepEqual(addressBlock("10.1.2.3/8"), { bytes: Uint8Array.of(10, 1, 2, 3), bits: 8 });
    assert.deepEqual(addressBlock("192.0.2.1/32")?.bits, 32);
    assert.deepEqual(addressBlock("0.0.0.0/0")?.bits, 0);
    const bytes = Uint8Array.of(0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
    assert.deepEqual(addressBlock("64:ff9b::/96"), { bytes, bits: 96 });
    assert.equal(addressBlock("::1/128")?.bits, 128);
  });

  for (const text of [
    "",
    "/8",
    "10.0.0.1",
    "10.0.0.1/",
    "10.0.0.1/33",
    "10.0.0.1/-1",
    "10.0.0.1/8/8",
    "10.0.0.1/255.0.0.0",
    "10.0.0.0/ 8",
    "10.0.0/8",
    "010.0.0.0/8",
    "::/129",
    "::/1290",
    "fe80::1%2/64",
    "example.org/8",
  ]) {
    it(`refuses "${text}"`, () => assert.equal(addressBlock(text), undefined));
  }
});
