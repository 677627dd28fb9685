import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type AddressInfo } from "node:net";
import { describe, it } from "node:test";
import { setUp, type FakeContext } from "../../../../test/support/setup-context.ts";
import { FakeClock } from "../../../base/clock.ts";
import { MemoryLog } from "../../../base/log.ts";
import type { PluginInstance } from "../../chain/plugin.ts";
import { Metrics } from "../../metrics/metrics.ts";
import { textReply } from "../../web/http-listener.ts";
import { HttpServers } from "../../web/http-servers.ts";
import { health } from "./health.ts";
import { SelfProbe } from "./self-probe.ts";

function block(
  corefile: string,
  http = new HttpServers(),
): { readonly instance: PluginInstance; readonly context: FakeContext } {
  return setUp(health, corefile, { http, metrics: Metrics.create({ threads: 1 }) });
}

/** Status and body of a path on the shared listener; its port is only known by holding it too. */
async function get(http: HttpServers, path: string): Promise<string> {
  const lease = await http.acquire("127.0.0.1:0", "/elsewhere", () => textReply(200, ""));
  const response = await fetch(`http://127.0.0.1:${lease.port}${path}`);
  await lease.release();
  return `${response.status} ${await response.text()}`;
}

describe("health", () => {
  it("answers OK on /health, and nothing elsewhere", async () => {
    const http = new HttpServers();
    const { instance } = block(". {\n health 127.0.0.1:0\n}", http);
    await instance.start?.();
    assert.equal(await get(http, "/health"), "200 OK");
    assert.match(await get(http, "/"), /^404 /);
    await instance.stop?.("shutdown");
    assert.match(await get(http, "/health"), /^404 /);
  });

  it("asks itself once a second from its start to its stop, and keeps no process alive by that", async (t) => {
    const { instance, context } = block(". {\n health 127.0.0.1:0\n}");
    const timers = (): number => process.getActiveResourcesInfo().filter((kind) => kind === "Timeout").length;
    const before = timers();
    await instance.start?.();
    assert.equal(timers(), before);
    await instance.stop?.("reload");

    t.mock.timers.enable({ apis: ["setInterval"] });
    const { counts } = context.metrics.histogram("coredns_health_request_duration_seconds").with();
    const asked = (): number => counts.reduce((a, b) => a + b);
    const other = setUp(health, ". {\n health 127.0.0.1:0\n}", {
      http: new HttpServers(),
      metrics: context.metrics,
    }).instance;
    await other.start?.();
    for (const expected of [1, 2]) {
      t.mock.timers.tick(1000);
      while (asked() < expected) await new Promise((resolve) => setImmediate(resolve));
    }
    await other.stop?.("shutdown");
    t.mock.timers.tick(5000);
    await new Promise((resolve) => setTimeout(resolve, 20));
    assert.equal(asked(), 2);
  });

  it("answers all through a reload", async () => {
    const http = new HttpServers();
    const old = block(". {\n health 127.0.0.1:0\n}", http).instance;
    await old.start?.();
    const next = block(". {\n health 127.0.0.1:0\n}", http).instance;
    await next.start?.();
    await old.stop?.("reload");
    assert.equal(await get(http, "/health"), "200 OK");
    await next.stop?.("shutdown");
  });

  it("waits in lameduck, still answering OK, before a shutdown", async () => {
    const http = new HttpServers();
    const { instance, context } = block(". {\n health 127.0.0.1:0 {\n  lameduck 60ms\n }\n}", http);
    await instance.start?.();
    const startMs = performance.now();
    const waiting = instance.beforeShutdown?.();
    assert.equal(await get(http, "/health"), "200 OK");
    await waiting;
    assert.ok(performance.now() - startMs >= 59);
    assert.deepEqual(context.log.lines, ["[INFO] plugin/health: Going into lameduck mode for 60ms"]);
    await instance.stop?.("shutdown");
  });

  it("does not wait without lameduck", async () => {
    const { instance, context } = block(". {\n health 127.0.0.1:0\n}");
    await instance.beforeShutdown?.();
    assert.deepEqual(context.log.lines, []);
  });

  it("says where the Corefile is wrong", () => {
    const wrong: readonly (readonly [string, RegExp])[] = [
      [". {\n health 8080\n}", /^Corefile:2:9: address 8080: missing port in address$/],
      [". {\n health :8080 :8081\n}", /^Corefile:2:15: Wrong argument count/],
      [". {\n health {\n  lameduck\n }\n}", /^Corefile:3:3: Wrong argument count/],
      [". {\n health {\n  lameduck 5\n }\n}", /^Corefile:3:12: time: missing unit in duration "5"$/],
      [". {\n health {\n  lameduck -5s\n }\n}", /^Corefile:3:12: duration -5s is below 0s$/],
      [". {\n health {\n  limpduck 5s\n }\n}", /^Corefile:3:3: unknown property 'limpduck'$/],
    ];
    for (const [corefile, message] of wrong) assert.throws(() => block(corefile), { code: "NODENS_CONFIG", message });
  });
});

