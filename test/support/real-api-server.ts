/**
 * A real kube-apiserver with its etcd, from the binaries that `NODENS_TEST_APISERVER` and `NODENS_TEST_ETCD` name: on loopback,
 * in a temporary folder, everybody with the token may do all. No controllers run: nothing is added to what a test puts.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { manifestOf, type Plural, type RawObject } from "./api-server.ts";
import { selfSigned } from "./certificate.ts";
import { freePort } from "./free-port.ts";

const TOKEN = "test-token";
const READY_MS = 60_000;

export class RealApiServer {
  readonly url: string;
  readonly kubeconfig: string;
  readonly #ca: string;
  readonly #folder: string;
  readonly #children: readonly ChildProcess[];
  readonly #put = new Map<string, Plural>();

  private constructor(port: number, ca: string, folder: string, children: readonly ChildProcess[]) {
    this.url = `https://127.0.0.1:${port}`;
    this.#ca = ca;
    this.#folder = folder;
    this.#children = children;
    this.kubeconfig = join(folder, "kubeconfig");
    const cluster = { server: this.url, "certificate-authority-data": Buffer.from(ca).toString("base64") };
    const config = {
      apiVersion: "v1",
      kind: "Config",
      clusters: [{ name: "real", cluster }],
      users: [{ name: "real", user: { token: TOKEN } }],
      contexts: [{ name: "real", context: { cluster: "real", user: "real" } }],
      "current-context": "real",
    };
    writeFileSync(this.kubeconfig, JSON.stringify(config));
  }

  static async start(apiserver: string, etcd: string): Promise<RealApiServer> {
    const folder = mkdtempSync(join(tmpdir(), "nodens-apiserver-"));
    const path = (name: string): string => join(folder, name);
    const { cert, key } = selfSigned(["127.0.0.1"]);
    const account = generateKeyPairSync("rsa", { modulusLength: 2048 });
    writeFileSync(path("tls.crt"), cert);
    writeFileSync(path("tls.key"), key, { mode: 0o600 });
    writeFileSync(path("sa.key"), account.privateKey.export({ type: "pkcs8", format: "pem" }), { mode: 0o600 });
    writeFileSync(path("sa.pub"), account.publicKey.export({ type: "spki", format: "pem" }));
    writeFileSync(path("tokens.csv"), `${TOKEN},test,test,system:masters\n`, { mode: 0o600 });
    const [client, peer, secure] = [await freePort(), await freePort(), await freePort()];
    const etcdUrl = `http://127.0.0.1:${client}`;
    const run = (program: string, args: readonly string[]): ChildProcess => spawn(program, args, { stdio: "ignore" });
    const children = [
      run(etcd, [
        `--data-dir=${path("etcd")}`,
        `--listen-client-urls=${etcdUrl}`,
        `--advertise-client-urls=${etcdUrl}`,
        `--listen-peer-urls=http://127.0.0.1:${peer}`,
        "--log-level=error",
      ]),
      run(apiserver, [
        `--etcd-servers=${etcdUrl}`,
        `--cert-dir=${path("certs")}`,
        "--bind-address=127.0.0.1",
        "--advertise-address=127.0.0.1",
        `--secure-port=${secure}`,
        `--tls-cert-file=${path("tls.crt")}`,
        `--tls-private-key-file=${path("tls.key")}`,
        `--token-auth-file=${path("tokens.csv")}`,
        "--authorization-mode=RBAC",
        "--service-account-issuer=https://kubernetes.default.svc",
        `--service-account-key-file=${path("sa.pub")}`,
        `--service-account-signing-key-file=${path("sa.key")}`,
        "--service-cluster-ip-range=10.96.0.0/16",
        "--disable-admission-plugins=ServiceAccount",
      ]),
    ];
    const server = new RealApiServer(secure, cert, folder, children);
    const deadlineMs = performance.now() + READY_MS;
    while ((await server.#ask("GET", "/readyz").catch(() => 0)) !== 200) {
      if (performance.now() > deadlineMs || children.some((child) => child.exitCode !== null)) {
        await server.close();
        throw new Error("the real API server did not start");
      }
      await sleep(200);
    }
    return server;
  }

  /** Creates or changes, as `kubectl apply --server-side` does. */
  async put(kind: Plural, object: RawObject): Promise<void> {
    const path = pathOf(kind, object.metadata.namespace ?? "", object.metadata.name);
    const status = await this.#ask("PATCH", `${path}?fieldManager=test&force=true`, manifestOf(kind, object));
    if (status !== 200 && status !== 201) throw new Error(`${path}: status ${status}`);
    this.#put.set(path, kind);
  }

  async remove(kind: Plural, namespace: string, name: string): Promise<void> {
    await this.#remove(pathOf(kind, namespace, name));
  }

  /** Removes all that was put. */
  async clear(): Promise<void> {
    for (const path of this.#put.keys()) await this.#remove(path);
  }

  async close(): Promise<void> {
    for (const child of this.#children.toReversed()) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      const exited = once(child, "exit");
      child.kill("SIGKILL");
      await exited;
    }
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #remove(path: string): Promise<void> {
    this.#put.delete(path);
    await this.#ask("DELETE", `${path}?gracePeriodSeconds=0`);
  }

  #ask(method: string, path: string, body?: object): Promise<number> {
    const headers = { Authorization: `Bearer ${TOKEN}`, "Content-Type": "application/apply-patch+yaml" };
    return new Promise((resolve, reject) => {
      const asking = request(`${this.url}${path}`, { method, headers, ca: this.#ca, timeout: 10_000 }, (response) => {
        response.resume();
        response.once("end", () => resolve(response.statusCode ?? 0));
      });
      asking.once("error", reject);
      asking.once("timeout", () => asking.destroy(new Error("no answer")));
      asking.end(body === undefined ? undefined : JSON.stringify(body));
    });
  }
}

function pathOf(kind: Plural, namespace: string, name: string): string {
  const root =
    kind === "endpointslices"
      ? "/apis/discovery.k8s.io/v1"
      : kind === "serviceimports"
        ? "/apis/multicluster.x-k8s.io/v1alpha1"
        : "/api/v1";
  return `${root}${namespace === "" ? "" : `/namespaces/${namespace}`}/${kind}/${name}`;
}
