/**
 * The law of a cache before objects that change: after a change, what is still held of a name is what would be answered now.
 *
 * Objects, changes and questions are random, by seed. Serial numbers of SOA records are not looked at.
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { decodeMessage } from "../../../dns/message.ts";
import { nameToText } from "../../../dns/name-text.ts";
import { recordToText } from "../../../dns/records/record-text.ts";
import type { EndpointSlice, Namespace, Pod, Service, ServiceImport } from "../../../kube/objects.ts";
import { endOfChain } from "../../chain/failure.ts";
import { ChangedNames } from "../../records/changed-names.ts";
import { Cluster } from "../../records/cluster.ts";
import { ImportTable } from "../../records/import-table.ts";
import { NamespaceTable } from "../../records/namespace-table.ts";
import { PodTable } from "../../records/pod-table.ts";
import { ServiceTable } from "../../records/service-table.ts";
import { SliceTable } from "../../records/slice-table.ts";
import type { Table } from "../../records/table.ts";
import { directivesOf, testQuery } from "../../../../test/support/setup-context.ts";
import { KubernetesHandler } from "./kubernetes-handler.ts";
import { readKubernetes } from "./settings.ts";

const NAMESPACES = ["prod", "dev"];
const SERVICES = ["a", "b", "c"];
const ENDPOINTS = ["10.0.0.1", "10.0.0.2", "fd00::1"];
const ADDRESSES = ["10.96.0.1", "10.96.0.2"];
const PORTS = [
  { name: "http", port: 80, protocol: "tcp" },
  { name: "dns", port: 53, protocol: "udp" },
];
const TYPES = ["A", "AAAA", "SRV", "PTR"];

/** Every name that these objects can give something to, and some that they cannot. */
function universe(): { readonly names: readonly string[]; readonly targets: readonly string[] } {
  const names = ["10-0-0-1", "10-0-0-2", "fd00--1"].flatMap((label) =>
    ["prod.pod.cluster.local.", "dev.pod.set.local."].map((pod) => `${label}.${pod}`),
  );
  names.push("1.0.0.10.in-addr.arpa.", "1.0.96.10.in-addr.arpa.", "2.0.96.10.in-addr.arpa.");
  const targets: string[] = [];
  for (const zone of ["cluster.local.", "set.local."]) {
    for (const owner of NAMESPACES.flatMap((one) => SERVICES.map((name) => `${name}.${one}.svc.${zone}`))) {
      targets.push(owner);
      for (const label of ["h0", "h1", "10-0-0-1", "10-0-0-2", "fd00--1", "pod-0"]) targets.push(`${label}.${owner}`);
      for (const { name, protocol } of PORTS) names.push(`_${name}._${protocol}.${owner}`);
      if (zone === "set.local.") names.push(`h0.c1.${owner}`, `10-0-0-1.c2.${owner}`);
      else for (const one of ["west", "none"]) names.push(`${one}.pin._zone.${owner}`, `${one}.prefer._zone.${owner}`);
    }
  }
  return { names: [...names, ...targets], targets };
}

/** An object's place in its table, and the object as it is now. */
class Kept<T> {
  readonly #table: Table<T>;
  readonly #objects: Map<string, T>;

  constructor(table: Table<T>) {
    this.#table = table;
    this.#objects = new Map();
    table.synced();
  }

  put(key: string, object: T): void {
    const before = this.#objects.get(key);
    this.#objects.set(key, object);
    this.#table.put(object, before);
  }

  remove(key: string): void {
    const before = this.#objects.get(key);
    if (before === undefined) return;
    this.#objects.delete(key);
    this.#table.removed(before);
  }
}

class World {
  readonly #random: () => number;
  readonly #targets: readonly string[];
  readonly #services: Kept<Service>;
  readonly #slices: Kept<EndpointSlice>;
  readonly #pods: Kept<Pod>;
  readonly #imports: Kept<ServiceImport>;
  readonly #namespaces: Kept<Namespace>;

  constructor({ tables }: { readonly tables: Tables }, targets: readonly string[], random: () => number) {
    this.#random = random;
    this.#targets = targets;
    this.#services = new Kept(tables.services);
    this.#slices = new Kept(tables.slices);
    this.#pods = new Kept(tables.pods);
    this.#imports = new Kept(tables.imports);
    this.#namespaces = new Kept(tables.namespaces);
    for (const name of NAMESPACES) this.#namespaces.put(name, { name, labels: {} });
  }

