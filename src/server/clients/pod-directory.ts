/** Names of this node's pods by address, kept current by a source of Kubernetes objects. */
import { addressBytes, formatAddressBytes } from "../../base/address.ts";
import type { ClusterSource, Watch } from "../../kube/cluster-source.ts";
import type { Pod } from "../../kube/objects.ts";
import { NODE, type Owner, type WhoIs } from "./who-is.ts";

export interface PodDirectoryParts {
  readonly source: ClusterSource;
  /** `spec.nodeName` of the pods; "": those of all nodes. */
  readonly node: string;
  /** Told when the source is lost, with a line for the log, and when it is back (undefined). */
  readonly onStale?: (reason: string | undefined, denied: boolean) => void;
}

interface Holder extends Owner {
  readonly hostNetwork: boolean;
}

export class PodDirectory implements WhoIs {
  /** Of one address. An address that a pod left and another took may be told of in any order: the last one put has it. */
  readonly #byAddress: Map<string, Holder>;
  readonly #watch: Watch;
  #version: number;

  constructor({ source, node, onStale }: PodDirectoryParts) {
    this.#byAddress = new Map();
    this.#version = 0;
    this.#watch = source.watch("pods", node === "" ? {} : { fieldSelector: `spec.nodeName=${node}` }, {
      put: (pod, before) => {
        if (before !== undefined) this.#remove(before, pod);
        this.#add(pod, before?.ips.map(canonical) ?? []);
      },
      removed: (before) => this.#remove(before),
      stale: (reason, denied) => onStale?.(reason, denied),
    });
  }

  get version(): number {
    return this.#version;
  }

  /** Addresses that are known. */
  get size(): number {
    return this.#byAddress.size;
  }

  whoIs(address: string): Owner | undefined {
    return this.#byAddress.get(address);
  }

  stop(): void {
    this.#watch.stop();
  }

  /** @param had addresses that were the pod's before: one that another took meanwhile is not its own again */
  #add({ namespace, name, ips, hostNetwork }: Pod, had: readonly string[]): void {
    for (const ip of ips.map(canonical)) {
      const known = this.#byAddress.get(ip);
      if (known !== undefined && had.includes(ip)) continue;
      const holder = hostNetwork ? { ...NODE, hostNetwork } : { namespace, pod: name, hostNetwork };
      if (known?.namespace === holder.namespace && known.pod === holder.pod) continue;
      this.#byAddress.set(ip, holder);
      this.#version++;
    }
  }

  /** Takes away what is the pod's still. @param now the pod as it is, when it is there */
  #remove(before: Pod, now?: Pod): void {
    // The node stays the node, whichever of its pods ends.
    if (before.hostNetwork) return;
    const kept = now?.ips.map(canonical) ?? [];
    for (const ip of before.ips.map(canonical)) {
      const known = this.#byAddress.get(ip);
      const own = known?.namespace === before.namespace && known.pod === before.name && !known.hostNetwork;
      if (!own || kept.includes(ip)) continue;
      this.#byAddress.delete(ip);
      this.#version++;
    }
  }
}

/** As addresses of clients are written. */
function canonical(ip: string): string {
  const bytes = addressBytes(ip);
  if (bytes === undefined) return ip;
  return formatAddressBytes(bytes, 0, bytes.length === 4 ? 4 : 16);
}
