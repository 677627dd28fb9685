import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { findOption, OPT_BYTES, OPTION_COOKIE, OPTION_EXTENDED_ERROR, writeOpt, writeOptWithError } from "./edns.ts";

describe("writeOpt", () => {
  it("writes eleven bytes over whatever was there", () => {
    const bytes = new Uint8Array(13).fill(0xee);
    assert.equal(writeOpt(bytes, 1, 1232, 1, true), OPT_BYTES);
    assert.deepEqual([...bytes], [0xee, 0, 0, 41, 4, 208, 1, 0, 0x80, 0, 0, 0, 0xee]);
  });
});

describe("writeOptWithError", () => {
  it("adds code and text", () => {
    const bytes = new Uint8Array(64);
    assert.equal(writeOptWithError(bytes, 0, 512, false, 22, "timed out"), OPT_BYTES + 6 + 9);
    assert.deepEqual([...bytes.subarray(9, 17)], [0, 15, 0, 15, 0, 11, 0, 22]);
    assert.equal(new TextDecoder().decode(bytes.subarray(17, 26)), "timed out");
  });

  it("leaves the error out where there is no room", () => {
    const bytes = new Uint8Array(20);
    assert.equal(writeOptWithError(bytes, 0, 512, false, 22, "timed out"), OPT_BYTES);
    assert.deepEqual([...bytes.subarray(9)], Array(11).fill(0));
  });
});

describe("findOption", () => {
  const options = Uint8Array.of(9, 0, 10, 0, 2, 1, 2, 0, 15, 0, 2, 0, 3);

  it("finds an option after others", () => {
    assert.equal(findOption(options, 1, 12, OPTION_COOKIE), 1);
    assert.equal(findOption(options, 1, 12, OPTION_EXTENDED_ERROR), 7);
  });

  it("finds none where there is none", () => {
    assert.equal(findOption(options, 1, 12, 11), -1);
    assert.equal(findOption(options, 1, 0, OPTION_COOKIE), -1);
  });

  it("does not look past the options", () => assert.equal(findOption(options, 1, 6, OPTION_EXTENDED_ERROR), -1));
});
