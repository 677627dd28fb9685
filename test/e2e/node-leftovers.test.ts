/** What a killed node-cache leaves on a node: its rules, made by its own commands, and its device. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { CLUSTER_ANSWERS, ClusterNamespaces, LOCAL_ADDRESSES, SERVICES } from "../support/cluster-namespaces.ts";
import { missing } from "../support/machine.ts";
import { iptablesRules, leaveNodeCacheRules } from "../support/node-cache-rules.ts";
import { NODE_ANSWER, plumbingSpec, startInstance } from "../support/node-instance.ts";

const SKIP = missing("linux", "root", "namespaces", "ip", "nft", "iptables", "sysctl", "dig");
const ADDRESSES = [...LOCAL_ADDRESSES, ...SERVICES];

/** @returns what dig prints, or "" when nobody answered */
function dig(cluster: ClusterNamespaces, address: string, transport: "+notcp" | "+tcp" = "+notcp"): string {
  try {
    const words = ["+tries=1", "+time=1", "+short", transport, `@${address}`, "a.example.org"];
    return cluster.run("pod", "dig", ...words).trim();
  } catch {
    return "";
  }
}

function leaveNodeCache(cluster: ClusterNamespaces): void {
  const node = (program: string, ...args: string[]): string => cluster.run("node", program, ...args);
  // `dummy` where the kernel has it; what follows is the same with any link that is down.
  node("ip", "link", "add", "nodelocaldns", "type", "bridge");
  node("ip", "link", "set", "nodelocaldns", "arp", "off");
  for (const address of ADDRESSES) {
    node("ip", "address", "add", `${address}/${address.includes(":") ? 128 : 32}`, "dev", "nodelocaldns");
  }
  leaveNodeCacheRules(ADDRESSES, "-nft", node);
}

function rulesOf(cluster: ClusterNamespaces): string[] {
  const all = iptablesRules((program, ...args) => cluster.run("node", program, ...args));
  return all.filter((rule) => rule.includes("NodeLocal DNS Cache"));
}

function assertNothingLeft(cluster: ClusterNamespaces): void {
  assert.deepEqual(rulesOf(cluster), []);
  assert.doesNotMatch(cluster.run("node", "nft", "list", "tables"), /nodens/);
  assert.doesNotMatch(cluster.run("node", "ip", "link"), /nodelocaldns/);
}

describe("leftovers of a killed node-cache", { skip: SKIP }, () => {
  it("are a hole for queries until nftables takes them over: then a killed server is none", async () => {
    const cluster = await ClusterNamespaces.open("iptables");
    try {
      leaveNodeCache(cluster);
      assert.equal(dig(cluster, "10.96.0.10"), "", "node-cache's rules hide queries from kube-proxy");
      const first = await startInstance(cluster, plumbingSpec("address"));
      for (const address of ADDRESSES) assert.equal(dig(cluster, address), NODE_ANSWER, address);
      assert.deepEqual(
        rulesOf(cluster).filter((rule) => rule.includes("NOTRACK")),
        [],
      );
      await first.kill();
      for (const address of ADDRESSES) assert.ok(CLUSTER_ANSWERS.includes(dig(cluster, address)), address);
      const second = await startInstance(cluster, plumbingSpec("address"));
      assert.equal(dig(cluster, "169.254.20.10", "+tcp"), NODE_ANSWER);
      await second.end();
      assertNothingLeft(cluster);
      for (const address of SERVICES) assert.ok(CLUSTER_ANSWERS.includes(dig(cluster, address)), address);
    } finally {
      await cluster.close();
    }
  });

  it("are adopted by iptables with no rule twice, and go with SIGTERM", async () => {
    const cluster = await ClusterNamespaces.open("iptables");
    try {
      leaveNodeCache(cluster);
      const before = rulesOf(cluster);
      const instance = await startInstance(cluster, plumbingSpec("address", { backend: "iptables" }));
      assert.deepEqual(rulesOf(cluster), before);
      assert.doesNotMatch(instance.plumbing.output(), /"kind":"(?:added|removed|failed)"/);
      for (const address of ADDRESSES) assert.equal(dig(cluster, address), NODE_ANSWER, address);
      await instance.end();
      assertNothingLeft(cluster);
    } finally {
      await cluster.close();
    }
  });
});

describe(
  "both families",
  { skip: missing("linux", "root", "namespaces", "ip", "nft", "iptables", "conntrack") },
  () => {
    for (const backend of ["nftables", "iptables"] as const) {
      it(`are served by one process, and by ${backend} no query is tracked`, async () => {
        const cluster = await ClusterNamespaces.open("iptables");
        try {
          const instance = await startInstance(cluster, plumbingSpec("address", { backend }));
          for (const place of ["pod", "node"] as const) {
            for (const address of ADDRESSES) {
              for (const transport of ["+notcp", "+tcp"]) {
                const words = ["+tries=1", "+time=2", "+short", transport, `@${address}`, "a.example.org"];
                assert.equal(cluster.run(place, "dig", ...words).trim(), NODE_ANSWER, `${place}: ${words.join(" ")}`);
              }
            }
          }
          for (const family of ["ipv4", "ipv6"]) {
            const tracked = cluster.run("node", "conntrack", "-L", "-f", family);
            const ours = tracked
              .split("\n")
              .filter((line) => ADDRESSES.some((address) => line.includes(`=${address} `)));
            assert.deepEqual(ours, []);
          }
          await instance.end();
          assertNothingLeft(cluster);
        } finally {
          await cluster.close();
        }
      });
    }
  },
);
