import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { decodeMessage } from "../../../dns/message.ts";
import { askTcp, askUdp, queryFor } from "../../../../test/support/dns-client.ts";
import { selfSigned } from "../../../../test/support/certificate.ts";
import { type ReaderOptions, startDnstapReader, type DnstapReader } from "../../../../test/support/dnstap-reader.ts";
import { FixedPods } from "../../../../test/support/fixed-pods.ts";
import { type RunningServer, runServer } from "../../../../test/support/running-server.ts";
import { answerA, startUpstream } from "../../../../test/support/scripted-upstream.ts";
import { directivesOf } from "../../../../test/support/setup-context.ts";
import { readTap, type TapSettings } from "./tap-settings.ts";

const read = (text: string): TapSettings => {
  const [directive] = directivesOf(`. {\n${text}\n}`, "dnstap");
  return readTap(directive ?? assert.fail(), "1.2.3");
};

describe("the dnstap directive", () => {
  const preset = {
    full: false,
    writeBuffer: 1,
    queue: 1,
    identity: hostname(),
    version: "Nodens-1.2.3",
    extra: "",
    skipVerify: false,
  };
  const unix = { kind: "unix", path: "dnstap.sock" };
  for (const [text, settings] of [
    ["dnstap dnstap.sock full", { to: "dnstap.sock", address: unix, full: true }],
    ["dnstap unix://dnstap.sock", { to: "unix://dnstap.sock", address: unix }],
    ["dnstap unix:///tmp/d.sock", { to: "unix:///tmp/d.sock", address: { kind: "unix", path: "/tmp/d.sock" } }],
    [
      "dnstap tcp://127.0.0.1:6000",
      { to: "tcp://127.0.0.1:6000", address: { kind: "tcp", host: "127.0.0.1", port: 6000 } },
    ],
    ["dnstap tcp://[::1]:6000", { to: "tcp://[::1]:6000", address: { kind: "tcp", host: "::1", port: 6000 } }],
    [
      "dnstap tcp://example.com:6000",
      { to: "tcp://example.com:6000", address: { kind: "tcp", host: "example.com", port: 6000 } },
    ],
    [
      "dnstap tls://127.0.0.1:6000",
      { to: "tls://127.0.0.1:6000", address: { kind: "tls", host: "127.0.0.1", port: 6000 } },
    ],
    [
      "dnstap dnstap.sock full 1024 2048",
      { to: "dnstap.sock", address: unix, full: true, writeBuffer: 1024, queue: 2048 },
    ],
    [
      "dnstap dnstap.sock {\nidentity NAME\nversion VER\nextra EXTRA\nskipverify\n}",
      { to: "dnstap.sock", address: unix, identity: "NAME", version: "VER", extra: "EXTRA", skipVerify: true },
    ],
  ] as const) {
    it(`reads ${text.replaceAll("\n", " | ")}`, () => assert.deepEqual(read(text), { ...preset, ...settings }));
  }

  for (const [text, message] of [
    ["dnstap", "Corefile:2:1: Wrong argument count or unexpected line ending after 'dnstap'"],
    ["dnstap {\nidentity NAME\n}", /^Corefile:2:1: Wrong argument count/],
    ["dnstap d.sock {\nidentity\n}", /^Corefile:3:1: Wrong argument count/],
    ["dnstap d.sock {\nversion\n}", /^Corefile:3:1: Wrong argument count/],
    ["dnstap d.sock {\nextra\n}", /^Corefile:3:1: Wrong argument count/],
    ["dnstap d.sock {\nidentitiy NAME\n}", "Corefile:3:1: unknown property 'identitiy'"],
    ["dnstap d.sock {\ntls a b\n}", "Corefile:3:1: tls directive only valid for listeners"],
    [
      "dnstap d.sock full 1025 1",
      "Corefile:2:20: dnstap: MultipleTcpWriteBuf must be between 1 and 1024 (MiB units): 1025",
    ],
    ["dnstap d.sock full 0 10", "Corefile:2:20: dnstap: MultipleTcpWriteBuf must be between 1 and 1024 (MiB units): 0"],
    ["dnstap d.sock full x 10", 'Corefile:2:20: dnstap: invalid MultipleTcpWriteBuf "x"'],
    [
      "dnstap d.sock full 1 4097",
      "Corefile:2:22: dnstap: MultipleQueue must be between 1 and 4096 (x10k messages): 4097",
    ],
    ["dnstap d.sock full 10 0", "Corefile:2:23: dnstap: MultipleQueue must be between 1 and 4096 (x10k messages): 0"],
    ["dnstap d.sock full 10 y", 'Corefile:2:23: dnstap: invalid MultipleQueue "y"'],
    ["dnstap tcp://127.0.0.1", "Corefile:2:8: address 127.0.0.1: missing port in address"],
    ["dnstap tls://:6000", "Corefile:2:8: address :6000: missing host or port"],
    ["dnstap listen tcp://127.0.0.1:6000", "Corefile:2:8: dnstap sinks are not listened for by this version"],
  ] as const) {
    it(`refuses ${text.replaceAll("\n", " | ")}`, () => assert.throws(() => read(text), { message }));
  }
});

async function setting(t: TestContext, options: ReaderOptions, directive: (reader: DnstapReader) => string) {
  const upstream = await startUpstream({ script: answerA("192.0.2.7", 300) });
  t.after(() => upstream.close());
  const sink = await startDnstapReader(options);
  t.after(() => sink.close());
  const text = `. {\nmetadata\n${directive(sink)}\ncache\nforward . 127.0.0.1:${upstream.port}\n}`;
  const running: RunningServer = await runServer(text);
  t.after(() => running.stop());
  return { upstream, sink, running };
}

