/**
 * Compression bombs (CVE-2024-8508 and CVE-2026-44390 of Unbound, CVE-2026-52682 of PowerDNS): short messages full of
 * pointers that take long to read. The defence: pointers lead strictly backwards, at most 126 of them a name, and a
 * message has bounds on records and on the steps that reading it takes.
 *
 * What is bounded is the time that nobody else is answered, which is measured from outside; the bound is wide, for a
 * machine may be busy.
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { askTcp, askUdp, queryFor } from "../support/dns-client.ts";
import { pluginServer } from "../support/plugin-server.ts";
import { answerA, type Script, truncatedOverUdp, type UpstreamQuery } from "../support/scripted-upstream.ts";

const COREFILE = ". {\n cache\n forward . 127.0.0.1:PORT\n}";
const MESSAGE_MAX = 65_535;
const STALL_MAX_MS = 2000;

type Body = (query: UpstreamQuery) => { readonly answers: number; readonly body: number[] };

const pointer = (at: number): number[] => [0xc0 | (at >> 8), at & 255];

function record(owner: readonly number[], type: number, rdata: readonly number[]): number[] {
  return [...owner, type >> 8, type & 255, 0, 1, 0, 0, 0, 60, rdata.length >> 8, rdata.length & 255, ...rdata];
}

/** A name of 126 labels of one byte, each but the first by a pointer to the one before: 125 hops. */
function ladder(at: number): { readonly bytes: number[]; readonly top: number } {
  const bytes = [1, 0x61, 0];
  let previous = at;
  for (let hop = 0; hop < 120; hop++) {
    const here = at + bytes.length;
    bytes.push(1, 0x61, ...pointer(previous));
    previous = here;
  }
  return { bytes, top: previous };
}

/** Records as many as fit, made from where each begins. @param first what stands before them */
function filled(
  query: UpstreamQuery,
  first: readonly number[],
  firstRecords: number,
  make: (at: number, i: number) => number[],
): { answers: number; body: number[] } {
  const body = [...first];
  let answers = firstRecords;
  for (;;) {
    const next = make(query.questionEnd + body.length, answers);
    if (query.questionEnd + body.length + next.length > MESSAGE_MAX || answers === 4096) return { answers, body };
    for (const byte of next) body.push(byte);
    answers++;
  }
}

/** A TXT-like record whose data hold the ladder, so that later names may climb it. */
function withLadder(query: UpstreamQuery): { record: number[]; top: number } {
  const at = query.questionEnd + 2 + 10;
  const { bytes, top } = ladder(at);
  return { record: record(pointer(12), 65_280, bytes), top };
}

const bombs: readonly (readonly [string, Body])[] = [
  [
    "4096 owners of 120 hops each",
    (query) => {
      const { record: first, top } = withLadder(query);
      return filled(query, first, 1, () => record(pointer(top), 1, [192, 0, 2, 1]));
    },
  ],
  [
    "4096 aliases with two names of 120 hops each",
    (query) => {
      const { record: first, top } = withLadder(query);
      return filled(query, first, 1, () => record(pointer(top), 5, pointer(top)));
    },
  ],
  [
    "aliases in a long row, last first",
    (query) => {
      const name = (i: number): number[] => [
        3,
        0x61 + (i % 26),
        0x61 + (((i / 26) % 26) | 0),
        0x61 + ((i / 676) | 0),
        0,
      ];
      return filled(query, [], 0, (_, i) => record(i === 2500 ? pointer(12) : name(2500 - i), 5, name(2499 - i)));
    },
  ],
  [
    "SOA after SOA, seven names each",
    (query) => {
      const { record: first, top } = withLadder(query);
      const numbers = Array.from({ length: 20 }, () => 0);
      return filled(query, first, 1, () => record(pointer(top), 6, [...pointer(top), ...pointer(top), ...numbers]));
    },
  ],
  [
    "a row of pointers, each to the one before",
    (query) => {
      const at = query.questionEnd;
      return filled(query, record(pointer(12), 1, [192, 0, 2, 1]), 1, (here) => {
        return record(here === at + 16 ? pointer(at) : pointer(here - 16), 1, [192, 0, 2, 1]);
      });
    },
  ],
];

/** The longest that a server left the others without an answer, by asking for what it holds every few milliseconds. */
async function longestStall(port: number, until: Promise<unknown>): Promise<number> {
  let longest = 0;
  let over = false;
  void until.finally(() => {
    over = true;
  });
  while (!over) {
    const startedMs = performance.now();
    // Over TCP the main thread answers, which is the one that reads what upstreams send.
    await askTcp({ port, wire: queryFor("hot.example.", 1), timeoutMs: 5000 });
    longest = Math.max(longest, performance.now() - startedMs);
    await sleep(5);
  }
  return longest;
}

describe("a compression bomb from upstream", { concurrency: true }, () => {
  for (const [what, make] of bombs) {
    it(`holds nobody up: ${what}`, async (t) => {
      // The names are equally long: one body serves all, and making it holds nobody up.
      let made: ReturnType<Body> | undefined;
      const bomb: Script = truncatedOverUdp((query) => {
        made ??= make(query);
        const { answers, body } = made;
        assert.ok(query.questionEnd + body.length > 40_000 || answers === 4096, "it is a large message");
        const header = [query.id, 0x8180, 1, answers, 0, 0].flatMap((word) => [word >> 8, word & 255]);
        return { reply: Uint8Array.from([...header, ...query.wire.subarray(12, query.questionEnd), ...body]) };
      });
      const script: Script = (query) => (query.name.startsWith("hot.") ? answerA("192.0.2.1", 60)(query) : bomb(query));
      const { running, ask } = await pluginServer(t, script, COREFILE);
      await ask("hot.example.", 1);
      const asking = Promise.all(
        Array.from({ length: 10 }, (_, i) => {
          return askUdp({ port: running.port, wire: queryFor(`n${i}.example.`, 1), timeoutMs: 6000 });
        }),
      );
      const stallMs = await longestStall(running.port, asking);
      // Refused or given on: in any case each client has its reply.
      assert.equal((await asking).length, 10);
      assert.ok(stallMs < STALL_MAX_MS, `others waited ${stallMs} ms`);
    });
  }
});

describe("pointers in a question", () => {
  it("are refused, wherever they lead", async (t) => {
    const { running, upstream } = await pluginServer(t, answerA("192.0.2.1", 60), COREFILE);
    for (const name of [
      pointer(12),
      pointer(13),
      pointer(0),
      [1, 0x61, ...pointer(12)],
      pointer(0x3fff),
      [0x40],
      [0x80],
    ]) {
      const header = [0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
      const wire = Uint8Array.from([...header, ...name, 0, 1, 0, 1]);
      const reply = await askUdp({ port: running.port, wire });
      assert.equal((reply[3] ?? 0) & 15, 1);
      assert.equal(reply.length, 12, "without a question that cannot be read");
    }
    assert.equal(upstream.queries.length, 0);
  });
});
