import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { FLAG_AA, FLAG_QR, FLAG_RA } from "../src/dns/header.ts";
import { encodeMessage, type Message } from "../src/dns/message.ts";
import { nameFromText } from "../src/dns/name-text.ts";
import { recordFromText } from "../src/dns/records/record-text.ts";
import { type Aspect, compareReplies, readReply } from "./compare.ts";
import type { UpstreamAnswer } from "./answers.ts";

type Parts = Partial<Omit<Message, "answers">> & { readonly answers?: readonly string[] };

function reply({ answers = [], ...parts }: Parts = {}): Uint8Array {
  return encodeMessage({
    id: 1,
    flags: FLAG_QR | FLAG_RA,
    opcode: 0,
    rcode: 0,
    question: [{ name: nameFromText("www.example.org"), type: 1, class: 1 }],
    authority: [],
    additional: [],
    ...parts,
    answers: answers.map((line) => recordFromText(line)),
  });
}

function aspects(ours: Uint8Array | undefined, theirs: Uint8Array | undefined): Aspect[] {
  return compareReplies(readReply(ours), readReply(theirs), undefined, 0).map(({ aspect }) => aspect);
}

const A = "www.example.org. 60 IN A 192.0.2.1";
const B = "www.example.org. 60 IN A 192.0.2.2";
const EDNS = { udpSize: 1232, version: 0, dnssecOk: false, options: [] };

describe("two replies", () => {
  it("are alike whatever the order in an RRset, the case of records, and the id", () => {
    assert.deepEqual(aspects(reply({ answers: [A, B] }), reply({ answers: [B, A.toUpperCase()], id: 2 })), []);
  });

  it("differ in the order of RRsets, and in the number of equal records", () => {
    const alias = "x.example.org. 60 IN CNAME www.example.org.";
    assert.deepEqual(aspects(reply({ answers: [alias, A] }), reply({ answers: [A, alias] })), ["answer"]);
    assert.deepEqual(aspects(reply({ answers: [A, A] }), reply({ answers: [A] })), ["answer"]);
  });

  it("differ in every part that a client sees", () => {
    const base = reply();
    const cases: [Parts, Aspect][] = [
      [{ rcode: 3 }, "rcode"],
      [{ opcode: 2 }, "opcode"],
      [{ flags: FLAG_QR }, "flag RA"],
      [{ flags: FLAG_QR | FLAG_RA | FLAG_AA }, "flag AA"],
      [{ question: [{ name: nameFromText("WWW.example.org"), type: 1, class: 1 }] }, "question"],
      [{ authority: [recordFromText(A)] }, "authority"],
      [{ additional: [recordFromText(A)] }, "additional"],
      [{ edns: EDNS }, "OPT"],
    ];
    for (const [parts, aspect] of cases) assert.deepEqual(aspects(base, reply(parts)), [aspect]);
    const options = [{ code: 15, data: Uint8Array.of(0, 13) }];
    const edns = { ...EDNS, udpSize: 512, dnssecOk: true, options };
    assert.deepEqual(aspects(reply({ edns: EDNS }), reply({ edns })), ["EDNS size", "DO", "EDNS options"]);
  });

  it("differ when one is missing or cannot be read, and are alike when both are missing", () => {
    assert.deepEqual(aspects(reply(), undefined), ["silence"]);
    assert.deepEqual(aspects(undefined, undefined), []);
    assert.deepEqual(aspects(reply(), Uint8Array.of(1, 2, 3)), ["malformed"]);
  });

  it("differ when a TTL is above the upstream's, or lower than time can have made it", () => {
    const upstream: UpstreamAnswer = { rcode: 0, answers: [A], authority: [], additional: [], flags: 0 };
    const ttls = (ours: number, theirs: number, elapsedS: number): string[] => {
      const [a, b] = [ours, theirs].map((ttl) => readReply(reply({ answers: [A.replace("60", String(ttl))] })));
      assert.ok(a !== undefined && b !== undefined);
      return compareReplies(a, b, upstream, elapsedS).map(({ aspect }) => aspect);
    };
    assert.deepEqual(ttls(60, 55, 4), []);
    assert.deepEqual(ttls(60, 61, 4), ["ttl"]);
    assert.deepEqual(ttls(50, 60, 4), ["ttl"]);
    assert.deepEqual(ttls(50, 60, 10), []);
  });
});
