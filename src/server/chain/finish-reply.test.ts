import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { testQuery, type TestQueryOptions } from "../../../test/support/setup-context.ts";
import { FLAG_AA, FLAG_AD, FLAG_QR, FLAG_RA, FLAG_TC, FLAG_Z, readU16, writeU16 } from "../../dns/header.ts";
import { nameFromText, nameToText } from "../../dns/name-text.ts";
import { VERDICT_DROP, admitQuery, QueryView } from "../../dns/query-view.ts";
import { ResponseScan, scanResponse } from "../../dns/response-scan.ts";
import type { Answer } from "./answer.ts";
import { finishReply, REPLY_ROOM_BYTES } from "./finish-reply.ts";

const OUT = new Uint8Array(REPLY_ROOM_BYTES);

/** A response with `count` A records of one name, made without the code under test. */
function answerWith(name: string, count: number, flags: number): Answer {
  const question = nameFromText(name);
  const wire = new Uint8Array(12 + question.length + 4 + count * 16);
  writeU16(wire, 0, 0xdead);
  writeU16(wire, 2, flags);
  writeU16(wire, 4, 1);
  writeU16(wire, 6, count);
  wire.set(question, 12);
  let at = 12 + question.length;
  wire.set([0, 1, 0, 1], at);
  at += 4;
  for (let i = 0; i < count; i++, at += 16) wire.set([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 30, 0, 4, 192, 0, 2, i], at);
  return { wire, plugin: "forward" };
}

function finish(options: TestQueryOptions, answer: Answer, name = "wWw.Example.org."): Uint8Array {
  const query = testQuery(name, "A", options);
  return OUT.slice(0, finishReply(query, answer, OUT));
}

function scanOf(reply: Uint8Array): ResponseScan {
  const scan = new ResponseScan();
  assert.equal(scanResponse(reply, 0, reply.length, scan), 0);
  return scan;
}

describe("finished reply", () => {
  it("has the client's id and spelling, RA, and neither Z nor leftover flags", () => {
    const reply = finish({ id: 77 }, answerWith("www.example.org.", 1, FLAG_QR | FLAG_AA | FLAG_Z | FLAG_AD));
    assert.equal(readU16(reply, 0), 77);
    assert.equal(nameToText(reply, 12), "wWw.Example.org.");
    assert.equal(readU16(reply, 2), FLAG_QR | FLAG_AA | FLAG_RA | 0x0100);
  });

  it("copies RD and CD, and gives AD only to who asked with AD or DO (RFC 6840 §5.7)", () => {
    const answer = answerWith("www.example.org.", 1, FLAG_QR | FLAG_AD);
    assert.equal(readU16(finish({ recursionDesired: false }, answer), 2), FLAG_QR | FLAG_RA);
    assert.equal(readU16(finish({ checkingDisabled: true }, answer), 2), FLAG_QR | FLAG_RA | 0x0110);
    assert.equal(readU16(finish({ dnssecOk: true }, answer), 2) & FLAG_AD, FLAG_AD);
  });

  it("has an OPT exactly when the query had one, with DO as asked", () => {
    const answer = answerWith("www.example.org.", 1, FLAG_QR);
    assert.equal(scanOf(finish({}, answer)).optAt, -1);
    const reply = finish({ dnssecOk: true, udpSize: 4096 }, answer);
    const { optAt } = scanOf(reply);
    assert.equal(readU16(reply, optAt + 3), 1232);
    assert.equal(reply[optAt + 7], 0x80);
  });

  it("fits the client: 512 bytes without OPT, its size up to 1232 with, all over TCP", () => {
    const answer = answerWith("www.example.org.", 100, FLAG_QR);
    const plain = finish({}, answer);
    assert.ok(plain.length <= 512);
    assert.equal(readU16(plain, 2) & FLAG_TC, FLAG_TC);
    assert.ok(finish({ udpSize: 4096 }, answer).length <= 1232);
    const overTcp = finish({ transport: "tcp" }, answer);
    assert.equal(overTcp.length, answer.wire.length);
    assert.equal(readU16(overTcp, 2) & FLAG_TC, 0);
  });

  it("carries an extended error to who understands EDNS, and to nobody else", () => {
    const failed: Answer = {
      ...answerWith("www.example.org.", 0, FLAG_QR | 2),
      extendedError: { code: 22, text: "silent" },
    };
    const text = Buffer.from(finish({ udpSize: 1232 }, failed)).toString("latin1");
    assert.ok(text.endsWith("\0\x0f\0\x08\0\x16silent"), JSON.stringify(text));
    assert.equal(finish({}, failed).length, failed.wire.length);
  });

  it("carries options to who understands EDNS, as long as there is room for them whole", () => {
    const nsid = { code: 3, data: Uint8Array.from(Buffer.from("here")) };
    const wide = { code: 65_001, data: new Uint8Array(500) };
    const answer: Answer = { ...answerWith("www.example.org.", 0, FLAG_QR), options: [wide, nsid] };
    const small = finish({ udpSize: 512 }, answer);
    const scan = scanOf(small);
    assert.equal(scan.optionsLength, 8);
    assert.deepEqual([...small.subarray(scan.optionsAt)], [0, 3, 0, 4, ...Buffer.from("here")]);
    assert.equal(scanOf(finish({ udpSize: 1232 }, answer)).optionsLength, 504 + 8);
    assert.equal(finish({}, answer).length, answer.wire.length);
  });

  it("carries an extended error and options in one OPT", () => {
    const options = [{ code: 3, data: Uint8Array.of(1, 2) }];
    const answer: Answer = { ...answerWith("a.", 1, FLAG_QR), extendedError: { code: 3, text: "" }, options };
    const reply = finish({ udpSize: 512 }, answer, "a.");
    const scan = scanOf(reply);
    assert.deepEqual([...reply.subarray(scan.optionsAt)], [0, 15, 0, 2, 0, 3, 0, 3, 0, 2, 1, 2]);
  });

  it("has the flags that a plugin decided, and no others changed", () => {
    const answer = answerWith("www.example.org.", 1, FLAG_QR | FLAG_AA);
    const mask = FLAG_AA | FLAG_RA | 0x0100;
    assert.equal(readU16(finish({}, { ...answer, flags: { mask, value: 0 } }), 2), FLAG_QR);
    assert.equal(
      readU16(finish({ recursionDesired: false }, { ...answer, flags: { mask, value: 0xffff } }), 2),
      FLAG_QR | mask,
    );
    assert.equal(readU16(finish({}, { ...answer, flags: { mask: FLAG_RA, value: 0 } }), 2), FLAG_QR | FLAG_AA | 0x0100);
  });

  it("is itself no query", () => {
    const reply = finish({}, answerWith("www.example.org.", 1, FLAG_QR));
    assert.equal(admitQuery(reply, 0, reply.length, new QueryView()), VERDICT_DROP);
  });
});
