import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Metadata } from "../../chain/metadata.ts";
import { decodeMessage } from "../../../dns/message.ts";
import { recordToText } from "../../../dns/records/record-text.ts";
import { askTcp, askUdp, queryFor } from "../../../../test/support/dns-client.ts";
import { type RunningServer, runServer } from "../../../../test/support/running-server.ts";
import { freePort } from "../../../../test/support/free-port.ts";
import { answerA, startUpstream } from "../../../../test/support/scripted-upstream.ts";
import { setUp, testQuery } from "../../../../test/support/setup-context.ts";
import { view } from "./view.ts";

describe("view", () => {
  it("takes a query when all expressions hold, and all queries without one", () => {
    const accepts = (lines: string, type = "A"): boolean | undefined =>
      setUp(view, `. {\nview v {\n${lines}\n}\n}`).instance.accepts?.(testQuery("a.example.", type));
    assert.equal(accepts("expr type() == 'A'\nexpr name() endsWith '.example.'"), true);
    assert.equal(accepts("expr type() == 'A'\nexpr name() endsWith '.example.'", "MX"), false);
    assert.equal(accepts(""), true);
  });

  it("tells its name, and takes its block off the fast path", () => {
    const { instance, context } = setUp(view, ". {\nview office\n}");
    const metadata = new Metadata();
    instance.metadata?.(testQuery("a.", "A"), metadata);
    assert.equal(metadata.get("view/name"), "office");
    assert.deepEqual([context.view, context.seesEveryQuery], ["office", true]);
  });

  for (const [lines, message] of [
    ["view", "Corefile:2:1: Wrong argument count or unexpected line ending after 'view'"],
    ["view a b", "Corefile:2:8: Wrong argument count: 'view' does not take 'b'"],
    ["view a\nview b", /^Corefile:3:1: .*only be used once/],
    ["view a {\nexp true\n}", "Corefile:3:1: unknown property 'exp'"],
    ["view a {\nexpr\n}", "Corefile:3:1: Wrong argument count or unexpected line ending after 'expr'"],
    ["view a {\nexpr true  and   nme() == 'x'\n}", "Corefile:3:18: unknown name nme"],
  ] as const) {
    it(`refuses ${lines.replaceAll("\n", " | ")}`, () => {
      assert.throws(() => setUp(view, `. {\n${lines}\n}`), { message });
    });
  }
});

async function answer(running: RunningServer, name: string, type = 1, over = askUdp): Promise<string> {
  const message = decodeMessage(await over({ port: running.port, wire: queryFor(name, type) }));
  return (
    message.answers.map((record) => recordToText(record).split(/\s+/).at(-1)).join(" ") || `rcode ${message.rcode}`
  );
}

describe("server blocks with views", () => {
  const hosts = (address: string): string => `hosts {\n${address} test\n}`;

  it("share a zone: the first that takes the query answers, the one without a view takes the rest", async (t) => {
    const running = await runServer(
      `. {\nview tcp {\nexpr proto() == 'tcp'\n}\n${hosts("192.0.2.1")}\n}
       . {\nview x {\nexpr name() startsWith 'test' && type() == 'AAAA'\n}\n${hosts("2001:db8::1")}\n}
       . {\n${hosts("192.0.2.3")}\n}`,
    );
    t.after(() => running.stop());
    assert.equal(await answer(running, "test.", 1, askTcp), "192.0.2.1");
    assert.equal(await answer(running, "test.", 28), "2001:db8::1");
    assert.equal(await answer(running, "test."), "192.0.2.3");
  });

  it("leave a query that none takes to the zone above, or to nobody", async (t) => {
    const running = await runServer(
      `a.test {\nview never {\nexpr false\n}\n${hosts("192.0.2.1")}\n}
       test {\nview a {\nexpr type() == 'A'\n}\nhosts {\n192.0.2.2 a.test\n}\n}`,
    );
    t.after(() => running.stop());
    assert.equal(await answer(running, "a.test."), "192.0.2.2");
    assert.equal(await answer(running, "a.test.", 16), "rcode 5");
  });

  it("see the metadata of their own block in expressions", async (t) => {
    const running = await runServer(
      `. {\nview a {\nexpr metadata('view/name') == 'a'\n}\nmetadata\n${hosts("192.0.2.1")}\n}
       . {\nview b {\nexpr metadata('view/name') == 'b'\n}\n${hosts("192.0.2.2")}\n}`,
    );
    t.after(() => running.stop());
    assert.equal(await answer(running, "test."), "192.0.2.1");
  });

  it("keep their cached answers apart, and count by view", async (t) => {
    const [one, two] = await Promise.all([
      startUpstream({ script: answerA("192.0.2.1", 300) }),
      startUpstream({ script: answerA("192.0.2.2", 300) }),
    ]);
    t.after(() => Promise.all([one.close(), two.close()]));
    const metrics = await freePort();
    const block = (name: string, proto: string, port: number): string =>
      `. {\nview ${name} {\nexpr proto() == '${proto}'\n}\nprometheus 127.0.0.1:${metrics}\ncache\nforward . 127.0.0.1:${port} {\nprefer_udp\n}\n}\n`;
    const running = await runServer(block("u", "udp", one.port) + block("t", "tcp", two.port));
    t.after(() => running.stop());
    for (let i = 0; i < 2; i++) {
      assert.equal(await answer(running, "x.example.", 1, askUdp), "192.0.2.1");
      assert.equal(await answer(running, "x.example.", 1, askTcp), "192.0.2.2");
    }
    assert.deepEqual([one.queries.length, two.queries.length], [1, 1]);
    const text = await (await fetch(`http://127.0.0.1:${metrics}/metrics`)).text();
    for (const [view, proto] of [
      ["u", "udp"],
      ["t", "tcp"],
    ] as const) {
      assert.match(
        text,
        new RegExp(`^coredns_dns_requests_total\\{[^}]*view="${view}",proto="${proto}"[^}]*\\} 2$`, "m"),
      );
      assert.match(text, new RegExp(`^coredns_cache_hits_total\\{[^}]*view="${view}"\\} 1$`, "m"));
    }
  });

  it("without views may not share one", async () => {
    await assert.rejects(runServer("a.test {\nview v\n}\na.test {\nwhoami\n}\na.test {\nerrors\n}"), {
      message: /^Corefile:7:1: cannot serve dns:\/\/a\.test\.:0 on 127\.0\.0\.1 - it is already defined/,
    });
  });
});