describe("dnstap", () => {
  it("shows what clients ask and get, and what goes to upstreams, hits too", async (t) => {
    const { upstream, sink, running } = await setting(
      t,
      {},
      ({ port }) => `dnstap tcp://127.0.0.1:${port} full {
      identity me
      version 9
      extra "{name} {/forward/upstream}"
    }`,
    );
    const at = Date.now() / 1000;
    const wire = queryFor("A.example.", 1, { id: 17, opt: 1232 });
    const reply = await askUdp({ port: running.port, wire });
    const miss = await sink.until(4);
    const to = `127.0.0.1:${upstream.port}`;
    assert.deepEqual(
      miss.map(({ type, extra }) => [type, extra]),
      [
        [5, "a.example. -"],
        [7, `- ${to}`],
        [8, `- ${to}`],
        [6, `a.example. ${to}`],
      ],
    );
    const [asked, sent, received, answered] = miss;
    assert.ok(asked && sent && received && answered);
    for (const one of miss) {
      assert.deepEqual([one.identity, one.version, one.family, one.protocol], ["me", "9", 1, 1]);
      assert.ok(Math.abs((one.queryTime ?? 0) - at) < 2);
    }
    assert.deepEqual([asked.queryAddress, asked.responseAddress], ["127.0.0.1", "127.0.0.1"]);
    assert.ok((asked.queryPort ?? 0) > 0);
    assert.deepEqual(asked.queryMessage, wire);
    assert.deepEqual([asked.responseMessage, asked.responseTime], [undefined, undefined]);
    assert.deepEqual(answered.responseMessage, reply);
    assert.equal(answered.queryMessage, undefined);
    assert.ok((answered.responseTime ?? 0) >= (answered.queryTime ?? Number.POSITIVE_INFINITY));
    assert.deepEqual([sent.responseAddress, sent.responsePort], ["127.0.0.1", upstream.port]);
    assert.deepEqual(sent.queryMessage, upstream.queries[0]?.wire);
    assert.equal(decodeMessage(received.responseMessage ?? assert.fail()).id, upstream.queries[0]?.id);

    await askTcp({ port: running.port, wire });
    const hit = (await sink.until(6)).slice(4);
    assert.deepEqual(
      hit.map(({ type, protocol, extra }) => [type, protocol, extra]),
      [
        [5, 2, "a.example. -"],
        [6, 2, "a.example. -"],
      ],
    );
  });

  it("says which pod asked, in its extra field", async (t) => {
    const sink = await startDnstapReader({});
    t.after(() => sink.close());
    const pods = new FixedPods();
    pods.put("shop", "web-1", "127.0.0.1");
    const extra = 'extra "{/client/namespace}/{/client/pod}"';
    const text = `. {\nmetadata\ndnstap tcp://127.0.0.1:${sink.port} {\n${extra}\n}\nwhoami\n}`;
    const running = await runServer(text, { server: { pods: { source: pods, node: "" } } });
    t.after(() => running.stop());
    await askUdp({ port: running.port, wire: queryFor("a.example.", 1) });
    assert.deepEqual(
      (await sink.until(2)).map((message) => message.extra),
      ["shop/web-1", "shop/web-1"],
    );
  });

  it("leaves messages out without full, and writes to several sinks", async (t) => {
    const folder = mkdtempSync(join(tmpdir(), "nodens-dnstap-"));
    t.after(() => rmSync(folder, { recursive: true }));
    const path = join(folder, "dnstap.sock");
    const other = await startDnstapReader({ at: path });
    t.after(() => other.close());
    const { sink, running } = await setting(
      t,
      {},
      ({ port }) => `dnstap tcp://127.0.0.1:${port}\ndnstap unix://${path} full`,
    );
    await askUdp({ port: running.port, wire: queryFor("a.example.", 1) });
    for (const one of await sink.until(4))
      assert.deepEqual([one.queryMessage, one.responseMessage], [undefined, undefined]);
    for (const one of await other.until(4)) assert.ok((one.queryMessage ?? one.responseMessage ?? []).length > 12);
    await running.stop();
    assert.deepEqual(sink.controls, ["READY", "START", "STOP"]);
    assert.deepEqual(other.controls, ["READY", "START", "STOP"]);
    assert.equal(sink.messages[0]?.identity, hostname());
    assert.equal(sink.messages[0]?.version, "Nodens-test");
  });

  it("writes over TLS, to whom it can verify or need not", async (t) => {
    const tls = selfSigned(["127.0.0.1"]);
    const { sink, running } = await setting(
      t,
      { tls },
      ({ port }) => `dnstap tls://127.0.0.1:${port} {\nskipverify\n}`,
    );
    await askUdp({ port: running.port, wire: queryFor("a.example.", 1) });
    assert.equal((await sink.until(4)).length, 4);

    const strict = await setting(t, { tls }, ({ port }) => `dnstap tls://127.0.0.1:${port}`);
    for (let i = 0; i < 100 && !strict.running.lines.some((line) => line.includes("dnstap")); i++) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    const line = strict.running.lines.find((one) => one.includes("dnstap")) ?? "";
    assert.match(line, /^\[ERROR\] plugin\/dnstap: No connection to dnstap endpoint tls:.*: self-signed certificate/);
    assert.equal(strict.sink.messages.length, 0);
  });
});