/** Where nobody listens any more. */
async function refusingPort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

describe("the health endpoint's own probe", () => {
  /** Longer than any answer takes on a busy machine. */
  const PATIENT_MS = 60_000;
  interface Setting {
    readonly probe: SelfProbe;
    readonly metrics: Metrics;
    readonly log: MemoryLog;
  }
  function probe(port: number, clock: FakeClock, timeoutMs = PATIENT_MS): Setting {
    const metrics = Metrics.create({ threads: 1 });
    const log = new MemoryLog();
    const options = {
      host: "0.0.0.0",
      port,
      path: "/health",
      url: "http://:8080/health",
      metrics,
      clock,
      log,
      timeoutMs,
    };
    return { probe: new SelfProbe(options), metrics, log };
  }
  const failures = (metrics: Metrics): number => metrics.counter("coredns_health_request_failures_total").with().value;
  const counts = (metrics: Metrics): number[] =>
    metrics.histogram("coredns_health_request_duration_seconds").with().counts;

  it("measures how long an answer takes, and warns about more than a second", async () => {
    const http = new HttpServers();
    const clock = new FakeClock();
    let takesMs = 20;
    const lease = await http.acquire("127.0.0.1:0", "/health", () => {
      clock.advanceMs(takesMs);
      return textReply(200, "OK");
    });
    const { probe: own, metrics, log } = probe(lease.port, clock);
    await own.probe();
    takesMs = 1200;
    await own.probe();
    assert.deepEqual(counts(metrics), [0, 0, 1, 0, 1, 0]);
    assert.equal(failures(metrics), 0);
    assert.deepEqual(log.lines, ['[WARNING] Local health request to "http://:8080/health" took more than 1s: 1.2s']);
    own.stop();
    await lease.release();
  });

  it("counts an endpoint that is silent as a failure", async () => {
    const silent = createServer((socket) => void socket.resume().on("error", () => {})).listen(0, "127.0.0.1");
    await once(silent, "listening");
    const { port } = silent.address() as AddressInfo;
    const { probe: own, metrics, log } = probe(port, new FakeClock(), 50);
    await own.probe();
    assert.equal(failures(metrics), 1);
    assert.match(
      log.lines[0] ?? "",
      /^\[WARNING\] Local health request to "http:\/\/:8080\/health" failed: no answer within 50ms$/,
    );
    assert.equal(
      counts(metrics).reduce((a, b) => a + b),
      1,
    );
    own.stop();
    silent.close();
  });

  it("counts a refused connection as a failure", async () => {
    const { probe: own, metrics, log } = probe(await refusingPort(), new FakeClock());
    await own.probe();
    assert.equal(failures(metrics), 1);
    assert.match(log.lines[0] ?? "", /ECONNREFUSED/);
    assert.equal(
      counts(metrics).reduce((a, b) => a + b),
      1,
    );
    own.stop();
  });

  it("counts nothing once it is stopped, and does not ask twice at once", async () => {
    let asked = 0;
    const http = new HttpServers();
    const lease = await http.acquire("127.0.0.1:0", "/health", () => {
      asked++;
      return textReply(200, "OK");
    });
    const { probe: own, metrics, log } = probe(lease.port, new FakeClock());
    await Promise.all([own.probe(), own.probe()]);
    assert.equal(asked, 1);
    const last = own.probe();
    own.stop();
    await last;
    await own.probe();
    assert.equal(
      counts(metrics).reduce((a, b) => a + b),
      1,
    );
    assert.equal(failures(metrics), 0);
    assert.deepEqual(log.lines, []);
    await lease.release();
  });
});
