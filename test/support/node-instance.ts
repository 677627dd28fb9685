/** An instance on the node of a `ClusterNamespaces`: `nodens serve`, and somebody who holds the plumbing. */
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { childrenOf } from "../../bench/process-accounts.ts";
import type { PlumbingSpec } from "../../src/server/plumbing/plumbing.ts";
import { type ClusterNamespaces, ENDPOINTS, LOCAL_ADDRESSES, SERVICES, type Started } from "./cluster-namespaces.ts";

const BIN = fileURLToPath(new URL("../../bin/nodens.js", import.meta.url));
/** What an instance answers with. */
export const NODE_ANSWER = "192.0.2.100";

export interface NodeInstance {
  readonly plumbing: Started;
  readonly server: Started;
  /** In the order of a clean end: rules and interface go, then the server. */
  end(): Promise<void>;
  /** Everything at once, with SIGKILL. @returns when, in ms of the wall clock; sockets are open until `goneMs` */
  kill(): Promise<{ readonly signalMs: number; readonly goneMs: number }>;
}

/** As `node-cache` gets them in its manifest, with cluster DNS endpoints for what no Service answers. */
export function plumbingSpec(intercept: "address" | "rewrite", others: Partial<PlumbingSpec> = {}): PlumbingSpec {
  return {
    interfaceName: "nodelocaldns",
    setUpInterface: true,
    setUpRules: true,
    localAddresses: intercept === "address" ? [...LOCAL_ADDRESSES, ...SERVICES] : LOCAL_ADDRESSES,
    serviceAddresses: intercept === "address" ? [] : SERVICES,
    intercept,
    backend: "auto",
    port: 53,
    healthPort: 8080,
    fallback: ENDPOINTS,
    ...others,
  };
}

/** Starts both and waits until queries are caught. */
export async function startInstance(cluster: ClusterNamespaces, spec: PlumbingSpec): Promise<NodeInstance> {
  const folder = mkdtempSync(join(tmpdir(), "nodens-node-"));
  const plumbing = cluster.script("node", "./plumbing-holder.worker.ts", JSON.stringify(spec));
  await plumbing.until('"interface"\n');
  const [choice = "{}"] = plumbing.lines();
  const { extraAddresses } = JSON.parse(choice) as { readonly extraAddresses: readonly string[] };
  const corefile = join(folder, "Corefile");
  writeFileSync(corefile, corefileOf([...spec.localAddresses, ...extraAddresses]));
  const server = cluster.start("node", [process.execPath, BIN, "serve", "-c", corefile]);
  await server.until("\nNodens-");
  plumbing.child.stdin?.write("rules\n");
  await plumbing.until('"rules"\n');
  const clean = (): void => rmSync(folder, { recursive: true, force: true });
  return {
    plumbing,
    server,
    end: async () => {
      await plumbing.end("SIGTERM");
      await server.end("SIGTERM");
      clean();
    },
    kill: async () => {
      const keeper = server.child.pid ?? 0;
      const all = [keeper, ...childrenOf(keeper)];
      const signalMs = Date.now();
      const ended = Promise.all([server.end("SIGKILL"), plumbing.end("SIGKILL")]);
      while (all.some(isThere)) await sleep(1);
      const goneMs = Date.now();
      await ended;
      clean();
      return { signalMs, goneMs };
    },
  };
}

/** Whether a process has its descriptors yet: one that is left to be waited for (Z), and has no other thread, has not. */
function isThere(pid: number): boolean {
  try {
    const isZombie = /\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
    return !isZombie || readdirSync(`/proc/${pid}/task`).length > 1;
  } catch {
    return false;
  }
}

function corefileOf(addresses: readonly string[]): string {
  return `.:53 {
    bind ${addresses.join(" ")}
    cache
    template IN A {
        answer "{{ .Name }} 60 IN A ${NODE_ANSWER}"
    }
}
`;
}
