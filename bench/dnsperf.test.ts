import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { it } from "node:test";
import { dnsperfArguments, parseDnsperf } from "./dnsperf.ts";

function recorded(name: string): string {
  return readFileSync(new URL(`fixtures/${name}`, import.meta.url), "utf8");
}

it("reads a recorded saturated run over UDP", () => {
  assert.deepEqual(parseDnsperf(recorded("dnsperf-2.10-udp.txt")), {
    sent: 215736,
    completed: 215736,
    lost: 0,
    rcodes: { NOERROR: 143824, NXDOMAIN: 71912 },
    seconds: 1.000148,
    queriesPerSecond: 215704.075797,
    averageLatencyMs: 0.308,
    maxLatencyMs: 48.426,
  });
});

it("takes the latency of queries, not of connections, from a recorded run over TCP", () => {
  const result = parseDnsperf(recorded("dnsperf-2.10-tcp.txt"));
  assert.equal(result.completed, 392844);
  assert.equal(result.averageLatencyMs, 0.199);
  assert.equal(result.maxLatencyMs, 21.151);
});

it("reads a recorded run in which nothing was answered", () => {
  const result = parseDnsperf(recorded("dnsperf-2.10-lost.txt"));
  assert.deepEqual([result.completed, result.lost, result.rcodes, result.averageLatencyMs], [0, result.sent, {}, 0]);
  assert.ok(result.sent > 0);
});

it("refuses what is not a report", () => {
  assert.throws(() => parseDnsperf("dnsperf: unable to bind"), /in what dnsperf printed/);
});

it("asks for one pass through the file, or for a rate, only when told", () => {
  const run = { core: 1, port: 5300, queries: "q.txt", seconds: 3, clients: 100, outstanding: 200 };
  const plain = dnsperfArguments(run).join(" ");
  assert.ok(plain.startsWith("-s 127.0.0.1 -p 5300 -l 3 -c 100 -T 1 -q 200 -d q.txt"), plain);
  assert.ok(!/ -Q | -n /.test(plain), plain);
  assert.match(dnsperfArguments({ ...run, queriesPerSecond: 1000, once: true }).join(" "), / -Q 1000 -n 1$/);
});
