import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { BUCKETS } from "./buckets.ts";
import { histogramSamples } from "./family.ts";
import { rowFamilies, type RowLabels } from "./row-families.ts";
import { RESPONDING_PLUGINS, ROW_FLOATS } from "./row-layout.ts";
import {
  countCacheHit,
  countCacheMiss,
  countDuration,
  countRequest,
  countResponse,
  countServedStale,
  MAX_ROWS,
  ServerRows,
} from "./server-rows.ts";

const ROW: RowLabels = { row: 3, server: "dns://:53", zone: "a.", view: "", cacheZones: "a.", visible: true };

function samplesOf(rows: ServerRows, name: string, labelled: readonly RowLabels[] = [ROW]): string[] {
  const family = rowFamilies(rows, labelled).find((candidate) => candidate.name === name);
  return (family?.samples ?? [])
    .filter((sample) => sample.suffix !== "_bucket" || sample.le === "+Inf")
    .map((sample) => [...Object.values(sample.labels), sample.suffix, sample.value].join(" "));
}

/** A page of one row and the index of its floats. */
function row(): { readonly rows: ServerRows; readonly floats: Float64Array; readonly at: number } {
  const rows = ServerRows.create(1);
  return { rows, floats: rows.floats, at: rows.rowAt(0, ROW.row) };
}

