import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { directivesOf } from "../../../../test/support/setup-context.ts";
import { readTrace, type TraceSettings } from "./trace-settings.ts";

const read = (text: string): TraceSettings => {
  const [directive] = directivesOf(`. {\n${text}\n}`, "trace");
  return readTrace(directive ?? assert.fail());
};

describe("the trace directive", () => {
  const preset = { url: "http://localhost:4318/v1/traces", every: 1, service: "coredns", backlog: 1000, batch: 100 };
  for (const [text, settings] of [
    ["trace", {}],
    ["trace localhost:1234", { url: "http://localhost:1234/v1/traces" }],
    ["trace otlp localhost:1234", { url: "http://localhost:1234/v1/traces" }],
    ["trace OTLP https://a.example/", { url: "https://a.example/v1/traces" }],
    ["trace http://localhost:1234/somewhere/else", { url: "http://localhost:1234/somewhere/else" }],
    ["trace {\nevery 100\n}", { every: 100 }],
    ["trace {\nevery 0\n}", { every: 0 }],
    ["trace {\nevery 100\nservice foobar\nclient_server\n}", { every: 100, service: "foobar" }],
    ["trace {\nclient_server true\n}", {}],
    ["trace {\nclient_server False\n}", {}],
    [
      "trace {\nzipkin_max_backlog_size 300\nzipkin_max_batch_size 200\nzipkin_max_batch_interval 10s\n}",
      { backlog: 300, batch: 200, intervalMs: 10_000 },
    ],
    ["trace {\nzipkin_max_backlog_size 10\nzipkin_max_batch_size 20\n}", { backlog: 10, batch: 10 }],
  ] as const) {
    it(`reads ${text.replaceAll("\n", " | ")}`, () => {
      assert.deepEqual(read(text), { ...preset, intervalMs: 1000, ...settings });
    });
  }

  for (const [text, message] of [
    ["trace zipkin localhost:9411", "Corefile:2:7: tracing endpoint type 'zipkin' is not supported"],
    ["trace datadog localhost", "Corefile:2:7: tracing endpoint type 'datadog' is not supported"],
    ["trace footype localhost:4321", "Corefile:2:7: tracing endpoint type 'footype' is not supported"],
    ["trace otlp", "Corefile:2:7: 'otlp' is a type: an endpoint must follow it"],
    ["trace otlp a b", "Corefile:2:14: Wrong argument count: 'trace' does not take 'b'"],
    ["trace http://", "Corefile:2:7: no address of a tracing endpoint: http://"],
    ["trace {\nevery\n}", /^Corefile:3:1: Wrong argument count/],
    ["trace {\nevery -1\n}", "Corefile:3:7: -1 is out of range: 0 to 9007199254740991"],
    ["trace {\nclient_server junk\n}", "Corefile:3:15: 'junk' is neither true nor false"],
    ["trace {\ndatadog_analytics_rate 0.1\n}", /^Corefile:3:1: datadog_analytics_rate is for datadog/],
    ["trace {\nzipkin_max_backlog_size wrong\n}", "Corefile:3:25: 'wrong' is no whole number"],
    ["trace {\nzipkin_max_batch_size wrong\n}", "Corefile:3:23: 'wrong' is no whole number"],
    ["trace {\nzipkin_max_batch_interval wrong\n}", /^Corefile:3:27: time: invalid duration/],
    ["trace {\nzipkin_max_backlog_size\n}", /^Corefile:3:1: Wrong argument count/],
    ["trace {\nevrey 100\n}", "Corefile:3:1: unknown property 'evrey'"],
  ] as const) {
    it(`refuses ${text.replaceAll("\n", " | ")}`, () => assert.throws(() => read(text), { message }));
  }
});
