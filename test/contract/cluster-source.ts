/** What every `ClusterSource` promises. */
import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import type { ClusterSource, Kind, ObjectOf, Selection, Watch } from "../../src/kube/cluster-source.ts";
import type { Plural, RawObject } from "../support/api-server.ts";
import { until } from "../support/until.ts";

/** A cluster that a test can change, and a source that shows it. */
export interface TestCluster {
  readonly source: ClusterSource;
  /** Creates or changes. */
  put(kind: Plural, object: RawObject): Promise<void>;
  remove(kind: Plural, namespace: string, name: string): Promise<void>;
  /** Makes the source unable to see its objects, and able again. Without: not tested. */
  breakOff?(): Promise<void>;
  mend?(): Promise<void>;
  end(): Promise<void>;
}

/** Everything that a watcher was told, and what there is by that. */
export class Seen<K extends Kind> {
  readonly events: string[] = [];
  readonly objects: Map<string, ObjectOf[K]> = new Map();
  syncedTimes: number = 0;
  staleReason: string | undefined;
  denied: boolean = false;
  readonly watch: Watch;

  constructor(source: ClusterSource, kind: K, selection: Selection = {}) {
    this.watch = source.watch(kind, selection, {
      put: (object, before) => {
        const key = keyOf(object);
        assert.equal(before, this.objects.get(key), "what it was before is what was told before");
        this.objects.set(key, object);
        this.events.push(`${before === undefined ? "new" : "changed"} ${key}`);
      },
      removed: (before) => {
        const key = keyOf(before);
        assert.equal(before, this.objects.get(key), "what is removed is what was told before");
        this.objects.delete(key);
        this.events.push(`removed ${key}`);
      },
      synced: () => {
        this.syncedTimes++;
        this.events.push("synced");
      },
      stale: (reason, denied) => {
        this.staleReason = reason;
        this.denied = denied;
      },
    });
  }

  get keys(): string[] {
    return [...this.objects.keys()].sort();
  }

  synced(): Promise<void> {
    return until(() => this.syncedTimes > 0, "synced");
  }
}

function keyOf(object: { readonly name: string; readonly namespace?: string }): string {
  return object.namespace === undefined ? object.name : `${object.namespace}/${object.name}`;
}

export function service(name: string, spec: object = {}, metadata: object = {}): RawObject {
  return {
    metadata: { namespace: "default", name, ...metadata },
    spec: { type: "ClusterIP", clusterIP: "10.96.1.1", clusterIPs: ["10.96.1.1"], ...spec },
  };
}

function pod(name: string, node: string): RawObject {
  return {
    metadata: { namespace: "default", name, labels: { app: name } },
    spec: { nodeName: node, containers: [{ name: "main", image: "example.org/main" }] },
    status: { phase: "Running", podIP: "10.244.0.9", podIPs: [{ ip: "10.244.0.9" }, { ip: "fd00::9" }] },
  };
}

const OBJECTS: { readonly [K in Kind]: readonly [raw: RawObject, trimmed: ObjectOf[K]] } = {
  services: [
    {
      metadata: { namespace: "prod", name: "web", labels: { team: "a" }, annotations: { long: "text" } },
      spec: {
        type: "NodePort",
        clusterIP: "10.96.0.7",
        clusterIPs: ["10.96.0.7", "fd00:96::7"],
        ports: [
          { name: "http", port: 80, targetPort: 8080, nodePort: 30_080 },
          { name: "dns", protocol: "UDP", port: 53 },
        ],
        selector: { app: "web" },
      },
    },
    {
      namespace: "prod",
      name: "web",
      labels: { team: "a" },
      type: "NodePort",
      clusterIPs: ["10.96.0.7", "fd00:96::7"],
      headless: false,
      externalName: "",
      ports: [
        { name: "http", port: 80, protocol: "tcp" },
        { name: "dns", port: 53, protocol: "udp" },
      ],
      publishNotReadyAddresses: false,
    },
  ],
  endpointslices: [
    {
      metadata: {
        namespace: "prod",
        name: "web-x7",
        labels: { "kubernetes.io/service-name": "web" },
        annotations: { "endpoints.kubernetes.io/last-change-trigger-time": "2026-01-02T03:04:05Z" },
      },
      addressType: "IPv4",
      ports: [{ name: "http", port: 8080, protocol: "TCP" }],
      endpoints: [
        {
          addresses: ["10.244.1.1"],
          conditions: { ready: true, serving: true, terminating: false },
          hostname: "web-0",
          nodeName: "worker-1",
          zone: "a",
          targetRef: { kind: "Pod", namespace: "prod", name: "web-0", uid: "0" },
        },
        { addresses: ["10.244.1.2"], conditions: { ready: false } },
        { addresses: ["10.244.1.3"] },
      ],
    },
    {
      namespace: "prod",
      name: "web-x7",
      service: "web",
      cluster: "",
      addressType: "IPv4",
      ports: [{ name: "http", port: 8080, protocol: "tcp" }],
      endpoints: [
        { addresses: ["10.244.1.1"], ready: true, hostname: "web-0", pod: "web-0", node: "worker-1", zone: "a" },
        { addresses: ["10.244.1.2"], ready: false, hostname: "", pod: "", node: "", zone: "" },
        { addresses: ["10.244.1.3"], ready: true, hostname: "", pod: "", node: "", zone: "" },
      ],
      changedAtMs: Date.parse("2026-01-02T03:04:05Z"),
    },
  ],
  pods: [
    {
      metadata: { namespace: "prod", name: "client", labels: { app: "client" } },
      spec: {
        nodeName: "worker-1",
        dnsPolicy: "ClusterFirst",
        dnsConfig: { searches: ["example.org"] },
        containers: [{ name: "main", image: "example.org/main" }],
      },
      status: { phase: "Running", podIP: "10.244.1.8", podIPs: [{ ip: "10.244.1.8" }, { ip: "fd00::8" }] },
    },
    {
      namespace: "prod",
      name: "client",
      labels: { app: "client" },
      ips: ["10.244.1.8", "fd00::8"],
      hostNetwork: false,
      node: "worker-1",
      dnsPolicy: "ClusterFirst",
      searches: ["example.org"],
    },
  ],
  namespaces: [
    { metadata: { name: "prod", labels: { "kubernetes.io/metadata.name": "prod", stage: "live" } } },
    { name: "prod", labels: { "kubernetes.io/metadata.name": "prod", stage: "live" } },
  ],
  serviceimports: [
    {
      metadata: { namespace: "prod", name: "far" },
      spec: { type: "ClusterSetIP", ips: ["10.42.42.42"], ports: [{ name: "http", port: 80, protocol: "TCP" }] },
    },
    {
      namespace: "prod",
      name: "far",
      type: "ClusterSetIP",
      ips: ["10.42.42.42"],
      ports: [{ name: "http", port: 80, protocol: "tcp" }],
    },
  ],
};

