import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { nameToText } from "../../dns/name-text.ts";
import type { Endpoint, EndpointSlice, Service } from "../../kube/objects.ts";
import { ChangedNames } from "./changed-names.ts";
import { Cluster } from "./cluster.ts";
import { NamespaceTable } from "./namespace-table.ts";
import { ServiceTable } from "./service-table.ts";
import { SliceTable } from "./slice-table.ts";
import { clusterZone } from "./zone.ts";

function service(name: string, more: Partial<Service> = {}): Service {
  return {
    namespace: "prod",
    name,
    labels: {},
    type: "ClusterIP",
    clusterIPs: ["10.96.0.1"],
    headless: false,
    externalName: "",
    ports: [{ name: "http", port: 80, protocol: "tcp" }],
    publishNotReadyAddresses: false,
    ...more,
  };
}

function slice(of: string, hostnames: Readonly<Record<string, string>>): EndpointSlice {
  const endpoints = Object.entries(hostnames).map(([address, hostname]): Endpoint => ({
    addresses: [address],
    ready: true,
    hostname,
    pod: "",
    node: "",
    zone: "",
  }));
  const ports = [{ name: "http", port: 80, protocol: "tcp" }];
  return {
    namespace: "prod",
    name: `${of}-1`,
    service: of,
    cluster: "",
    addressType: "IPv4",
    ports,
    endpoints,
    changedAtMs: 0,
  };
}

interface Heard {
  readonly services: ServiceTable;
  readonly slices: SliceTable;
  readonly namespaces: NamespaceTable;
  /** What was told since the last call: names sorted, or "all". */
  heard(): Promise<readonly string[] | "all" | undefined>;
}

function listening(isSynced = true): Heard {
  const tables = {
    services: new ServiceTable(() => 0),
    namespaces: new NamespaceTable(() => 0),
    slices: new SliceTable(() => 0),
    pods: undefined,
    imports: undefined,
  };
  if (isSynced) for (const table of [tables.services, tables.namespaces, tables.slices]) table.synced();
  const cluster = new Cluster(tables, {
    namespaces: new Set(),
    pods: "disabled",
    usesPodNames: false,
    ignoresEmpty: false,
  });
  let told: readonly Uint8Array[] | "all" | undefined;
  const zones = [clusterZone("cluster.local.", false), clusterZone("10.in-addr.arpa.", false)];
  new ChangedNames({ cluster, zones, zonal: false, onChange: (names) => (told = names) });
  const heard = async (): Promise<readonly string[] | "all" | undefined> => {
    await turn();
    const names = told;
    told = undefined;
    return typeof names === "object" ? names.map((name) => nameToText(name)).toSorted() : names;
  };
  return { ...tables, heard };
}

describe("the names that a change is about", () => {
  it("are those of a Service, of its ports, and of its addresses, before and after", async () => {
    const { services, heard } = listening();
    const before = service("web");
    services.put(before, undefined);
    const names = ["1.0.96.10.in-addr.arpa.", "_http._tcp.web.prod.svc.cluster.local.", "web.prod.svc.cluster.local."];
    assert.deepEqual(await heard(), names);
    services.put(service("web", { clusterIPs: ["10.96.0.2"] }), before);
    assert.deepEqual(await heard(), [names[0], "2.0.96.10.in-addr.arpa.", names[1], names[2]]);
    assert.equal(await heard(), undefined);
  });

  it("are those of the endpoint that differs, and of a headless Service itself", async () => {
    const { services, slices, heard } = listening();
    services.put(service("db", { headless: true, clusterIPs: [] }), undefined);
    const before = slice("db", { "10.0.0.1": "db-0", "10.0.0.2": "db-1" });
    slices.put(before, undefined);
    await heard();
    slices.put(slice("db", { "10.0.0.1": "db-0", "10.0.0.3": "db-1" }), before);
    assert.deepEqual(await heard(), [
      "2.0.0.10.in-addr.arpa.",
      "3.0.0.10.in-addr.arpa.",
      "_http._tcp.db.prod.svc.cluster.local.",
      "db-1.db.prod.svc.cluster.local.",
      "db.prod.svc.cluster.local.",
    ]);
  });

  it("are not those of a Service with an address, whose endpoints it does not name", async () => {
    const { services, slices, heard } = listening();
    services.put(service("web"), undefined);
    await heard();
    slices.put(slice("web", { "10.0.0.1": "" }), undefined);
    assert.deepEqual(await heard(), ["1.0.0.10.in-addr.arpa.", "10-0-0-1.web.prod.svc.cluster.local."]);
  });

  it("are those of who stands for a Service too", async () => {
    const { services, heard } = listening();
    services.put(
      service("shop", { type: "ExternalName", clusterIPs: [], externalName: "Web.prod.svc.cluster.local." }),
      undefined,
    );
    await heard();
    services.put(service("web", { ports: [], clusterIPs: [] }), undefined);
    assert.deepEqual(await heard(), ["shop.prod.svc.cluster.local.", "web.prod.svc.cluster.local."]);
  });

  it("are those of who stands for it by way of another, or for an endpoint, once in a circle", async () => {
    const { services, slices, heard } = listening();
    const alias = (name: string, target: string): void => {
      const externalName = `${target}.prod.svc.cluster.local`;
      services.put(service(name, { type: "ExternalName", clusterIPs: [], externalName, ports: [] }), undefined);
    };
    alias("shop", "store");
    alias("store", "db-0.db");
    alias("one", "two");
    alias("two", "one");
    services.put(service("db"), undefined);
    await heard();
    slices.put(slice("db", { "10.0.0.1": "db-0" }), undefined);
    assert.deepEqual(await heard(), [
      "1.0.0.10.in-addr.arpa.",
      "db-0.db.prod.svc.cluster.local.",
      "shop.prod.svc.cluster.local.",
      "store.prod.svc.cluster.local.",
    ]);
    alias("one", "two");
    assert.deepEqual(await heard(), ["one.prod.svc.cluster.local.", "two.prod.svc.cluster.local."]);
  });

  it("are all of them when a namespace comes or goes, and until all objects are known", async () => {
    const known = listening();
    known.namespaces.put({ name: "prod", labels: {} }, undefined);
    assert.equal(await known.heard(), "all");
    known.namespaces.put({ name: "prod", labels: { a: "b" } }, { name: "prod", labels: {} });
    assert.equal(await known.heard(), undefined);
    const unknown = listening(false);
    unknown.services.put(service("web"), undefined);
    assert.equal(await unknown.heard(), "all");
  });
});
