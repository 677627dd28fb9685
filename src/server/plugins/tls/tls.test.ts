import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect as connectTcp } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it, type TestContext } from "node:test";
import { connect, type ConnectionOptions, type TLSSocket } from "node:tls";
import { promisify } from "node:util";
import { decodeMessage } from "../../../dns/message.ts";
import { recordToText } from "../../../dns/records/record-text.ts";
import { selfSigned } from "../../../../test/support/certificate.ts";
import { queryFor, TcpClient } from "../../../../test/support/dns-client.ts";
import { missing } from "../../../../test/support/machine.ts";
import { type RunningServer, runServer } from "../../../../test/support/running-server.ts";
import { answerA, startUpstream } from "../../../../test/support/scripted-upstream.ts";
import { setUp } from "../../../../test/support/setup-context.ts";
import { tls } from "./tls.ts";

const folder = mkdtempSync(join(tmpdir(), "nodens-tls-"));
after(() => rmSync(folder, { recursive: true }));
const path = (name: string): string => join(folder, name);
const own = selfSigned(["dns.example"]);
const friend = selfSigned(["friend.example"]);
const stranger = selfSigned(["stranger.example"]);
writeFileSync(path("cert.pem"), own.cert);
writeFileSync(path("key.pem"), own.key);
writeFileSync(path("other.pem"), friend.key);
writeFileSync(path("ca.pem"), friend.cert);

describe("the tls directive", () => {
  const read = (lines: string) => setUp(tls, `tls://. {\n${lines}\n}`, { root: folder }).context.tls;

  it("reads files from the root, and absolute ones", () => {
    const expected = { cert: own.cert, key: own.key, ca: undefined, clientAuth: "nocert" };
    assert.deepEqual(read("tls cert.pem key.pem")?.current(), expected);
    assert.deepEqual(read(`tls ${path("cert.pem")} key.pem`)?.current(), expected);
    assert.deepEqual(read("tls cert.pem key.pem ca.pem")?.current().ca, friend.cert);
    assert.equal(read("tls cert.pem key.pem")?.keyLog, undefined);
  });

  for (const auth of ["nocert", "request", "require", "verify_if_given", "require_and_verify"]) {
    it(`takes client_auth ${auth}`, () => {
      assert.equal(read(`tls cert.pem key.pem {\nclient_auth ${auth}\n}`)?.current().clientAuth, auth);
    });
  }

  for (const [lines, message] of [
    ["tls", "Corefile:2:1: Wrong argument count or unexpected line ending after 'tls'"],
    ["tls cert.pem", "Corefile:2:5: Wrong argument count or unexpected line ending after 'cert.pem'"],
    ["tls cert.pem key.pem ca.pem x", "Corefile:2:29: Wrong argument count: 'tls' does not take 'x'"],
    ["tls cert.pem key.pem {\nclient_auth sometimes\n}", "Corefile:3:13: unknown authentication type 'sometimes'"],
    ["tls cert.pem key.pem {\nclient_auth\n}", /^Corefile:3:1: Wrong argument count/],
    ["tls cert.pem key.pem {\nciphers x\n}", "Corefile:3:1: unknown option 'ciphers'"],
    ["tls {\nacme dns.example.org\n}", "Corefile:3:1: certificates by ACME are not obtained by this version"],
    ["tls absent.pem key.pem", /^Corefile:2:5: error reading .*absent\.pem: ENOENT/],
    ["tls cert.pem absent.pem", /^Corefile:2:14: error reading .*absent\.pem: ENOENT/],
    ["tls key.pem key.pem", /^Corefile:2:5: no certificate in .*key\.pem/],
    ["tls cert.pem other.pem", /^Corefile:2:5: could not load TLS cert/],
    ["tls cert.pem key.pem key.pem", /^Corefile:2:22: no certificate in .*key\.pem/],
    ["tls cert.pem key.pem\ntls cert.pem key.pem", /^Corefile:3:1: .*only be used once/],
  ] as const) {
    it(`refuses ${lines.replaceAll("\n", " | ")}`, () => assert.throws(() => read(lines), { message }));
  }
});

interface Served {
  readonly running: RunningServer;
  readonly port: number;
}

async function serve(t: TestContext, options = "", rest = "whoami"): Promise<Served> {
  const files = `${path("cert.pem")} ${path("key.pem")} ${path("ca.pem")}`;
  const running = await runServer(`tls://.:0 {\nbind 127.0.0.1\ntls ${files} ${options}\n${rest}\n}`);
  t.after(() => running.stop());
  return { running, port: running.port };
}

function open(port: number, options: ConnectionOptions = {}): TLSSocket {
  return connect({ port, host: "127.0.0.1", ca: own.cert, servername: "dns.example", ...options });
}

async function client(t: TestContext, port: number, options: ConnectionOptions = {}): Promise<TcpClient> {
  const socket = open(port, options);
  t.after(() => socket.destroy());
  await new Promise<void>((resolve, reject) => {
    socket.once("secureConnect", resolve);
    socket.once("error", reject);
  });
  return new TcpClient(socket);
}

const wire = queryFor("example.org.", 1, { id: 7 });

/** Whether a client that comes so gets an answer. */
async function isServed(t: TestContext, port: number, options: ConnectionOptions = {}): Promise<boolean> {
  try {
    const dns = await client(t, port, options);
    dns.send(wire);
    return decodeMessage(await dns.next()).id === 7;
  } catch {
    return false;
  }
}

