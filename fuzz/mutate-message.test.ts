import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ResponseScan, scanResponse } from "../src/dns/response-scan.ts";
import { admitQuery, QueryView, VERDICT_ACCEPT } from "../src/dns/query-view.ts";
import { QUERIES } from "./corpus/queries.ts";
import { RESPONSES } from "./corpus/responses.ts";
import { mapMessage } from "./message-map.ts";
import { mutateMessage, splice } from "./mutate-message.ts";
import { Random } from "./random.ts";

const short = RESPONSES.filter(({ length }) => length < 2048);

describe("mutateMessage", () => {
  it("leaves its input as it is and makes another of at most 65535 bytes", () => {
    const random = new Random(1);
    for (let i = 0; i < 3000; i++) {
      const input = random.pick(i % 100 === 0 ? RESPONSES : short);
      const before = input.slice();
      const out = mutateMessage(input, random, short);
      assert.deepEqual(input, before);
      assert.ok(out.length <= 65_535);
    }
  });

  it("leaves many messages sound, so that what lies behind the first check is tried too", () => {
    const random = new Random(2);
    const scan = new ResponseScan();
    const view = new QueryView();
    let whole = 0;
    let accepted = 0;
    for (let i = 0; i < 2000; i++) {
      const reply = mutateMessage(random.pick(short), random, short);
      if (scanResponse(reply, 0, reply.length, scan) === 0) whole++;
      const query = mutateMessage(random.pick(QUERIES), random, QUERIES);
      if (admitQuery(query, 0, query.length, view) === VERDICT_ACCEPT) accepted++;
    }
    assert.ok(whole > 500 && whole < 1900, `${whole} of 2000 replies`);
    assert.ok(accepted > 300 && accepted < 1500, `${accepted} of 2000 queries`);
  });
});

describe("mapMessage", () => {
  it("finds the records of a message as the scan counts them", () => {
    const scan = new ResponseScan();
    let records = 0;
    for (const reply of short) {
      if (scanResponse(reply, 0, reply.length, scan) !== 0) continue;
      const opt = scan.optAt < 0 ? 0 : 1;
      const map = mapMessage(reply);
      assert.equal(map.records.length, scan.answerCount + scan.authorityCount + scan.additionalCount + opt);
      assert.equal(map.questionEnd, scan.questionEnd);
      assert.equal(map.records.at(-1)?.end ?? scan.questionEnd, scan.end);
      records += map.records.length;
    }
    assert.ok(records > 300);
  });
});

describe("splice", () => {
  it("puts bytes in the place of others, at most to the end", () => {
    const bytes = Uint8Array.of(1, 2, 3, 4);
    assert.deepEqual([...splice(bytes, 1, 2, [9])], [1, 9, 4]);
    assert.deepEqual([...splice(bytes, 3, 9, [])], [1, 2, 3]);
    assert.deepEqual([...splice(bytes, 4, 0, [5])], [1, 2, 3, 4, 5]);
  });
});
