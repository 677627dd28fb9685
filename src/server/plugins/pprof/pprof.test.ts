import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { askUdp, queryFor } from "../../../../test/support/dns-client.ts";
import { freePort } from "../../../../test/support/free-port.ts";
import { runServer } from "../../../../test/support/running-server.ts";
import { setUp } from "../../../../test/support/setup-context.ts";
import { pprof } from "./pprof.ts";

describe("the pprof directive", () => {
  for (const lines of [
    "pprof",
    "pprof 1.2.3.4:1234",
    "pprof :1234",
    "pprof {\n}",
    "pprof {\nblock\n}",
    "pprof :1234 {\nblock 20\n}",
  ]) {
    it(`takes ${lines.replaceAll("\n", " | ")}`, () => assert.ok(setUp(pprof, `. {\n${lines}\n}`).instance));
  }

  for (const [lines, message] of [
    ["pprof :1234 -1", "Corefile:2:13: Wrong argument count: 'pprof' does not take '-1'"],
    ["pprof /foo", "Corefile:2:7: address /foo: missing port in address"],
    ["pprof {\na b\n}", "Corefile:3:1: unknown property 'a'"],
    ["pprof {\nblock 20 30\n}", "Corefile:3:10: Wrong argument count: 'block' does not take '30'"],
    ["pprof {\nblock invalid\n}", "Corefile:3:7: property 'block' invalid integer value 'invalid'"],
    ["pprof {\nblock 0\n}", "Corefile:3:7: property 'block' invalid integer value '0'"],
    ["pprof\npprof", /^Corefile:3:1: .*only be used once/],
  ] as const) {
    it(`refuses ${lines.replaceAll("\n", " | ")}`, () => {
      assert.throws(() => setUp(pprof, `. {\n${lines}\n}`), { message });
    });
  }
});

describe("pprof", () => {
  it("gives profiles of a server that goes on answering", async (t) => {
    const port = await freePort();
    const running = await runServer(`. {\npprof 127.0.0.1:${port} {\nblock\n}\nwhoami\n}`);
    t.after(() => running.stop());
    const get = (path: string, method = "GET"): Promise<Response> =>
      fetch(`http://127.0.0.1:${port}/debug/pprof${path}`, { method });

    const profile = get("/profile?seconds=1");
    await askUdp({ port: running.port, wire: queryFor("a.example.", 1) });
    const index = await (await get("/")).text();
    for (const path of ["profile", "allocs", "heap", "block", "cmdline"])
      assert.match(index, new RegExp(`pprof/${path}`));
    assert.equal(await (await get("")).text(), index);
    assert.match(await (await get("/block")).text(), /^p99 [0-9.]+ ms$/m);
    assert.match(await (await get("/cmdline")).text(), /node/);
    for (const query of ["seconds=0", "seconds=301", "seconds=x", "seconds=1.5", "seconds="]) {
      assert.equal((await get(`/profile?${query}`)).status, 400, query);
    }
    assert.equal((await get("/heap", "HEAD")).status, 200);
    assert.equal((await get("/allocs?seconds=1")).status, 503);

    const reply = await profile;
    assert.equal(reply.headers.get("content-disposition"), 'attachment; filename="cpu.cpuprofile"');
    assert.ok(Array.isArray((JSON.parse(await reply.text()) as { nodes: unknown }).nodes));
    const heap = await get("/heap");
    assert.equal(heap.headers.get("content-disposition"), 'attachment; filename="heap.heapsnapshot"');
    assert.match(await heap.text(), /^\{"snapshot":/);
  });

  it("does not watch the event loop unless it is told to", async (t) => {
    const port = await freePort();
    const running = await runServer(`. {\npprof 127.0.0.1:${port}\nwhoami\n}`);
    t.after(() => running.stop());
    assert.equal((await fetch(`http://127.0.0.1:${port}/debug/pprof/block`)).status, 404);
    assert.doesNotMatch(await (await fetch(`http://127.0.0.1:${port}/debug/pprof/`)).text(), /pprof\/block/);
  });
});