describe("DNS over TLS", () => {
  it("is answered in a chain with cache, many queries on one connection", async (t) => {
    const upstream = await startUpstream({ script: answerA("192.0.2.7", 300) });
    t.after(() => upstream.close());
    const { running, port } = await serve(t, "", `cache\nforward . 127.0.0.1:${upstream.port}`);
    assert.deepEqual(running.server.addresses, [{ scheme: "tls", address: "127.0.0.1", port }]);
    const dns = await client(t, port, { ALPNProtocols: ["dot"] });
    for (let i = 0; i < 2; i++) {
      dns.send(queryFor("a.example.", 1), queryFor("A.Example.", 1));
      for (const reply of await dns.take(2)) {
        assert.match(recordToText(decodeMessage(reply).answers[0] ?? assert.fail()), /192\.0\.2\.7$/);
      }
    }
    assert.equal(upstream.queries.length, 1);
    assert.equal(running.server.blocks[0]?.servers[0]?.label, "tls://127.0.0.1:0");
  });

  it("is answered to kdig", { skip: missing("kdig") }, async (t) => {
    const { port } = await serve(t);
    const args = ["+tls", "+noall", "+additional", "-p", String(port), "@127.0.0.1", "example.org", "A"];
    const kdig = await promisify(execFile)("kdig", args);
    assert.match(kdig.stdout, /_tcp\.example\.org\.\s+0\s+IN\s+SRV/);
  });

  it("speaks dot and nothing else, TLS 1.2 and above", async (t) => {
    const { running, port } = await serve(t);
    assert.equal(await isServed(t, port, { ALPNProtocols: ["dot"] }), true);
    assert.equal(await isServed(t, port, { ALPNProtocols: ["h2", "dot"], maxVersion: "TLSv1.2" }), true);
    assert.equal(await isServed(t, port, { ALPNProtocols: ["h2"] }), false);
    const old = { minVersion: "TLSv1", maxVersion: "TLSv1.1", ciphers: "ALL:@SECLEVEL=0" } as const;
    assert.equal(await isServed(t, port, old), false);
    assert.equal(await isServed(t, port), true);
    assert.equal(running.fatals.length, 0);
  });

  for (const [auth, none, signed, unsigned] of [
    ["nocert", true, true, true],
    ["request", true, true, true],
    ["require", false, true, true],
    ["verify_if_given", true, true, false],
    ["require_and_verify", false, true, false],
  ] as const) {
    it(`with client_auth ${auth} serves whom it should`, async (t) => {
      const { port } = await serve(t, `{\nclient_auth ${auth}\n}`);
      const served = [await isServed(t, port), await isServed(t, port, { ...friend, ca: own.cert })];
      served.push(await isServed(t, port, { ...stranger, ca: own.cert }));
      assert.deepEqual(served, [none, signed, unsigned]);
    });
  }

  it("gives up on clients that do not finish the handshake, and ends with them", async (t) => {
    const { running, port } = await serve(t, "", "timeouts {\nread 1s\n}\nwhoami");
    const silent = connectTcp(port, "127.0.0.1");
    t.after(() => silent.destroy());
    const closed = new Promise<void>((resolve) => silent.once("close", () => resolve()));
    silent.on("error", () => {});
    silent.write("not TLS at all, and long enough to be seen as that");
    await closed;
    assert.equal(await isServed(t, port), true);
    const waiting = connectTcp(port, "127.0.0.1");
    t.after(() => waiting.destroy());
    waiting.on("error", () => {});
    await new Promise<void>((resolve) => waiting.once("connect", () => resolve()));
    const ended = new Promise<void>((resolve) => waiting.once("close", () => resolve()));
    await Promise.all([running.stop(), ended]);
  });

  it("uses other files after a reload, while open connections stay", async (t) => {
    const { running, port } = await serve(t);
    const before = await client(t, port);
    writeFileSync(path("cert2.pem"), friend.cert);
    running.configure(`tls://.:0 {\nbind 127.0.0.1\ntls ${path("cert2.pem")} ${path("other.pem")}\nwhoami\n}`);
    assert.equal(await running.server.reload(), undefined);
    assert.equal(running.port, port);
    assert.equal(await isServed(t, port), false, "the old authority");
    assert.equal(await isServed(t, port, { ca: friend.cert, servername: "friend.example" }), true);
    before.send(wire);
    assert.equal(decodeMessage(await before.next()).id, 7);
  });

  it("writes the key log where it was told to", async (t) => {
    const { running, port } = await serve(t, `{\nkeylog ${path("keys.log")}\n}`);
    assert.equal(await isServed(t, port), true);
    assert.match(readFileSync(path("keys.log"), "latin1"), /^(CLIENT|SERVER)_\w+ [0-9a-f]+ [0-9a-f]+$/m);
    assert.ok(running.lines.some((line) => line.startsWith("[WARNING] plugin/tls: Writing TLS Key Log to ")));
  });

  it("needs the plugin", async () => {
    await assert.rejects(runServer("tls://. {\nwhoami\n}"), { message: "Corefile:1:1: tls:// needs a certificate" });
    await assert.rejects(runServer("https://. {\nwhoami\n}"), { message: /https:\/\/ is not served/ });
  });
});
