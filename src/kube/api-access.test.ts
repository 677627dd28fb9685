/** Ways to the API server: each is tried with a real connection. */
import assert from "node:assert/strict";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, describe, it, type TestContext } from "node:test";
import { Seen, service } from "../../test/contract/cluster-source.ts";
import { TestApiServer, type ApiServerOptions } from "../../test/support/api-server.ts";
import { selfSigned } from "../../test/support/certificate.ts";
import { until } from "../../test/support/until.ts";
import type { ApiAccess } from "./api-access.ts";
import { apiSource, checkApiAccess } from "./api-source.ts";
import { KubeConfigError } from "./kube-errors.ts";

const folder = mkdtempSync(join(tmpdir(), "nodens-kubeconfig-"));
after(() => rmSync(folder, { recursive: true }));
const serverCertificate = selfSigned(["127.0.0.1"]);

function write(name: string, content: string | object): string {
  const path = join(folder, name);
  mkdirSync(dirname(path), { recursive: true });
  // JSON is YAML.
  writeFileSync(path, typeof content === "string" ? content : JSON.stringify(content));
  return path;
}

const base64 = (text: string): string => Buffer.from(text).toString("base64");

function kubeconfig(server: string, user: object, context = "main", cluster: object = {}): object {
  return {
    apiVersion: "v1",
    kind: "Config",
    clusters: [
      { name: context, cluster: { server, "certificate-authority-data": base64(serverCertificate.cert), ...cluster } },
    ],
    users: [{ name: context, user }],
    contexts: [{ name: context, context: { cluster: context, user: context } }],
    "current-context": context,
  };
}

async function serve(t: TestContext, options: ApiServerOptions = {}): Promise<TestApiServer> {
  const server = await TestApiServer.start({ tls: serverCertificate, ...options });
  server.put("services", service("web"));
  t.after(() => server.close());
  return server;
}

/** Sees a Service through this access. */
async function works(t: TestContext, access: ApiAccess): Promise<Seen<"services">> {
  const source = apiSource(access);
  t.after(() => source.close());
  const seen = new Seen(source, "services");
  await until(() => seen.watch.synced, `synced (${seen.staleReason})`).catch(() => assert.fail(seen.staleReason));
  assert.deepEqual(seen.keys, ["default/web"]);
  return seen;
}

function withEnvironment(t: TestContext, values: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(values)) {
    const before = process.env[name];
    process.env[name] = value;
    t.after(() => {
      if (before === undefined) Reflect.deleteProperty(process.env, name);
      else process.env[name] = before;
    });
  }
}

