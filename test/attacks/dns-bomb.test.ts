/**
 * "DNSBomb" (CVE-2024-33655): queries with a forged source pile up at a server while its upstream is slow, and their
 * replies leave in one burst. The defence: those who wait are bounded, wait 4 s at most, get one reply each of no more
 * than 1232 bytes, and who cannot wait is dropped rather than answered.
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { WAITERS_MAX } from "../../src/server/upstream/flight.ts";
import { askUdp, queryFor } from "../support/dns-client.ts";
import { openExchange } from "../support/upstream-exchange.ts";
import { pluginServer } from "../support/plugin-server.ts";
import { answerA, respond, type Script, silence, startUpstream } from "../support/scripted-upstream.ts";
import { UdpSwarm } from "../support/udp-swarm.ts";

const COREFILE = ". {\n cache\n forward . 127.0.0.1:PORT\n}";
const BOUND = 300;
const FLOOD = 2000;
const LATE_MS = 300;
/** Tries at one upstream, should the machine stall meanwhile. */
const TRIES = 3;

/** 100 addresses, late: more than a UDP reply may hold. */
const lateAndLarge: Script = (query) => {
  const answers = Array.from({ length: 100 }, (_, i) => ({ type: 1, ttl: 60, rdata: Uint8Array.of(192, 0, 2, i) }));
  return { reply: respond(query, { answers }), delayMs: LATE_MS };
};

describe("a DNS bomb", () => {
  it("is as large as the bound of those who wait, however many ask", async (t) => {
    const { running, upstream } = await pluginServer(t, lateAndLarge, COREFILE, { server: { maxInFlight: BOUND } });
    let largest = 0;
    const swarm = await UdpSwarm.open(running.port, 20, (reply) => {
      largest = Math.max(largest, reply.length);
    });
    t.after(() => swarm.close());
    const startedMs = performance.now();
    for (let i = 0; i < FLOOD; i++) await swarm.send(i, queryFor("bomb.example.", 1, { opt: 4096 }));
    const floodMs = performance.now() - startedMs;
    await swarm.untilReplies(BOUND);
    await swarm.untilQuiet();
    // Those who asked when the answer had come were answered from the cache: nothing waited for them.
    if (floodMs < LATE_MS) assert.equal(swarm.replies, BOUND);
    assert.ok(swarm.replies <= FLOOD);
    assert.ok(largest <= 1232, `a reply of ${largest} bytes`);
    assert.ok(upstream.queries.length <= TRIES);
    assert.equal((await askUdp({ port: running.port, wire: queryFor("bomb.example.", 1) })).length > 12, true);
  });

  it("does not go off twice: each who waited gets one reply, also when there is no answer", async (t) => {
    const { running } = await pluginServer(t, silence(), COREFILE);
    const replies = new Map<number, number>();
    const swarm = await UdpSwarm.open(running.port, 1, (reply) => {
      const id = ((reply[0] ?? 0) << 8) | (reply[1] ?? 0);
      replies.set(id, (replies.get(id) ?? 0) + 1);
    });
    t.after(() => swarm.close());
    const startedMs = performance.now();
    for (let id = 0; id < 150; id++) await swarm.send(0, queryFor("bomb.example.", 1, { id }));
    assert.ok(await swarm.untilReplies(150));
    assert.ok(performance.now() - startedMs < 4900, "nobody waits longer than a client does");
    await swarm.untilQuiet();
    assert.deepEqual(
      [...replies.values()].filter((count) => count !== 1),
      [],
    );
    assert.equal(replies.size, 150);
  });

  it("of one question has a bound of its own; who is beyond it fails at once", async (t) => {
    const upstream = await startUpstream({ script: silence() });
    const exchange = openExchange([upstream.port]);
    t.after(async () => {
      await exchange.close();
      await upstream.close();
    });
    let waiting = 0;
    const waiters = Array.from({ length: WAITERS_MAX }, () => {
      waiting++;
      return exchange.ask("bomb.example.").then((outcome) => {
        waiting--;
        return outcome;
      });
    });
    const late = await exchange.ask("BOMB.example.");
    assert.equal(late.error?.kind, "busy");
    assert.equal(waiting, WAITERS_MAX);
    const other = exchange.ask("other.example.");
    upstream.use(answerA("192.0.2.1", 60));
    exchange.clock.advanceMs(600);
    const outcomes = await Promise.all(waiters);
    assert.ok(outcomes.every(({ message }) => message !== undefined));
    assert.ok((await other).message !== undefined, "other questions go on");
    assert.equal(exchange.count("nodens_upstream_overloads_total"), 1);
  });
});
