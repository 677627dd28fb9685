import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { FakeClock } from "../../base/clock.ts";
import { MemoryLog } from "../../base/log.ts";
import type { ClusterSource, Kind, ObjectOf, Selection, Watcher } from "../../kube/cluster-source.ts";
import { SharedCluster } from "./shared-cluster.ts";

/** A source that says of its watches what a test wants. */
class FakeSource implements ClusterSource {
  readonly name = "https://api";
  readonly watchers = new Map<Kind, Watcher<never>>();

  watch<K extends Kind>(kind: K, _selection: Selection, watcher: Watcher<ObjectOf[K]>) {
    this.watchers.set(kind, watcher);
    return { synced: false, staleReason: undefined, stop: () => void this.watchers.delete(kind) };
  }

  stale(kind: Kind, reason: string | undefined): void {
    this.watchers.get(kind)?.stale?.(reason, false);
  }

  async close(): Promise<void> {}
}

function started() {
  const source = new FakeSource();
  const log = new MemoryLog();
  const clock = new FakeClock();
  return { source, log, clock, cluster: new SharedCluster(source, clock, log) };
}

describe("the state of shared tables", () => {
  it("is told when they go out of date, and when they are current again", () => {
    const { source, log, clock, cluster } = started();
    cluster.hold("services");
    cluster.hold("pods");
    source.stale("services", "not now");
    source.stale("pods", "https://api: connect ECONNREFUSED");
    clock.advanceMs(2000);
    assert.equal(cluster.staleS, 2);
    source.stale("services", undefined);
    source.stale("pods", undefined);
    assert.equal(cluster.staleS, 0);
    assert.deepEqual(log.lines, [
      "[WARNING] https://api: not now; what is known is served on",
      "[INFO] https://api: up to date again after 2 s",
    ]);
  });

  it("has the source's name once", () => {
    const { source, log, cluster } = started();
    cluster.hold("services");
    source.stale("services", "https://api: connect ECONNREFUSED");
    assert.deepEqual(log.lines, ["[WARNING] https://api: connect ECONNREFUSED; what is known is served on"]);
  });

  it("is not current because nobody holds them any more", () => {
    const { source, log, cluster } = started();
    const leases = [cluster.hold("services"), cluster.hold("pods")];
    source.stale("services", "not now");
    for (const lease of leases) lease.release();
    assert.equal(cluster.staleS, 0);
    assert.deepEqual(log.lines, ["[WARNING] https://api: not now; what is known is served on"]);
  });
});
