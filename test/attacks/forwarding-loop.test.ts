/**
 * Forwarding loops: a server whose upstream is itself, or another that asks it back, multiplies each query without end.
 * The defence: a question is on its way once, so it meets itself and ends as a failure, which is then remembered; and
 * `loop` ends a server that finds itself.
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { parseExposition } from "../support/exposition.ts";
import { freePort } from "../support/free-port.ts";
import { askUdp, queryFor } from "../support/dns-client.ts";
import { type RunningServer, runServer } from "../support/running-server.ts";

const QUESTIONS = 50;
/** Health checks of an upstream that has failed come on top. */
const CHECKS_MAX = 40;

async function serverOn(port: number, upstream: number, more = ""): Promise<{ running: RunningServer; http: number }> {
  const http = await freePort();
  const corefile = `. {\n cache\n prometheus 127.0.0.1:${http}\n forward . 127.0.0.1:${upstream}\n ${more}\n}`;
  return { running: await runServer(corefile, { server: { listen: [{ address: "127.0.0.1", port }] } }), http };
}

/** Queries that the server has had, all types and transports. */
async function requestsOf(http: number): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${http}/metrics`)).text();
  const samples = parseExposition(text).get("coredns_dns_requests_total")?.samples ?? [];
  return samples.reduce((sum, { value }) => sum + value, 0);
}

async function askMany(port: number): Promise<number[]> {
  const asking = Array.from({ length: QUESTIONS }, async (_, i) => {
    const reply = await askUdp({ port, wire: queryFor(`n${i}.example.`, 1), timeoutMs: 5000 });
    return (reply[3] ?? 0) & 15;
  });
  return await Promise.all(asking);
}

describe("a forwarding loop", { concurrency: true }, () => {
  it("of a server with itself ends each query as SERVFAIL, after three packets more at most", async (t) => {
    const port = await freePort();
    const { running, http } = await serverOn(port, port);
    t.after(() => running.stop());
    assert.deepEqual(new Set(await askMany(port)), new Set([2]));
    const first = await requestsOf(http);
    assert.ok(first <= QUESTIONS * 4 + CHECKS_MAX, `${first} queries for ${QUESTIONS}`);
    // The failures are remembered: nothing goes round any more.
    assert.deepEqual(new Set(await askMany(port)), new Set([2]));
    const second = (await requestsOf(http)) - first;
    assert.ok(second <= QUESTIONS + CHECKS_MAX, `${second} queries for ${QUESTIONS} known failures`);
  });

  it("of two servers ends likewise", async (t) => {
    const [one, other] = [await freePort(), await freePort()];
    const a = await serverOn(one, other);
    t.after(() => a.running.stop());
    const b = await serverOn(other, one);
    t.after(() => b.running.stop());
    assert.deepEqual(new Set(await askMany(one)), new Set([2]));
    const requests = (await requestsOf(a.http)) + (await requestsOf(b.http));
    assert.ok(requests <= QUESTIONS * 7 + CHECKS_MAX, `${requests} queries for ${QUESTIONS}`);
  });

  it("is found by `loop`, which ends the server", async (t) => {
    const port = await freePort();
    const { running } = await serverOn(port, port, "loop");
    t.after(() => running.stop());
    for (let i = 0; i < 400 && running.fatals.length === 0; i++) await sleep(20);
    assert.match(running.fatals[0] ?? "", /^Loop \(127\.0\.0\.1:\d+ -> 127\.0\.0\.1:\d+\) detected for zone "\."/);
  });
});
