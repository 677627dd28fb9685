import assert from "node:assert/strict";
import { createSecureServer, type Http2SecureServer, type ServerHttp2Session } from "node:http2";
import type { AddressInfo } from "node:net";
import { afterEach, describe, it } from "node:test";
import { createServer as createTlsServer, type TLSSocket } from "node:tls";
import { selfSigned } from "../../../test/support/certificate.ts";
import { type Exchange, openExchange, type Outcome } from "../../../test/support/upstream-exchange.ts";
import { FrameReader } from "../../dns/frame.ts";
import { FLAG_QR, readU16, writeU16 } from "../../dns/header.ts";
import { decodeMessage } from "../../dns/message.ts";
import type { GroupConfig, UpstreamScheme } from "./open-group.ts";

const { cert, key } = selfSigned(["dns.example", "127.0.0.1"]);
const stranger = selfSigned(["dns.example", "127.0.0.1"]);
const opened: { close(): Promise<void> }[] = [];

afterEach(async () => {
  for (const one of opened.splice(0).toReversed()) await one.close();
});

/** NODATA: the query with QR, without its OPT. */
function replyTo(query: Uint8Array): Uint8Array {
  const reply = query.slice(0, query.length - (query[11] === 1 ? 11 : 0));
  writeU16(reply, 2, readU16(reply, 2) | FLAG_QR);
  reply[11] = 0;
  return reply;
}

/** With an A record whose TTL is 300. */
function withAddress(reply: Uint8Array): Uint8Array {
  const answer = Uint8Array.from([...reply, 0xc0, 12, 0, 1, 0, 1, 0, 0, 1, 44, 0, 4, 192, 0, 2, 1]);
  answer[7] = 1;
  return answer;
}

function framed(message: Uint8Array): Uint8Array {
  return Uint8Array.from([message.length >> 8, message.length & 0xff, ...message]);
}

class TlsUpstream {
  port = 0;
  connections = 0;
  resumed = 0;
  queries = 0;
  readonly serverNames: unknown[] = [];
  readonly sockets = new Set<TLSSocket>();
  readonly #server = createTlsServer({ cert, key }, (socket) => this.#accept(socket));

  async listen(): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    this.port = (this.#server.address() as AddressInfo).port;
    opened.push(this);
    return this;
  }

  #accept(socket: TLSSocket): void {
    this.connections++;
    if (socket.isSessionReused()) this.resumed++;
    if ("servername" in socket) this.serverNames.push(socket.servername);
    this.sockets.add(socket);
    const reader = new FrameReader();
    socket.on("error", () => {});
    socket.on("close", () => this.sockets.delete(socket));
    socket.on("data", (chunk: Uint8Array) =>
      reader.push(chunk, (message) => {
        this.queries++;
        socket.write(framed(replyTo(message)));
      }),
    );
  }

  async close(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }
}

class HttpsUpstream {
  port = 0;
  sessions = 0;
  status = 200;
  /** Of the response; absent: no such field, and no record. */
  age: string | undefined;
  readonly requests: { method: string; path: string; authority: string; query: Uint8Array }[] = [];
  readonly #open = new Set<ServerHttp2Session>();
  readonly #server: Http2SecureServer = createSecureServer({ cert, key });

  async listen(): Promise<this> {
    this.#server.on("session", (session) => {
      this.sessions++;
      this.#open.add(session);
      session.on("close", () => this.#open.delete(session));
    });
    this.#server.on("stream", (stream, headers) => {
      const chunks: Uint8Array[] = [];
      const method = headers[":method"] ?? "";
      const path = headers[":path"] ?? "";
      stream.on("data", (chunk: Uint8Array) => chunks.push(chunk));
      stream.on("end", () => {
        const query = method === "GET" ? Buffer.from(path.split("?dns=")[1] ?? "", "base64url") : Buffer.concat(chunks);
        this.requests.push({ method, path, authority: headers[":authority"] ?? "", query });
        const age = this.age === undefined ? {} : { age: this.age };
        stream.respond({ ":status": this.status, "content-type": "application/dns-message", ...age });
        const reply = replyTo(new Uint8Array(query));
        stream.end(this.age === undefined ? reply : withAddress(reply));
      });
    });
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    this.port = (this.#server.address() as AddressInfo).port;
    opened.push(this);
    return this;
  }

  dropSessions(): void {
    for (const session of this.#open) session.destroy();
  }

  async close(): Promise<void> {
    this.dropSessions();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }
}

function exchange(
  scheme: UpstreamScheme,
  port: number,
  config: Partial<GroupConfig> & { serverName?: string; ca?: string } = {},
): Exchange {
  const made = openExchange([], {
    targets: [{ scheme, address: "127.0.0.1", port, serverName: config.serverName }],
    tls: { serverName: undefined, ca: config.ca ?? cert, cert: undefined, key: undefined },
    ...config,
  });
  opened.push(made);
  return made;
}

function isNodata(outcome: Outcome): void {
  assert.ok(outcome.message, `no message but ${outcome.error?.message}`);
  assert.equal(readU16(outcome.message, 2), 0x8100);
}

