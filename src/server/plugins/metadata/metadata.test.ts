import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { PluginInstance } from "../../chain/plugin.ts";
import { askUdp, queryFor } from "../../../../test/support/dns-client.ts";
import { answerA, startUpstream } from "../../../../test/support/scripted-upstream.ts";
import { runServer } from "../../../../test/support/running-server.ts";
import { answering, chainOf, setUp, testQuery } from "../../../../test/support/setup-context.ts";
import { metadata } from "./metadata.ts";

const telling = (label: string, value: string): PluginInstance => ({
  metadata: (query, into) => into.set(label, `${value} ${query.name}`),
});

async function collected(corefile: string, name: string): Promise<string | undefined> {
  const siblings = new Map([
    ["view", telling("view/name", "v")],
    ["forward", telling("forward/x", "f")],
  ]);
  const { instance, context } = setUp(metadata, corefile, { sibling: (directive) => siblings.get(directive) });
  assert.equal(context.seesEveryQuery, true);
  await instance.start?.();
  const next = answering();
  await chainOf(instance, next).serve(testQuery(name, "A"));
  const [query] = next.queries;
  return query?.metadata === undefined
    ? undefined
    : `${query.metadata.get("view/name")},${query.metadata.get("forward/x")}`;
}

describe("metadata", () => {
  it("lets every plugin of the block tell before the chain goes on", async () => {
    assert.equal(await collected(". {\nmetadata\n}", "a.example."), "v a.example.,f a.example.");
  });

  it("is for its zones only, and for those of the block when it names none", async () => {
    assert.equal(await collected(". {\nmetadata example.org\n}", "example.net."), undefined);
    assert.equal(
      await collected(". {\nmetadata example.org\n}", "A.Example.org."),
      "v A.Example.org.,f A.Example.org.",
    );
    assert.equal(await collected("example.com {\nmetadata\n}", "example.net."), undefined);
  });

  it("collects once for a query, whoever asks first", async () => {
    let told = 0;
    const provider: PluginInstance = { metadata: () => void told++ };
    const { instance } = setUp(metadata, ". {\nmetadata\n}", {
      sibling: (name) => (name === "view" ? provider : undefined),
    });
    await instance.start?.();
    const query = testQuery("a.", "A");
    instance.collect?.(query);
    const first = query.metadata;
    await chainOf(instance).serve(query);
    assert.equal(told, 1);
    assert.equal(query.metadata, first);
  });

  it("tells whose the client is, where the server knows it", async () => {
    const pods = new Map([["10.240.0.1", { namespace: "shop", pod: "web-1" }]]);
    const whoIs = { version: 0, whoIs: (address: string) => pods.get(address) };
    for (const [client, told] of [
      ["10.240.0.1", "shop/web-1"],
      ["10.240.0.2", "/"],
    ] as const) {
      const { instance } = setUp(metadata, ". {\nmetadata\n}", { sibling: () => undefined, whoIs });
      await instance.start?.();
      const query = testQuery("a.", "A", { client });
      instance.collect?.(query);
      assert.equal(`${query.metadata?.get("client/namespace")}/${query.metadata?.get("client/pod")}`, told);
    }
  });

  it("takes no properties and stands once", () => {
    assert.throws(() => setUp(metadata, ". {\nmetadata {\nx\n}\n}"), {
      message: /^Corefile:3:1: unknown property 'x'/,
    });
    assert.throws(() => setUp(metadata, ". {\nmetadata\nmetadata\n}"), {
      message: /^Corefile:3:1: .*only be used once/,
    });
  });

  it("shows the upstream in log lines of a whole server, and none for a hit", async (t) => {
    const upstream = await startUpstream({ script: answerA("192.0.2.7", 300) });
    t.after(() => upstream.close());
    const running = await runServer(
      `. {\nmetadata\nlog . "{name} {/forward/upstream} {/no/such}"\ncache\nforward . 127.0.0.1:${upstream.port}\n}`,
    );
    t.after(() => running.stop());
    for (let i = 0; i < 2; i++) await askUdp({ port: running.port, wire: queryFor("a.example.", 1) });
    const lines = running.lines.filter((line) => line.includes("a.example."));
    assert.deepEqual(lines, [`[INFO] a.example. 127.0.0.1:${upstream.port} -`, "[INFO] a.example. - -"]);
  });
});
