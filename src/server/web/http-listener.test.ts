import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { Readable } from "node:stream";
import { after, describe, it } from "node:test";
import { HttpListener, MAX_CONNECTIONS, textReply, type HttpHandler, type HttpTimeouts } from "./http-listener.ts";

const defects: unknown[] = [];
const requests: unknown[] = [];
let onStart: () => void = () => {};
/** A request for `/never` has come in. */
const started = new Promise<void>((resolve) => {
  onStart = resolve;
});
const routes: Record<string, HttpHandler> = {
  "/health": (request) => {
    requests.push(request);
    return textReply(200, "OK");
  },
  "/broken": () => Promise.reject(new Error("a defect")),
  "/never": () => {
    onStart();
    return new Promise(() => {});
  },
  "/large": () => textReply(200, "x".repeat(300_000)),
};
/** Streams given out by `/stream`, the last one last. */
const streams: Readable[] = [];
routes["/stream"] = ({ query }) => {
  const stream = new Readable({ read() {} });
  streams.push(stream);
  stream.push("first ");
  const silenceMs = query === "" ? {} : { silenceMs: Number(query) };
  return { status: 200, contentType: "text/plain", body: stream, fileName: "a.txt", ...silenceMs };
};
const opened: HttpListener[] = [];

async function open(timeouts?: HttpTimeouts): Promise<HttpListener> {
  const listener = await HttpListener.open(
    "127.0.0.1:0",
    (path) => routes[path],
    (error) => defects.push(error),
    { timeouts },
  );
  opened.push(listener);
  return listener;
}

/** Sends bytes and gives all that comes until the server closes the connection. */
async function exchange(listener: HttpListener, bytes: string): Promise<string> {
  const socket = connect(listener.port, "127.0.0.1");
  socket.write(bytes);
  return await readAll(socket);
}

async function readAll(socket: Socket): Promise<string> {
  let text = "";
  socket.setEncoding("latin1");
  socket.on("data", (chunk) => (text += String(chunk)));
  socket.on("error", () => {});
  await once(socket, "close");
  return text;
}

const statusOf = (response: string): string => response.split(" ", 2)[1] ?? "";

