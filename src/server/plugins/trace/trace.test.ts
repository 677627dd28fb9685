import assert from "node:assert/strict";
import { createServer } from "node:http";
import { buffer } from "node:stream/consumers";
import { describe, it, type TestContext } from "node:test";
import { askUdp, queryFor } from "../../../../test/support/dns-client.ts";
import { bytesField, type Fields, numberField, protobufFields } from "../../../../test/support/protobuf-fields.ts";
import { type RunningServer, runServer } from "../../../../test/support/running-server.ts";
import { answerA, startUpstream } from "../../../../test/support/scripted-upstream.ts";
import { answering, chainOf, setUp, testQuery } from "../../../../test/support/setup-context.ts";
import { trace } from "./trace.ts";

interface SentSpan {
  readonly name: string;
  readonly traceId: string;
  readonly id: string;
  readonly parent: string;
  readonly attributes: Readonly<Record<string, string>>;
  /** 2 is an error. */
  readonly status: number | undefined;
  readonly service: string | undefined;
}

interface Collector {
  readonly port: number;
  readonly spans: SentSpan[];
  readonly requests: string[];
}

/** Takes OTLP over HTTP. */
async function collector(t: TestContext, status = 200): Promise<Collector> {
  const spans: SentSpan[] = [];
  const requests: string[] = [];
  const server = createServer((request, response) => {
    void buffer(request).then((body) => {
      requests.push(`${request.method} ${request.url} ${request.headers["content-type"]}`);
      if (status === 200) spans.push(...spansOf(body));
      response.writeHead(status).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => server.close());
  const bound = server.address();
  return { port: typeof bound === "object" ? (bound?.port ?? 0) : 0, spans, requests };
}

/** Field numbers of opentelemetry/proto/trace/v1/trace.proto. */
function spansOf(body: Uint8Array): SentSpan[] {
  return inner(protobufFields(body), 1).flatMap((resourceSpans) => {
    const [resource] = inner(resourceSpans, 1);
    const service = resource && attributes(resource, 1)["service.name"];
    return inner(resourceSpans, 2)
      .flatMap((scope) => inner(scope, 2))
      .map((span) => ({
        traceId: hex(span, 1),
        id: hex(span, 2),
        parent: hex(span, 4),
        name: text(span, 5),
        attributes: attributes(span, 9),
        status: inner(span, 15).map((one) => numberField(one, 3))[0],
        service,
      }));
  });
}

function inner(fields: Fields, field: number): Fields[] {
  return (fields.get(field) ?? []).map((value) => protobufFields(value instanceof Uint8Array ? value : assert.fail()));
}

const text = (fields: Fields, field: number): string => Buffer.from(bytesField(fields, field) ?? []).toString();
const hex = (fields: Fields, field: number): string => Buffer.from(bytesField(fields, field) ?? []).toString("hex");

function attributes(fields: Fields, field: number): Record<string, string> {
  return Object.fromEntries(
    inner(fields, field).map((pair) => [text(pair, 1), inner(pair, 2).map((v) => text(v, 1))[0] ?? ""]),
  );
}

async function server(t: TestContext, port: number, options = "", above = ""): Promise<RunningServer> {
  const upstream = await startUpstream({ script: answerA("192.0.2.7", 300) });
  t.after(() => upstream.close());
  const running = await runServer(
    `. {\n${above}\ntrace 127.0.0.1:${port} {\n${options}\n}\nerrors\ncache\nforward . 127.0.0.1:${upstream.port}\n}`,
  );
  t.after(() => running.stop());
  return running;
}

const ask = (running: RunningServer, name: string): Promise<Uint8Array> =>
  askUdp({ port: running.port, wire: queryFor(name, 1) });

describe("trace", () => {
  it("sends a span for each plugin that a query went through, one in the other", async (t) => {
    const { port, spans, requests } = await collector(t);
    const running = await server(t, port, "service node-dns", 'metadata\nlog . "trace {/trace/traceid}"');
    await ask(running, "A.example.");
    await ask(running, "a.example.");
    await running.stop();
    assert.deepEqual(new Set(requests), new Set(["POST /v1/traces application/x-protobuf"]));
    const byTrace = [...Map.groupBy(spans, ({ traceId }) => traceId).values()];
    const named = byTrace.map((group) => new Map(group.map((span) => [span.name, span])));
    const [miss, hit] = named;
    assert.ok(miss && hit && named.length === 2);
    assert.deepEqual([...miss.keys()].toSorted(), ["cache", "errors", "forward", "log", "servedns"]);
    assert.deepEqual([...hit.keys()].toSorted(), ["cache", "errors", "log", "servedns"]);
    const way = ["servedns", "errors", "log", "cache", "forward"];
    for (const [i, name] of way.entries()) {
      assert.equal(miss.get(name)?.parent, i === 0 ? "" : miss.get(way[i - 1] ?? "")?.id, name);
      assert.equal(miss.get(name)?.status ?? 0, 0);
    }
    const root = miss.get("servedns");
    assert.equal(root?.service, "node-dns");
    assert.deepEqual(root?.attributes, {
      "coredns.io/name": "a.example.",
      "coredns.io/type": "A",
      "coredns.io/proto": "udp",
      "coredns.io/remote": "127.0.0.1",
      "coredns.io/rcode": "NOERROR",
    });
    assert.ok(running.lines.includes(`[INFO] trace ${root?.traceId}`), running.lines.join("\n"));
  });

  it("traces one query of so many", async (t) => {
    const { port, spans } = await collector(t);
    const running = await server(t, port, "every 3");
    for (let i = 1; i <= 7; i++) await ask(running, `n${i}.example.`);
    await running.stop();
    const roots = spans.filter(({ name }) => name === "servedns");
    assert.deepEqual(roots.map(({ attributes: facts }) => String(facts["coredns.io/name"])).toSorted(), [
      "n3.example.",
      "n6.example.",
    ]);
  });

  it("answers while nobody takes the spans, and says so once", async (t) => {
    const { port, requests } = await collector(t, 400);
    const running = await server(t, port, "zipkin_max_batch_size 1\nzipkin_max_batch_interval 1ms");
    for (let i = 0; i < 3; i++) {
      const before = requests.length;
      await ask(running, `n${i}.example.`);
      for (let wait = 0; wait < 200 && requests.length < before + 2; wait++) {
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    }
    await running.stop();
    const told = running.lines.filter((line) => line.includes("plugin/trace"));
    assert.equal(told.length, 1, told.join("\n"));
    assert.match(
      told[0] ?? "",
      /^\[WARNING\] plugin\/trace: cannot send spans to http:\/\/127\.0\.0\.1:\d+\/v1\/traces: /,
    );
  });

  it("marks what failed", async (t) => {
    const { port, spans } = await collector(t);
    const { instance } = setUp(trace, `. {\ntrace 127.0.0.1:${port}\n}`);
    await instance.start?.();
    const failing = answering((query) => ({ wire: testReply(query.wire), plugin: "x", error: new Error("no luck") }));
    await chainOf(instance, failing).serve(testQuery("a.", "A"));
    const broken = { serve: () => Promise.reject(new Error("a defect")) };
    const query = testQuery("b.", "A");
    await assert.rejects(chainOf(instance, broken).serve(query), { message: "a defect" });
    assert.equal(query.span, undefined);
    await instance.stop?.("shutdown");
    assert.deepEqual(
      spans.map(({ status }) => status),
      [2, 2],
    );
  });
});

/** SERVFAIL. */
function testReply(query: Uint8Array): Uint8Array {
  const reply = query.slice();
  reply[2] = 0x81;
  reply[3] = 0x82;
  return reply;
}
