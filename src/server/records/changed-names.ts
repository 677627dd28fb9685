/**
 * Which names a change of an object is about: what was answered for them before is to be forgotten.
 *
 * Changes are gathered for a turn of the event loop. A name that the objects cannot foresee (one that a client made up below
 * a Service) is not among them; what was said about it lives out its TTL.
 */
import type { EndpointSlice, Pod, Port, Service, ServiceImport } from "../../kube/objects.ts";
import type { Cluster } from "./cluster.ts";
import { canonicalAddress } from "./canonical-address.ts";
import { dashedAddress, endpointName } from "./endpoint-name.ts";
import { reverseName } from "./reverse-name.ts";
import { type ClusterZone, nameBelow } from "./zone.ts";

/** From so many names on, all names of the zones are meant. */
const NAMES_MAX = 20_000;
/** Likewise from so many on whose lower names are meant: each is looked for among all answers. */
const TREES_MAX = 64;

export interface ChangedNamesOptions {
  readonly cluster: Cluster;
  readonly zones: readonly ClusterZone[];
  readonly zonal: boolean;
  /**
   * @param names wire form, lower case; "all": every name of the zones
   * @param trees names that all names below are meant of too, likewise
   */
  readonly onChange: (names: readonly Uint8Array[] | "all", trees: readonly Uint8Array[]) => void;
}

export class ChangedNames {
  readonly #options: ChangedNamesOptions;
  readonly #ends: (() => void)[];
  /** By their bytes as text, so that each is there once. */
  #names: Map<string, Uint8Array>;
  #trees: Map<string, Uint8Array>;
  #all: boolean;
  #scheduled: NodeJS.Immediate | undefined;

  constructor(options: ChangedNamesOptions) {
    this.#options = options;
    this.#names = new Map();
    this.#trees = new Map();
    this.#all = false;
    this.#scheduled = undefined;
    const { services, namespaces, slices, pods, imports } = options.cluster.tables;
    this.#ends = [
      services.listen((after, before) => this.#service(after, before)),
      namespaces.listen((after, before) => {
        if (after === undefined || before === undefined) this.#everything();
      }),
    ];
    if (slices !== undefined) this.#ends.push(slices.listen((after, before) => this.#slice(after, before)));
    if (imports !== undefined) this.#ends.push(imports.listen((after, before) => this.#import(after, before)));
    if (pods !== undefined && options.cluster.options.pods === "verified") {
      this.#ends.push(pods.listen((after, before) => this.#pod(after, before)));
    }
  }

  stop(): void {
    for (const end of this.#ends) end();
    if (this.#scheduled !== undefined) clearImmediate(this.#scheduled);
    this.#scheduled = undefined;
  }

  #service(after: Service | undefined, before: Service | undefined): void {
    const service = after ?? before;
    if (service === undefined) return;
    const { slices } = this.#options.cluster.tables;
    const owner = [service.name, service.namespace, "svc"];
    this.#add(owner);
    for (const one of [before, after]) {
      this.#ports(one?.ports ?? [], owner, false);
      for (const address of one?.clusterIPs ?? []) this.#address(address);
    }
    if (sameShape(after, before)) return;
    this.#topology(owner);
    for (const slice of slices?.of(service.namespace, service.name) ?? []) {
      this.#ports(slice.ports, owner, false);
      this.#endpoints(slice, owner, () => true);
    }
  }

  #import(after: ServiceImport | undefined, before: ServiceImport | undefined): void {
    const service = after ?? before;
    if (service === undefined) return;
    const owner = [service.name, service.namespace, "svc"];
    this.#add(owner, true);
    for (const one of [before, after]) this.#ports(one?.ports ?? [], owner, true);
    if (after?.type === before?.type) return;
    for (const slice of this.#options.cluster.tables.slices?.imported(service.namespace, service.name) ?? []) {
      this.#ports(slice.ports, owner, true);
      this.#endpoints(slice, owner, () => true);
    }
  }

