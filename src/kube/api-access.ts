/**
 * How a process comes to the API server: where it is, whom to trust, who we are.
 *
 * `@kubernetes/client-node` reads kubeconfigs and makes credentials (tokens and their files, client certificates, exec
 * plugins, OpenID Connect). It is loaded when a login is asked for: it is large.
 */
import { existsSync, readFileSync } from "node:fs";
import { Agent as HttpAgent, type OutgoingHttpHeaders } from "node:http";
import { Agent as HttpsAgent, type RequestOptions } from "node:https";
import { homedir } from "node:os";
import { delimiter, dirname, join, resolve } from "node:path";
import type { KubeConfig } from "./kube-client.ts";
import { KubeConfigError } from "./kube-errors.ts";
import { isRecord, list, record, text } from "./raw.ts";

export type ApiAccess =
  /** With the service account of the Pod that we are in. @field root before `/var/run/secrets`, for tests */
  | { readonly kind: "in-cluster"; readonly root?: string }
  /** Files default to `KUBECONFIG`, else `~/.kube/config`; the context to the current one. */
  | { readonly kind: "kubeconfig"; readonly files?: readonly string[]; readonly context?: string }
  | {
      readonly kind: "endpoint";
      /** `https://10.0.0.1:6443`. */
      readonly url: string;
      /** Paths of PEM files. */
      readonly tls?: { readonly cert?: string; readonly key?: string; readonly ca?: string };
    };

export type ConnectOptions = Omit<RequestOptions, "headers"> & { readonly headers: OutgoingHttpHeaders };

/** Connections of a login, by what they are trusted and known by. */
export interface Login {
  readonly server: URL;
  /** Where a connection goes first: the server, or the proxy before it. */
  readonly first: URL;
  /** Headers and agent of a request. Reads what may have changed, runs plugins. @throws KubeConfigError */
  requestOptions(): Promise<ConnectOptions>;
  /** Ends idle connections; those in use stay. */
  retire(): void;
  /** Ends all connections. */
  close(): void;
}

/** @throws KubeConfigError */
export async function logIn(access: ApiAccess): Promise<Login> {
  const config = await readConfig(access);
  const cluster = config.getCurrentCluster();
  if (cluster === null) {
    const context = config.getCurrentContext();
    const fact = context ? `no cluster for its context "${context}"` : "no current context";
    throw new KubeConfigError(`${kubeconfigOf(access)} has ${fact}`);
  }
  const server = urlOf(cluster.server, "the cluster's server");
  // Without TLS there is nothing to verify. The package wants that said.
  if (server.protocol === "http:") Object.assign(cluster, { skipTLSVerify: true });
  const first = cluster.proxyUrl ? urlOf(cluster.proxyUrl, "the cluster's proxy-url") : server;
  const agents = new Agents(server);
  const make = async (): Promise<ConnectOptions> => {
    const options: RequestOptions = {};
    try {
      await config.applyToHTTPSOptions(options);
    } catch (cause) {
      throw new KubeConfigError(`no credentials for ${server.origin}: ${firstLine(cause)}`, { cause });
    }
    if (first === server) options.agent = agents.for(options);
    const headers: OutgoingHttpHeaders = {};
    // Files with tokens may end with a newline.
    for (const [key, value] of Object.entries(record(options.headers))) headers[key] = text(value).trim();
    return { ...options, headers };
  };
  // One at a time: a plugin may take seconds, and asks the user something if it must.
  let pending: Promise<ConnectOptions> | undefined;
  return {
    server,
    first,
    requestOptions: () => (pending ??= make().finally(() => (pending = undefined))),
    retire: () => agents.retire(),
    close: () => agents.close(),
  };
}

function firstLine(cause: unknown): string {
  return (cause instanceof Error ? cause.message : String(cause)).trim().split("\n", 1)[0] ?? "";
}

async function readConfig(access: ApiAccess): Promise<KubeConfig> {
  const { KubeConfig } = await import("./kube-client.ts");
  const config = new KubeConfig();
  switch (access.kind) {
    case "in-cluster": {
      if (!process.env["KUBERNETES_SERVICE_HOST"] || !process.env["KUBERNETES_SERVICE_PORT"]) {
        throw new KubeConfigError("not in a Pod: KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set", {
          hint: "Name an endpoint or a kubeconfig",
        });
      }
      config.loadFromCluster(access.root ?? "");
      return config;
    }
    case "endpoint": {
      const { cert, key, ca } = access.tls ?? {};
      config.loadFromClusterAndUser(
        { name: "endpoint", server: access.url, skipTLSVerify: false, ...(ca === undefined ? {} : { caFile: ca }) },
        {
          name: "endpoint",
          ...(cert === undefined ? {} : { certFile: cert }),
          ...(key === undefined ? {} : { keyFile: key }),
        },
      );
      return config;
    }
    case "kubeconfig": {
      const files = access.files ?? defaultFiles();
      let any = false;
      // As kubectl has it: a file that is not there is passed over, and of equal names the first counts.
      for (const file of files) {
        if (!existsSync(file)) continue;
        any = true;
        const next = new KubeConfig();
        await loadFile(next, file);
        merge(config, next);
      }
      if (!any) throw new KubeConfigError(`no kubeconfig at ${files.join(", ")}`);
      if (access.context !== undefined) {
        if (config.getContextObject(access.context) === null) {
          throw new KubeConfigError(`${kubeconfigOf(access)} has no context "${access.context}"`, {
            hint: `It has ${config.contexts.map(({ name }) => name).join(", ") || "none"}`,
          });
        }
        config.setCurrentContext(access.context);
      }
      return config;
    }
  }
}

