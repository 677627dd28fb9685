import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { describe, it } from "node:test";
import fc from "fast-check";
import { message, wireName } from "../../test/support/dns-arbitraries.ts";
import { decodeMessage, encodeMessage, type Message } from "./message.ts";
import { NAME_STEPS_MAX, walk } from "./name.ts";
import { nameFromText } from "./name-text.ts";
import { ERR_LENGTH } from "./parse-codes.ts";
import { recordFromText, recordToText } from "./records/record-text.ts";
import { ResponseScan, scanResponse } from "./response-scan.ts";
import { answerInOrder, scrubAnswer } from "./scrub.ts";

function response(question: string, answers: readonly string[]): Message {
  return {
    id: 1,
    flags: 0x8180,
    opcode: 0,
    rcode: 0,
    question: [{ name: nameFromText(question), type: 1, class: 1 }],
    answers: answers.map((text) => recordFromText(text)),
    authority: [],
    additional: [],
  };
}

function scrubbed(question: string, answers: readonly string[]): { inOrder: boolean; kept: number[] } {
  const whole = response(question, answers);
  const wire = encodeMessage(whole);
  const scan = new ResponseScan();
  assert.equal(scanResponse(wire, 0, wire.length, scan), 0);
  const inOrder = answerInOrder(wire, 0, scan);
  const out = scrubAnswer(wire, scan);
  assert.ok(typeof out !== "number");
  const all = whole.answers.map(recordToText);
  return { inOrder, kept: decodeMessage(out).answers.map((record) => all.indexOf(recordToText(record))) };
}

