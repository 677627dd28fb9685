import assert from "node:assert/strict";
import { it } from "node:test";
import fc from "fast-check";
import { isRightAnswer, QUERY_BYTES, QUESTIONS_MAX, queryOf } from "./questions.ts";
import { answerInPlace, RESPONSE_EXTRA_BYTES } from "./upstream-answer.ts";

const anyQuestion = fc.integer({ min: -QUESTIONS_MAX, max: QUESTIONS_MAX - 1 });

function answerTo(question: number, ttl = 3600): Uint8Array {
  const bytes = new Uint8Array(QUERY_BYTES + RESPONSE_EXTRA_BYTES);
  bytes.set(queryOf(7, question));
  return bytes.subarray(0, answerInPlace(bytes, 0, QUERY_BYTES, ttl));
}

function isRight(answer: Uint8Array, question: number): boolean {
  return isRightAnswer(answer, 0, answer.length, question);
}

it("writes queries that read as what they are", () => {
  assert.equal(
    Buffer.from(queryOf(0x1234, 0x1f)).toString("latin1", 12),
    "\x08h000001f\x05drill\x04test\0\0\x01\0\x01",
  );
  assert.equal(Buffer.from(queryOf(0, -1)).toString("latin1", 12, 22), "\x08m0000000\x05");
  assert.deepEqual([...queryOf(0x1234, 0).subarray(0, 12)], [0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
});

it("takes the upstream's answer to any question for right, and no other's", () => {
  fc.assert(
    fc.property(anyQuestion, anyQuestion, (question, other) => {
      const answer = answerTo(question);
      assert.ok(isRight(answer, question));
      assert.equal(isRight(answer, other), question === other);
    }),
  );
});

it("sees a wrong bit in the question and in the address, wherever it is", () => {
  const answer = answerTo(12_345);
  const addressAt = answer.length - 4;
  for (let at = 12; at < answer.length; at++) {
    if (at >= QUERY_BYTES && at < addressAt) continue;
    for (let bit = 1; bit < 256; bit *= 2) {
      const bent = Uint8Array.from(answer);
      bent[at] = (bent[at] ?? 0) ^ bit;
      assert.ok(!isRight(bent, 12_345), `byte ${at}, bit ${bit}`);
    }
  }
});

it("sees an answer that is cut short, at any byte", () => {
  const answer = answerTo(5);
  for (let length = 0; length < answer.length; length++)
    assert.ok(!isRight(answer.subarray(0, length), 5), `${length}`);
});

it("takes an answer with any TTL, and one whose owner is spelled out", () => {
  assert.ok(isRight(answerTo(5, 0), 5));
  assert.ok(isRight(answerTo(5, 0xffff_ffff), 5));
  const answer = answerTo(5);
  const name = answer.subarray(12, QUERY_BYTES - 4);
  assert.ok(
    isRight(Uint8Array.from([...answer.subarray(0, QUERY_BYTES), ...name, ...answer.subarray(QUERY_BYTES + 2)]), 5),
  );
});

for (const [title, change, right] of [
  ["SERVFAIL says nothing wrong", (answer: Uint8Array) => answer.fill(0x82, 3, 4), true],
  ["NXDOMAIN is wrong, for every name exists", (answer: Uint8Array) => answer.fill(0x83, 3, 4), false],
  ["a query is no answer", (answer: Uint8Array) => answer.fill(0x01, 2, 3), false],
  ["a truncated answer is none over UDP", (answer: Uint8Array) => answer.fill(0x83, 2, 3), false],
  ["NOERROR without a record is wrong", (answer: Uint8Array) => answer.fill(0, 7, 8), false],
] as const) {
  it(title, () => assert.equal(isRight(change(answerTo(5)), 5), right));
}

it("answers other types with nothing, and what is no query not at all", () => {
  const bytes = new Uint8Array(QUERY_BYTES + RESPONSE_EXTRA_BYTES);
  bytes.set(queryOf(1, 1));
  bytes[QUERY_BYTES - 3] = 28;
  assert.equal(answerInPlace(bytes, 0, QUERY_BYTES, 60), QUERY_BYTES);
  assert.deepEqual([...bytes.subarray(2, 8)], [0x81, 0x80, 0, 1, 0, 0]);
  assert.equal(answerInPlace(bytes, 0, QUERY_BYTES, 60), 0, "a response");
  assert.equal(answerInPlace(queryOf(1, 1), 0, QUERY_BYTES - 1, 60), 0, "cut short");
});
