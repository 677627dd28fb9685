/**
 * EDNS smuggling (CVE-2026-42004 of dnsdist: an OPT that one reader ignores and the next obeys) and floods of options
 * (CVE-2026-41292, CVE-2026-42944 of Unbound). The defence: a query is read once and strictly, the one that goes upstream
 * is written anew, and options cost one pass over them.
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { decodeMessage } from "../../src/dns/message.ts";
import { askTcp, askUdp, queryFor } from "../support/dns-client.ts";
import { type PluginServer, pluginServer } from "../support/plugin-server.ts";
import { answerA } from "../support/scripted-upstream.ts";

const COREFILE = ". {\n cache\n forward . 127.0.0.1:PORT\n}";
const FORMERR = 1;
const BADVERS = 16;

const opt = (options: readonly number[] = [], owner: readonly number[] = [0], version = 0): number[] => {
  return [...owner, 0, 41, 4, 208, 0, version, 0, 0, options.length >> 8, options.length & 255, ...options];
};
/** Client subnet 10.0.0.0/8. */
const SUBNET = [0, 8, 0, 5, 0, 1, 8, 0, 10];
const option = (code: number, data: readonly number[]): number[] => {
  return [code >> 8, code & 255, data.length >> 8, data.length & 255, ...data];
};

/** A query without OPT, then these bytes, with these counts of records announced. */
function withTail(name: string, tail: readonly number[], counts: readonly [number, number, number]): Uint8Array {
  const wire = Uint8Array.from([...queryFor(name, 1), ...tail]);
  for (const [i, count] of counts.entries()) {
    wire[6 + i * 2] = count >> 8;
    wire[7 + i * 2] = count & 255;
  }
  return wire;
}

/** Asserts that what went upstream is a question with our own OPT and nothing else. */
function assertPlainUpstream({ upstream }: PluginServer): void {
  for (const { wire, questionEnd, dnssecOk } of upstream.queries) {
    assert.deepEqual([...wire.subarray(4, 12)], [0, 1, 0, 0, 0, 0, 0, 1]);
    const expected = [0, 0, 41, 1232 >> 8, 1232 & 255, 0, 0, dnssecOk === true ? 0x80 : 0, 0, 0, 0];
    assert.deepEqual([...wire.subarray(questionEnd)], expected);
  }
}

const RECORD = [0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 203, 0, 113, 66];
const refused: readonly (readonly [
  what: string,
  tail: readonly number[],
  counts: [number, number, number],
  rcode: number,
])[] = [
  ["two OPTs, the second with a subnet", [...opt(), ...opt(SUBNET)], [0, 0, 2], FORMERR],
  ["an OPT in the answer section", opt(SUBNET), [1, 0, 0], FORMERR],
  ["an OPT in the authority section", opt(SUBNET), [0, 1, 0], FORMERR],
  ["an OPT with an owner", opt(SUBNET, [1, 0x61, 0]), [0, 0, 1], FORMERR],
  ["an OPT whose owner is a pointer", opt(SUBNET, [0xc0, 12]), [0, 0, 1], FORMERR],
  ["an OPT longer than the message", opt(SUBNET).slice(0, -1), [0, 0, 1], FORMERR],
  ["an option longer than its OPT", opt([0, 8, 0, 6, 0, 1, 8, 0, 10]), [0, 0, 1], FORMERR],
  ["a record before the OPT", [...RECORD, ...opt(SUBNET)], [0, 0, 2], FORMERR],
  ["a record instead of an OPT", RECORD, [0, 0, 1], FORMERR],
  ["65535 OPTs announced", opt(), [0, 0, 0xffff], FORMERR],
  ["another version", opt(SUBNET, [0], 1), [0, 0, 1], BADVERS],
];

const taken: readonly (readonly [what: string, tail: readonly number[], counts: [number, number, number]])[] = [
  ["an OPT behind the last record announced", opt(SUBNET), [0, 0, 0]],
  ["a second OPT behind the first, not announced", [...opt(), ...opt(SUBNET)], [0, 0, 1]],
  ["a client subnet", opt(SUBNET), [0, 0, 1]],
  [
    "a cookie, padding, a key tag and an unknown option",
    opt([
      ...option(10, [1, 2, 3, 4, 5, 6, 7, 8]),
      ...option(12, [0, 0]),
      ...option(14, [0, 1]),
      ...option(65_001, [9]),
    ]),
    [0, 0, 1],
  ],
  ["garbage behind the question", [1, 2, 3, 4, 5], [0, 0, 0]],
];

describe("EDNS that is to be smuggled past", () => {
  it("is refused where readers could differ, and nothing goes upstream", async (t) => {
    const server = await pluginServer(t, answerA("192.0.2.1", 60), COREFILE);
    for (const [what, tail, counts, rcode] of refused) {
      const query = withTail("www.example.", tail, counts);
      const reply = await askUdp({ port: server.running.port, wire: query });
      assert.equal(decodeMessage(reply).rcode, rcode, what);
      assert.ok(reply.length <= query.length, `${what}: a reply longer than its query`);
    }
    assert.equal(server.upstream.queries.length, 0);
  });

  it("never travels on: upstream sees our OPT alone, the client no option of its own", async (t) => {
    const server = await pluginServer(t, answerA("192.0.2.1", 60), COREFILE);
    for (const [i, [what, tail, counts]] of taken.entries()) {
      for (const _ of ["miss", "hit"]) {
        const message = await server.send(withTail(`n${i}.example.`, tail, counts));
        assert.equal(message.answers.length, 1, what);
        assert.deepEqual(message.edns?.options ?? [], [], what);
        assert.equal(message.edns !== undefined, counts[2] > 0, what);
      }
    }
    assert.equal(server.upstream.queries.length, taken.length);
    assertPlainUpstream(server);
  });
});

describe("a flood of EDNS options", () => {
  it("costs one pass: 16,000 options over TCP and 1,000 over UDP, 200 times each", async (t) => {
    const server = await pluginServer(t, answerA("192.0.2.1", 60), COREFILE);
    const empty = option(65_001, []);
    const subnets = Array.from({ length: 1000 }, () => option(65_002, [])).flat();
    const many = Array.from({ length: 16_000 }, () => empty).flat();
    const startedMs = performance.now();
    for (let i = 0; i < 200; i++) {
      const overUdp = await server.send(withTail("www.example.", opt(subnets), [0, 0, 1]));
      const wire = withTail("www.example.", opt(many), [0, 0, 1]);
      const overTcp = decodeMessage(await askTcp({ port: server.running.port, wire }));
      for (const message of [overUdp, overTcp]) {
        assert.equal(message.answers.length, 1);
        assert.deepEqual(message.edns?.options, []);
      }
    }
    assert.ok(performance.now() - startedMs < 15_000, "no more than tens of milliseconds each");
    assert.equal(server.upstream.queries.length, 1);
    assertPlainUpstream(server);
  });

  it("from upstream reaches no client", async (t) => {
    const server = await pluginServer(
      t,
      (query) => {
        const options = Array.from({ length: 900 }, (_, i) => option(i % 2 === 0 ? 8 : 65_001, [])).flat();
        const header = [query.id >> 8, query.id & 255, 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 1];
        const body = [...query.wire.subarray(12, query.questionEnd), ...RECORD, ...opt(options)];
        return { reply: Uint8Array.from([...header, ...body]) };
      },
      COREFILE,
    );
    for (const _ of ["miss", "hit"]) {
      const message = await server.ask("www.example.", 1, { opt: 4096 });
      assert.equal(message.answers.length, 1);
      assert.deepEqual(message.edns?.options, []);
    }
  });
});