/** For a person. */
function kubeconfigOf(access: ApiAccess): string {
  return access.kind === "kubeconfig"
    ? `the kubeconfig ${(access.files ?? defaultFiles()).join(", ")}`
    : "the kubeconfig";
}

function defaultFiles(): readonly string[] {
  const listed = (process.env["KUBECONFIG"] ?? "").split(delimiter).filter((file) => file !== "");
  return listed.length > 0 ? listed : [join(homedir(), ".kube", "config")];
}

async function loadFile(config: KubeConfig, file: string): Promise<void> {
  const { parse } = await import("yaml");
  const folder = dirname(resolve(file));
  let written: unknown;
  try {
    const content = readFileSync(file, "utf8");
    written = parse(content);
    config.loadFromString(content);
  } catch (cause) {
    throw new KubeConfigError(`${file}: ${firstLine(cause)}`, { cause });
  }
  config.makePathsAbsolute(folder);
  for (const user of config.users) completeExec(config, user, folder);
  // The package takes a file with the token for a token that never changes, and under another name.
  for (const each of list(record(written)["users"])) {
    const { name, user } = record(each);
    const tokenFile = text(record(user)["tokenFile"]);
    const known = config.users.find((one) => one.name === name);
    if (tokenFile === "" || known === undefined) continue;
    Object.assign(known, { authProvider: { name: "tokenFile", config: { tokenFile: resolve(folder, tokenFile) } } });
  }
}

/** What the package leaves out: a command beside the kubeconfig, and what the plugin is told about the cluster. */
function completeExec(config: KubeConfig, user: KubeConfig["users"][number], folder: string): void {
  const exec: unknown = user.exec;
  if (!isRecord(exec)) return;
  const command = exec["command"];
  const context = config.contexts.find((each) => each.user === user.name);
  const cluster = config.clusters.find((each) => each.name === context?.cluster);
  const info = {
    kind: "ExecCredential",
    apiVersion: exec["apiVersion"],
    spec: {
      interactive: false,
      ...(exec["provideClusterInfo"] === true && cluster !== undefined
        ? { cluster: { server: cluster.server, "certificate-authority-data": cluster.caData } }
        : {}),
    },
  };
  const env: readonly unknown[] = Array.isArray(exec["env"]) ? exec["env"] : [];
  Object.assign(user, {
    exec: {
      ...exec,
      ...(typeof command === "string" && command.includes("/") ? { command: resolve(folder, command) } : {}),
      env: [...env, { name: "KUBERNETES_EXEC_INFO", value: JSON.stringify(info) }],
    },
  });
}

function merge(config: KubeConfig, next: KubeConfig): void {
  const add = <T extends { readonly name: string }>(known: readonly T[], more: readonly T[]): T[] => [
    ...known,
    ...more.filter(({ name }) => !known.some((each) => each.name === name)),
  ];
  config.loadFromOptions({
    clusters: add(config.clusters, next.clusters),
    users: add(config.users, next.users),
    contexts: add(config.contexts, next.contexts),
    currentContext: config.currentContext || next.currentContext,
  });
}

function urlOf(value: string, what: string): URL {
  if (!URL.canParse(value) || !/^(https?|socks)/.test(value)) {
    throw new KubeConfigError(`${what} is no http or https URL: "${value}"`);
  }
  return new URL(value);
}

/** One agent as long as certificates and keys stay the same; new ones begin with new connections. */
class Agents {
  readonly #secure: boolean;
  #material = "";
  #agent: HttpAgent | HttpsAgent | undefined;

  constructor(server: URL) {
    this.#secure = server.protocol === "https:";
  }

  for({ ca, cert, key, servername, rejectUnauthorized }: RequestOptions): HttpAgent | HttpsAgent {
    const material = JSON.stringify([ca, cert, key, servername, rejectUnauthorized], (_, value: unknown) =>
      value?.toString(),
    );
    if (this.#agent !== undefined && material === this.#material) return this.#agent;
    this.retire();
    this.#material = material;
    const common = { keepAlive: true, maxFreeSockets: 2 };
    this.#agent = this.#secure
      ? new HttpsAgent({
          ...common,
          ...(ca === undefined ? {} : { ca }),
          ...(cert === undefined ? {} : { cert }),
          ...(key === undefined ? {} : { key }),
          ...(servername === undefined ? {} : { servername }),
          ...(rejectUnauthorized === undefined ? {} : { rejectUnauthorized }),
        })
      : new HttpAgent(common);
    return this.#agent;
  }

  retire(): void {
    // Those in use now are not kept when they become idle.
    if (this.#agent !== undefined) this.#agent.maxFreeSockets = 0;
    for (const sockets of Object.values(this.#agent?.freeSockets ?? {})) {
      for (const socket of sockets ?? []) socket.destroy();
    }
  }

  close(): void {
    this.#agent?.destroy();
    this.#agent = undefined;
  }
}
