import assert from "node:assert/strict";
import { once } from "node:events";
import { describe, it } from "node:test";
import { Worker } from "node:worker_threads";
import fc from "fast-check";
import type { CountingTask } from "../../../test/support/counting.worker.ts";
import { parseExposition, valueOf, type ParsedFamily } from "../../../test/support/exposition.ts";
import { BUCKETS } from "./buckets.ts";
import { METRIC_NAMES, specOf } from "./catalogue.ts";
import { Metrics } from "./metrics.ts";
import { countRequest, MAX_ROWS, OVERFLOW_ROW } from "./server-rows.ts";

const SERVER = "dns://127.0.0.1:53";

async function scrape(metrics: Metrics): Promise<Map<string, ParsedFamily>> {
  return parseExposition((await metrics.expose()).body);
}

function count(metrics: Metrics, row: number): void {
  countRequest(metrics.rows.floats, metrics.rows.rowAt(0, row), 0, 0, 1, 40, false);
}

/** Makes every family have a value. */
async function touchAll(metrics: Metrics): Promise<void> {
  metrics.show(SERVER, ".", "");
  await runThread({ metrics: metrics.handle, thread: 1, row: metrics.row(SERVER, ".", ""), queries: 3 });
  const { floats } = metrics.rows;
  // Whatever the layout is: each slot of the row has counted something.
  const at = metrics.rows.rowAt(0, metrics.row(SERVER, ".", ""));
  floats.fill(1, at, metrics.rows.rowAt(0, metrics.row(SERVER, ".", "") + 1));
  metrics.fastpath.floats.fill(1, 0, metrics.fastpath.pageAt(1));
  for (const name of METRIC_NAMES) {
    const { home, kind, labels } = specOf(name);
    if (home !== "events") continue;
    const values = labels.map((label) => `some ${label}`);
    // The declared types keep a caller from mixing families up; here all are used, by their declared kinds.
    if (kind === "counter")
      (metrics.counter as Declared<{ add(): void }>)
        .call(metrics, name)
        .with(...values)
        .add();
    if (kind === "gauge")
      (metrics.gauge as Declared<{ set(v: number): void }>)
        .call(metrics, name)
        .with(...values)
        .set(1);
    if (kind === "histogram") {
      (metrics.histogram as Declared<{ observe(v: number): void }>)
        .call(metrics, name)
        .with(...values)
        .observe(0.003);
    }
    if (kind === "info") (metrics.info as Declared<unknown>).call(metrics, name).hold?.(...values);
  }
}

type Declared<Series> = (
  this: Metrics,
  name: string,
) => { with(...values: string[]): Series; hold?(...values: string[]): unknown };

async function runThread(task: CountingTask): Promise<void> {
  const file = new URL("../../../test/support/counting.worker.ts", import.meta.url);
  const [code] = (await once(new Worker(file, { workerData: task }), "exit")) as [number];
  assert.equal(code, 0);
}

