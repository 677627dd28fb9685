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

/** Without OPT, as what is scrubbed has none. */
const plainMessage = message.map((any): Message => {
  const { edns: _, ...whole } = any;
  return { ...whole, rcode: whole.rcode & 15 };
});

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
      fc.property(plainMessage, wireName, (whole, name) => {
        const question = [{ name, type: 1, class: 1 }];
        const answers = whole.answers.map((record, i) => (i % 2 === 0 ? { ...record, name } : record));
        const wire = encodeMessage({ ...whole, question, answers });
        assert.equal(scanResponse(wire, 0, wire.length, scan), 0);
        const inOrder = answerInOrder(wire, 0, scan);
        const out = scrubAnswer(wire, scan);
        assert.ok(typeof out !== "number");
        const kept = decodeMessage(out);
        if (inOrder) assert.deepEqual(kept, { ...whole, question, answers });
        const beside = [...kept.authority, ...kept.additional];
        assert.deepEqual(beside, [...whole.authority, ...whole.additional].slice(0, beside.length));
        assert.deepEqual(kept.authority, whole.authority.slice(0, kept.authority.length));
        const none = { answers: [], authority: [], additional: [] };
        assert.deepEqual({ ...kept, ...none }, { ...whole, question, ...none });
        let from = 0;
        for (const record of kept.answers) {
          from = answers.findIndex((candidate, i) => i >= from && recordToText(candidate) === recordToText(record)) + 1;
          assert.ok(from > 0);
        }
      }),
    );
  });

  it("never looks past the message, nor at what is no name in the data of an unchecked type", () => {
    fc.assert(
      fc.property(plainMessage, fc.uint8Array({ maxLength: 12 }), (whole, data) => {
        const [owner] = [...whole.answers, ...whole.authority];
        const name = owner?.name ?? Uint8Array.of(0);
        const https = { name, type: 65, class: 1, ttl: 1, data: { kind: "opaque" as const, bytes: data } };
        const question = [{ name, type: 65, class: 1 }];
        const wire = encodeMessage({ ...whole, question, answers: [https] });
        const padded = [0, 0xff].map((filler) => Uint8Array.from([...wire, ...new Uint8Array(300).fill(filler)]));
        const results = padded.map((bytes) => {
          const scan = new ResponseScan();
          assert.equal(scanResponse(bytes, 0, wire.length, scan), 0);
          return scrubAnswer(bytes, scan);
        });
        assert.deepEqual(results[0], results[1]);
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

describe("records beside the answer", () => {
  type Sections = readonly [authority: readonly string[], additional: readonly string[]];
  function beside(answers: readonly string[], [authority, additional]: Sections): number[] {
    const whole: Message = {
      ...response("a.x.example", answers),
      authority: authority.map((text) => recordFromText(text)),
      additional: additional.map((text) => recordFromText(text)),
    };
    const wire = encodeMessage(whole);
    const scan = new ResponseScan();
    assert.equal(scanResponse(wire, 0, wire.length, scan), 0);
    const out = scrubAnswer(wire, scan);
    assert.ok(typeof out !== "number");
    assert.equal(answerInOrder(wire, 0, scan), out.length === wire.length);
    const kept = decodeMessage(out);
    assert.deepEqual(kept.answers, whole.answers);
    return [kept.authority.length, kept.additional.length];
  }
  const ADDRESS = "a.x.example. 1 IN A 192.0.2.1";
  const ALIAS = ["a.x.example. 1 IN CNAME b.y.test.", "b.y.test. 1 IN CNAME c.z.test.", "c.z.test. 1 IN A 192.0.2.1"];
  const SOA_DATA = "IN SOA ns.example. admin.example. 1 2 3 4 5";
  const SIGNED = "13 2 1 20300101000000 20200101000000 1 example. AAAA";
  const cases: readonly [
    title: string,
    answers: readonly string[],
    authority: readonly string[],
    additional: readonly string[],
    kept: [authority: number, additional: number],
  ][] = [
    [
      "are kept when they tell of the zone of the question, and of its servers",
      [ADDRESS],
      ["X.example. 1 IN NS ns.x.example.", "x.example. 1 IN NS ns.elsewhere.test."],
      ["ns.X.example. 1 IN A 192.0.2.2", "ns.elsewhere.test. 1 IN AAAA 2001:db8::1"],
      [2, 2],
    ],
    [
      "are kept when they tell of a zone above, up to the root",
      [],
      [`example. 1 ${SOA_DATA}`, `. 1 ${SOA_DATA}`],
      [],
      [2, 0],
    ],
    [
      "are kept when they tell of the zone of any alias",
      ALIAS,
      ["y.test. 1 IN NS n.y.test.", `z.test. 1 ${SOA_DATA}`],
      [],
      [2, 0],
    ],
    [
      "are kept when they prove something",
      [],
      [
        `example. 1 ${SOA_DATA}`,
        `example. 1 IN RRSIG SOA ${SIGNED}`,
        "q.example. 1 IN NSEC z.example. A RRSIG NSEC",
        `q.example. 1 IN RRSIG NSEC ${SIGNED}`,
        "x.example. 1 IN DS 1 13 2 AAAA",
      ],
      [],
      [5, 0],
    ],
    [
      "are cut from the first name server of another zone on",
      [ADDRESS],
      ["victim.test. 1 IN NS ns.x.example."],
      ["ns.x.example. 1 IN A 192.0.2.2"],
      [0, 0],
    ],
    ["are cut where a zone lies below the question", [ADDRESS], ["b.a.x.example. 1 IN NS ns.x.example."], [], [0, 0]],
    ["are cut from the SOA of another zone on", [], [`victim.test. 1 ${SOA_DATA}`], [], [0, 0]],
    [
      "are cut where authority has data",
      [ADDRESS],
      ["x.example. 1 IN NS ns.x.example.", "x.example. 1 IN A 192.0.2.2"],
      [],
      [1, 0],
    ],
    [
      "are cut where a signature is for what may not be there",
      [ADDRESS],
      [`x.example. 1 IN RRSIG A ${SIGNED}`],
      [],
      [0, 0],
    ],
    ["are cut where their class is another", [ADDRESS], ["x.example. 1 CH NS ns.x.example."], [], [0, 0]],
    [
      "are cut from the first address on that nobody mentioned",
      [ADDRESS],
      ["x.example. 1 IN NS ns.x.example."],
      ["ns.x.example. 1 IN A 192.0.2.2", "www.victim.test. 1 IN A 203.0.113.6", "ns.x.example. 1 IN AAAA 2001:db8::1"],
      [1, 1],
    ],
    [
      "are cut where a mentioned name has what no client needs",
      [ADDRESS],
      ["x.example. 1 IN NS ns.x.example."],
      ["ns.x.example. 1 IN NS ns.test."],
      [1, 0],
    ],
  ];
  for (const [title, answers, authority, additional, kept] of cases) {
    it(title, () => assert.deepEqual(beside(answers, [authority, additional]), kept));
  }

  for (const [title, data, target] of [
    ["MX", "MX 10 t.test.", "t.test."],
    ["SRV", "SRV 1 2 443 t.test.", "t.test."],
    ["HTTPS", "HTTPS 1 t.test. alpn=h2", "t.test."],
    ["HTTPS of the owner itself", "HTTPS 1 . alpn=h2", "a.x.example."],
    ["SVCB", "SVCB 0 t.test.", "t.test."],
    ["NAPTR", 'NAPTR 1 1 "s" "SIP+D2U" "" t.test.', "t.test."],
  ] as const) {
    it(`are kept when they are addresses for ${title}`, () => {
      const chain = [`${target} 1 IN CNAME u.test.`, "u.test. 1 IN A 192.0.2.2", "v.test. 1 IN A 192.0.2.2"];
      assert.deepEqual(beside([`a.x.example. 1 IN ${data}`], [[], chain]), [0, 2]);
    });
  }

  it("are not looked at without end", () => {
    const servers = Array.from({ length: 180 }, (_, i) => `x.example. 1 IN NS ${"n.".repeat(60)}s${i}.x.example.`);
    const wanted = Array.from({ length: 180 }, (_, i) => `${"n.".repeat(60)}s${179 - i}.x.example. 1 IN A 192.0.2.1`);
    const whole = {
      ...response("a.x.example", [ADDRESS]),
      authority: servers.map((text) => recordFromText(text)),
      additional: wanted.map((text) => recordFromText(text)),
    };
    const wire = encodeMessage(whole);
    const scan = new ResponseScan();
    assert.equal(scanResponse(wire, 0, wire.length, scan), 0);
    assert.equal(answerInOrder(wire, 0, scan), false);
    assert.ok(walk.steps < 50_000, `${walk.steps} steps`);
  });

  it("of an answer that is written anew are judged by what is left of it", () => {
    const { kept } = scrubbed("a.x", ["a.x. 1 IN A 192.0.2.1", "q.q. 1 IN CNAME www.victim.test."]);
    assert.deepEqual(kept, [0]);
    const foreign = ["q.q. 1 IN CNAME www.victim.test.", ADDRESS].map((text) => recordFromText(text));
    const authority = [recordFromText("victim.test. 1 IN NS ns.attacker.test.")];
    const wire = encodeMessage({ ...response("a.x.example", []), answers: foreign, authority });
    const scan = new ResponseScan();
    assert.equal(scanResponse(wire, 0, wire.length, scan), 0);
    const out = scrubAnswer(wire, scan);
    assert.ok(typeof out !== "number");
    assert.deepEqual(decodeMessage(out).authority, []);
  });
});
