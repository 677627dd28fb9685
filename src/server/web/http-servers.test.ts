import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { describe, it } from "node:test";
import { describeError } from "../../base/errors.ts";
import { HttpBindError } from "./http-bind-error.ts";
import { LineLog } from "../../base/log.ts";
import { textReply, type HttpHandler } from "./http-listener.ts";
import { HttpServers, type HttpLease } from "./http-servers.ts";

const saying =
  (text: string): HttpHandler =>
  () =>
    textReply(200, text);

async function get(lease: HttpLease, path: string): Promise<string> {
  const response = await fetch(`http://127.0.0.1:${lease.port}${path}`);
  return response.status === 200 ? await response.text() : String(response.status);
}

describe("HTTP servers", () => {
  it("serve several paths of one address from one listener", async () => {
    const http = new HttpServers();
    const [a, b] = await Promise.all([
      http.acquire("127.0.0.1:0", "/a", saying("A")),
      http.acquire("127.0.0.1:0", "/b", saying("B")),
    ]);
    assert.equal(a.port, b.port);
    assert.equal(await get(a, "/a"), "A");
    assert.equal(await get(a, "/b"), "B");
    await a.release();
    assert.equal(await get(b, "/a"), "404");
    assert.equal(await get(b, "/b"), "B");
    await b.release();
    await assert.rejects(get(b, "/b"));
  });

  it("keep the socket and change the handler when a reload acquires before it releases", async () => {
    const http = new HttpServers();
    const old = await http.acquire("127.0.0.1:0", "/ready", saying("old"));
    const next = await http.acquire("127.0.0.1:0", "/ready", saying("new"));
    assert.equal(next.port, old.port);
    assert.equal(await get(old, "/ready"), "new");
    await old.release();
    assert.equal(await get(next, "/ready"), "new");
    await next.release();
  });

  it("go back to the handler before when a reload fails", async () => {
    const http = new HttpServers();
    const old = await http.acquire("127.0.0.1:0", "/ready", saying("old"));
    const failed = await http.acquire("127.0.0.1:0", "/ready", saying("new"));
    await failed.release();
    assert.equal(await get(old, "/ready"), "old");
    await old.release();
  });

  it("close once, however often a lease is released", async () => {
    const http = new HttpServers();
    const a = await http.acquire("127.0.0.1:0", "/a", saying("A"));
    const b = await http.acquire("127.0.0.1:0", "/b", saying("B"));
    await a.release();
    await a.release();
    assert.equal(await get(b, "/b"), "B");
    await b.release();
  });

  it("can bind an address again in the turn in which it was released", async () => {
    const http = new HttpServers();
    const first = await http.acquire("127.0.0.1:0", "/a", saying("first"));
    const address = `127.0.0.1:${first.port}`;
    await first.release();
    const second = await http.acquire(address, "/a", saying("second"));
    const released = second.release();
    const third = await http.acquire(address, "/a", saying("third"));
    await released;
    assert.equal(await get(third, "/a"), "third");
    await third.release();
  });

  it("listen on all addresses without a host, on loopback for localhost", async () => {
    const http = new HttpServers();
    const all = await http.acquire(":0", "/a", saying("all"));
    const local = await http.acquire("localhost:0", "/a", saying("local"));
    assert.ok(["::", "0.0.0.0"].includes(all.address), all.address);
    assert.ok(["127.0.0.1", "::1"].includes(local.address), local.address);
    assert.equal(await get(all, "/a"), "all");
    await Promise.all([all.release(), local.release()]);
  });

  it("say which address is in use, and forget the attempt", async () => {
    const taken = createServer().listen(0, "127.0.0.1");
    await once(taken, "listening");
    const bound = taken.address();
    assert.ok(bound !== null && typeof bound === "object");
    const address = `localhost:${bound.port}`;
    const http = new HttpServers();
    await assert.rejects(http.acquire(address, "/metrics", saying("")), (error) => {
      assert.ok(error instanceof HttpBindError);
      assert.equal(error.code, "NODENS_HTTP_BIND");
      assert.equal(error.address, address);
      assert.equal(
        error.message,
        `cannot serve HTTP on ${address}: cannot bind 127.0.0.1:${bound.port}: the address is in use`,
      );
      assert.match(describeError(error), /ss -lnptu/);
      return true;
    });
    taken.close();
    await once(taken, "close");
    const lease = await http.acquire(address, "/metrics", saying("M"));
    assert.equal(await get(lease, "/metrics"), "M");
    await lease.release();
  });

  it("refuse an address without a port and one that the machine does not have", async () => {
    const http = new HttpServers();
    await assert.rejects(http.acquire("localhost", "/a", saying("")), { code: "NODENS_HTTP_BIND" });
    await assert.rejects(http.acquire("192.0.2.1:0", "/a", saying("")), /no interface has this address/);
  });
});

describe("an HTTP address that another process is about to leave", () => {
  it("is waited for, and served as soon as it is free", async () => {
    const other = createServer().listen(0, "127.0.0.1");
    await once(other, "listening");
    const { port } = other.address() as AddressInfo;
    const lines: string[] = [];
    const log = new LineLog((line) => lines.push(line));
    const servers = new HttpServers({ patience: { untilMs: performance.now() + 60_000, log } });
    const lease = await servers.acquire(`127.0.0.1:${port}`, "/a", () => textReply(200, "mine"));
    assert.deepEqual([lease.address, lease.port], ["127.0.0.1", port]);
    other.close();
    while (!lines.some((line) => line.includes("is served now"))) await new Promise((done) => setTimeout(done, 5));
    assert.equal(await (await fetch(`http://127.0.0.1:${port}/a`)).text(), "mine");
    await lease.release();
    assert.equal(lines.length, 2);
  });

  it("is given up with the lease, and when patience is over", async () => {
    const other = createServer().listen(0, "127.0.0.1");
    await once(other, "listening");
    const { port } = other.address() as AddressInfo;
    const patience = { untilMs: performance.now() + 60_000, log: new LineLog(() => undefined) };
    const lease = await new HttpServers({ patience }).acquire(`127.0.0.1:${port}`, "/a", () => textReply(200, ""));
    await lease.release();
    const late = new HttpServers({ patience: { ...patience, untilMs: 0 } });
    await assert.rejects(
      late.acquire(`127.0.0.1:${port}`, "/a", () => textReply(200, "")),
      { code: "NODENS_HTTP_BIND" },
    );
    other.close();
  });
});
