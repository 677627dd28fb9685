import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Counter, Gauge, Histogram, Info, MAX_SERIES } from "./event-families.ts";

const options = { onOverflow: () => {} };

describe("event families", () => {
  it("give the same series for the same label values", () => {
    const counter = new Counter<[string, string]>("coredns_proxy_healthcheck_failures_total", options);
    counter.with("forward", "192.0.2.1:53").add();
    counter.with("forward", "192.0.2.1:53").add(2);
    counter.with("forward", "192.0.2.2:53").add();
    assert.deepEqual(
      counter.family().samples.map(({ labels, value }) => [labels["to"], value]),
      [
        ["192.0.2.1:53", 3],
        ["192.0.2.2:53", 1],
      ],
    );
  });

  it("stop growing at their limit: what comes later shares one series", () => {
    let overflows = 0;
    const counter = new Counter<[string]>("nodens_upstream_retries_total", { onOverflow: () => overflows++ });
    for (let i = 0; i < MAX_SERIES + 50; i++) counter.with(`10.0.${i >> 8}.${i & 255}:53`).add();
    const { samples } = counter.family();
    assert.equal(samples.length, MAX_SERIES + 1);
    assert.deepEqual(samples.at(-1), { suffix: "", labels: { to: "other" }, value: 50 });
    assert.equal(overflows, 50);
    counter.with("10.0.0.0:53").add();
    assert.equal(counter.family().samples[0]?.value, 2);
  });

  it("let a gauge be set, moved, and read when scraped", () => {
    const gauge = new Gauge<[]>("nodens_tcp_connections", options);
    const valueOf = (): number | undefined => gauge.family().samples[0]?.value;
    gauge.with().set(5);
    gauge.with().add(-2);
    assert.equal(valueOf(), 3);
    let read = 7;
    gauge.with().from(() => read);
    assert.equal(valueOf(), 7);
    read = 8;
    assert.equal(valueOf(), 8);
    gauge.with().from(undefined);
    assert.equal(valueOf(), 3);
  });

  it("observe into buckets with inclusive bounds, or take counts over", () => {
    const histogram = new Histogram<[]>("coredns_health_request_duration_seconds", options);
    for (const seconds of [0.00025, 0.0002500001, 2.5, 3]) histogram.with().observe(seconds);
    assert.deepEqual(histogram.with().counts, [1, 1, 0, 0, 1, 1]);
    histogram.with().load(new Float64Array([0, 1, 0, 0, 0, 2]), 8);
    assert.deepEqual(histogram.with().counts, [0, 1, 0, 0, 0, 2]);
    assert.equal(histogram.family().samples.at(-1)?.value, 3);
  });

  it("show an info while anybody holds it", () => {
    const info = new Info<[string, string]>("coredns_reload_version_info", options);
    const samples = (): number => info.family().samples.length;
    const first = info.hold("sha512", "abc");
    const second = info.hold("sha512", "abc");
    assert.deepEqual(info.family().samples, [{ suffix: "", labels: { hash: "sha512", value: "abc" }, value: 1 }]);
    first();
    first();
    assert.equal(samples(), 1);
    second();
    assert.equal(samples(), 0);
  });
});
