/** `node-cache` on the node of a `ClusterNamespaces`, in a container of sorts: it has `/etc` and `/tmp` to itself. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type ClusterNamespaces, EXTERNAL_RESOLVER, type Started } from "./cluster-namespaces.ts";

const BIN = fileURLToPath(new URL("../../bin/node-cache.js", import.meta.url));
const GOLDEN = new URL("../../src/cli/node-cache/golden/", import.meta.url);
const PATIENCE_MS = 20_000;

/** What its manifest gives it. */
export interface NodeCacheStart {
  readonly args: readonly string[];
  /** Of `Corefile.base`, as `sed` has left it. */
  readonly template: string;
  /** Files of the kube-dns ConfigMap. */
  readonly kubeDns?: Readonly<Record<string, string>>;
  readonly environment?: Readonly<Record<string, string>>;
  /** Shell commands before it, in its mount namespace: other mounts. */
  readonly before?: string;
  /** Words before the program: `setpriv …`. */
  readonly wrapper?: readonly string[];
  /** `/etc` and `/tmp` are those of another one. */
  readonly folder?: string;
}

export interface NodeCache {
  readonly process: Started;
  /** Holds `etc` and `tmp`. */
  readonly folder: string;
  readonly pid: number;
  /** Its exit code, after a signal to the first process only, as a container's end is. */
  end(signal?: NodeJS.Signals): Promise<number | null>;
  /** Its exit code, when it ends by itself. */
  ended(): Promise<number | null>;
  /** All its processes at once, with SIGKILL. */
  kill(): Promise<void>;
  /** Resolves when queries of the node come here. */
  captures(): Promise<void>;
  read(path: string): string;
  write(path: string, text: string): void;
  clean(): void;
}

/** Template of an era, with what the manifest's `sed` puts in. */
export function goldenTemplate(name: string): string {
  return readFileSync(new URL(name, GOLDEN), "utf8");
}

/** Arguments of the manifest, with the addresses that `sed` puts in. */
export function stockArgs(localIps = "169.254.20.10,10.96.0.10"): string[] {
  return ["-localip", localIps, "-conf", "/etc/Corefile", "-upstreamsvc", "kube-dns-upstream"];
}

/** A `/tmp` of its own; a checkout that stands in the real one stays where it is. */
function ownTmp(folder: string): string {
  const root = fileURLToPath(new URL("../..", import.meta.url)).replace(/\/$/, "");
  const keep = root.startsWith("/tmp/") ? `mkdir -p ${folder}${root} && mount --bind ${root} ${folder}${root} && ` : "";
  return `${keep}mount --rbind ${folder}/tmp /tmp`;
}

export function startNodeCache(cluster: ClusterNamespaces, start: NodeCacheStart): NodeCache {
  const folder = start.folder ?? mkdtempSync(join(tmpdir(), "nodens-node-cache-"));
  const write = (path: string, text: string): void => writeFileSync(join(folder, path), text);
  if (start.folder === undefined) {
    for (const path of ["etc/coredns", "etc/kube-dns", "tmp"]) mkdirSync(join(folder, path), { recursive: true });
    write("etc/resolv.conf", `nameserver ${EXTERNAL_RESOLVER}\n`);
    write("etc/passwd", "root:x:0:0::/:/bin/sh\n");
    write("etc/coredns/Corefile.base", start.template);
    for (const [name, text] of Object.entries(start.kubeDns ?? {})) write(`etc/kube-dns/${name}`, text);
  }
  const mounts = `mount --bind ${folder}/etc /etc && ${ownTmp(folder)} && ${start.before ?? "true"} && exec "$@"`;
  const program = [process.execPath, BIN, ...start.args];
  const command = ["unshare", "--mount", "sh", "-c", mounts, "sh", ...(start.wrapper ?? []), ...program];
  const environment = { KUBE_DNS_UPSTREAM_SERVICE_HOST: "10.96.0.11", ...start.environment };
  const started = cluster.start("node", command, environment);
  const pid = started.child.pid ?? 0;
  const exit = new Promise<number | null>((resolve) => {
    started.child.once("exit", (code) => resolve(code));
  });
  const clean = (): void => rmSync(folder, { recursive: true, force: true });
  return {
    process: started,
    folder,
    pid,
    ended: () => exit,
    end: async (signal = "SIGTERM") => {
      if (started.child.exitCode === null && started.child.signalCode === null) process.kill(pid, signal);
      const timer = setTimeout(() => void started.end("SIGKILL"), PATIENCE_MS);
      const code = await exit;
      clearTimeout(timer);
      return code;
    },
    kill: async () => void (await started.end("SIGKILL")),
    captures: () => started.until("queries of this node come here\n"),
    read: (path) => readFileSync(join(folder, path), "utf8"),
    write,
    clean,
  };
}

/** Body of an HTTP answer, as the node sees it; throws when its status is not 200. */
export function getAtNode(cluster: ClusterNamespaces, url: string): string {
  const script = `fetch(process.argv[1]).then(async (reply) => {
    if (reply.status !== 200) throw new Error(String(reply.status));
    process.stdout.write(await reply.text());
  })`;
  return cluster.run("node", process.execPath, "--eval", script, url);
}
