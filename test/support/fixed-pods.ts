/** A source of Kubernetes objects with some pods in it, which a test may change. */
import type { ClusterSource, ObjectOf, Watcher } from "../../src/kube/cluster-source.ts";
import type { Pod } from "../../src/kube/objects.ts";

export class FixedPods implements ClusterSource {
  readonly name = "pods of a test";
  /** Whether `close` was called. */
  closed = false;
  readonly #pods = new Map<string, Pod>();
  readonly #watchers: Watcher<Pod>[] = [];

  put(namespace: string, name: string, ip: string): void {
    const pod: Pod = {
      namespace,
      name,
      labels: {},
      ips: [ip],
      hostNetwork: false,
      node: "worker-1",
      dnsPolicy: "ClusterFirst",
      searches: [],
    };
    const before = this.#pods.get(`${namespace}/${name}`);
    this.#pods.set(`${namespace}/${name}`, pod);
    for (const watcher of this.#watchers) watcher.put(pod, before);
  }

  watch: ClusterSource["watch"] = (kind, _selection, watcher) => {
    if (kind === "pods") {
      const own = watcher as unknown as Watcher<ObjectOf["pods"]>;
      this.#watchers.push(own);
      for (const pod of this.#pods.values()) own.put(pod, undefined);
    }
    watcher.synced?.();
    return { synced: true, staleReason: undefined, stop: () => undefined };
  };

  close(): Promise<void> {
    this.closed = true;
    return Promise.resolve();
  }
}