describe("a kubeconfig", () => {
  it("with a token and an authority", async (t) => {
    const server = await serve(t, { tokens: ["secret"] });
    const file = write("token.yaml", kubeconfig(server.url, { token: "secret" }));
    const seen = await works(t, { kind: "kubeconfig", files: [file] });
    assert.equal(seen.watch.staleReason, undefined);
  });

  it("with a file that holds the token, beside the kubeconfig, read again when it changes", async (t) => {
    const server = await serve(t, { tokens: ["first"] });
    write("a/token", "first\n");
    const file = write("a/config", kubeconfig(server.url, { tokenFile: "token" }));
    const seen = await works(t, { kind: "kubeconfig", files: [file] });
    await until(() => server.openWatches === 1, "the first watch");
    write("a/token", "second\n");
    server.setTokens(["second"]);
    server.dropWatches();
    await until(() => server.watchesOpened === 2, "a watch with the new token");
    assert.equal(server.requests.at(-1)?.authorization, "Bearer second");
    assert.equal(seen.staleReason, undefined);
  });

  it("with a client's certificate", async (t) => {
    const client = selfSigned(["client"]);
    const server = await serve(t, { clientCa: client.cert });
    const user = { "client-certificate-data": base64(client.cert), "client-key-data": base64(client.key) };
    await works(t, { kind: "kubeconfig", files: [write("client.yaml", kubeconfig(server.url, user))] });
  });

  it("with a plugin beside it, which is told about the cluster", async (t) => {
    const server = await serve(t, { tokens: ["of-the-plugin"] });
    const plugin = write(
      "p/plugin.js",
      `#!${process.execPath}
const { apiVersion, spec } = JSON.parse(process.env.KUBERNETES_EXEC_INFO);
const token = spec.cluster.server === process.argv[2] && process.env.MORE === "1" ? "of-the-plugin" : "wrong";
console.log(JSON.stringify({ kind: "ExecCredential", apiVersion, status: { token } }));
`,
    );
    chmodSync(plugin, 0o755);
    const exec = {
      apiVersion: "client.authentication.k8s.io/v1",
      command: "./plugin.js",
      args: [server.url],
      env: [{ name: "MORE", value: "1" }],
      provideClusterInfo: true,
      interactiveMode: "Never",
    };
    await works(t, { kind: "kubeconfig", files: [write("p/config", kubeconfig(server.url, { exec }))] });
  });

  it("whose plugin fails says so in a line, and is tried again", async (t) => {
    const server = await serve(t);
    const exec = { apiVersion: "client.authentication.k8s.io/v1", command: "false" };
    const source = apiSource({ kind: "kubeconfig", files: [write("false.yaml", kubeconfig(server.url, { exec }))] });
    t.after(() => source.close());
    const seen = new Seen(source, "services");
    await until(() => seen.staleReason !== undefined, "it is told");
    assert.match(seen.staleReason ?? "", /^no credentials for https:\/\/127\.0\.0\.1:\d+/);
  });

  it("of several files is one: the first says which context, and of equal names the first counts", async (t) => {
    const server = await serve(t, { tokens: ["b"] });
    const first = write("m/one", { apiVersion: "v1", kind: "Config", "current-context": "b" });
    const second = write("m/two", kubeconfig(server.url, { token: "b" }, "b"));
    const third = write("m/three", kubeconfig("https://192.0.2.1", { token: "c" }, "b"));
    const absent = join(folder, "m/none");
    withEnvironment(t, { KUBECONFIG: [absent, first, second, third].join(":") });
    await works(t, { kind: "kubeconfig" });
  });

  it("with a context of another name", async (t) => {
    const server = await serve(t, { tokens: ["b"] });
    const files = [
      write("c/one", kubeconfig("https://192.0.2.1", { token: "a" }, "a")),
      write("c/two", kubeconfig(server.url, { token: "b" }, "b")),
    ];
    await works(t, { kind: "kubeconfig", files, context: "b" });
  });

  it("whose authority is another is not trusted, and the log says so", async (t) => {
    const server = await serve(t);
    const other = { "certificate-authority-data": base64(selfSigned(["127.0.0.1"]).cert) };
    const file = write("other.yaml", kubeconfig(server.url, { token: "x" }, "main", other));
    const source = apiSource({ kind: "kubeconfig", files: [file] });
    t.after(() => source.close());
    const seen = new Seen(source, "services");
    await until(() => seen.staleReason !== undefined, "it is told");
    assert.match(seen.staleReason ?? "", /self-signed certificate|unable to verify/);
    assert.equal(server.requests.length, 0);
  });

  it("for a server without TLS", async (t) => {
    const server = await TestApiServer.start();
    t.after(() => server.close());
    server.put("services", service("web"));
    await works(t, { kind: "kubeconfig", files: [write("plain.yaml", kubeconfig(server.url, {}))] });
  });

  for (const [what, access, expected] of [
    ["that is not there", { kind: "kubeconfig", files: ["/nowhere/config"] }, /^no kubeconfig at \/nowhere\/config$/],
    ["that is no YAML", { kind: "kubeconfig", files: [write("bad.yaml", "a: [")] }, /bad\.yaml: /],
    [
      "without a context",
      { kind: "kubeconfig", files: [write("empty.yaml", {})] },
      /^the kubeconfig \S+empty\.yaml has no current context$/,
    ],
    [
      "without the context",
      { kind: "kubeconfig", files: [write("x.yaml", kubeconfig("https://192.0.2.1", {}))], context: "b" },
      /^the kubeconfig \S+ has no context "b"$/,
    ],
    [
      "without a server",
      { kind: "kubeconfig", files: [write("s.yaml", kubeconfig("example", {}))] },
      /^the cluster's server is no http or https URL: "example"$/,
    ],
  ] as const) {
    it(`${what} is an error in one line`, async () => {
      await assert.rejects(checkApiAccess(access), (error: unknown) => {
        assert.ok(error instanceof KubeConfigError, String(error));
        assert.match(error.message, expected);
        assert.ok(!error.message.includes("\n"));
        return true;
      });
    });
  }
});

describe("an endpoint", () => {
  it("with an authority and a client's certificate in files", async (t) => {
    const client = selfSigned(["client"]);
    const server = await serve(t, { clientCa: client.cert });
    const tls = {
      ca: write("e/ca.crt", serverCertificate.cert),
      cert: write("e/client.crt", client.cert),
      key: write("e/client.key", client.key),
    };
    await works(t, { kind: "endpoint", url: server.url, tls });
  });

  it("is named without a user's password", () => {
    const source = apiSource({ kind: "endpoint", url: "https://me:secret@192.0.2.1:6443/" });
    assert.equal(source.name, "https://192.0.2.1:6443");
  });
});

describe("in a Pod", () => {
  it("the service account is used, and its token read again when the server refuses it", async (t) => {
    const server = await serve(t, { tokens: ["first"] });
    const account = "pod/var/run/secrets/kubernetes.io/serviceaccount";
    write(`${account}/ca.crt`, serverCertificate.cert);
    write(`${account}/token`, "first");
    write(`${account}/namespace`, "kube-system");
    const { hostname, port } = new URL(server.url);
    withEnvironment(t, { KUBERNETES_SERVICE_HOST: hostname, KUBERNETES_SERVICE_PORT: port });
    await works(t, { kind: "in-cluster", root: join(folder, "pod") });
    await until(() => server.openWatches === 1, "the first watch");
    write(`${account}/token`, "second");
    server.setTokens(["second"]);
    server.dropWatches();
    await until(() => server.watchesOpened === 2, "a watch with the new token");
    assert.equal(server.requests.at(-1)?.authorization, "Bearer second");
  });

  it("that this is not is an error", async (t) => {
    withEnvironment(t, { KUBERNETES_SERVICE_HOST: "" });
    await assert.rejects(checkApiAccess({ kind: "in-cluster" }), /^KubeConfigError: not in a Pod: /);
  });
});
