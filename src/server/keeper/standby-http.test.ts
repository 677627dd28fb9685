import assert from "node:assert/strict";
import { connect } from "node:net";
import { afterEach, beforeEach, describe, it } from "node:test";
import { withoutFfi } from "../../../test/support/ffi.ts";
import { closeFd } from "../../linux/fd.ts";
import { openTcpListener } from "../../linux/tcp-socket.ts";
import { boundSocket } from "../../linux/udp-socket.ts";
import { StandbyHttp } from "./standby-http.ts";
import type { StandbyReply } from "./standby-plan.ts";

const HEALTHY: StandbyReply = { path: "/health", status: 200, body: "OK" };
const UNREADY: StandbyReply = { path: "/ready", status: 503, body: "No server" };

describe("HTTP of the standby", { skip: withoutFfi }, () => {
  let fds: number[];
  let http: StandbyHttp;
  beforeEach(() => {
    fds = [];
    http = new StandbyHttp();
  });
  afterEach(() => {
    http.close();
    for (const fd of fds) closeFd(fd);
  });

  function open(): { fd: number; port: number } {
    const fd = openTcpListener("127.0.0.1", 0, 16);
    fds.push(fd);
    return { fd, port: boundSocket(fd)?.port ?? 0 };
  }

  /** All that comes until the connection ends. */
  function exchange(port: number, ...parts: string[]): Promise<string> {
    return new Promise((resolve, reject) => {
      let text = "";
      const socket = connect(port, "127.0.0.1");
      socket.setEncoding("latin1").on("data", (part: string) => (text += part));
      socket.on("error", reject).on("close", () => resolve(text));
      const [first = "", ...others] = parts;
      socket.write(first);
      for (const [i, part] of others.entries()) setTimeout(() => socket.write(part), 20 * (i + 1));
    });
  }

  async function get(port: number, path: string): Promise<string> {
    const response = await fetch(`http://127.0.0.1:${port}${path}`);
    return `${response.status} ${response.headers.get("content-type")} ${await response.text()}`;
  }

  it("says what it was told, and of other paths that there is no server", async () => {
    const { fd, port } = open();
    http.serve([{ fd, replies: [HEALTHY, UNREADY] }]);
    assert.equal(await get(port, "/health"), "200 text/plain; charset=utf-8 OK");
    assert.equal(await get(port, "/health?verbose"), "200 text/plain; charset=utf-8 OK");
    assert.equal(await get(port, "/ready"), "503 text/plain; charset=utf-8 No server");
    assert.equal(await get(port, "/metrics"), "503 text/plain; charset=utf-8 No server\n");
  });

  it("serves the others when one cannot be had", async () => {
    const { fd, port } = open();
    const none = -1;
    http.serve([
      { fd: none, replies: [HEALTHY] },
      { fd, replies: [HEALTHY] },
    ]);
    assert.equal(await get(port, "/health"), "200 text/plain; charset=utf-8 OK");
  });

  it("reads a head that comes in pieces, in absolute form, with a body behind it", async () => {
    const { fd, port } = open();
    http.serve([{ fd, replies: [HEALTHY] }]);
    const pieces = ["GET /hea", "lth HTTP/1.1\r\nHost: a\r", "\n\r\n"];
    assert.match(await exchange(port, ...pieces), /^HTTP\/1\.1 200 OK\r\n[^]*\r\nConnection: close\r\n\r\nOK$/);
    const absolute = "GET http://a.example:8080/health HTTP/1.0\r\nContent-Length: 5\r\n\r\nhello";
    assert.match(await exchange(port, absolute), /^HTTP\/1\.1 200 [^]*OK$/);
    const head = await exchange(port, "HEAD /health HTTP/1.1\r\n\r\n");
    assert.match(head, /^HTTP\/1\.1 200 OK\r\n[^]*Content-Length: 2\r\n[^]*\r\n\r\n$/);
  });

  it("refuses other methods, what is no HTTP, and a head without an end", async () => {
    const { fd, port } = open();
    http.serve([{ fd, replies: [HEALTHY] }]);
    assert.match(await exchange(port, "POST /health HTTP/1.1\r\n\r\n"), /^HTTP\/1\.1 405 [^]*\r\nAllow: GET, HEAD\r\n/);
    for (const bytes of ["\r\n\r\n", "GET\r\n\r\n", "\u0016\u0003\u0001\n\n", `GET /${"x".repeat(9000)}`]) {
      assert.match(await exchange(port, bytes), /^HTTP\/1\.1 400 /, JSON.stringify(bytes.slice(0, 20)));
    }
  });

  it("lets who can only be told bad news wait for a server, which may come soon", async () => {
    const [first, second] = [open(), open()];
    http.serve([
      { fd: first.fd, replies: [HEALTHY] },
      { fd: second.fd, replies: [UNREADY] },
    ]);
    const beganMs = performance.now();
    const unready = get(second.port, "/ready").then(() => performance.now() - beganMs);
    await get(first.port, "/health");
    assert.ok(performance.now() - beganMs < 400);
    assert.ok((await unready) >= 450);
  });

  it("accepts no more when it rests, and refuses nobody: they wait", async () => {
    const { fd, port } = open();
    http.serve([{ fd, replies: [HEALTHY] }]);
    assert.match(await get(port, "/health"), /^200 /);
    http.rest();
    const waiting = get(port, "/health");
    assert.equal(await Promise.race([waiting, new Promise((resolve) => setTimeout(resolve, 200, "waits"))]), "waits");
    http.serve([{ fd, replies: [UNREADY, HEALTHY] }]);
    assert.match(await waiting, /^200 /);
  });
});
