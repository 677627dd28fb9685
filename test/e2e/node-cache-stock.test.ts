/** The manifests of node-cache as they are deployed, unchanged, in a cluster of namespaces. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { CLUSTER_ANSWERS, ClusterNamespaces, EXTERNAL_ANSWER, SERVICES } from "../support/cluster-namespaces.ts";
import { missing } from "../support/machine.ts";
import {
  getAtNode,
  goldenTemplate,
  type NodeCache,
  startNodeCache,
  stockArgs,
} from "../support/node-cache-instance.ts";

const SKIP = missing("linux", "root", "namespaces", "ip", "nft", "iptables", "sysctl", "dig", "conntrack");
const ADDRESSES = ["169.254.20.10", "10.96.0.10"];

interface Era {
  readonly name: string;
  readonly template: string;
  readonly args: readonly string[];
}

const ERAS: readonly Era[] = [
  // The manifest of Kubernetes 1.23: no pid file, all upstreams over TCP.
  { name: "1.22", template: "1.22.base", args: stockArgs() },
  { name: "1.26", template: "1.26.base", args: [...stockArgs(), "-pidfile", "/tmp/node-cache.pid"] },
  {
    name: "the newest",
    template: "newest.base",
    args: [...stockArgs(), "-pidfile", "/tmp/node-cache.pid", "-prometheus-listen-address", "169.254.20.10:9253"],
  },
];

for (const { name, template, args } of ERAS) {
  describe(`the manifest of ${name}`, { skip: SKIP }, () => {
    let cluster: ClusterNamespaces;
    let nodeCache: NodeCache;
    const dig = (...words: string[]): string =>
      cluster.run("pod", "dig", "+short", "+tries=1", "+time=2", ...words).trim();

    before(async () => {
      cluster = await ClusterNamespaces.open("iptables");
      nodeCache = startNodeCache(cluster, { args, template: goldenTemplate(template) });
      await nodeCache.captures();
    });
    after(async () => {
      await cluster.close();
      nodeCache.clean();
    });

    it("answers pods at both addresses, over UDP and TCP, for names of the cluster and others", async () => {
      for (const address of ADDRESSES) {
        for (const transport of ["+notcp", "+tcp"]) {
          const ofCluster = dig(`@${address}`, transport, "web.shop.svc.cluster.local");
          assert.ok(CLUSTER_ANSWERS.includes(ofCluster), `${address} ${transport}: ${ofCluster}`);
          assert.equal(dig(`@${address}`, transport, "example.org"), EXTERNAL_ANSWER);
        }
      }
      // Until what the servers told has been read.
      await sleep(100);
      // What is asked twice is asked of the cluster DNS once: it is the node that answers.
      const asked = cluster.seen().filter((seen) => seen.name === "web.shop.svc.cluster.local.");
      assert.deepEqual(
        asked.map(({ transport }) => transport),
        ["tcp"],
        "over TCP, by the upstream Service",
      );
    });

    it("leaves no query of a pod or of the node to connection tracking", () => {
      // What the `loop` plugin asked before there were rules.
      cluster.run("node", "conntrack", "-F");
      for (const address of ADDRESSES) {
        dig(`@${address}`, "web.shop.svc.cluster.local");
        dig(`@${address}`, "+tcp", "web.shop.svc.cluster.local");
        cluster.run("node", "dig", "+short", "+tries=1", `@${address}`, "web.shop.svc.cluster.local");
        assert.equal(cluster.run("node", "conntrack", "-L", "-d", address), "");
        assert.equal(cluster.run("node", "conntrack", "-L", "-s", address), "");
      }
    });

    it("shows health, and the same metrics at both addresses", () => {
      const get = (url: string): string => getAtNode(cluster, url);
      assert.equal(name === "the newest" || get("http://169.254.20.10:8080/health") === "OK", true);
      const families = (text: string): string[] => text.split("\n").filter((line) => line.startsWith("# TYPE"));
      const ours = get("http://127.0.0.1:9353/metrics");
      assert.deepEqual(families(ours), families(get("http://169.254.20.10:9253/metrics")));
      for (const type of ["iptables", "iptables_lock", "interface_add", "interface_check", "configmap"]) {
        assert.ok(ours.includes(`coredns_nodecache_setup_errors_total{errortype="${type}"} 0\n`), type);
      }
      assert.match(ours, /^nodens_node_capturing 1$/m);
      assert.match(ours, /^nodens_node_info\{intercept="address",rules="nftables"\} 1$/m);
      const age = Number(/^nodens_node_lease_age_seconds (.+)$/m.exec(ours)?.[1]);
      assert.ok(age > 0 && age < 1, `the lease is ${age} s old`);
    });

    it("logs what people look for, and leaves nothing behind on SIGTERM", async () => {
      if (args.includes("-pidfile")) assert.equal(nodeCache.read("tmp/node-cache.pid"), `${nodeCache.pid}\n`);
      assert.equal(await nodeCache.end("SIGTERM"), 0, nodeCache.process.output());
      const output = nodeCache.process.output();
      for (const line of [
        "[INFO] Starting node-cache image: ",
        "[INFO] Using Corefile /etc/Corefile\n",
        "[INFO] Added interface - nodelocaldns\n",
        "[INFO] Updated Corefile with 0 custom stubdomains and upstream servers /etc/resolv.conf\n",
        "[INFO] Using config file:\n",
        "[INFO] Added back nodelocaldns rule - ",
        "[INFO] Tearing down\n",
      ]) {
        assert.ok(output.includes(line), `${line}\n${output}`);
      }
      assert.ok(output.indexOf("Removed nodelocaldns rule") < output.indexOf("Shutting down servers"));
      assert.ok(output.indexOf("Shutting down servers") < output.indexOf("Removed interface"));
      assert.doesNotMatch(cluster.run("node", "ip", "link"), /nodelocaldns/);
      assert.doesNotMatch(cluster.run("node", "nft", "list", "ruleset"), /nodens|NodeLocal/);
      // The node is as before: the cluster DNS answers.
      for (const address of SERVICES.slice(0, 1))
        assert.ok(CLUSTER_ANSWERS.includes(dig(`@${address}`, "web.shop.svc.cluster.local")));
    });
  });
}