describe("server rows", () => {
  it("count requests by transport, family and type, types that CoreDNS does not name as other", () => {
    const { rows, floats, at } = row();
    countRequest(floats, at, 0, 0, 1, 40, false);
    countRequest(floats, at, 0, 0, 1, 40, false);
    countRequest(floats, at, 1, 1, 65, 40, true);
    countRequest(floats, at, 0, 1, 0, 40, false);
    countRequest(floats, at, 0, 1, 257, 40, false);
    countRequest(floats, at, 0, 1, 65_535, 40, true);
    assert.deepEqual(samplesOf(rows, "coredns_dns_requests_total").toSorted(), [
      "dns://:53 a.  tcp 2 HTTPS  1",
      "dns://:53 a.  udp 1 A  2",
      "dns://:53 a.  udp 2 other  3",
    ]);
    assert.deepEqual(samplesOf(rows, "coredns_dns_do_requests_total"), ["dns://:53 a.   2"]);
  });

  // Code 16 is BADSIG there, as in CoreDNS, whose table has one name a code.
  it("count responses by rcode and plugin, rcodes without a slot as other", () => {
    const { rows, floats, at } = row();
    countResponse(floats, at, 0, 0, 1, 100);
    countResponse(floats, at, 0, 3, 2, 100);
    countResponse(floats, at, 1, 16, 0, 100);
    countResponse(floats, at, 1, 23, 0, 100);
    countResponse(floats, at, 0, 24, RESPONDING_PLUGINS.length - 1, 100);
    countResponse(floats, at, 0, 4095, RESPONDING_PLUGINS.length - 1, 100);
    assert.deepEqual(
      samplesOf(rows, "coredns_dns_responses_total").map((line) => line.replace("dns://:53 a.  ", "")),
      ["NOERROR cache  1", "NXDOMAIN forward  1", "BADSIG   1", "BADCOOKIE   1", "other other  2"],
    );
  });

  it("keep sizes of queries and responses apart, and of UDP and TCP", () => {
    const { rows, floats, at } = row();
    countRequest(floats, at, 0, 0, 1, 41, false);
    countRequest(floats, at, 1, 0, 1, 42, false);
    countResponse(floats, at, 0, 0, 1, 101);
    countResponse(floats, at, 1, 0, 1, 65_535);
    assert.deepEqual(samplesOf(rows, "coredns_dns_request_size_bytes"), [
      "dns://:53 a.  udp _bucket 1",
      "dns://:53 a.  udp _sum 41",
      "dns://:53 a.  udp _count 1",
      "dns://:53 a.  tcp _bucket 1",
      "dns://:53 a.  tcp _sum 42",
      "dns://:53 a.  tcp _count 1",
    ]);
    assert.deepEqual(
      samplesOf(rows, "coredns_dns_response_size_bytes").filter((line) => line.includes("_sum")),
      ["dns://:53 a.  udp _sum 101", "dns://:53 a.  tcp _sum 65535"],
    );
  });

  it("put every size and duration into the first bucket whose bound is not below it", () => {
    fc.assert(
      fc.property(fc.nat(65_535), fc.double({ min: 0, max: 20, noNaN: true }), (bytes, seconds) => {
        const { rows, floats, at } = row();
        countRequest(floats, at, 0, 0, 1, bytes, false);
        countDuration(floats, at, seconds);
        const families = new Map(rowFamilies(rows, [ROW]).map(({ name, samples }) => [name, samples]));
        const check = (
          name: "coredns_dns_request_size_bytes" | "coredns_dns_request_duration_seconds",
          value: number,
        ) => {
          const bounds = BUCKETS[name.endsWith("bytes") ? "bytes" : "seconds"];
          const expected = bounds.map((bound) => (value <= bound ? 1 : 0));
          const counted = (families.get(name) ?? []).filter((sample) => sample.suffix === "_bucket");
          assert.deepEqual(
            counted.map((sample) => sample.value),
            [...expected, 1],
          );
        };
        check("coredns_dns_request_size_bytes", bytes);
        check("coredns_dns_request_duration_seconds", seconds);
      }),
      { numRuns: 50 },
    );
  });

  it("derive cache requests from hits and misses", () => {
    const { rows, floats, at } = row();
    countCacheHit(floats, at, 0);
    countCacheHit(floats, at, 0);
    countCacheHit(floats, at, 1);
    countCacheMiss(floats, at);
    countServedStale(floats, at);
    assert.deepEqual(samplesOf(rows, "coredns_cache_hits_total"), [
      "dns://:53 success a.   2",
      "dns://:53 denial a.   1",
    ]);
    assert.deepEqual(samplesOf(rows, "coredns_cache_requests_total"), ["dns://:53 a.   4"]);
    assert.deepEqual(samplesOf(rows, "coredns_cache_misses_total"), ["dns://:53 a.   1"]);
    assert.deepEqual(samplesOf(rows, "coredns_cache_served_stale_total"), ["dns://:53 a.   1"]);
  });

  it("add up the rows of one cache that serves several zones, and count a hidden block's cache", () => {
    const rows = ServerRows.create(1);
    const labelled: RowLabels[] = [
      { row: 1, server: "dns://:53", zone: "a.", view: "", cacheZones: "a.,b.", visible: true },
      { row: 2, server: "dns://:53", zone: "b.", view: "", cacheZones: "a.,b.", visible: false },
    ];
    for (const { row: number } of labelled) {
      countCacheHit(rows.floats, rows.rowAt(0, number), 0);
      countRequest(rows.floats, rows.rowAt(0, number), 0, 0, 1, 40, false);
    }
    assert.deepEqual(samplesOf(rows, "coredns_cache_hits_total", labelled), ["dns://:53 success a.,b.   2"]);
    assert.deepEqual(samplesOf(rows, "coredns_dns_requests_total", labelled), ["dns://:53 a.  udp 1 A  1"]);
  });

  it("write inside their own row only", () => {
    const rows = ServerRows.create(3);
    const numbers = { qtype: fc.nat(65_535), size: fc.nat(65_535), rcode: fc.nat(4095) };
    const threadRow = fc.tuple(fc.nat(2), fc.nat(MAX_ROWS - 1));
    fc.assert(
      fc.property(
        threadRow,
        fc.record(numbers),
        fc.nat(RESPONDING_PLUGINS.length - 1),
        ([thread, number], n, plugin) => {
          rows.floats.fill(0);
          const at = rows.rowAt(thread, number);
          for (const transport of [0, 1]) {
            for (const family of [0, 1]) countRequest(rows.floats, at, transport, family, n.qtype, n.size, true);
            countResponse(rows.floats, at, transport, n.rcode, plugin, n.size);
          }
          countDuration(rows.floats, at, n.size);
          countCacheHit(rows.floats, at, 1);
          countCacheMiss(rows.floats, at);
          countServedStale(rows.floats, at);
          const touched = rows.floats.findLastIndex((float) => float !== 0);
          assert.ok(rows.floats.findIndex((float) => float !== 0) >= at && touched < at + ROW_FLOATS);
        },
      ),
      { numRuns: 10 },
    );
  });
});

describe("histogramSamples", () => {
  it("cumulates the buckets and ends with +Inf, sum and count", () => {
    const samples = histogramSamples("coredns_health_request_duration_seconds", {}, [1, 0, 2, 0, 0, 3], 9.5);
    assert.deepEqual(
      samples.map(({ suffix, le, value }) => [suffix, le, value]),
      [
        ["_bucket", "0.00025", 1],
        ["_bucket", "0.0025", 1],
        ["_bucket", "0.025", 3],
        ["_bucket", "0.25", 3],
        ["_bucket", "2.5", 3],
        ["_bucket", "+Inf", 6],
        ["_sum", undefined, 9.5],
        ["_count", undefined, 6],
      ],
    );
  });
});
