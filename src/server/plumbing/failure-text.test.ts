import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { failureText } from "./failure-text.ts";

describe("the line of a change that failed", () => {
  it("says once what it is about", () => {
    const of = (what: string, reason: string): string =>
      failureText({ what, failure: { errorType: "interface_add", reason } });
    assert.equal(of("rules", "nftables: no"), "rules: nftables: no");
    assert.equal(of("interface nodelocaldns", "interface nodelocaldns: no"), "interface nodelocaldns: no");
  });
});