const KINDS: readonly Kind[] = ["services", "endpointslices", "pods", "namespaces", "serviceimports"];

export interface ContractOptions {
  /** A reason, or false. */
  readonly skip?: string | false;
  /** Objects come as they were put, and no others do: false where a real cluster fills in and adds. Default true. */
  readonly exact?: boolean;
}

/** @param open a new cluster without objects, and a source of it */
export function clusterSourceContract(
  name: string,
  open: () => Promise<TestCluster>,
  { skip = false, exact = true }: ContractOptions = {},
): void {
  const start = async (t: TestContext): Promise<TestCluster> => {
    const cluster = await open();
    t.after(() => cluster.end());
    return cluster;
  };

  describe(name, { skip }, () => {
    for (const kind of exact ? KINDS : []) {
      it(`gives ${kind} as the fields that are read, until they are gone`, async (t) => {
        const cluster = await start(t);
        const [raw, trimmed] = OBJECTS[kind];
        await cluster.put(kind, raw);
        const seen = new Seen(cluster.source, kind);
        const key = keyOf(trimmed);
        await until(() => seen.objects.has(key), `${kind} ${key}`);
        assert.deepEqual(seen.objects.get(key), trimmed);
        await cluster.remove(kind, "namespace" in trimmed ? trimmed.namespace : "", trimmed.name);
        await until(() => !seen.objects.has(key), "it is gone");
      });
    }

    it("puts what is there, then says that it is synced, once", async (t) => {
      const cluster = await start(t);
      await cluster.put("services", service("one"));
      await cluster.put("services", service("two", { clusterIP: "10.96.1.2", clusterIPs: ["10.96.1.2"] }));
      const seen = new Seen(cluster.source, "services");
      assert.equal(seen.watch.synced, false);
      await seen.synced();
      assert.equal(seen.watch.synced, true);
      assert.ok(seen.keys.includes("default/one") && seen.keys.includes("default/two"), seen.keys.join());
      assert.equal(seen.events.at(-1), "synced");
      assert.equal(seen.watch.staleReason, undefined);
    });

    it("is synced when there is nothing", async (t) => {
      const cluster = await start(t);
      const seen = new Seen(cluster.source, "endpointslices", { namespace: "nowhere" });
      await seen.synced();
      assert.deepEqual(seen.keys, []);
    });

    it("tells what comes, changes and goes", async (t) => {
      const cluster = await start(t);
      const seen = new Seen(cluster.source, "services", { namespace: "default", labelSelector: "its=mine" });
      await seen.synced();
      const mine = { labels: { its: "mine" } };
      await cluster.put("services", service("web", {}, mine));
      await until(() => seen.objects.has("default/web"), "it comes");
      await cluster.put("services", service("web", { publishNotReadyAddresses: true }, mine));
      await until(() => seen.objects.get("default/web")?.publishNotReadyAddresses === true, "it changes");
      await cluster.remove("services", "default", "web");
      await until(() => !seen.objects.has("default/web"), "it goes");
      assert.deepEqual(seen.events, ["synced", "new default/web", "changed default/web", "removed default/web"]);
    });

    it("does not tell of changes in what is not read", async (t) => {
      const cluster = await start(t);
      await cluster.put("services", service("web"));
      const seen = new Seen(cluster.source, "services", { namespace: "default" });
      await seen.synced();
      const told = seen.events.length;
      await cluster.put("services", service("web", {}, { annotations: { note: "changed" } }));
      await cluster.put("services", service("end", { clusterIP: "10.96.1.3", clusterIPs: ["10.96.1.3"] }));
      await until(() => seen.objects.has("default/end"), "the later one");
      assert.deepEqual(seen.events.slice(told), ["new default/end"]);
    });

    it("takes only what is selected by namespace, labels and fields", async (t) => {
      const cluster = await start(t);
      await cluster.put("services", service("one", {}, { labels: { tier: "front", env: "a" } }));
      await cluster.put(
        "services",
        service("two", { clusterIP: "10.96.1.2", clusterIPs: ["10.96.1.2"] }, { labels: { tier: "front", env: "b" } }),
      );
      await cluster.put("pods", pod("here", "worker-1"));
      await cluster.put("pods", pod("there", "worker-2"));
      const elsewhere = new Seen(cluster.source, "services", { namespace: "kube-public" });
      const labelled = new Seen(cluster.source, "services", { labelSelector: "tier=front,env!=b" });
      const onNode = new Seen(cluster.source, "pods", { fieldSelector: "spec.nodeName=worker-1" });
      await Promise.all([elsewhere.synced(), labelled.synced(), onNode.synced()]);
      assert.deepEqual(elsewhere.keys, []);
      assert.deepEqual(labelled.keys, ["default/one"]);
      assert.deepEqual(onNode.keys, ["default/here"]);
    });

    it("takes away what is selected no longer", async (t) => {
      const cluster = await start(t);
      await cluster.put("services", service("web", {}, { labels: { shown: "yes" } }));
      const seen = new Seen(cluster.source, "services", { labelSelector: "shown=yes" });
      await until(() => seen.objects.has("default/web"), "it is there");
      await cluster.put("services", service("web", {}, { labels: { shown: "no" } }));
      await until(() => !seen.objects.has("default/web"), "it is gone");
    });

    it("tells a watcher that comes later the same, and none that has stopped", async (t) => {
      const cluster = await start(t);
      await cluster.put("services", service("web"));
      const first = new Seen(cluster.source, "services", { namespace: "default" });
      await first.synced();
      const second = new Seen(cluster.source, "services", { namespace: "default" });
      await second.synced();
      assert.deepEqual(second.keys, first.keys);
      first.watch.stop();
      const told = first.events.length;
      await cluster.remove("services", "default", "web");
      await until(() => !second.objects.has("default/web"), "the second is told");
      assert.equal(first.events.length, told);
      first.watch.stop(); // again: nothing happens
    });

    it("keeps what it has while its objects cannot be seen, says so, and tells the difference afterwards", async (t) => {
      const cluster = await start(t);
      if (cluster.breakOff === undefined) return;
      await cluster.put("services", service("stays"));
      await cluster.put("services", service("goes", { clusterIP: "10.96.1.2", clusterIPs: ["10.96.1.2"] }));
      const seen = new Seen(cluster.source, "services", { namespace: "default" });
      await seen.synced();
      const told = seen.events.length;
      await cluster.breakOff();
      await until(() => seen.staleReason !== undefined, "it is stale");
      assert.equal(seen.watch.staleReason, seen.staleReason);
      assert.match(seen.staleReason ?? "", /^[^\n]+$/);
      assert.equal(seen.denied, false);
      assert.ok(seen.objects.has("default/goes") && seen.watch.synced);
      await cluster.remove("services", "default", "goes");
      await cluster.put("services", service("comes", { clusterIP: "10.96.1.3", clusterIPs: ["10.96.1.3"] }));
      await cluster.mend?.();
      await until(() => seen.staleReason === undefined && !seen.objects.has("default/goes"), "it is back");
      await until(() => seen.objects.has("default/comes"), "the new one");
      assert.deepEqual(seen.events.slice(told).sort(), ["new default/comes", "removed default/goes"]);
    });

    it("says in a line that a selector is none, and does not end", async (t) => {
      const cluster = await start(t);
      const seen = new Seen(cluster.source, "services", { labelSelector: "a in b)" });
      await until(() => seen.staleReason !== undefined, "it says so");
      assert.match(seen.staleReason ?? "", /^[^\n]+$/);
      assert.equal(seen.watch.synced, false);
      const right = new Seen(cluster.source, "services");
      await right.synced();
      seen.watch.stop();
    });

    it("ends with watches running, and twice", async (t) => {
      const cluster = await start(t);
      const seen = new Seen(cluster.source, "services");
      await seen.synced();
      await cluster.source.close();
      await cluster.source.close();
      seen.watch.stop();
      assert.notEqual(cluster.source.name, "");
    });
  });
}
