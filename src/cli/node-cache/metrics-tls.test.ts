import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { get, type RequestOptions } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { describe, it, type TestContext } from "node:test";
import { LineLog } from "../../base/log.ts";
import { textReply } from "../../server/web/http-listener.ts";
import { HttpServers } from "../../server/web/http-servers.ts";
import { type Certificate, selfSigned } from "../../../test/support/certificate.ts";
import { FLAGS, type NodeCacheSettings, settingsOf } from "./flags.ts";
import { parseGoFlags } from "./go-flags.ts";
import { metricsTls } from "./metrics-tls.ts";

interface Bench {
  readonly lines: string[];
  /** Replaces certificate and key of the server. */
  renew(certificate: Certificate): void;
  /** The body, or the code of the error. */
  ask(options?: RequestOptions): Promise<string>;
}

const SERVER = selfSigned(["localhost", "127.0.0.1"]);
const CLIENT = selfSigned(["prometheus"]);

async function start(t: TestContext, ...words: string[]): Promise<Bench> {
  const folder = mkdtempSync(join(tmpdir(), "nodens-metrics-tls-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const path = (name: string): string => join(folder, name);
  const renew = ({ cert, key }: Certificate): void => {
    writeFileSync(path("tls.crt"), cert);
    writeFileSync(path("tls.key"), key);
  };
  renew(SERVER);
  writeFileSync(path("ca.crt"), CLIENT.cert);
  const files = [`-tls-cert-file=${path("tls.crt")}`, `-tls-private-key-file=${path("tls.key")}`];
  const lines: string[] = [];
  const log = new LineLog((line) => lines.push(line));
  const settings = settingsFrom("-tls-enabled", ...files, ...words.map((word) => word.replace("CA", path("ca.crt"))));
  const http = new HttpServers();
  const lease = await http.acquire("127.0.0.1:0", "/metrics", () => textReply(200, "coredns_build_info 1\n"), {
    https: metricsTls(settings, log),
  });
  t.after(() => lease.release());
  const ask = async (options: RequestOptions = {}): Promise<string> => {
    const { port } = lease;
    try {
      const request = get({ host: "127.0.0.1", port, path: "/metrics", ca: SERVER.cert, agent: false, ...options });
      const [response] = (await once(request, "response")) as [NodeJS.ReadableStream];
      return await text(response);
    } catch (error) {
      return error instanceof Error && "code" in error ? String(error.code) : String(error);
    }
  };
  return { lines, renew, ask };
}

function settingsFrom(...words: string[]): NodeCacheSettings {
  const parsed = parseGoFlags(FLAGS, ["-localip", "169.254.20.10", ...words]);
  const settings = parsed.kind === "parsed" ? settingsOf(parsed.values) : parsed.kind;
  return typeof settings === "string" ? assert.fail(settings) : settings;
}

describe("metrics over TLS", () => {
  it("are off by default", () => {
    assert.equal(metricsTls(settingsFrom(), new LineLog(() => {})), undefined);
  });

  it("speak TLS 1.3, and 1.2 when asked to", async (t) => {
    const { ask } = await start(t);
    assert.equal(await ask(), "coredns_build_info 1\n");
    assert.notEqual(await ask({ maxVersion: "TLSv1.2" }), "coredns_build_info 1\n");
    const older = await start(t, "-tls-min-version=TLS12");
    assert.equal(await older.ask({ maxVersion: "TLSv1.2" }), "coredns_build_info 1\n");
  });

  it("take a renewed certificate at once, and keep the old one when the new one is broken", async (t) => {
    const { ask, renew, lines } = await start(t);
    assert.equal(await ask(), "coredns_build_info 1\n");
    const next = selfSigned(["127.0.0.1"]);
    renew(next);
    assert.equal(await ask({ ca: next.cert }), "coredns_build_info 1\n");
    renew({ cert: "none", key: "none" });
    assert.equal(await ask({ ca: next.cert }), "coredns_build_info 1\n");
    assert.match(lines.join("\n"), /metrics over TLS: the files changed and cannot be used, the ones before stay/);
  });

  it("want what is asked of clients", async (t) => {
    const any = await start(t, "-tls-client-auth-type=RequireAnyClientCert");
    assert.notEqual(await any.ask(), "coredns_build_info 1\n");
    assert.equal(await any.ask(CLIENT), "coredns_build_info 1\n");
    const known = await start(t, "-tls-client-auth-type=RequireAndVerifyClientCert", "-tls-client-ca-file=CA");
    assert.notEqual(await known.ask(), "coredns_build_info 1\n");
    assert.notEqual(await known.ask(selfSigned(["somebody"])), "coredns_build_info 1\n");
    assert.equal(await known.ask(CLIENT), "coredns_build_info 1\n");
  });

  it("say which file is missing", () => {
    const settings = settingsFrom("-tls-enabled", "-tls-cert-file=/nowhere/tls.crt");
    assert.throws(() => metricsTls(settings, new LineLog(() => {})), /error reading \/nowhere\/tls\.crt/);
  });
});
