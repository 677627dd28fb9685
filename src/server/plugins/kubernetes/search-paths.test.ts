import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { testQuery } from "../../../../test/support/setup-context.ts";
import { nameToText } from "../../../dns/name-text.ts";
import type { Pod } from "../../../kube/objects.ts";
import { clusterZone } from "../../records/zone.ts";
import { searchListOf, SearchPaths } from "./search-paths.ts";

const pod = (dnsPolicy: string, searches: readonly string[] = []): Pod => ({
  namespace: "prod",
  name: "client",
  labels: {},
  ips: ["10.244.0.1"],
  hostNetwork: false,
  node: "worker-1",
  dnsPolicy,
  searches,
});
const CLUSTER = ["prod.svc.cluster.local", "svc.cluster.local", "cluster.local"];

describe("the search list of a pod", () => {
  it("is the cluster's, the node's, then its own", () => {
    const list = searchListOf(pod("ClusterFirst", ["own.example"]), "cluster.local", ["corp.example"]);
    assert.deepEqual(list, [...CLUSTER, "corp.example", "own.example"]);
    assert.deepEqual(searchListOf(pod(""), "cluster.local", []), CLUSTER);
  });

  it("has nothing of the cluster for Default, and for None its own alone", () => {
    assert.deepEqual(searchListOf(pod("Default", ["own.example"]), "cluster.local", ["corp.example"]), [
      "corp.example",
      "own.example",
    ]);
    assert.deepEqual(searchListOf(pod("None", ["own.example"]), "cluster.local", ["corp.example"]), ["own.example"]);
  });

  it("has each domain once, and ends after 32 domains and 2048 characters", () => {
    assert.deepEqual(
      searchListOf(pod("ClusterFirst", ["cluster.local"]), "cluster.local", ["svc.cluster.local"]),
      CLUSTER,
    );
    const many = Array.from({ length: 40 }, (_, i) => `d${i}.example`);
    assert.equal(searchListOf(pod("ClusterFirst", many), "cluster.local", []).length, 32);
    const long = Array.from({ length: 20 }, (_, i) => `${"x".repeat(60)}.${"y".repeat(60)}.${i}.example`);
    const list = searchListOf(pod("ClusterFirst", long), "cluster.local", []);
    assert.ok(list.length > 15 && list.join(" ").length <= 2048);
  });

  it("is that of the zone that the question is in, and none of others", () => {
    const zones = [
      clusterZone("cluster.local.", false),
      clusterZone("other.test.", false),
      clusterZone("10.in-addr.arpa.", false),
    ];
    const paths = new SearchPaths(zones, []);
    const first = (name: string): string | undefined => {
      const [domain] = paths.of(pod("ClusterFirst"), testQuery(name, "A")) ?? [];
      return domain === undefined ? undefined : nameToText(domain);
    };
    assert.equal(first("www.example.org.prod.svc.Cluster.Local."), "prod.svc.cluster.local.");
    assert.equal(first("www.prod.svc.other.test."), "prod.svc.other.test.");
    assert.equal(first("www.example.org."), undefined);
    assert.equal(first("1.0.0.10.in-addr.arpa."), undefined);
  });

  it("passes over what is no domain, and the root", () => {
    const paths = new SearchPaths([clusterZone("cluster.local.", false)], [".", "a..b", "corp.example."]);
    const list = paths.of(pod("ClusterFirst"), testQuery("a.prod.svc.cluster.local.", "A")) ?? [];
    assert.deepEqual(
      list.map((domain) => nameToText(domain)),
      [...CLUSTER.map((domain) => `${domain}.`), "corp.example."],
    );
  });
});
