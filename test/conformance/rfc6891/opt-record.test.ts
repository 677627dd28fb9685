/** RFC 6891 §6.1 and §6.2: the OPT record in queries and in the answers to them. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { decodeMessage, type Message } from "../../../src/dns/message.ts";
import { nameFromText } from "../../../src/dns/name-text.ts";
import { buildQuery } from "../../../src/dns/query-builder.ts";
import { admitQuery, QueryView } from "../../../src/dns/query-view.ts";
import { writeRefusal } from "../../../src/dns/refusal.ts";
import { RCODE_BADVERS, RCODE_FORMERR, RCODE_REFUSED } from "../../../src/dns/types.ts";

const QUESTION_END = 12 + 13 + 4;

/** A query with these as its additional section. */
function query(count: number, ...additional: number[]): Uint8Array {
  const plain = buildQuery(nameFromText("example.org"), 1, 1);
  plain[11] = count;
  return Uint8Array.of(...plain, ...additional);
}

function opt(options: { version?: number; size?: number; flags?: number; data?: number[] } = {}): number[] {
  const { version = 0, size = 1232, flags = 0, data = [] } = options;
  return [0, 0, 41, size >> 8, size & 255, 0, version, flags >> 8, flags & 255, 0, data.length, ...data];
}

function judged(packet: Uint8Array): { verdict: number; view: QueryView; reply: Message } {
  const view = new QueryView();
  const verdict = admitQuery(packet, 0, packet.length, view);
  const copy = packet.slice();
  const length = writeRefusal(copy, 0, view, verdict === 0 ? RCODE_REFUSED : verdict);
  return { verdict, view, reply: decodeMessage(copy.subarray(0, length)) };
}

describe("§6.1.1: an OPT goes into a response exactly when the query had one", () => {
  it("query with", () => assert.notEqual(judged(query(1, ...opt())).reply.edns, undefined));
  it("query without", () => assert.equal(judged(query(0)).reply.edns, undefined));
});

describe("§6.1.1: more than one OPT is a format error", () => {
  it("answered with one OPT", () => {
    const { verdict, reply } = judged(query(2, ...opt(), ...opt()));
    assert.equal(verdict, RCODE_FORMERR);
    assert.notEqual(reply.edns, undefined);
    assert.deepEqual(reply.additional, []);
  });
});

describe("§6.1.2: the owner of an OPT is the root", () => {
  it("any other is a format error", () => assert.equal(judged(query(1, 1, 0x61, ...opt())).verdict, RCODE_FORMERR));
});

describe("§6.1.2: an unknown option is ignored, and not sent back", () => {
  it("code 65001", () => {
    const { verdict, reply } = judged(query(1, ...opt({ data: [0xfd, 0xe9, 0, 2, 1, 2] })));
    assert.equal(verdict, 0);
    assert.deepEqual(reply.edns?.options, []);
  });
});

describe("§6.1.3: a version that is not known gets BADVERS, and the version that is", () => {
  for (const version of [1, 100, 255]) {
    it(`version ${version}`, () => {
      const { verdict, reply } = judged(query(1, ...opt({ version })));
      assert.equal(verdict, RCODE_BADVERS);
      assert.equal(reply.rcode, RCODE_BADVERS);
      assert.equal(reply.edns?.version, 0);
    });
  }
});

describe("§6.1.4: flags other than DO are ignored, and not sent back", () => {
  it("all flags", () => {
    const packet = query(1, ...opt({ flags: 0xffff }));
    const { verdict, view } = judged(packet);
    assert.deepEqual([verdict, view.dnssecOk], [0, true]);
    writeRefusal(packet, 0, view, RCODE_REFUSED);
    assert.deepEqual([...packet.subarray(QUESTION_END + 7, QUESTION_END + 9)], [0x80, 0]);
  });
});

describe("§6.2.3: payload sizes below 512 count as 512", () => {
  for (const [size, taken] of [
    [0, 512],
    [511, 512],
    [512, 512],
    [513, 513],
    [65535, 65535],
  ] as const) {
    it(`${size}`, () => assert.equal(judged(query(1, ...opt({ size }))).view.udpSize, taken));
  }
});
