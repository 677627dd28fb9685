import assert from "node:assert/strict";
import { existsSync, linkSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { type AdminReply, getAdmin } from "../../../test/support/admin-client.ts";
import { askTcp, askUdp, queryFor } from "../../../test/support/dns-client.ts";
import { FixedPods } from "../../../test/support/fixed-pods.ts";
import { type RunningServer, runServer } from "../../../test/support/running-server.ts";
import { answerA, silence, startUpstream } from "../../../test/support/scripted-upstream.ts";
import type { AdminAddress } from "../web/admin-address.ts";
import type { AdminSnapshot } from "./admin-snapshot.ts";

const LOOPBACK: AdminAddress = { kind: "tcp", host: "127.0.0.1", port: 0 };
const COREFILE = ". {\nwhoami\n}";

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), "nodens-admin-"));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

async function serve(
  t: TestContext,
  address: AdminAddress,
  corefile = COREFILE,
  more: NonNullable<Parameters<typeof runServer>[1]>["server"] = {},
): Promise<RunningServer> {
  const running = await runServer(corefile, {
    server: { admin: { addresses: [address], needed: true }, counting: "watched", ...more },
  });
  t.after(() => running.stop());
  return running;
}

async function get(running: RunningServer, path: string, headers?: Record<string, string>): Promise<AdminReply> {
  return getAdmin(running.server.admin ?? assert.fail("no admin API"), path, headers);
}

async function snapshot(running: RunningServer, query = ""): Promise<AdminSnapshot> {
  const { status, body } = await get(running, `/v1/snapshot${query}`);
  assert.equal(status, 200, body);
  return JSON.parse(body) as AdminSnapshot;
}

