import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parseExposition, valueOf, type ParsedFamily } from "../../../../test/support/exposition.ts";
import { answering, fakeContext, setUp, type FakeContext } from "../../../../test/support/setup-context.ts";
import type { PluginInstance } from "../../chain/plugin.ts";
import { Metrics } from "../../metrics/metrics.ts";
import { countRequest } from "../../metrics/server-rows.ts";
import { HttpServers } from "../../web/http-servers.ts";
import { prometheus } from "./prometheus.ts";

/** A server block in one process with others: they share metrics and HTTP servers. */
class Process {
  readonly metrics = Metrics.create({ threads: 1 });
  readonly ports = new Map<string, number>();
  readonly http = new HttpServers();

  block(corefile: string, siblings: Readonly<Record<string, PluginInstance>> = {}): PluginInstance {
    const overrides: Partial<FakeContext> = {
      metrics: this.metrics,
      http: this.http,
      sibling: (directive) => siblings[directive],
    };
    return setUp(prometheus, corefile, overrides).instance;
  }

  /** Scrapes through a listener that is open already. */
  async scrape(): Promise<ReadonlyMap<string, ParsedFamily>> {
    const lease = await this.http.acquire("127.0.0.1:0", "/elsewhere", () => Promise.reject(new Error("not asked")));
    const response = await fetch(`http://127.0.0.1:${lease.port}/metrics`);
    await lease.release();
    assert.equal(response.status, 200);
    assert.equal(response.headers.get("content-type"), "text/plain; version=0.0.4; charset=utf-8");
    return parseExposition(await response.text());
  }

  count(zone: string): void {
    const { rows } = this.metrics;
    countRequest(rows.floats, rows.rowAt(0, this.metrics.row(SERVER, zone, "")), 0, 0, 1, 40, false);
  }
}

const SERVER = "dns://127.0.0.1:5300";
const answers: PluginInstance = { handler: (next) => answering(undefined) ?? next };
const requests = (families: ReadonlyMap<string, ParsedFamily>, zone: string): number | undefined =>
  valueOf(families, "coredns_dns_requests_total", { server: SERVER, zone });

describe("prometheus", () => {
  it("serves the metrics of its block on /metrics, and hides a block without it", async () => {
    const process = new Process();
    const block = process.block("a.example:5300 b.example:5300 {\n prometheus 127.0.0.1:0\n}");
    await block.start?.();
    for (const zone of ["a.example.", "b.example.", "hidden.example."]) process.count(zone);
    const families = await process.scrape();
    assert.equal(requests(families, "a.example."), 1);
    assert.equal(requests(families, "b.example."), 1);
    assert.equal(requests(families, "hidden.example."), undefined);
    await block.stop?.("shutdown");
  });

  it("names the plugins that take part in answering, itself among them", async () => {
    const process = new Process();
    const siblings = { errors: answers, cache: answers, forward: answers, health: {}, reload: { isReady: () => true } };
    const block = process.block("example.org {\n prometheus 127.0.0.1:0\n}", siblings);
    await block.start?.();
    const enabled = (await process.scrape()).get("coredns_plugin_enabled")?.samples ?? [];
    assert.deepEqual(
      enabled.map(({ labels, value }) => [labels["server"], labels["zone"], labels["view"], labels["name"], value]),
      ["prometheus", "errors", "cache", "forward"].map((name) => [SERVER, "example.org.", "", name, 1]),
    );
    await block.stop?.("shutdown");
  });

  it("shares one listener between blocks with the same address", async () => {
    const process = new Process();
    const first = process.block("a.example {\n prometheus 127.0.0.1:0\n}");
    const second = process.block("b.example {\n prometheus 127.0.0.1:0\n}");
    await Promise.all([first.start?.(), second.start?.()]);
    process.count("a.example.");
    process.count("b.example.");
    await first.stop?.("reload");
    const families = await process.scrape();
    assert.equal(requests(families, "a.example."), undefined);
    assert.equal(requests(families, "b.example."), 1);
    await second.stop?.("reload");
    await assert.rejects(process.scrape(), /404/);
  });

  it("keeps counters and socket over a reload, and what is enabled follows the new configuration", async () => {
    const process = new Process();
    const old = process.block("example.org {\n prometheus 127.0.0.1:0\n}", { cache: answers, hosts: answers });
    await old.start?.();
    process.count("example.org.");
    const next = process.block("example.org {\n prometheus 127.0.0.1:0\n}", { cache: answers, forward: answers });
    await next.start?.();
    await old.stop?.("reload");
    process.count("example.org.");
    const families = await process.scrape();
    assert.equal(requests(families, "example.org."), 2);
    const enabled = families.get("coredns_plugin_enabled")?.samples.map(({ labels }) => labels["name"]);
    assert.deepEqual(enabled?.toSorted(), ["cache", "forward", "prometheus"]);
    await next.stop?.("shutdown");
  });

  it("turns runtime metrics on for the process, for good", async () => {
    const process = new Process();
    const block = process.block("example.org {\n prometheus 127.0.0.1:0 {\n runtime_metrics\n }\n}");
    assert.equal((await process.metrics.expose()).body.includes("nodejs_eventloop_lag_p99_seconds"), false);
    await block.start?.();
    await block.stop?.("reload");
    assert.equal((await process.metrics.expose()).body.includes("nodejs_eventloop_lag_p99_seconds"), true);
  });

  it("does not start when its address is taken", async () => {
    const process = new Process();
    const lease = await process.http.acquire("127.0.0.1:0", "/", () => Promise.reject(new Error("not asked")));
    const block = new Process().block(`. {\n prometheus localhost:${lease.port}\n}`);
    await assert.rejects(block.start?.() ?? Promise.resolve(), { code: "NODENS_HTTP_BIND" });
    await block.stop?.("reload");
    await lease.release();
  });

  it("says where the Corefile is wrong", () => {
    const wrong: readonly (readonly [string, RegExp])[] = [
      [". {\n prometheus localhost\n}", /^Corefile:2:13: address localhost: missing port in address$/],
      [". {\n prometheus :9153 :9154\n}", /^Corefile:2:19: Wrong argument count/],
      [". {\n prometheus {\n  colour blue\n }\n}", /^Corefile:3:3: unknown property 'colour'$/],
      [". {\n prometheus {\n  runtime_metrics on\n }\n}", /^Corefile:3:19: Wrong argument count/],
      [". {\n prometheus {\n  tls web.yaml\n }\n}", /^Corefile:3:3: metrics over TLS are not served/],
      [". {\n prometheus\n prometheus\n}", /^Corefile:3:2: this plugin can only be used once per Server Block$/],
    ];
    for (const [corefile, message] of wrong) {
      assert.throws(() => setUp(prometheus, corefile, fakeContext()), { code: "NODENS_CONFIG", message }, corefile);
    }
  });
});
