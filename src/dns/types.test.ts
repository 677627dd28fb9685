import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { className, classNumber, rcodeName, rcodeNumber, typeName, typeNumber } from "./types.ts";

describe("names of numbers", () => {
  it("lead back to the number, for all 65536 types, classes and response codes", () => {
    for (let number = 0; number < 65536; number++) {
      assert.equal(typeNumber(typeName(number)), number);
      assert.equal(classNumber(className(number)), number);
      assert.equal(rcodeNumber(rcodeName(number)), number);
    }
  });

  it("are CoreDNS's", () => {
    assert.deepEqual([0, 1, 2, 3, 4, 5, 16, 77].map(rcodeName), [
      "NOERROR",
      "FORMERR",
      "SERVFAIL",
      "NXDOMAIN",
      "NOTIMP",
      "REFUSED",
      "BADSIG",
      "RCODE77",
    ]);
    assert.deepEqual([1, 28, 65, 255, 666].map(typeName), ["A", "AAAA", "HTTPS", "ANY", "TYPE666"]);
    assert.deepEqual([1, 3, 7].map(className), ["IN", "CH", "CLASS7"]);
  });

  it("are read in any case of letters", () => {
    assert.deepEqual([typeNumber("aaaa"), classNumber("ch"), rcodeNumber("BadVers")], [28, 3, 16]);
  });

  it("are undefined when there is no such name", () => {
    assert.deepEqual(["", "B", "TYPE", "TYPE65536", "TYPE1x", "TYPE-1"].map(typeNumber), Array(6).fill(undefined));
  });
});
