/** The configuration of a node-cache changes while pods ask: what they see of it. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { CLUSTER_ANSWERS, ClusterNamespaces, EXTERNAL_ANSWER } from "../support/cluster-namespaces.ts";
import { missing } from "../support/machine.ts";
import {
  getAtNode,
  goldenTemplate,
  type NodeCache,
  startNodeCache,
  stockArgs,
} from "../support/node-cache-instance.ts";
import { failed, startProbing } from "../support/probes.ts";

const SKIP = missing("linux", "root", "namespaces", "ip", "nft", "iptables", "sysctl", "dig");
const ADDRESSES = ["169.254.20.10", "10.96.0.10"];
const IN_FORCE_MS = 2000;

describe("a kube-dns ConfigMap that changes under load", { skip: SKIP }, () => {
  let cluster: ClusterNamespaces;
  let nodeCache: NodeCache;
  const dig = (name: string): string =>
    cluster.run("pod", "dig", "+short", "+tries=1", "+time=2", "@169.254.20.10", name).trim();
  const errors = (): string | undefined =>
    /setup_errors_total\{errortype="configmap"\} (\d+)/.exec(getAtNode(cluster, "http://127.0.0.1:9353/metrics"))?.[1];

  before(async () => {
    cluster = await ClusterNamespaces.open("iptables");
    nodeCache = startNodeCache(cluster, {
      args: stockArgs(),
      template: goldenTemplate("1.26.base"),
      kubeDns: { stubDomains: "{}" },
    });
    await nodeCache.captures();
  });
  after(async () => {
    await cluster.close();
    nodeCache.clean();
  });

  async function inForce(name: string, holds: (answer: string) => boolean): Promise<number> {
    const startMs = performance.now();
    // Each look is for a name of its own: the one before may be cached.
    for (let i = 0; ; i++) {
      const answer = dig(`n${i}.${name}`);
      const tookMs = performance.now() - startMs;
      if (holds(answer)) return tookMs;
      assert.ok(tookMs < IN_FORCE_MS, `not in force after ${tookMs} ms: ${nodeCache.process.output()}`);
      await sleep(20);
    }
  }

  it("is in force within 2 s; no query is lost, and what is cached stays", async () => {
    assert.equal(dig("a.acme.local"), EXTERNAL_ANSWER);
    const kept = "kept.shop.svc.cluster.local";
    dig(kept);
    const probing = await startProbing(cluster, "pod", ADDRESSES, 5, kept);
    await sleep(500);
    nodeCache.write("etc/kube-dns/stubDomains", '{"acme.local": ["10.244.1.2"]}');
    const tookMs = await inForce("acme.local", (answer) => answer === CLUSTER_ANSWERS[0]);
    await sleep(1000);
    const probes = await probing.end();
    assert.ok(probes.length > 100, `${probes.length} probes`);
    assert.deepEqual(failed(probes), []);
    assert.equal(cluster.seen().filter(({ name }) => name === `${kept}.`).length, 1, "asked of the cluster DNS once");
    assert.equal(errors(), "0");
    assert.match(nodeCache.read("etc/Corefile"), /^acme\.local:53 \{$/m);
    process.stdout.write(`# in force after ${Math.round(tookMs)} ms, ${probes.length} probes, none failed\n`);
  });

  it("is refused when it cannot be used: what was stays in force, and that is counted", async () => {
    const before = nodeCache.read("etc/Corefile");
    nodeCache.write("etc/kube-dns/stubDomains", '{"cluster.local": ["10.244.1.2"]}');
    await nodeCache.process.until("the configuration in use stays: ");
    assert.equal(dig("b.acme.local"), CLUSTER_ANSWERS[0]);
    assert.equal(errors(), "1");
    assert.equal(nodeCache.read("etc/Corefile"), before);
    nodeCache.write("etc/kube-dns/stubDomains", "{}");
    await inForce("acme.local", (answer) => answer === EXTERNAL_ANSWER);
  });

  it("gives other upstream servers than the system's", async () => {
    nodeCache.write("etc/kube-dns/upstreamNameservers", '["10.244.1.3"]');
    await inForce("example.org", (answer) => answer === CLUSTER_ANSWERS[1]);
  });
});
