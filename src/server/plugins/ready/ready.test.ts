import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setUp, type FakeContext } from "../../../../test/support/setup-context.ts";
import type { PluginInstance } from "../../chain/plugin.ts";
import { textReply } from "../../web/http-listener.ts";
import { HttpServers } from "../../web/http-servers.ts";
import { ready } from "./ready.ts";

/** A plugin that is ready when told. */
class Signal implements PluginInstance {
  ready = false;
  asked = 0;

  isReady(): boolean {
    this.asked++;
    return this.ready;
  }
}

function block(
  corefile: string,
  http: HttpServers,
  siblings: Readonly<Record<string, PluginInstance>> = {},
): { readonly instance: PluginInstance; readonly context: FakeContext } {
  return setUp(ready, corefile, { http, sibling: (directive) => siblings[directive] });
}

async function get(http: HttpServers): Promise<string> {
  const lease = await http.acquire("127.0.0.1:0", "/elsewhere", () => textReply(200, ""));
  const response = await fetch(`http://127.0.0.1:${lease.port}/ready`);
  await lease.release();
  return `${response.status} ${await response.text()}`;
}

const READY = ". {\n ready 127.0.0.1:0\n}";

describe("ready", () => {
  it("answers OK when no plugin has a say", async () => {
    const http = new HttpServers();
    const { instance } = block(READY, http, { cache: {}, forward: {} });
    await instance.start?.();
    assert.equal(await get(http), "200 OK");
    await instance.stop?.("shutdown");
    assert.match(await get(http), /^404 /);
  });

  it("answers 503 with the names of the plugins that are not ready, sorted, and logs them", async () => {
    const http = new HttpServers();
    const [hosts, kubernetes] = [new Signal(), new Signal()];
    const { instance, context } = block(READY, http, { hosts, kubernetes });
    await instance.start?.();
    assert.equal(await get(http), "503 hosts,kubernetes");
    assert.deepEqual(context.log.lines, ['[INFO] plugin/ready: Plugins not ready: "hosts,kubernetes"']);
    hosts.ready = true;
    assert.equal(await get(http), "503 kubernetes");
    kubernetes.ready = true;
    assert.equal(await get(http), "200 OK");
    await instance.stop?.("shutdown");
  });

  it("asks a plugin that was ready once no more, unless it monitors continuously", async () => {
    for (const [monitor, later, asked] of [
      ["until-ready", "200 OK", 1],
      ["continuously", "503 hosts", 2],
    ] as const) {
      const http = new HttpServers();
      const hosts = new Signal();
      hosts.ready = true;
      const { instance } = block(`. {\n ready 127.0.0.1:0 {\n  monitor ${monitor}\n }\n}`, http, { hosts });
      await instance.start?.();
      assert.equal(await get(http), "200 OK");
      hosts.ready = false;
      assert.equal(await get(http), later);
      assert.equal(hosts.asked, asked, monitor);
      await instance.stop?.("shutdown");
    }
  });

  it("tells for all blocks on each endpoint", async () => {
    const http = new HttpServers();
    const [first, second] = [new Signal(), new Signal()];
    const a = block(READY, http, { hosts: first }).instance;
    const b = block("example.org {\n ready localhost:0\n}", http, { hosts: second, kubernetes: second }).instance;
    await Promise.all([a.start?.(), b.start?.()]);
    first.ready = true;
    assert.equal(await get(http), "503 hosts,kubernetes");
    second.ready = true;
    assert.equal(await get(http), "200 OK");
    await Promise.all([a.stop?.("shutdown"), b.stop?.("shutdown")]);
  });

  it("forgets the plugins of a configuration that a reload replaced", async () => {
    const http = new HttpServers();
    const old = block(READY, http, { hosts: new Signal() }).instance;
    await old.start?.();
    const next = block(READY, http, { hosts: { isReady: () => true } }).instance;
    await next.start?.();
    assert.equal(await get(http), "503 hosts");
    await old.stop?.("reload");
    assert.equal(await get(http), "200 OK");
    await next.stop?.("shutdown");
  });

  it("answers 503 while the process shuts down", async () => {
    const http = new HttpServers();
    const { instance } = block(READY, http);
    await instance.start?.();
    await instance.beforeShutdown?.();
    assert.equal(await get(http), "503 Shutting down");
    await instance.stop?.("shutdown");
  });

  it("says where the Corefile is wrong", () => {
    const http = new HttpServers();
    const wrong: readonly (readonly [string, RegExp])[] = [
      [". {\n ready localhost\n}", /^Corefile:2:8: address localhost: missing port in address$/],
      [". {\n ready {\n  monitor sometimes\n }\n}", /^Corefile:3:11: monitor type 'sometimes' not supported$/],
      [". {\n ready {\n  monitor\n }\n}", /^Corefile:3:3: Wrong argument count/],
      [". {\n ready {\n  delay 1s\n }\n}", /^Corefile:3:3: unknown property 'delay'$/],
      [". {\n ready\n ready :8182\n}", /^Corefile:3:2: this plugin can only be used once per Server Block$/],
    ];
    for (const [corefile, message] of wrong) {
      assert.throws(() => block(corefile, http), { code: "NODENS_CONFIG", message });
    }
  });
});