describe("metrics", () => {
  it("expose every declared family with its help, type, labels and buckets", async () => {
    const metrics = Metrics.create({ threads: 2, version: "0.1.0", revision: "abc" });
    await touchAll(metrics);
    const families = await scrape(metrics);
    for (const name of METRIC_NAMES) {
      const spec = specOf(name);
      const family = families.get(name);
      assert.ok(family, name);
      assert.equal(family.type, spec.kind === "info" ? "gauge" : spec.kind, name);
      assert.equal(family.help, spec.help, name);
      assert.ok(family.samples.length > 0, name);
      for (const sample of family.samples) {
        const labels = Object.keys(sample.labels).filter((label) => label !== "le");
        assert.deepEqual(labels.toSorted(), spec.labels.toSorted(), name);
      }
      if (spec.buckets !== undefined) {
        const bounds = new Set(family.samples.map((sample) => sample.labels["le"]));
        bounds.delete(undefined);
        assert.deepEqual([...bounds], [...BUCKETS[spec.buckets].map(String), "+Inf"], name);
      }
    }
  });

  it("expose the content type of the text format and the process's own metrics", async () => {
    const metrics = Metrics.create({ threads: 1 });
    assert.equal((await metrics.expose()).contentType, "text/plain; version=0.0.4; charset=utf-8");
    const families = await scrape(metrics);
    for (const name of ["process_cpu_seconds_total", "process_resident_memory_bytes", "process_open_fds"]) {
      assert.ok((valueOf(families, name) ?? 0) > 0, name);
    }
    assert.equal(valueOf(families, "nodejs_version_info"), 1);
  });

  it("count the processor time of the whole life of the process", async () => {
    const before = process.cpuUsage();
    const families = await scrape(Metrics.create({ threads: 1 }));
    const total = valueOf(families, "process_cpu_seconds_total") ?? 0;
    assert.ok(total >= (before.user + before.system) / 1e6, `${total}`);
  });

  it("tell their versions", async () => {
    const families = await scrape(Metrics.create({ threads: 1, version: "1.2.3", revision: "abc" }));
    const { version: runtime } = process;
    assert.equal(
      valueOf(families, "nodens_build_info", { version: "1.2.3", revision: "abc", nodeversion: runtime }),
      1,
    );
    const coredns = { version: "nodens-1.2.3", revision: "abc", goversion: `node-${runtime}` };
    assert.equal(valueOf(families, "coredns_build_info", coredns), 1);
  });

  it("have families without labels at 0 from the start, and none without samples", async () => {
    const families = await scrape(Metrics.create({ threads: 1 }));
    assert.equal(valueOf(families, "coredns_panics_total"), 0);
    assert.equal(valueOf(families, "coredns_forward_healthcheck_broken_total"), 0);
    assert.equal(valueOf(families, "coredns_health_request_duration_seconds_count"), 0);
    assert.equal(families.has("coredns_dns_requests_total"), false);
    assert.equal(families.has("coredns_proxy_request_duration_seconds"), false);
  });

  it("add up what two threads counted at the same time", async () => {
    const metrics = Metrics.create({ threads: 3 });
    const row = metrics.row(SERVER, "example.org.", "");
    metrics.show(SERVER, "example.org.", "");
    count(metrics, row);
    const queries = 20_000;
    await Promise.all([1, 2].map((thread) => runThread({ metrics: metrics.handle, thread, row, queries })));
    const families = await scrape(metrics);
    const labels = { server: SERVER, zone: "example.org." };
    assert.equal(valueOf(families, "coredns_dns_requests_total", { ...labels, type: "AAAA" }), 2 * queries);
    assert.equal(valueOf(families, "coredns_dns_requests_total", { ...labels, type: "A" }), 1);
    const responses = { ...labels, rcode: "NOERROR", plugin: "cache" };
    assert.equal(valueOf(families, "coredns_dns_responses_total", responses), 2 * queries);
    assert.equal(valueOf(families, "coredns_dns_request_duration_seconds_count", labels), 2 * queries);
    assert.equal(valueOf(families, "coredns_dns_response_size_bytes_sum", labels), 2 * queries * 88);
    assert.equal(valueOf(families, "coredns_cache_hits_total", { type: "success" }), 2 * queries);
    assert.equal(valueOf(families, "nodens_fastpath_datagrams_total"), 2 * queries);
    assert.equal(valueOf(families, "nodens_fastpath_batches_total"), 2);
  });

  it("give one row to a server, zone and view, for ever, and different ones different rows", () => {
    const metrics = Metrics.create({ threads: 1 });
    const key = fc.tuple(fc.constantFrom("a", "b", "ab"), fc.constantFrom("b.", ".", "a."), fc.constantFrom("", "v"));
    const rows = new Map<string, number>();
    fc.assert(
      fc.property(key, ([server, zone, view]) => {
        const row = metrics.row(server, zone, view);
        const text = JSON.stringify([server, zone, view]);
        assert.equal(row, rows.get(text) ?? row);
        rows.set(text, row);
        assert.equal(new Set(rows.values()).size, rows.size);
        assert.ok(row !== OVERFLOW_ROW && row < MAX_ROWS);
      }),
    );
  });

  it("put what comes after the last row into one that is labelled other", async () => {
    const metrics = Metrics.create({ threads: 1 });
    for (let i = 0; i < MAX_ROWS + 20; i++) count(metrics, metrics.row(SERVER, `z${i}.`, ""));
    metrics.show(SERVER, "too-late.", "");
    assert.equal(metrics.row(SERVER, `z${MAX_ROWS + 1}.`, ""), OVERFLOW_ROW);
    assert.equal(metrics.row(SERVER, "z0.", ""), 1);
    const families = await scrape(metrics);
    assert.equal(valueOf(families, "coredns_dns_requests_total", { server: "other", zone: "other" }), 21);
    assert.equal(valueOf(families, "nodens_metrics_rows"), MAX_ROWS - 1);
  });

  it("show a row while a configuration asks for it, with all that it counted before", async () => {
    const metrics = Metrics.create({ threads: 1 });
    const shown = async (): Promise<number | undefined> =>
      valueOf(await scrape(metrics), "coredns_dns_requests_total", { zone: "a." });
    count(metrics, metrics.row(SERVER, "a.", ""));
    assert.equal(await shown(), undefined);
    const old = metrics.show(SERVER, "a.", "");
    assert.equal(await shown(), 1);
    const next = metrics.show(SERVER, "a.", "");
    old();
    old();
    count(metrics, metrics.row(SERVER, "a.", ""));
    assert.equal(await shown(), 2);
    next();
    assert.equal(await shown(), undefined);
  });

  it("keep any zone, address and label value readable, and apart from others", async () => {
    const hostile = fc.oneof(
      fc.constantFrom('a"b\\c\nd.', '",zone="x', "\\", '\\"', "\n# TYPE x counter\nx 1", "}", "{", "\u2028", "", " "),
      fc.string({ unit: "binary" }).map((text) => text.replaceAll("\r", "")),
    );
    await fc.assert(
      fc.asyncProperty(fc.uniqueArray(hostile, { minLength: 1, maxLength: 4 }), async (texts) => {
        const metrics = Metrics.create({ threads: 1 });
        for (const [i, text] of texts.entries()) {
          metrics.show(text, text, text);
          for (let n = 0; n <= i; n++) count(metrics, metrics.row(text, text, text));
          metrics
            .counter("nodens_upstream_replies_ignored_total")
            .with(text, "id")
            .add(i + 1);
        }
        const families = await scrape(metrics);
        for (const [i, text] of texts.entries()) {
          const labels = { server: text, zone: text, view: text };
          assert.equal(valueOf(families, "coredns_dns_requests_total", labels), i + 1);
          assert.equal(valueOf(families, "nodens_upstream_replies_ignored_total", { to: text }), i + 1);
        }
      }),
      { numRuns: 8 },
    );
  });

  it("ask for late values before each scrape, until told not to", async () => {
    const metrics = Metrics.create({ threads: 1 });
    let asked = 0;
    const end = metrics.beforeScrape(() => metrics.gauge("nodens_cache_used_bytes").with().set(++asked));
    assert.equal(valueOf(await scrape(metrics), "nodens_cache_used_bytes"), 1);
    assert.equal(valueOf(await scrape(metrics), "nodens_cache_used_bytes"), 2);
    end();
    assert.equal(valueOf(await scrape(metrics), "nodens_cache_used_bytes"), 2);
  });

  it("collect once for scrapes that come together", async () => {
    const metrics = Metrics.create({ threads: 1 });
    let asked = 0;
    metrics.beforeScrape(() => asked++);
    const [first, second] = await Promise.all([metrics.expose(), metrics.expose()]);
    assert.equal(first, second);
    assert.equal(asked, 1);
  });

  it("count label values that found a family full", async () => {
    const metrics = Metrics.create({ threads: 1 });
    for (let i = 0; i < 1030; i++) metrics.counter("nodens_upstream_retries_total").with(`u${i}`).add();
    assert.equal(valueOf(await scrape(metrics), "nodens_metrics_overflow_total"), 6);
  });

  it("know the plugins that answer, and call the others other", () => {
    const metrics = Metrics.create({ threads: 1 });
    assert.equal(metrics.pluginIndex(""), 0);
    assert.equal(metrics.pluginIndex("cache"), 1);
    assert.equal(metrics.pluginIndex("no-such-plugin"), metrics.pluginIndex("other"));
  });

  it("measure the event loop's delay only when runtime metrics are wanted", async () => {
    const metrics = Metrics.create({ threads: 1 });
    const name = "nodejs_eventloop_lag_p99_seconds";
    const before = await scrape(metrics);
    assert.equal(before.has(name), false);
    metrics.enableRuntimeMetrics();
    const after = await scrape(metrics);
    assert.equal(after.has(name), true);
    await new Promise((resolve) => setTimeout(resolve, 50));
    // An interval of its timer (10 ms) and what it came too late.
    assert.ok((valueOf(await scrape(metrics), name) ?? 0) > 0.005);
    const cpu = "process_cpu_seconds_total";
    assert.ok((valueOf(after, cpu) ?? 0) >= (valueOf(before, cpu) ?? Number.NaN));
  });
});
