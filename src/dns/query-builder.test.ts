import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { describe, it } from "node:test";
import * as oracle from "dns-packet";
import { FLAG_AD, FLAG_CD, FLAG_RD } from "./header.ts";
import { decodeMessage } from "./message.ts";
import { nameFromText } from "./name-text.ts";
import { buildQuery } from "./query-builder.ts";

const NAME = nameFromText("Www.example.org");

describe("buildQuery", () => {
  it("asks with RD and without OPT when told nothing", () => {
    assert.deepEqual(decodeMessage(buildQuery(NAME, 28, 1)), {
      id: 0,
      flags: FLAG_RD,
      opcode: 0,
      rcode: 0,
      question: [{ name: NAME, type: 28, class: 1 }],
      answers: [],
      authority: [],
      additional: [],
    });
  });

  it("says what it is told", () => {
    const wire = buildQuery(NAME, 65, 3, {
      id: 0xabcd,
      recursionDesired: false,
      checkingDisabled: true,
      authenticData: true,
      dnssecOk: true,
      udpSize: 1400,
    });
    const query = decodeMessage(wire);
    assert.deepEqual([query.id, query.flags], [0xabcd, FLAG_CD | FLAG_AD]);
    assert.deepEqual(query.question, [{ name: NAME, type: 65, class: 3 }]);
    assert.deepEqual(query.edns, { udpSize: 1400, version: 0, dnssecOk: true, options: [] });
  });

  it("is what dns-packet writes", () => {
    const theirs = oracle.encode({
      type: "query",
      id: 77,
      flags: oracle.RECURSION_DESIRED,
      questions: [{ type: "MX", name: "Www.example.org" }],
    });
    assert.deepEqual(Buffer.from(buildQuery(NAME, 15, 1, { id: 77 })), theirs);
  });
});