  pick<T>(from: readonly T[]): T {
    return from[Math.floor(this.#random() * from.length)] ?? assert.fail();
  }

  chance(share: number): boolean {
    return this.#random() < share;
  }

  #some<T>(from: readonly T[]): T[] {
    return from.filter(() => this.chance(0.5));
  }

  change(): void {
    const namespace = this.pick(NAMESPACES);
    const name = this.pick(SERVICES);
    const key = `${namespace}/${name}`;
    const gone = this.chance(0.2);
    if (this.chance(0.02)) {
      this.#namespaces.remove(namespace);
      this.#namespaces.put(namespace, { name: namespace, labels: {} });
    }
    switch (this.pick(["service", "service", "slice", "slice", "import", "pod"])) {
      case "service":
        return gone ? this.#services.remove(key) : this.#services.put(key, this.#service(namespace, name));
      case "slice": {
        const cluster = this.chance(0.3) ? this.pick(["c1", "c2"]) : "";
        const slice = `${name}-${this.pick([0, 1])}${cluster}`;
        const own = `${namespace}/${slice}`;
        return gone
          ? this.#slices.remove(own)
          : this.#slices.put(
              own,
              this.#slice(namespace, slice, this.chance(0.1) ? this.pick(SERVICES) : name, cluster),
            );
      }
      case "import": {
        const type = this.pick(["Headless", "ClusterSetIP"] as const);
        const object = { namespace, name, type, ips: this.#some(ADDRESSES), ports: this.#some(PORTS) };
        return gone ? this.#imports.remove(key) : this.#imports.put(key, object);
      }
      default: {
        const more = { labels: {}, hostNetwork: false, node: "", dnsPolicy: "", searches: [] };
        return gone
          ? this.#pods.remove(key)
          : this.#pods.put(key, { namespace, name, ips: this.#some(ENDPOINTS), ...more });
      }
    }
  }

  #service(namespace: string, name: string): Service {
    const isName = this.chance(0.3);
    const headless = !isName && this.chance(0.5);
    return {
      namespace,
      name,
      labels: {},
      type: isName ? "ExternalName" : "ClusterIP",
      clusterIPs: isName || headless ? [] : this.#some(ADDRESSES),
      headless,
      externalName: isName ? this.pick(this.#targets).replace(/\.$/, "") : "",
      ports: this.#some(PORTS),
      publishNotReadyAddresses: this.chance(0.2),
    };
  }

  #slice(namespace: string, name: string, service: string, cluster: string): EndpointSlice {
    const endpoints = this.#some(ENDPOINTS).map((address) => ({
      addresses: [address],
      ready: this.chance(0.7),
      hostname: this.pick(["", "h0", "h1"]),
      pod: this.pick(["", "pod-0"]),
      node: "",
      zone: this.pick(["", "west"]),
    }));
    const ports = this.#some(PORTS);
    return { namespace, name, service, cluster, addressType: "IPv4", ports, endpoints, changedAtMs: 0 };
  }
}

interface Tables {
  readonly services: ServiceTable;
  readonly namespaces: NamespaceTable;
  readonly slices: SliceTable;
  readonly pods: PodTable;
  readonly imports: ImportTable;
}

/** Mulberry32. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

async function holds(seed: number, properties: string): Promise<void> {
  const corefile = `. {\nkubernetes cluster.local set.local in-addr.arpa {\nmulticluster set.local\nzonal\npods verified\n${properties}\n}\n}`;
  const [directive] = directivesOf(corefile, "kubernetes");
  const settings = readKubernetes(directive ?? assert.fail(), { zones: ["."], root: "/" }, {}, () => {});
  const { namespaces, pods, usesPodNames, ignoresEmpty, zones, zonal } = settings;
  const tables: Tables = {
    services: new ServiceTable(() => 0),
    namespaces: new NamespaceTable(() => 0),
    slices: new SliceTable(() => 0),
    pods: new PodTable(() => 0),
    imports: new ImportTable(() => 0),
  };
  const cluster = new Cluster(tables, { namespaces, pods, usesPodNames, ignoresEmpty });
  const parts = { settings, cluster: () => cluster, nameServers: () => [] };
  const handler: KubernetesHandler = new KubernetesHandler(endOfChain, {
    ...parts,
    askServer: (query) => handler.serve(query),
  });
  const say = async (name: string, type: string): Promise<string> => {
    const { wire } = await handler.serve(testQuery(name, type));
    const { rcode, answers, additional } = decodeMessage(wire);
    return [rcode, ...[...answers, ...additional].map((record) => recordToText(record)).toSorted()].join("; ");
  };
  const { names, targets } = universe();
  const world = new World({ tables }, targets, randomFrom(seed));
  const held = new Map<string, Map<string, string>>();
  const forget = (changed: readonly Uint8Array[], trees: readonly Uint8Array[]): void => {
    for (const name of changed) held.delete(nameToText(name));
    for (const tree of trees.map((one) => `.${nameToText(one)}`)) {
      for (const name of held.keys()) if (`.${name}`.endsWith(tree)) held.delete(name);
    }
  };
  const onChange = (changed: readonly Uint8Array[] | "all", trees: readonly Uint8Array[]): void =>
    changed === "all" ? held.clear() : forget(changed, trees);
  const changes = new ChangedNames({ cluster, zones, zonal, onChange });
  for (let round = 0; round < 150; round++) {
    for (let i = 0; i < 25; i++) {
      const [name, type] = [world.pick(names), world.pick(TYPES)];
      const types = held.get(name) ?? new Map<string, string>();
      if (!types.has(type)) types.set(type, await say(name, type));
      held.set(name, types);
    }
    world.change();
    if (world.chance(0.3)) world.change();
    await turn();
    for (const [name, types] of held) {
      for (const [type, said] of types) {
        assert.equal(said, await say(name, type), `seed ${seed}, round ${round}: ${name} ${type}`);
      }
    }
  }
  changes.stop();
}

describe("an answer that is held while objects change", () => {
  for (const [seed, properties] of [
    [1, ""],
    [2, "ignore empty_service"],
    [3, "endpoint_pod_names"],
  ] as const) {
    it(`is the one that would be given now (${properties === "" ? "no options" : properties})`, () =>
      holds(seed, properties));
  }
});
