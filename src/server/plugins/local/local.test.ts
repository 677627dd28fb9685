import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { FLAG_AA } from "../../../dns/header.ts";
import { decodeMessage } from "../../../dns/message.ts";
import { Metrics } from "../../metrics/metrics.ts";
import { linesOf, pluginServer } from "../../../../test/support/plugin-server.ts";
import { answerA } from "../../../../test/support/scripted-upstream.ts";
import { answering, chainOf, setUp, testQuery } from "../../../../test/support/setup-context.ts";
import { local } from "./local.ts";

const soa = (zone: string): string => `${zone} 604800 IN SOA localhost. root.localhost. 1 0 0 0 604800`;

interface Told {
  readonly rcode: number;
  readonly answer: string[];
  readonly authority: string[];
  readonly counted: number;
  readonly log: readonly string[];
}

async function ask(name: string, type: string, options = ""): Promise<Told | "next"> {
  const metrics = Metrics.create({ threads: 1 });
  const { instance, context } = setUp(local, `. {\nlocal ${options}\n}`, { metrics });
  context.log.enableDebug(true);
  const next = answering();
  const answer = await chainOf(instance, next).serve(testQuery(name, type));
  assert.equal(context.seesEveryQuery, false);
  if (next.queries.length > 0) return "next";
  assert.equal(answer.plugin, "local");
  const message = decodeMessage(answer.wire);
  assert.equal(message.flags & FLAG_AA, 0);
  return {
    rcode: message.rcode,
    answer: linesOf(message.answers),
    authority: linesOf(message.authority),
    counted: metrics.counter("coredns_local_localhost_requests_total").with().value,
    log: context.log.lines,
  };
}

describe("local", () => {
  for (const [name, type, line] of [
    ["localhost", "A", "localhost. 604800 IN A 127.0.0.1"],
    ["localHOst", "A", "localHOst. 604800 IN A 127.0.0.1"],
    ["localhost", "AAAA", "localhost. 604800 IN AAAA ::1"],
    ["localhost", "NS", "localhost. 604800 IN NS localhost."],
    ["localhost", "SOA", soa("localhost.")],
    ["127.in-addr.arpa", "SOA", soa("127.in-addr.arpa.")],
    ["255.in-addr.arpa", "NS", "255.in-addr.arpa. 604800 IN NS localhost."],
    ["1.0.0.127.in-addr.arpa", "PTR", "1.0.0.127.in-addr.arpa. 604800 IN PTR localhost."],
  ] as const) {
    it(`answers ${name} ${type}`, async () => {
      const told = await ask(name, type);
      assert.deepEqual(told, { rcode: 0, answer: [line], authority: [], counted: 0, log: [] });
    });
  }

  for (const [name, type, rcode, zone] of [
    ["localhost", "MX", 0, "localhost."],
    ["127.in-addr.arpa", "A", 0, "127.in-addr.arpa."],
    ["0.In-Addr.arpa", "PTR", 0, "0.In-Addr.arpa."],
    ["1.0.0.127.in-addr.arpa", "MX", 0, "127.in-addr.arpa."],
    ["1.0.0.127.IN-addr.arpa", "A", 0, "127.IN-addr.arpa."],
    ["2.0.0.127.in-addr.arpa", "PTR", 3, "127.in-addr.arpa."],
    ["1.1.0.0.127.in-addr.arpa", "PTR", 3, "127.in-addr.arpa."],
    ["255.255.255.255.in-addr.arpa", "PTR", 3, "255.in-addr.arpa."],
  ] as const) {
    it(`says that there is nothing for ${name} ${type}`, async () => {
      const told = await ask(name, type);
      assert.deepEqual(told, { rcode, answer: [], authority: [soa(zone)], counted: 0, log: [] });
    });
  }

  for (const name of ["a.localhost", "b.a.LocalHost", "localhost.example.net", "LOCALHOST.a"]) {
    it(`gives ${name} the loopback addresses, counts it and tells of it`, async () => {
      const a = await ask(name, "A");
      assert.ok(a !== "next");
      assert.deepEqual([a.rcode, a.answer, a.counted], [0, [`${name}. 604800 IN A 127.0.0.1`], 1]);
      assert.deepEqual(a.log, [
        `[DEBUG] plugin/local: Intercepting localhost query for "${name.toLowerCase()}." A, from 10.240.0.1`,
      ]);
      const aaaa = await ask(name, "AAAA");
      assert.deepEqual(aaaa !== "next" && aaaa.answer, [`${name}. 604800 IN AAAA ::1`]);
      const mx = await ask(name, "MX");
      assert.ok(mx !== "next");
      const authority = mx.authority.map((line) => line.toLowerCase());
      assert.deepEqual([mx.rcode, mx.answer, authority], [0, [], [soa(`${name}.`).toLowerCase()]]);
    });
  }

  it("leaves other names to the next plugin", async () => {
    for (const name of ["example.org", "notlocalhost", "localhosts.a", "a.localhost.b", "10.in-addr.arpa", "."]) {
      assert.equal(await ask(name, "A"), "next", name);
    }
  });

  it("can leave localhost in front of other names alone", async () => {
    const off = "{\nlocalhost_prefix off\n}";
    assert.equal(await ask("localhost.example.net", "A", off), "next");
    assert.notEqual(await ask("a.localhost", "A", off), "next");
    assert.notEqual(await ask("localhost", "A", off), "next");
    assert.notEqual(await ask("localhost.example.net", "A", "{\nlocalhost_prefix on\n}"), "next");
  });

  for (const [text, message] of [
    ["example.org", "Corefile:2:7: Wrong argument count: 'local' does not take 'example.org'"],
    ["{\nfoo\n}", "Corefile:3:1: unknown property 'foo'"],
    ["{\nlocalhost_prefix maybe\n}", `Corefile:3:18: localhost_prefix expects 'on' or 'off', got "maybe"`],
    ["{\nlocalhost_prefix\n}", "Corefile:3:1: Wrong argument count or unexpected line ending after 'localhost_prefix'"],
    ["{\nlocalhost_prefix on off\n}", "Corefile:3:21: Wrong argument count: 'localhost_prefix' does not take 'off'"],
  ] as const) {
    it(`refuses local ${text.replaceAll("\n", " ")}`, () => {
      const metrics = Metrics.create({ threads: 1 });
      assert.throws(() => setUp(local, `. {\nlocal ${text}\n}`, { metrics }), { message });
    });
  }

  it("keeps its names from upstreams and from answers cached before it came, and leaves the rest fast", async (t) => {
    const corefile = ". {\n cache\n forward . 127.0.0.1:PORT\n}\n";
    const { running, upstream, ask: send } = await pluginServer(t, answerA("192.0.2.1", 300), corefile);
    await send("localhost.", 1);
    const asked = upstream.queries.length;
    running.configure(`. {\n local\n cache\n forward . 127.0.0.1:${upstream.port}\n}\n`);
    await running.server.reload();
    assert.deepEqual(linesOf((await send("localhost.", 1)).answers), ["localhost. 604800 IN A 127.0.0.1"]);
    assert.equal(upstream.queries.length, asked);
    assert.equal(running.server.blocks[0]?.slow, false);
  });
});
