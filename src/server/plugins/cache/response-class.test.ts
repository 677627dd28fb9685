import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ResponseScan, scanResponse } from "../../../dns/response-scan.ts";
import { type ResponseText, responseTo, soaLine } from "../../../../test/support/responses.ts";
import { directivesOf, testQuery } from "../../../../test/support/setup-context.ts";
import { parseCache } from "./cache-settings.ts";
import { classOf, isKept, isNews, ttlOf } from "./response-class.ts";

const NOW_UNIX_S = 1_700_000_000;
const A = "@ 300 IN A 192.0.2.1";
const CNAME = "@ 60 IN CNAME other.example.";
const NS = "example.org. 60 IN NS ns.example.org.";
const SOA = soaLine(600, 60);

function scanOf(text: ResponseText, dnssecOk = false): ResponseScan {
  const query = testQuery("www.example.org.", "A", { dnssecOk });
  const wire = responseTo(query, text);
  const scan = new ResponseScan();
  assert.equal(scanResponse(wire, 0, wire.length, scan), 0);
  return scan;
}

function settingsOf(text: string): ReturnType<typeof parseCache> {
  return parseCache(directivesOf(`. {\n${text}\n}`, "cache"), ["."]);
}

/** Response, what it is, whether it is kept, whether it is news, TTL by default. */
const table: [string, ResponseText, string, boolean, boolean, number][] = [
  ["an address", { answers: [A] }, "answer", true, true, 300],
  ["an alias and its address", { answers: [CNAME, "other.example. 30 IN A 192.0.2.1"] }, "answer", true, true, 30],
  ["the least TTL, of whatever record", { answers: [A], additional: ["x. 7 IN A 192.0.2.9"] }, "answer", true, true, 7],
  ["a long TTL", { answers: ["@ 86400 IN A 192.0.2.1"] }, "answer", true, true, 3600],
  ["a TTL of 0", { answers: ["@ 0 IN A 192.0.2.1"] }, "answer", true, true, 5],
  ["an answer that is cut", { answers: [A], flags: 0x0200 }, "answer", false, false, 300],
  ["no data", { authority: [SOA] }, "nodata", true, true, 60],
  ["no data, SOA's own TTL is less", { authority: [soaLine(20, 60)] }, "nodata", true, true, 20],
  ["no data, MINIMUM 0", { authority: [soaLine(600, 0)] }, "nodata", true, true, 5],
  ["no data for long", { authority: [soaLine(86400, 86400)] }, "nodata", true, true, 1800],
  ["an alias to no data", { answers: [CNAME], authority: [SOA] }, "nodata", true, true, 60],
  ["an alias to nothing, without SOA", { answers: [CNAME] }, "empty", false, true, 60],
  ["nothing at all", {}, "empty", false, true, 5],
  ["nothing but an additional record", { additional: ["x. 7 IN A 192.0.2.9"] }, "empty", false, true, 7],
  ["a referral", { authority: [NS] }, "referral", true, true, 5],
  ["an NXDOMAIN", { rcode: 3, authority: [SOA] }, "nxdomain", true, true, 60],
  ["an NXDOMAIN without SOA", { rcode: 3 }, "nxdomain", true, true, 5],
  ["an alias to an NXDOMAIN", { rcode: 3, answers: [CNAME], authority: [SOA] }, "alias-nxdomain", true, true, 60],
  ["an alias to an NXDOMAIN, without SOA", { rcode: 3, answers: [CNAME] }, "other", false, false, 5],
  ["an NXDOMAIN with an address", { rcode: 3, answers: [A], authority: [SOA] }, "other", false, false, 5],
  ["SERVFAIL", { rcode: 2 }, "failure", true, false, 5],
  ["NOTIMP", { rcode: 4 }, "failure", true, false, 5],
  ["REFUSED", { rcode: 5 }, "refusal", true, false, 2],
  ["FORMERR", { rcode: 1 }, "refusal", true, false, 2],
  ["YXDOMAIN", { rcode: 6 }, "other", false, false, 5],
];

describe("response class", () => {
  for (const [what, text, expected, kept, news, ttlS] of table) {
    it(`${what}: ${expected}, ${kept ? "kept" : "not kept"}, TTL ${ttlS}`, () => {
      const scan = scanOf(text);
      const kind = classOf(scan, false, () => NOW_UNIX_S);
      assert.equal(kind, expected);
      assert.equal(isKept(kind, scan), kept);
      assert.equal(isNews(kind, scan), news);
      assert.equal(ttlOf(kind, scan, settingsOf("cache")), ttlS);
    });
  }

  const limits: [string, ResponseText, number][] = [
    ["cache 30", { answers: [A] }, 30],
    ["cache 3", { answers: [A] }, 3],
    ["cache 30", { authority: [SOA] }, 30],
    ["cache {\nsuccess 9984 30 10\n}", { answers: ["@ 1 IN A 192.0.2.1"] }, 10],
    ["cache {\nsuccess 9984 3600 0\n}", { answers: ["@ 0 IN A 192.0.2.1"] }, 0],
    ["cache {\ndenial 9984 5\n}", { rcode: 3, authority: [SOA] }, 5],
    ["cache {\ndenial 9984 1800 90\n}", { rcode: 3, authority: [SOA] }, 90],
    ["cache {\ndenial 9984 2 90\n}", { rcode: 3 }, 2],
    ["cache {\nservfail 30s\n}", { rcode: 2 }, 30],
    ["cache {\nservfail 0\n}", { rcode: 2 }, 0],
    ["cache {\nservfail 1s\n}", { rcode: 5 }, 1],
    ["cache {\nservfail 0\n}", { rcode: 5 }, 0],
  ];
  for (const [corefile, text, ttlS] of limits) {
    it(`gives ${ttlS} s to ${JSON.stringify(text)} with ${JSON.stringify(corefile)}`, () => {
      const scan = scanOf(text);
      assert.equal(
        ttlOf(
          classOf(scan, false, () => NOW_UNIX_S),
          scan,
          settingsOf(corefile),
        ),
        ttlS,
      );
    });
  }

  it("keeps nothing whose signatures are out of their time from those who asked for signatures", () => {
    const signed = (expiration: number, inception: number): ResponseScan =>
      scanOf({
        answers: [A, `@ 300 IN RRSIG A 13 3 300 ${expiration} ${inception} 1 example.org. ${"A".repeat(86)}==`],
      });
    const valid = signed(NOW_UNIX_S + 60, NOW_UNIX_S - 60);
    assert.equal(
      classOf(valid, true, () => NOW_UNIX_S),
      "answer",
    );
    const expired = signed(NOW_UNIX_S - 60, NOW_UNIX_S - 600);
    assert.equal(
      classOf(expired, true, () => NOW_UNIX_S),
      "other",
    );
    assert.equal(
      classOf(expired, false, () => NOW_UNIX_S),
      "answer",
    );
    assert.equal(
      classOf(signed(NOW_UNIX_S + 600, NOW_UNIX_S + 60), true, () => NOW_UNIX_S),
      "other",
    );
  });
});
