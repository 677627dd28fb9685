/**
 * Birthday attacks: whoever makes a server ask the same many times at once needs to guess only one of many ids
 * (CVE-2023-30464 of CoreDNS; "RebirthDay", CVE-2025-5994, by client subnets). The defence: one query in flight for a
 * question, whatever else differs in what clients send, and no answer after a wrong guess on the same port.
 */
import assert from "node:assert/strict";
import { randomInt } from "node:crypto";
import { describe, it } from "node:test";
import { decodeMessage } from "../../src/dns/message.ts";
import { rcodeName } from "../../src/dns/types.ts";
import { queryFor } from "../support/dns-client.ts";
import { pluginServer } from "../support/plugin-server.ts";
import { answerA, delayed, respond } from "../support/scripted-upstream.ts";
import { UdpSwarm } from "../support/udp-swarm.ts";

const COREFILE = ". {\n cache\n forward . 127.0.0.1:PORT\n}";
const CLIENTS = 40;
/** Tries at one upstream, should the machine stall meanwhile. */
const TRIES = 3;

/** The letters of `www` in a case that depends on `i`. */
function spelled(i: number): string {
  return `${i & 1 ? "W" : "w"}${i & 2 ? "W" : "w"}${i & 4 ? "W" : "w"}.example.`;
}

/** Counts replies by response code and number of answers. */
function tally(counts: Map<string, number>): (reply: Uint8Array) => void {
  return (reply) => {
    const { rcode, answers } = decodeMessage(reply);
    const key = `${rcodeName(rcode)}, ${answers.length} answers`;
    counts.set(key, (counts.get(key) ?? 0) + 1);
  };
}

/** With one EDNS option. */
function withOption(query: Uint8Array, code: number, data: readonly number[]): Uint8Array {
  const option = [code >> 8, code & 255, data.length >> 8, data.length & 255, ...data];
  const whole = Uint8Array.from([...query, ...option]);
  whole[query.length - 2] = option.length >> 8;
  whole[query.length - 1] = option.length & 255;
  return whole;
}

describe("a birthday attack", () => {
  it("finds one query in flight: ids, ports, spelling, sizes, cookies and subnets make no other", async (t) => {
    const { running, upstream } = await pluginServer(t, delayed(300, answerA("192.0.2.1", 60)), COREFILE);
    const counts = new Map<string, number>();
    const swarm = await UdpSwarm.open(running.port, CLIENTS, tally(counts));
    t.after(() => swarm.close());
    for (let i = 0; i < 400; i++) {
      const plain = queryFor(spelled(i), 1, { opt: 512 + (i % 4) * 400 });
      const subnet = [0, 1, 24, 0, 10, i >> 8, i & 255];
      const cookie = Array.from({ length: 8 }, () => randomInt(256));
      const queries = [queryFor(spelled(i), 1), plain, withOption(plain, 8, subnet), withOption(plain, 10, cookie)];
      await swarm.send(i, queries[i % 4] ?? plain);
    }
    await swarm.untilReplies(400);
    assert.deepEqual(counts, new Map([["NOERROR, 1 answers", 400]]));
    assert.ok(upstream.queries.length <= TRIES, `${upstream.queries.length} queries`);
  });

  it("finds eight at most by the flags that a question is asked with", async (t) => {
    const { running, upstream } = await pluginServer(t, delayed(300, answerA("192.0.2.1", 60)), COREFILE);
    const counts = new Map<string, number>();
    const swarm = await UdpSwarm.open(running.port, CLIENTS, tally(counts));
    t.after(() => swarm.close());
    for (let i = 0; i < 256; i++) {
      // All of RD, AD, CD and Z, with DO and without.
      const flags = ((i & 1) << 8) | ((i & 14) << 3);
      await swarm.send(i, queryFor("www.example.", 1, { flags, opt: 1232, ...(i & 16 ? { dnssecOk: true } : {}) }));
    }
    await swarm.untilReplies(256);
    assert.deepEqual(counts, new Map([["NOERROR, 1 answers", 256]]));
    assert.ok(upstream.queries.length <= 8 * TRIES, `${upstream.queries.length} queries`);
  });

  it("has one guess at an id on a port, and none over TCP", async (t) => {
    const forged = { type: 1, ttl: 86_400, rdata: Uint8Array.of(203, 0, 113, 66) };
    const { ask, upstream } = await pluginServer(
      t,
      (query) => {
        const real = respond(query, { answers: [{ type: 1, ttl: 60, rdata: Uint8Array.of(192, 0, 2, 1) }] });
        if (query.transport === "tcp") return { reply: real };
        const guesses = Array.from({ length: 500 }, (_, i) => {
          // Every id but the right one.
          return respond(query, { id: (query.id + 1 + i * 100) & 0xffff, answers: [forged] });
        });
        return { reply: [...guesses, real] };
      },
      COREFILE,
    );
    for (let i = 0; i < 10; i++) {
      const before = upstream.queries.length;
      const answer = await ask(`n${i}.example.`, 1);
      assert.deepEqual(
        answer.answers.map(({ data }) => (data.kind === "a" ? [...data.address] : [])),
        [[192, 0, 2, 1]],
      );
      const sent = upstream.queries.slice(before);
      assert.deepEqual(
        sent.map(({ transport }) => transport),
        ["udp", "udp", "tcp"],
      );
      assert.notEqual(sent[0]?.remotePort, sent[1]?.remotePort);
    }
  });

  it("gains nothing by many questions: each has its own id", async (t) => {
    const { running, upstream } = await pluginServer(t, delayed(200, answerA("192.0.2.1", 60)), COREFILE);
    const counts = new Map<string, number>();
    const swarm = await UdpSwarm.open(running.port, CLIENTS, tally(counts));
    t.after(() => swarm.close());
    for (let i = 0; i < 500; i++) await swarm.send(i, queryFor(`n${i}.example.`, 1));
    await swarm.untilReplies(500);
    assert.deepEqual(counts, new Map([["NOERROR, 1 answers", 500]]));
    const keys = new Set(upstream.queries.map(({ id, remotePort }) => `${id} ${remotePort}`));
    assert.ok(keys.size >= upstream.queries.length - 1, "pairs of id and port");
  });
});
