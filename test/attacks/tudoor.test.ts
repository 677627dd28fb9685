/**
 * "TuDoor" (2024; CVE-2023-28452 of CoreDNS, CVE-2023-29483 of dnspython, and two dozen more): a malformed or early
 * datagram ends the wait for the real answer, or is taken for it. The defence: what is not the answer is as if it had
 * not come.
 */
import assert from "node:assert/strict";
import { randomBytes, randomInt } from "node:crypto";
import { describe, it } from "node:test";
import type { Message } from "../../src/dns/message.ts";
import { pluginServer } from "../support/plugin-server.ts";
import { frame, respond, truncatedOverUdp, type UpstreamQuery } from "../support/scripted-upstream.ts";

const COREFILE = ". {\n cache\n forward . 127.0.0.1:PORT\n}";
const QUESTIONS = 60;
/** A machine that stalls for half a second makes the server ask again. */
const STALLS_MAX = 5;
const FORGED = Uint8Array.of(203, 0, 113, 66);

function real(query: UpstreamQuery): Uint8Array {
  return respond(query, { answers: [{ type: 1, ttl: 60, rdata: Uint8Array.of(192, 0, 2, 1) }] });
}

function forged(query: UpstreamQuery): Uint8Array {
  return respond(query, { answers: [{ type: 1, ttl: 86_400, rdata: FORGED }] });
}

function changed(message: Uint8Array, change: (bytes: Uint8Array) => void): Uint8Array {
  const copy = message.slice();
  change(copy);
  return copy;
}

/** Datagrams with the right id that are no answers; none of them may end the wait. */
const KINDS: readonly ((query: UpstreamQuery) => Uint8Array)[] = [
  (query) => query.wire,
  (query) => forged(query).subarray(0, randomInt(12, forged(query).length - 12)),
  (query) => changed(forged(query), (bytes) => (bytes[2] = (bytes[2] ?? 0) & 0x7f)),
  (query) => changed(forged(query), (bytes) => (bytes[2] = (bytes[2] ?? 0) | (randomInt(1, 16) << 3))),
  (query) => changed(forged(query), (bytes) => (bytes[5] = randomInt(2, 256))),
  (query) => changed(forged(query), (bytes) => (bytes[6] = randomInt(1, 256))),
  (query) => changed(forged(query), (bytes) => (bytes[13 + randomInt(3)] = 0x2e)),
  (query) => changed(forged(query), (bytes) => (bytes[query.questionEnd - 3] = 28)),
  (query) => changed(forged(query), (bytes) => (bytes[query.questionEnd] = 0x80)),
  // A pointer to itself in the answer's name.
  (query) => changed(forged(query), (bytes) => (bytes[query.questionEnd + 1] = query.questionEnd)),
  (query) => Uint8Array.of(query.id >> 8, query.id & 255, 0x81, 0x80, 0, 0, 0, 0, 0, 0, 0, 0),
  (query) => Uint8Array.of(query.id >> 8, query.id & 255, 0x81, 0x82, 0, 0, 0, 0, 0, 0, 0, 0),
  (query) => Uint8Array.of(query.id >> 8, query.id & 255),
  (query) => Uint8Array.from([...query.wire.subarray(0, 2), ...randomBytes(9)]),
  () => new Uint8Array(0),
];

function noise(query: UpstreamQuery, count: number): Uint8Array[] {
  return Array.from({ length: count }, () => (KINDS[randomInt(KINDS.length)] ?? real)(query));
}

function addresses(message: Message): number[][] {
  return message.answers.map(({ data }) => (data.kind === "a" ? [...data.address] : []));
}

describe("early and malformed replies (TuDoor)", () => {
  it("over UDP do not end the wait, and nothing of them is kept", async (t) => {
    const script = (query: UpstreamQuery): { reply: Uint8Array[] } => ({ reply: [...noise(query, 50), real(query)] });
    const { ask, upstream } = await pluginServer(t, script, COREFILE);
    for (let i = 0; i < QUESTIONS; i++) {
      for (const _ of [1, 2]) assert.deepEqual(addresses(await ask(`n${i}.example.`, 1)), [[192, 0, 2, 1]]);
    }
    assert.ok(upstream.queries.length <= QUESTIONS + STALLS_MAX);
  });

  it("of each kind alone do not end the wait", async (t) => {
    const script = (query: UpstreamQuery): { reply: Uint8Array[] } => {
      const kind = KINDS[Number(/\d+/.exec(query.name)?.[0])];
      assert.ok(kind);
      return { reply: [kind(query), real(query)] };
    };
    const { ask, upstream } = await pluginServer(t, script, COREFILE);
    for (const i of KINDS.keys()) assert.deepEqual(addresses(await ask(`n${i}.example.`, 1)), [[192, 0, 2, 1]], `${i}`);
    assert.ok(upstream.queries.length <= KINDS.length + STALLS_MAX);
  });

  it("over TCP do not end the wait", async (t) => {
    const { ask, upstream } = await pluginServer(
      t,
      truncatedOverUdp((query) => {
        const messages = noise(query, 30).filter((message) => message.length > 0);
        return { raw: Buffer.concat([...messages, real(query)].map((message) => frame(message))) };
      }),
      COREFILE,
    );
    for (let i = 0; i < QUESTIONS; i++) assert.deepEqual(addresses(await ask(`n${i}.example.`, 1)), [[192, 0, 2, 1]]);
    assert.ok(upstream.queries.length <= 2 * (QUESTIONS + STALLS_MAX));
  });
});