  #slice(after: EndpointSlice | undefined, before: EndpointSlice | undefined): void {
    const known = new Map<string, string>();
    for (const slice of [before, after]) {
      if (slice === undefined || slice.service === "") continue;
      const { tables, options } = this.#options.cluster;
      const owner = [slice.service, slice.namespace, "svc"];
      const multicluster = slice.cluster !== "";
      const service = multicluster ? undefined : tables.services.find(slice.namespace, slice.service);
      // The records of a Service with an address of its own say nothing about endpoints.
      if (multicluster || service === undefined || service.headless || options.ignoresEmpty) {
        this.#add(owner, multicluster);
        this.#ports(slice.ports, owner, multicluster);
        // The ports of a Service that is ignored while it is empty come and go with it.
        const ignored = multicluster ? tables.imports?.find(slice.namespace, slice.service) : service;
        if (options.ignoresEmpty) this.#ports(ignored?.ports ?? [], owner, multicluster);
      }
      if (slice === before) note(known, slice);
    }
    if (before !== undefined && before.service !== "") {
      const left = after === undefined ? new Map<string, string>() : note(new Map(), after);
      const owner = [before.service, before.namespace, "svc"];
      this.#endpoints(before, owner, (key) => known.get(key) !== left.get(key));
    }
    if (after !== undefined && after.service !== "") {
      const has = note(new Map(), after);
      const owner = [after.service, after.namespace, "svc"];
      this.#endpoints(after, owner, (key) => known.get(key) !== has.get(key));
    }
  }

  #ports(ports: readonly Port[], owner: readonly string[], multicluster: boolean): void {
    for (const { name, protocol } of ports) this.#add([`_${name}`, `_${protocol}`, ...owner], multicluster);
  }

  #endpoints(slice: EndpointSlice, owner: readonly string[], isMeant: (key: string) => boolean): void {
    const { cluster } = this.#options;
    const multicluster = slice.cluster !== "";
    let isOne = false;
    for (const endpoint of slice.endpoints) {
      for (const address of endpoint.addresses) {
        if (!isMeant(keyOfEndpoint(endpoint, address))) continue;
        const name = endpointName(endpoint, address, cluster.options.usesPodNames);
        this.#add(multicluster ? [name, slice.cluster.toLowerCase(), ...owner] : [name, ...owner], multicluster);
        if (!multicluster) this.#address(address);
        isOne = true;
      }
    }
    if (isOne && !multicluster) this.#topology(owner);
  }

  /** Names of a Service in topology zones: `prefer` of a zone without endpoints has those of all the others. */
  #topology(owner: readonly string[]): void {
    if (!this.#options.zonal || this.#isAll()) return;
    for (const zone of this.#options.zones) {
      if (zone.reverse || zone.multicluster) continue;
      const name = nameBelow(["_zone", ...owner], zone);
      if (name !== undefined) this.#trees.set(textOf(name), name);
    }
    if (this.#trees.size > TREES_MAX) this.#everything();
    else this.#schedule();
  }

  #pod(after: Pod | undefined, before: Pod | undefined): void {
    for (const pod of [before, after]) {
      if (pod === undefined) continue;
      for (const ip of pod.ips) {
        const name = [dashedAddress(ip), pod.namespace, "pod"];
        this.#add(name);
        this.#add(name, true);
      }
    }
  }

  /** A name, and those of the Services that stand for it, also by way of others. */
  #add(labels: readonly string[], multicluster = false): void {
    if (this.#isAll()) return;
    const targets = this.#putBelow(labels, multicluster);
    for (const target of targets) {
      for (const { name, namespace } of this.#options.cluster.tables.services.aliasesOf(target)) {
        targets.push(...this.#putBelow([name, namespace, "svc"], false));
      }
    }
  }

  /** @returns names, as an ExternalName has them, that were not noted yet */
  #putBelow(labels: readonly string[], multicluster: boolean): string[] {
    const added: string[] = [];
    for (const zone of this.#options.zones) {
      if (zone.reverse || zone.multicluster !== multicluster) continue;
      if (this.#put(nameBelow(labels, zone))) added.push([...labels, zone.text].join(".").replace(/\.+$/, ""));
    }
    return added;
  }

  #address(address: string): void {
    if (!this.#isAll()) this.#put(reverseName(canonicalAddress(address)));
  }

  /**
   * Whether all names are meant, whatever the object. So it is until all objects are known: answers may be there that are of
   * an earlier process, or of the next plugin, about objects that are no more.
   */
  #isAll(): boolean {
    if (!this.#all && !this.#options.cluster.isSynced) this.#everything();
    return this.#all;
  }

  #everything(): void {
    this.#all = true;
    this.#names.clear();
    this.#trees.clear();
    this.#schedule();
  }

  /** @returns whether the name is there now and was not before */
  #put(name: Uint8Array | undefined): boolean {
    if (name === undefined || this.#all) return false;
    const { size } = this.#names;
    this.#names.set(textOf(name), name);
    if (this.#names.size > NAMES_MAX) this.#everything();
    else this.#schedule();
    return this.#names.size > size;
  }

  #schedule(): void {
    this.#scheduled ??= setImmediate(() => {
      const changed = this.#all ? ("all" as const) : [...this.#names.values()];
      const trees = [...this.#trees.values()];
      this.#scheduled = undefined;
      this.#names = new Map();
      this.#trees = new Map();
      this.#all = false;
      this.#options.onChange(changed, trees);
    });
  }
}

/** A name's bytes, for a key. */
function textOf(name: Uint8Array): string {
  return Buffer.from(name.buffer, name.byteOffset, name.length).toString("latin1");
}

/** Whether endpoints mean the same to both. */
function sameShape(a: Service | undefined, b: Service | undefined): boolean {
  if (a === undefined || b === undefined) return false;
  return a.type === b.type && a.headless === b.headless && a.publishNotReadyAddresses === b.publishNotReadyAddresses;
}

function keyOfEndpoint({ hostname, pod }: EndpointSlice["endpoints"][number], address: string): string {
  return `${hostname} ${pod} ${address}`;
}

/** What records say about each endpoint of a slice. */
function note(into: Map<string, string>, slice: EndpointSlice): Map<string, string> {
  const ports = slice.ports.map(({ name, port, protocol }) => `${name}/${port}/${protocol}`).join();
  for (const endpoint of slice.endpoints) {
    for (const address of endpoint.addresses) {
      into.set(keyOfEndpoint(endpoint, address), `${endpoint.ready} ${endpoint.zone} ${slice.service} ${ports}`);
    }
  }
  return into;
}
