/** The load against servers that do to it what a test says: every query must be accounted for. */
import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { describe, it, type TestContext } from "node:test";
import { libc } from "../src/linux/libc.ts";
import { startLoad } from "./load.ts";
import { questionOf, type LoadPlan } from "./load-shared.ts";
import { OVERFLOWN_WORD, REPEATED_WORD, STRAY_WORD, type QueryRecords } from "./query-records.ts";
import { QUERY_BYTES } from "./questions.ts";
import { summarize } from "./summary.ts";
import { startDrillUpstream } from "./upstream.ts";
import { answerInPlace, RESPONSE_EXTRA_BYTES } from "./upstream-answer.ts";

const PLAN = { rate: 2000, seconds: 0.5, hotNames: 100, missPercent: 10, sockets: 4, lostAfterMs: 3000 };

async function serve(
  t: TestContext,
  repliesTo: (answer: Uint8Array, n: number) => readonly Uint8Array[],
): Promise<number> {
  const socket = createSocket({ type: "udp4", recvBufferSize: 4 << 20 });
  t.after(() => socket.close());
  let n = 0;
  socket.on("message", (query, remote) => {
    const bytes = new Uint8Array(query.length + RESPONSE_EXTRA_BYTES);
    bytes.set(query);
    const answer = bytes.subarray(0, answerInPlace(bytes, 0, query.length, 60));
    for (const reply of repliesTo(answer, n++)) socket.send(reply, remote.port, remote.address);
  });
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  return socket.address().port;
}

async function load(plan: LoadPlan): Promise<QueryRecords> {
  const running = await startLoad(plan);
  await running.done;
  return running.records;
}

it("spreads misses evenly and never asks for one twice", () => {
  const plan = { hotNames: 10, missPercent: 5 };
  const questions = Array.from({ length: 1000 }, (_, n) => questionOf(n, plan));
  const misses = questions.filter((question) => question < 0);
  assert.deepEqual([misses.length, new Set(misses).size], [50, 50]);
  assert.equal(questions.slice(0, 100).filter((question) => question < 0).length, 5);
  assert.equal(new Set(questions.filter((question) => question >= 0)).size, 10);
  for (const missPercent of [0, 100]) {
    const all = Array.from({ length: 50 }, (_, n) => questionOf(n, { hotNames: 10, missPercent }));
    assert.equal(all.filter((question) => question < 0).length, missPercent / 2);
  }
});

describe("the load", { skip: libc() === undefined ? "no FFI here" : false }, () => {
  it("counts what a server drops, falsifies, fails and says twice, to the query", async (t) => {
    let dropped = 0;
    let wrong = 0;
    let failed = 0;
    let repeated = 0;
    const port = await serve(t, (answer, n) => {
      if (n % 10 === 3) return (void dropped++, []);
      if (n % 10 === 4) return (void wrong++, [answer.fill(7, QUERY_BYTES + 12)]);
      if (n % 10 === 5) return (void failed++, [answer.fill(0x82, 3, 4)]);
      if (n % 10 === 6) return (void repeated++, [answer, answer]);
      return [answer];
    });
    const records = await load({ ...PLAN, port });
    const { all, hits, misses } = summarize(records, PLAN.lostAfterMs);
    assert.deepEqual([all.sent, misses.sent, hits.sent], [1000, 100, 900]);
    assert.deepEqual([all.lost, all.wrong, all.servfail], [dropped, wrong, failed]);
    assert.deepEqual([dropped, wrong, failed, repeated], [100, 100, 100, 100]);
    assert.equal(records.words[REPEATED_WORD], repeated);
    assert.deepEqual([records.words[STRAY_WORD], records.words[OVERFLOWN_WORD]], [0, 0]);
  });

  it("does not take an answer with another id for an answer", async (t) => {
    const port = await serve(t, (answer) => {
      answer[0] = (answer[0] ?? 0) ^ 0x80;
      return [answer];
    });
    const records = await load({ ...PLAN, port, lostAfterMs: 300 });
    assert.equal(summarize(records).all.answered, 0);
    assert.equal(records.words[STRAY_WORD], 1000);
  });

  it("loses all when nobody is there, and comes to an end", async (t) => {
    const socket = createSocket("udp4");
    socket.bind(0, "127.0.0.1");
    await once(socket, "listening");
    t.after(() => socket.close());
    const records = await load({ ...PLAN, port: socket.address().port, seconds: 0.1, lostAfterMs: 200 });
    assert.deepEqual([summarize(records).all.sent, summarize(records).all.lost], [200, 200]);
  });

  it("ends early when it is told to", async (t) => {
    const port = await serve(t, (answer) => [answer]);
    const running = await startLoad({ ...PLAN, port, seconds: 600 });
    running.halt();
    await running.done;
    assert.ok(running.records.sent < 600 * PLAN.rate);
  });

  it("gets every answer of the drills' upstream, after its delay", async (t) => {
    const upstream = await startDrillUpstream(30, 60);
    t.after(() => upstream.stop());
    const records = await load({ ...PLAN, port: upstream.port, lostAfterMs: 5000 });
    const { all } = summarize(records);
    assert.deepEqual([all.answered, all.lost, all.wrong], [1000, 0, 0]);
    assert.ok(
      records.latencyMs.every((ms) => ms >= 29),
      "no earlier than that",
    );
    assert.deepEqual(upstream.counts(), { hot: 900, misses: 100, overrun: 0 });
  });
});
