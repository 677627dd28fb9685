import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { ClusterSource, ObjectOf, Selection, Watcher } from "../../kube/cluster-source.ts";
import type { Pod } from "../../kube/objects.ts";
import { PodDirectory } from "./pod-directory.ts";

function pod(namespace: string, name: string, ips: readonly string[], more: Partial<Pod> = {}): Pod {
  return {
    namespace,
    name,
    labels: {},
    ips,
    hostNetwork: false,
    node: "worker-1",
    dnsPolicy: "ClusterFirst",
    searches: [],
    ...more,
  };
}

/** A source that a test changes by hand. */
function pods(): { source: ClusterSource; watcher: Watcher<Pod>; selection: Selection; directory: PodDirectory } {
  let watcher: Watcher<Pod> | undefined;
  let selection: Selection | undefined;
  const source: ClusterSource = {
    name: "test",
    watch: (kind, chosen, given) => {
      assert.equal(kind, "pods");
      selection = chosen;
      watcher = given as unknown as Watcher<ObjectOf["pods"]>;
      return { synced: true, staleReason: undefined, stop: () => undefined };
    },
    close: () => Promise.resolve(),
  };
  const directory = new PodDirectory({ source, node: "worker-1" });
  return { source, directory, watcher: watcher ?? assert.fail(), selection: selection ?? assert.fail() };
}

describe("names of pods", () => {
  it("are those of this node", () => {
    assert.deepEqual(pods().selection, { fieldSelector: "spec.nodeName=worker-1" });
  });

  it("are found by each address, however it was written", () => {
    const { watcher, directory } = pods();
    watcher.put(pod("shop", "web-1", ["10.244.0.7", "fd00:0:0::7"]), undefined);
    for (const address of ["10.244.0.7", "fd00::7"]) {
      const { namespace, pod: name } = directory.whoIs(address) ?? assert.fail();
      assert.deepEqual([namespace, name], ["shop", "web-1"]);
    }
    assert.equal(directory.whoIs("10.244.0.8"), undefined);
  });

  it("follow an address from pod to pod, in whatever order that is told", () => {
    for (const late of [false, true]) {
      const { watcher, directory } = pods();
      const old = pod("shop", "web-1", ["10.244.0.7"]);
      const ended = { ...old, ips: [] };
      const next = pod("db", "pg-0", ["10.244.0.7"]);
      watcher.put(old, undefined);
      const { version } = directory;
      if (!late) watcher.put(ended, old);
      watcher.put(next, undefined);
      if (late) watcher.put(ended, old);
      assert.equal(directory.whoIs("10.244.0.7")?.pod, "pg-0");
      assert.notEqual(directory.version, version);
      watcher.removed(late ? ended : old);
      assert.equal(directory.whoIs("10.244.0.7")?.pod, "pg-0");
      watcher.removed(next);
      assert.equal(directory.whoIs("10.244.0.7"), undefined);
    }
  });

  it("stay those of who took an address when the pod that had it is told of once more", () => {
    const { watcher, directory } = pods();
    const old = pod("shop", "web-1", ["10.244.0.7"]);
    const again = { ...old, labels: { a: "b" } };
    watcher.put(old, undefined);
    watcher.put(pod("db", "pg-0", ["10.244.0.7"]), undefined);
    watcher.put(again, old);
    assert.equal(directory.whoIs("10.244.0.7")?.pod, "pg-0");
    watcher.removed(again);
    assert.equal(directory.whoIs("10.244.0.7")?.pod, "pg-0");
  });

  it("say node for host-network pods, for as long as there is a node", () => {
    const { watcher, directory } = pods();
    const proxy = pod("kube-system", "kube-proxy", ["192.0.2.1"], { hostNetwork: true });
    watcher.put(proxy, undefined);
    watcher.put(pod("kube-system", "cni", ["192.0.2.1"], { hostNetwork: true }), undefined);
    watcher.removed(proxy);
    const { namespace, pod: name } = directory.whoIs("192.0.2.1") ?? assert.fail();
    assert.deepEqual([namespace, name], ["", "node"]);
  });

  it("change no version when nothing changes", () => {
    const { watcher, directory } = pods();
    const web = pod("shop", "web-1", ["10.244.0.7"]);
    watcher.put(web, undefined);
    const { version } = directory;
    watcher.put({ ...web, labels: { a: "b" } }, web);
    assert.equal(directory.version, version);
    assert.equal(directory.size, 1);
  });
});
