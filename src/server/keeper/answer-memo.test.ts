import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { positive } from "../../../test/support/responses.ts";
import { testQuery } from "../../../test/support/setup-context.ts";
import { ANCOUNT_AT, FLAGS_AT, readU16, writeU16 } from "../../dns/header.ts";
import { RCODE_SERVFAIL } from "../../dns/types.ts";
import type { Query } from "../chain/query.ts";
import { AnswerMemo, memoKey } from "./answer-memo.ts";

const QUERY = testQuery("a.example.", "A");
const keyOf = (listener: number, { wire, view }: Query): string => memoKey(listener, wire, view);
const KEY = keyOf(1, QUERY);

describe("what upstreams have just said", () => {
  it("is known for its TTL, five seconds at most", () => {
    const memo = new AnswerMemo();
    for (const [ttlS, untilMs] of [
      [2, 2000],
      [300, 5000],
    ] as const) {
      memo.put(KEY, positive(QUERY, ttlS), 0);
      assert.ok(memo.get(KEY, untilMs - 1) !== undefined);
      assert.equal(memo.get(KEY, untilMs), undefined);
    }
    const other = keyOf(2, QUERY);
    memo.put(other, positive(QUERY, 0), 0);
    assert.equal(memo.get(other, 0), undefined);
  });

  it("is no failure, and no denial without an SOA", () => {
    const memo = new AnswerMemo();
    const failure = positive(QUERY, 60).slice();
    writeU16(failure, FLAGS_AT, readU16(failure, FLAGS_AT) | RCODE_SERVFAIL);
    memo.put(KEY, failure, 0);
    const nothing = positive(QUERY, 60).slice(0, QUERY.view.questionEnd);
    writeU16(nothing, ANCOUNT_AT, 0);
    memo.put(KEY, nothing, 0);
    memo.put(KEY, Uint8Array.of(1, 2, 3), 0);
    assert.equal(memo.get(KEY, 1), undefined);
  });

  it("is for the same question, in any spelling, by the same listener", () => {
    assert.equal(keyOf(1, testQuery("A.EXAMPLE.", "A")), KEY);
    assert.notEqual(keyOf(2, QUERY), KEY);
    assert.notEqual(keyOf(1, testQuery("a.example.", "AAAA")), KEY);
    assert.notEqual(keyOf(1, testQuery("b.example.", "A")), KEY);
  });

  it("does not grow without a bound: what is oldest is forgotten, and no more than half of all", () => {
    const memo = new AnswerMemo();
    for (let i = 0; i <= 4096; i++) memo.put(`${i}`, positive(QUERY, 60), 0);
    const known = Array.from({ length: 4097 }, (_, i) => memo.get(`${i}`, 1) !== undefined);
    assert.equal(known.indexOf(true), 2048);
    assert.ok(known.slice(2048).every(Boolean));
  });

  it("is what they said last", () => {
    const memo = new AnswerMemo();
    memo.put(KEY, positive(QUERY, 1), 0);
    for (let i = 0; i < 2048; i++) memo.put(`${i}`, positive(QUERY, 60), 0);
    assert.ok(memo.get(KEY, 999) !== undefined);
    assert.equal(memo.get(KEY, 1000), undefined);
    memo.put(KEY, positive(QUERY, 60), 1000);
    assert.ok(memo.get(KEY, 5999) !== undefined);
    memo.clear();
    assert.equal(memo.get(KEY, 1001), undefined);
    assert.equal(memo.get("0", 1001), undefined);
  });
});