describe("scrubAnswer", () => {
  const cases: readonly [
    title: string,
    question: string,
    answers: readonly string[],
    inOrder: boolean,
    kept: number[],
  ][] = [
    ["keeps a plain answer", "a.x", ["a.x. 1 IN A 192.0.2.1", "a.x. 1 IN A 192.0.2.2"], true, [0, 1]],
    ["compares names without case", "a.X", ["A.x. 1 IN A 192.0.2.1"], true, [0]],
    [
      "keeps a chain",
      "a.x",
      ["a.x. 1 IN CNAME b.y.", "b.y. 1 IN CNAME c.z.", "c.z. 1 IN A 192.0.2.1"],
      true,
      [0, 1, 2],
    ],
    [
      "keeps a chain in disorder",
      "a.x",
      ["c.z. 1 IN A 192.0.2.1", "b.y. 1 IN CNAME c.z.", "a.x. 1 IN CNAME b.y."],
      false,
      [0, 1, 2],
    ],
    [
      "drops a record of another owner",
      "a.x",
      ["a.x. 1 IN A 192.0.2.1", "bank.example. 1 IN A 203.0.113.6"],
      false,
      [0],
    ],
    [
      "drops a foreign record before a chain",
      "a.x",
      ["q.q. 1 IN A 203.0.113.6", "a.x. 1 IN CNAME b.y.", "b.y. 1 IN A 192.0.2.1"],
      false,
      [1, 2],
    ],
    ["drops a chain that begins elsewhere", "a.x", ["q.q. 1 IN CNAME b.y.", "b.y. 1 IN A 192.0.2.1"], false, []],
    ["drops a record of another class", "a.x", ["a.x. 1 CH A \\# 2 0102", "a.x. 1 IN A 192.0.2.1"], false, [1]],
    [
      "keeps a DNAME, what was made from it, and where it leads",
      "a.x",
      ["x. 1 IN DNAME y.z.", "a.x. 1 IN CNAME a.y.z.", "a.y.z. 1 IN A 192.0.2.1"],
      true,
      [0, 1, 2],
    ],
    ["follows a DNAME without its CNAME", "a.x", ["x. 1 IN DNAME y.", "a.y. 1 IN A 192.0.2.1"], false, [0, 1]],
    ["follows a DNAME of the root", "a.x", [". 1 IN DNAME y.", "a.x.y. 1 IN A 192.0.2.1"], false, [0, 1]],
    ["does not follow an alias of another class", "a.x", ["a.x. 1 CH CNAME b.y.", "b.y. 1 IN A 192.0.2.1"], false, []],
    ["drops a DNAME beside the chain", "a.x", ["q. 1 IN DNAME y.", "a.x. 1 IN A 192.0.2.1"], false, [1]],
    [
      "keeps signatures where they stand",
      "a.x",
      [
        "a.x. 1 IN CNAME b.y.",
        "a.x. 1 IN RRSIG CNAME 13 2 1 20300101000000 20200101000000 1 x. AAAA",
        "b.y. 1 IN A 192.0.2.1",
        "b.y. 1 IN RRSIG A 13 2 1 20300101000000 20200101000000 1 y. AAAA",
      ],
      true,
      [0, 1, 2, 3],
    ],
    ["survives a loop of aliases", "a.x", ["a.x. 1 IN CNAME b.x.", "b.x. 1 IN CNAME a.x."], true, [0, 1]],
    ["survives an alias to itself", "a.x", ["a.x. 1 IN CNAME a.x."], true, [0]],
  ];
  for (const [title, question, answers, inOrder, kept] of cases) {
    it(title, () => assert.deepEqual(scrubbed(question, answers), { inOrder, kept }));
  }

  it("cuts a chain that grows for ever", () => {
    const { kept } = scrubbed("a.x", ["x. 1 IN DNAME x.x.", "x. 1 IN DNAME y.x.", "q. 1 IN A 192.0.2.1"]);
    assert.deepEqual(kept, [0, 1]);
  });

  it("follows so many aliases and no more, when each name leads to the same next one many times", () => {
    const aliases = Array.from({ length: 60 }, () => "x. 1 IN DNAME x.x.");
    const near = scrubbed("a.x", [...aliases, "a.x.x.x. 1 IN A 192.0.2.1"]);
    assert.equal(near.kept.length, 61);
    const far = scrubbed("a.x", [...aliases, "a.x.x.x.x.x. 1 IN A 192.0.2.1"]);
    assert.equal(far.kept.length, 60);
  });

  it("keeps what answerInOrder accepts, and never more than there was", () => {
    const scan = new ResponseScan();
    fc.assert(
      fc.property(message, wireName, (whole, name) => {
        const question = [{ name, type: 1, class: 1 }];
        const answers = whole.answers.map((record, i) => (i % 2 === 0 ? { ...record, name } : record));
        const wire = encodeMessage({ ...whole, question, answers });
        assert.equal(scanResponse(wire, 0, wire.length, scan), 0);
        const inOrder = answerInOrder(wire, 0, scan);
        const out = scrubAnswer(wire, scan);
        assert.ok(typeof out !== "number");
        const kept = decodeMessage(out);
        if (inOrder) assert.deepEqual(kept.answers, answers);
        assert.deepEqual({ ...kept, answers: [] }, { ...whole, question, answers: [] });
        let from = 0;
        for (const record of kept.answers) {
          from = answers.findIndex((candidate, i) => i >= from && recordToText(candidate) === recordToText(record)) + 1;
          assert.ok(from > 0);
        }
      }),
    );
  });

  it("refuses to write anew what would take long", () => {
    const foreign = Array.from({ length: 501 }, (_, i) => `n${i}. 1 IN A 192.0.2.1`);
    const wire = encodeMessage(response("a.x", foreign));
    const scan = new ResponseScan();
    assert.equal(scanResponse(wire, 0, wire.length, scan), 0);
    assert.equal(scrubAnswer(wire, scan), ERR_LENGTH);
    assert.deepEqual(scrubbed("a.x", foreign.slice(1)).kept, []);
  });

  it("looks no further at an answer that makes it compare long names without end", () => {
    const aliases = Array.from({ length: 2000 }, () => "x. 1 IN DNAME y.");
    const wire = encodeMessage(response(`${"a.".repeat(120)}x`, aliases));
    const scan = new ResponseScan();
    assert.equal(scanResponse(wire, 0, wire.length, scan), 0);
    assert.equal(answerInOrder(wire, 0, scan), false);
    assert.ok(walk.steps < 2 * NAME_STEPS_MAX, `${walk.steps} steps`);
  });

  it("does not change the letters of a Node.js Buffer that it was given", () => {
    const wire = Buffer.from(encodeMessage(response("A.X", ["A.X. 1 IN CNAME B.Y.", "Q.Q. 1 IN A 192.0.2.1"])));
    const before = Uint8Array.from(wire);
    const scan = new ResponseScan();
    scanResponse(wire, 0, wire.length, scan);
    scrubAnswer(wire, scan);
    assert.deepEqual(Uint8Array.from(wire), before);
  });
});
