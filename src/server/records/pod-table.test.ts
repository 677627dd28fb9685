import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Pod } from "../../kube/objects.ts";
import { PodTable } from "./pod-table.ts";

function pod(name: string, ips: readonly string[], more: Partial<Pod> = {}): Pod {
  const base = {
    namespace: "prod",
    labels: {},
    hostNetwork: false,
    node: "worker-1",
    dnsPolicy: "ClusterFirst",
    searches: [],
  };
  return { ...base, name, ips, ...more };
}

function table(...pods: readonly Pod[]): PodTable {
  const made = new PodTable(() => 0);
  for (const one of pods) made.put(one, undefined);
  made.synced();
  return made;
}

describe("who has an address", () => {
  it("is the pod with it, in either family and any spelling", () => {
    const pods = table(pod("a", ["10.244.0.1", "fd00:0:0::1"]));
    assert.equal(pods.owner("10.244.0.1")?.name, "a");
    assert.equal(pods.owner("fd00::1")?.name, "a");
    assert.equal(pods.owner("10.244.0.2"), undefined);
  });

  it("is the pod that got it last, whichever is told to have gone first", () => {
    for (const goneFirst of [true, false]) {
      const old = pod("old", ["10.244.0.1"]);
      const pods = table(old);
      const ended = pod("old", []);
      if (goneFirst) pods.put(ended, old);
      const unplaced = pod("new", [], { namespace: "bank" });
      pods.put(unplaced, undefined);
      const placed = pod("new", ["10.244.0.1"], { namespace: "bank" });
      pods.put(placed, unplaced);
      assert.equal(pods.owner("10.244.0.1")?.namespace, "bank");
      if (!goneFirst) pods.put(ended, old);
      assert.equal(pods.owner("10.244.0.1")?.namespace, "bank");
      pods.removed(ended);
      pods.removed(placed);
      assert.equal(pods.owner("10.244.0.1"), undefined);
    }
  });

  it("stays the new pod when the old one is told of once more", () => {
    const old = pod("old", ["10.244.0.1"]);
    const pods = table(old);
    pods.put(pod("new", ["10.244.0.1"], { namespace: "bank" }), undefined);
    pods.put(pod("old", ["10.244.0.1"], { labels: { a: "b" } }), old);
    assert.equal(pods.owner("10.244.0.1")?.name, "new");
  });

  it("is nobody where two claimed it from the start, until one lets go", () => {
    const one = pod("one", ["10.244.0.1"]);
    const pods = table(one, pod("two", ["10.244.0.1"], { namespace: "bank" }));
    assert.equal(pods.owner("10.244.0.1"), undefined);
    pods.removed(one);
    assert.equal(pods.owner("10.244.0.1")?.name, "two");
  });

  it("is nobody again where two from the start are left by one that came later", () => {
    const one = pod("one", ["10.244.0.1"]);
    const pods = table(one, pod("two", ["10.244.0.1"], { namespace: "bank" }));
    const third = pod("three", ["10.244.0.1"]);
    pods.put(third, undefined);
    assert.equal(pods.owner("10.244.0.1")?.name, "three");
    pods.removed(third);
    assert.equal(pods.owner("10.244.0.1"), undefined);
    pods.put(third, undefined);
    pods.removed(one);
    assert.equal(pods.owner("10.244.0.1")?.name, "three");
  });

  it("is nobody for a node's address", () => {
    const pods = table(pod("proxy", ["192.0.2.10"], { hostNetwork: true }));
    assert.equal(pods.owner("192.0.2.10"), undefined);
    assert.equal(pods.ofAddress("192.0.2.10").length, 1);
  });
});