describe("an HTTP listener", () => {
  after(() => Promise.all(opened.map((listener) => listener.close())));

  it("answers GET with the handler's reply and tells it path and query", async () => {
    const { port } = await open();
    const response = await fetch(`http://127.0.0.1:${port}/health?verbose=1`);
    assert.equal(response.status, 200);
    assert.equal(response.headers.get("content-type"), "text/plain; charset=utf-8");
    assert.equal(await response.text(), "OK");
    assert.deepEqual(requests.at(-1), { method: "GET", path: "/health", query: "verbose=1" });
  });

  it("sends a stream as it comes", async () => {
    const { port } = await open();
    const response = await fetch(`http://127.0.0.1:${port}/stream`);
    assert.equal(response.headers.get("content-disposition"), 'attachment; filename="a.txt"');
    streams.at(-1)?.push("second");
    streams.at(-1)?.push(null);
    assert.equal(await response.text(), "first second");
  });

  it("ends a stream with its client, and the client with a stream that fails or is silent", async () => {
    const { port } = await open();
    const leaving = new AbortController();
    await fetch(`http://127.0.0.1:${port}/stream`, { signal: leaving.signal });
    const abandoned = streams.at(-1) ?? assert.fail();
    leaving.abort();
    await new Promise((resolve) => abandoned.once("close", resolve));

    const failing = await fetch(`http://127.0.0.1:${port}/stream`);
    streams.at(-1)?.destroy(new Error("no more"));
    await assert.rejects(failing.text());
    const silent = await fetch(`http://127.0.0.1:${port}/stream?20`);
    await assert.rejects(silent.text());

    const head = await fetch(`http://127.0.0.1:${port}/stream`, { method: "HEAD" });
    assert.equal(head.status, 200);
    assert.equal(streams.at(-1)?.destroyed, true);
    assert.deepEqual(defects, []);
  });

  it("answers HEAD with the length and without the body", async () => {
    const response = await exchange(await open(), "HEAD /health HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    assert.equal(statusOf(response), "200");
    assert.match(response, /content-length: 2\r\n/i);
    assert.ok(response.endsWith("\r\n\r\n"));
  });

  it("answers a request target in absolute form", async () => {
    const request = "GET http://a.example/health HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n";
    assert.equal(statusOf(await exchange(await open(), request)), "200");
  });

  it("answers 404 to other paths and 405 to other methods", async () => {
    const { port } = await open();
    for (const path of ["/", "/health/", "/healthz", "//health", "/%68ealth"]) {
      assert.equal((await fetch(`http://127.0.0.1:${port}${path}`)).status, 404, path);
    }
    for (const method of ["POST", "PUT", "DELETE", "OPTIONS", "PATCH"]) {
      const response = await fetch(`http://127.0.0.1:${port}/health`, { method });
      assert.equal(response.status, 405, method);
      assert.equal(response.headers.get("allow"), "GET, HEAD");
    }
  });

  it("reads no body: it answers and closes, whatever comes", async () => {
    const listener = await open();
    const tail = "\r\n\r\n" + "b".repeat(100_000);
    const post = await exchange(listener, `POST /health HTTP/1.1\r\nHost: a\r\nContent-Length: 10000000${tail}`);
    assert.equal(statusOf(post), "405");
    assert.match(post, /connection: close\r\n/i);
    const get = await exchange(listener, `GET /health HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nGET /`);
    assert.equal(statusOf(get), "413");
    const chunked = "GET /health HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n";
    assert.equal(statusOf(await exchange(listener, chunked)), "413");
    const expects = "POST /health HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n";
    assert.equal(statusOf(await exchange(listener, expects)), "405");
  });

  it("answers 431 to more than 8 KiB of headers and 400 to what is no HTTP", async () => {
    const listener = await open();
    const long = `GET /health HTTP/1.1\r\nHost: a\r\nX-Long: ${"x".repeat(8192)}\r\n\r\n`;
    assert.equal(statusOf(await exchange(listener, long)), "431");
    assert.equal(statusOf(await exchange(listener, "\x16\x03\x01\x02\x00 a TLS hello\r\n\r\n")), "400");
    assert.equal((await fetch(`http://127.0.0.1:${listener.port}/health`)).status, 200);
  });

  it("closes on a client that does not end its headers", async () => {
    const listener = await open({
      headersMs: 20,
      requestMs: 60_000,
      keepAliveMs: 50,
      checkEveryMs: 10,
      closeGraceMs: 50,
    });
    assert.equal(statusOf(await exchange(listener, "GET /health HTTP/1.1\r\nHost:")), "408");
  });

  it("closes the connections beyond its limit at once, and serves again when one is free", async () => {
    const listener = await open();
    const held: Socket[] = [];
    for (let i = 0; i < MAX_CONNECTIONS; i++) {
      const socket = connect(listener.port, "127.0.0.1");
      held.push(socket);
      await once(socket, "connect");
    }
    const request = "GET /health HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    assert.equal(await exchange(listener, request), "");
    const [freed] = held;
    freed?.end(request);
    assert.ok(freed);
    assert.equal(statusOf(await readAll(freed)), "200");
    assert.equal(statusOf(await exchange(listener, request)), "200");
    for (const socket of held) socket.destroy();
  });

  it("answers 500 when a handler fails, reports it, and goes on", async () => {
    const { port } = await open();
    const response = await fetch(`http://127.0.0.1:${port}/broken`);
    assert.equal(response.status, 500);
    assert.equal(await response.text(), "Internal Server Error\n");
    assert.match(String(defects.at(-1)), /a defect/);
    assert.equal((await fetch(`http://127.0.0.1:${port}/health`)).status, 200);
  });

  it("sends a large body whole", async () => {
    const { port } = await open();
    assert.equal((await (await fetch(`http://127.0.0.1:${port}/large`)).text()).length, 300_000);
  });

  it("closes although a handler does not come to an end, after a moment", { timeout: 2_000 }, async () => {
    const listener = await open({
      headersMs: 60_000,
      requestMs: 60_000,
      keepAliveMs: 50,
      checkEveryMs: 60_000,
      closeGraceMs: 20,
    });
    const reply = exchange(listener, "GET /never HTTP/1.1\r\nHost: a\r\n\r\n");
    await started;
    await listener.close();
    assert.equal(await reply, "");
  });

  it("closes although a client keeps its connection open", async () => {
    const listener = await open();
    const socket = connect(listener.port, "127.0.0.1");
    socket.write("GET /health HTTP/1.1\r\nHost: a\r\n\r\n");
    await once(socket, "data");
    const closed = once(socket, "close");
    await listener.close();
    await closed;
  });
});