describe("DNS over TLS", () => {
  it("asks many questions over one connection, for clients of UDP and TCP alike", async () => {
    const server = await new TlsUpstream().listen();
    const { ask, count } = exchange("tls", server.port, { serverName: "dns.example" });
    isNodata(await ask("a.example."));
    isNodata(await ask("b.example.", "A", { transport: "tcp" }));
    for (const outcome of await Promise.all(["c.", "d.", "e."].map((name) => ask(name)))) isNodata(outcome);
    assert.equal(server.connections, 1);
    assert.deepEqual(server.serverNames, ["dns.example"]);
    assert.equal(count("coredns_proxy_conn_cache_misses_total", { proto: "tcp-tls" }), 1);
  });

  it("resumes its session on the next connection", async () => {
    const server = await new TlsUpstream().listen();
    const { ask } = exchange("tls", server.port, { serverName: "dns.example" });
    isNodata(await ask("a.example."));
    for (const socket of server.sockets) socket.end();
    await until(() => server.sockets.size === 0);
    isNodata(await ask("b.example."));
    assert.equal(server.connections, 2);
    assert.equal(server.resumed, 1);
  });

  it("without a server name checks the certificate against the address", async () => {
    const server = await new TlsUpstream().listen();
    isNodata(await exchange("tls", server.port).ask("a.example."));
  });

  it("refuses a certificate of another authority, and one for another name", async () => {
    const server = await new TlsUpstream().listen();
    const other = await exchange("tls", server.port, { ca: stranger.cert }).ask("a.example.");
    assert.equal(other.error?.kind, "tls");
    const named = await exchange("tls", server.port, { serverName: "other.example" }).ask("a.example.");
    assert.equal(named.error?.kind, "tls");
    assert.equal(server.queries, 0);
  });

  it("fails at once where nothing listens", async () => {
    const server = await new TlsUpstream().listen();
    await server.close();
    assert.equal((await exchange("tls", server.port).ask("a.example.")).error?.kind, "refused");
    opened.splice(opened.indexOf(server), 1);
  });
});

describe("DNS over HTTPS", () => {
  it("takes the time that a cache of HTTP had the response from its TTLs (RFC 8484 §5.1)", async () => {
    const server = await new HttpsUpstream().listen();
    const { ask } = exchange("https", server.port);
    for (const [age, ttlS] of [
      ["100", 200],
      ["9999999999", 0],
      ["soon", 300],
    ] as const) {
      server.age = age;
      const { message } = await ask("a.example.");
      assert.equal(decodeMessage(message ?? assert.fail(age)).answers[0]?.ttl, ttlS, age);
    }
  });

  for (const dohMethod of ["POST", "GET"] as const) {
    it(`asks by ${dohMethod}, with id 0, all questions in one session`, async () => {
      const server = await new HttpsUpstream().listen();
      const { ask, count } = exchange("https", server.port, { dohMethod, serverName: "dns.example" });
      isNodata(await ask("a.example.", "A", { id: 77 }));
      for (const outcome of await Promise.all(["c.", "d.", "e."].map((name) => ask(name)))) isNodata(outcome);
      assert.equal(server.sessions, 1);
      const [first] = server.requests;
      assert.equal(first?.method, dohMethod);
      assert.match(first.path, dohMethod === "POST" ? /^\/dns-query$/ : /^\/dns-query\?dns=[\w-]+$/);
      assert.equal(first.authority, `dns.example:${server.port}`);
      assert.equal(readU16(first.query, 0), 0);
      assert.equal(count("coredns_proxy_conn_cache_misses_total", { proto: "https" }), 1);
    });
  }

  it("asks again in a new session when the old one was ended", async () => {
    const server = await new HttpsUpstream().listen();
    const { ask, count } = exchange("https", server.port);
    isNodata(await ask("a.example."));
    server.dropSessions();
    isNodata(await ask("b.example."));
    assert.equal(server.sessions, 2);
    assert.equal(count("nodens_upstream_failures_total"), 0);
  });

  it("takes another status than 200 for a failure", async () => {
    const server = await new HttpsUpstream().listen();
    server.status = 503;
    assert.equal((await exchange("https", server.port).ask("a.example.")).error?.kind, "protocol");
  });

  it("refuses a certificate of another authority", async () => {
    const server = await new HttpsUpstream().listen();
    const { error } = await exchange("https", server.port, { ca: stranger.cert }).ask("a.example.");
    assert.equal(error?.kind, "tls");
    assert.equal(server.requests.length, 0);
  });

  it("fails at once where nothing listens", async () => {
    const server = await new HttpsUpstream().listen();
    await server.close();
    opened.splice(opened.indexOf(server), 1);
    assert.equal((await exchange("https", server.port).ask("a.example.")).error?.kind, "refused");
  });
});

async function until(holds: () => boolean): Promise<void> {
  const deadline = performance.now() + 2000;
  while (!holds()) {
    assert.ok(performance.now() < deadline, "waited too long");
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