describe("the admin API", () => {
  it("tells who asked for what, hits and misses, over UDP and TCP, and what upstreams and the cache did", async (t) => {
    const upstream = await startUpstream({ script: answerA("192.0.2.7", 300) });
    t.after(() => upstream.close());
    const pods = new FixedPods();
    const corefile = `. {\ncache\nforward . 127.0.0.1:${upstream.port}\n}`;
    const running = await serve(t, LOOPBACK, corefile, { pods: { source: pods, node: "worker-1" } });
    pods.put("shop", "web-1", "127.0.0.1");
    assert.deepEqual((await snapshot(running)).clients?.clients, []);
    const { port } = running;
    for (let i = 0; i < 3; i++) await askUdp({ port, wire: queryFor("A.example.", 1) });
    await askTcp({ port, wire: queryFor("a.example.", 1) });
    await askUdp({ port, wire: queryFor("b.example.", 1) });
    const now = await snapshot(running);
    const [client] = now.clients?.clients ?? [];
    assert.deepEqual(
      [client?.namespace, client?.pod, client?.address, client?.queries, client?.misses],
      ["shop", "web-1", "127.0.0.1", 5, 2],
    );
    assert.deepEqual(
      now.clients?.names.map(({ name, queries }) => [name, queries]),
      [
        ["a.example.", 4],
        ["b.example.", 1],
      ],
    );
    assert.deepEqual(
      now.clients?.namespaces.map(({ namespace, queries, names }) => [namespace, queries, names[0]?.name]),
      [["shop", 5, "a.example."]],
    );
    const { totals, upstreams, cache, listens, api, inFlight } = now;
    assert.deepEqual(
      [totals.queries, totals.overTcp, totals.cacheHits, totals.cacheMisses, totals.rcodes[0], api, inFlight],
      [5, 1, 3, 2, 5, 1, 0],
    );
    assert.equal(
      totals.latency.counts.reduce((sum, one) => sum + one, 0),
      5,
    );
    assert.deepEqual(
      upstreams.map(({ to, replies, inFlight: waiting, failures }) => [to, replies, waiting, failures]),
      [[`127.0.0.1:${upstream.port}`, 2, 0, 0]],
    );
    assert.equal(cache.answers, 2);
    assert.deepEqual(listens, [`127.0.0.1:${port}`]);
    await running.stop();
    assert.equal(pods.closed, true);
  });

  it("counts how many messages wait for an upstream", async (t) => {
    const upstream = await startUpstream({ script: silence() });
    t.after(() => upstream.close());
    const running = await serve(t, LOOPBACK, `. {\nforward . 127.0.0.1:${upstream.port}\n}`);
    const asked = askUdp({ port: running.port, wire: queryFor("a.example.", 1), timeoutMs: 6000 });
    let waiting = 0;
    for (let i = 0; i < 40 && waiting === 0; i++) {
      waiting = (await snapshot(running)).upstreams[0]?.inFlight ?? 0;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    assert.ok(waiting > 0);
    await asked;
    let [row] = (await snapshot(running)).upstreams;
    // What is on its way when the client has been told may come still, for a while.
    for (let i = 0; i < 100 && row?.inFlight !== 0; i++) {
      await new Promise((resolve) => setTimeout(resolve, 50));
      [row] = (await snapshot(running)).upstreams;
    }
    assert.deepEqual([row?.inFlight, row?.replies], [0, 0]);
    assert.ok((row?.failures ?? 0) > 0);
  });

  it("orders, filters and cuts as wished, and says what it does not understand", async (t) => {
    const running = await serve(t, LOOPBACK);
    await snapshot(running);
    for (const name of ["a.example.", "a.example.", "b.example.", "c.test."]) {
      await askUdp({ port: running.port, wire: queryFor(name, 1) });
    }
    const names = async (query: string): Promise<string[] | undefined> =>
      (await snapshot(running, query)).clients?.names.map(({ name }) => name);
    assert.deepEqual(await names("?name_order=queries&limit=1"), ["a.example."]);
    assert.deepEqual((await names("?name=EXAMPLE"))?.toSorted(), ["a.example.", "b.example."]);
    assert.deepEqual((await snapshot(running, "?client=10.9")).clients?.clients, []);
    for (const [query, message] of [
      ["?limit=1001", "limit must be a number from 0 to 1000\n"],
      ["?limit=-1", "limit must be a number from 0 to 1000\n"],
      ["?limit=1000&names_each=6", "limit times names_each must be at most 5000\n"],
      ["?client_order=size", "client_order must be one of rate, queries, nxdomain, waste, latency\n"],
      ["?constructor=1", /^unknown parameter constructor: there are limit, /],
      [`?name=${"x".repeat(256)}`, "name must be at most 255 characters\n"],
    ] as const) {
      const reply = await get(running, `/v1/snapshot${query}`);
      assert.equal(reply.status, 400);
      if (typeof message === "string") assert.equal(reply.body, message);
      else assert.match(reply.body, message);
    }
    assert.equal((await get(running, "/v2/snapshot")).status, 404);
    assert.match((await get(running, "/")).body, /GET \/v1\/snapshot/);
  });

  it("streams, to a bounded number of readers", async (t) => {
    const running = await serve(t, LOOPBACK);
    const address = running.server.admin ?? assert.fail();
    const events = (body: string): string[] => body.split("\n\n").slice(0, -1);
    const path = "/v1/stream?interval_ms=200";
    const { body } = await getAdmin(address, path, {}, (text) => events(text).length >= 3);
    for (const event of events(body)) {
      assert.equal((JSON.parse(event.replace(/^data: /, "")) as AdminSnapshot).api, 1);
    }
    const held = Array.from({ length: 12 }, () => getAdmin(address, path, {}, (text) => events(text).length >= 4));
    const statuses = (await Promise.all(held)).map(({ status }) => status);
    assert.deepEqual(
      [statuses.filter((one) => one === 200).length, statuses.filter((one) => one === 503).length],
      [8, 4],
    );
  });

  it("survives a reload, and keeps what it has counted", async (t) => {
    const running = await serve(t, LOOPBACK);
    await snapshot(running);
    await askUdp({ port: running.port, wire: queryFor("a.example.", 1) });
    running.configure(`${COREFILE}\nexample.org {\nwhoami\n}`);
    assert.equal(await running.server.reload(), undefined);
    await askUdp({ port: running.port, wire: queryFor("a.example.", 1) });
    assert.equal((await snapshot(running)).clients?.names[0]?.queries, 2);
  });

  it("counts nobody where that is never to be", async (t) => {
    const running = await serve(t, LOOPBACK, COREFILE, { counting: "never" });
    await askUdp({ port: running.port, wire: queryFor("a.example.", 1) });
    assert.equal((await snapshot(running)).clients, null);
  });
});

describe("the place of the admin API", () => {
  it("is a file for its owner only, which goes with the server", async (t) => {
    const path = join(folder(t), "new", "admin.sock");
    const running = await serve(t, { kind: "unix", path });
    assert.equal(statSync(path).mode & 0o777, 0o600);
    assert.equal(statSync(join(path, "..")).mode & 0o777, 0o700);
    assert.equal((await snapshot(running)).pid, process.pid);
    await running.stop();
    assert.equal(existsSync(path), false);
  });

  it("is taken over from a server that died, and from nobody else", async (t) => {
    const at = folder(t);
    const path = join(at, "admin.sock");
    // What a killed process leaves: a file that nobody listens at.
    const dead = createServer();
    await new Promise<void>((resolve) => dead.listen(join(at, "dead.sock"), resolve));
    linkSync(join(at, "dead.sock"), path);
    await new Promise((resolve) => dead.close(resolve));
    await serve(t, { kind: "unix", path });
    const message = (fact: string): RegExp => new RegExp(`^cannot serve the admin API on unix:${path}: ${fact}$`);
    await assert.rejects(serve(t, { kind: "unix", path }), {
      code: "NODENS_ADMIN_BIND",
      message: message("another process serves there"),
    });
    const file = join(at, "file");
    writeFileSync(file, "precious");
    await assert.rejects(serve(t, { kind: "unix", path: file }), {
      message: /there is a file that is no socket$/,
    });
    assert.equal(existsSync(file), true);
    await assert.rejects(serve(t, { kind: "unix", path: join(at, "a", "b", "c") }), { message: /no such folder$/ });
    await assert.rejects(serve(t, { kind: "unix", path: join(at, "x".repeat(120)) }), { message: /too long$/ });
  });

  it("is nowhere when it need not be and cannot be, with one line when another instance has it", async (t) => {
    const at = folder(t);
    const path = join(at, "admin.sock");
    await serve(t, { kind: "unix", path });
    const places = (...paths: string[]) => ({
      admin: { addresses: paths.map((one) => ({ kind: "unix", path: one }) as const), needed: false },
    });
    const second = await serve(t, LOOPBACK, COREFILE, places(join(at, "no", "such", "folder"), path));
    assert.equal(second.server.admin, undefined);
    assert.deepEqual(
      second.lines.filter((line) => line.includes("admin")),
      [`[INFO] another instance has unix:${path}: without an admin API (--admin gives it a place)`],
    );
    const third = await serve(t, LOOPBACK, COREFILE, places("/proc/nodens/admin.sock"));
    assert.equal(third.server.admin, undefined);
    assert.deepEqual(
      third.lines.filter((line) => line.includes("admin")),
      [],
    );
  });

  it("on loopback is not for pages of other names", async (t) => {
    const running = await serve(t, LOOPBACK);
    for (const [host, status] of [
      ["evil.example", 403],
      ["127.0.0.1.evil.example", 403],
      ["localhost:1", 200],
      ["[::1]:9254", 200],
      ["127.0.0.1", 200],
    ] as const) {
      assert.equal((await get(running, "/", { Host: host })).status, status, host);
    }
  });
});
