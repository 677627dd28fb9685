/** What the objects say about a name: the look-up of one plugin, with its options, in tables that others use too. */
import { isIpAddress } from "../../base/address.ts";
import type { EndpointSlice, Port, Service } from "../../kube/objects.ts";
import { canonicalAddress } from "./canonical-address.ts";
import { type ClusterQuestion, type ServiceQuestion } from "./cluster-question.ts";
import { addressOfLabel, endpointName } from "./endpoint-name.ts";
import type { ImportTable } from "./import-table.ts";
import type { NamespaceTable } from "./namespace-table.ts";
import type { PodTable } from "./pod-table.ts";
import type { ServiceTable } from "./service-table.ts";
import type { SliceTable } from "./slice-table.ts";

export type PodMode = "disabled" | "insecure" | "verified";

export interface ClusterOptions {
  /** Namespaces that are shown; empty: all. */
  readonly namespaces: ReadonlySet<string>;
  readonly pods: PodMode;
  readonly usesPodNames: boolean;
  /** A Service without a ready endpoint does not exist (`ignore empty_service`). */
  readonly ignoresEmpty: boolean;
}

export interface ClusterTables {
  readonly services: ServiceTable;
  readonly namespaces: NamespaceTable;
  /** Undefined with `noendpoints`. */
  readonly slices: SliceTable | undefined;
  /** Undefined without `pods verified` and `node_pods`. */
  readonly pods: PodTable | undefined;
  /** Undefined without `multicluster`. */
  readonly imports: ImportTable | undefined;
}

/** An address of a Service or of an endpoint, at one of its ports. */
export interface Target {
  /** Canonical. */
  readonly address: string;
  /** 0 when there is none: then it has no SRV record. */
  readonly port: number;
  /** First label of an endpoint's name; "" for the Service's own. */
  readonly endpoint: string;
  /** Of a multi-cluster endpoint. */
  readonly cluster: string;
}

export type Finding =
  /** No such name. */
  | { readonly kind: "none" }
  /** The name is there, with no records of its own. */
  | { readonly kind: "empty" }
  /** Too little is known yet to say. */
  | { readonly kind: "unknown" }
  /** An ExternalName. @param target as written */
  | { readonly kind: "alias"; readonly target: string }
  /** At least one. @param owner labels of the Service, or of the pod, below the zone */
  | { readonly kind: "targets"; readonly targets: readonly Target[]; readonly owner: readonly string[] };

export const NONE: Finding = { kind: "none" };
export const EMPTY: Finding = { kind: "empty" };
export const UNKNOWN: Finding = { kind: "unknown" };
/** Stands for the ports of what declares none. */
const NO_PORT: readonly Port[] = [{ name: "", port: 0, protocol: "" }];
const NO_SLICES: readonly EndpointSlice[] = [];

export class Cluster {
  readonly tables: ClusterTables;
  readonly options: ClusterOptions;

  constructor(tables: ClusterTables, options: ClusterOptions) {
    this.tables = tables;
    this.options = options;
  }

  /** What was there at the start is known; of what only some names need, at least that it may not be read. */
  get isSynced(): boolean {
    const { services, namespaces, slices, pods, imports } = this.tables;
    const isKnown = services.isSynced && namespaces.isSynced && slices?.isSynced !== false;
    return isKnown && pods?.isSettled !== false && imports?.isSettled !== false;
  }

  /** Why the objects that Services are answered from may be out of date. */
  get staleReason(): string | undefined {
    const { services, namespaces, slices } = this.tables;
    return services.staleReason ?? namespaces.staleReason ?? slices?.staleReason;
  }

  /** Unix seconds of the last change of what zones are made of. */
  get serial(): number {
    const { services, namespaces, slices, imports } = this.tables;
    const changes = [services, namespaces, slices, imports].map((table) => table?.changedAtMs ?? 0);
    return Math.floor(Math.max(...changes) / 1000);
  }

  /** @param multicluster the name is below a multi-cluster zone */
  find(question: ClusterQuestion, multicluster: boolean): Finding {
    switch (question.kind) {
      case "apex":
        return EMPTY;
      case "invalid":
        return NONE;
      case "namespace":
        if (question.under === "pod" && this.options.pods === "disabled") return NONE;
        return this.#exposure(question.namespace) ?? EMPTY;
      case "pod":
        return this.#exposure(question.namespace) ?? this.#pod(question.namespace, question.pod);
      case "service":
        return (
          this.#exposure(question.namespace) ?? (multicluster ? this.#imported(question) : this.#service(question))
        );
    }
  }

  /** Names of an address, as labels below the zone: of the Service that has it, else of each endpoint at it. */
  namesOf(address: string): readonly (readonly string[])[] | "unknown" {
    const { services, slices } = this.tables;
    const service = services.ofAddress(address).find(({ namespace }) => this.isExposed(namespace));
    if (service !== undefined) return [[service.name, service.namespace, "svc"]];
    const names: (readonly string[])[] = [];
    for (const slice of slices?.ofAddress(address) ?? NO_SLICES) {
      if (!this.isExposed(slice.namespace)) continue;
      for (const endpoint of slice.endpoints) {
        if (!this.#isReady(endpoint.ready, slice)) continue;
        if (!endpoint.addresses.some((text) => canonicalAddress(text) === address)) continue;
        names.push([this.#nameOf(endpoint, address), slice.service, slice.namespace, "svc"]);
      }
    }
    if (names.length === 0 && !this.isSynced) return "unknown";
    return names;
  }

  isExposed(namespace: string): boolean {
    return this.#isConfigured(namespace) && this.tables.namespaces.has(namespace);
  }

  #isConfigured(namespace: string): boolean {
    const { namespaces } = this.options;
    return namespaces.size === 0 || namespaces.has(namespace);
  }

  /** @returns undefined for a namespace that is shown */
  #exposure(namespace: string): Finding | undefined {
    if (!this.#isConfigured(namespace)) return NONE;
    if (this.tables.namespaces.has(namespace)) return undefined;
    return this.tables.namespaces.isSynced ? NONE : UNKNOWN;
  }

  #pod(namespace: string, label: string): Finding {
    const { pods } = this.options;
    if (pods === "disabled") return NONE;
    const address = addressOfLabel(label);
    if (address === undefined) return NONE;
    if (pods === "verified") {
      const found = this.tables.pods?.ofAddress(address).some((pod) => pod.namespace === namespace);
      if (found !== true) return this.tables.pods?.isSettled === false ? UNKNOWN : NONE;
    }
    const targets = [{ address, port: 0, endpoint: "", cluster: "" }];
    return { kind: "targets", targets, owner: [label, namespace, "pod"] };
  }

  #service(question: ServiceQuestion): Finding {
    const { services, slices } = this.tables;
    const service = services.find(question.namespace, question.service);
    if (service === undefined) return services.isSynced ? NONE : UNKNOWN;
    if (service.type === "ExternalName") return external(service, question);
    const needsEndpoints = service.headless || question.endpoint !== "" || this.options.ignoresEmpty;
    if (needsEndpoints && slices?.isSynced === false) return UNKNOWN;
    const owner = [service.name, service.namespace, "svc"];
    const all = slices?.of(service.namespace, service.name) ?? NO_SLICES;
    if (this.options.ignoresEmpty && !service.headless && !this.#hasEndpoint(all, service)) return NONE;
    if (question.topologyZone !== "") {
      if (!service.headless) return NONE;
      let targets = this.#endpoints(all, question, service, question.topologyZone);
      if (targets.length === 0 && question.prefersZone) targets = this.#endpoints(all, question, service, "");
      return targets.length === 0 ? EMPTY : { kind: "targets", targets, owner };
    }
    const targets =
      service.headless || question.endpoint !== ""
        ? this.#endpoints(all, question, service, "")
        : ofService(service.clusterIPs, service.ports, question);
    if (targets.length > 0) return { kind: "targets", targets, owner };
    // A Service that was given no address yet has its name all the same.
    return service.headless || question.endpoint !== "" || question.port !== "" ? NONE : EMPTY;
  }

  #imported(question: ServiceQuestion): Finding {
    const { imports, slices } = this.tables;
    if (imports === undefined) return NONE;
    const service = imports.find(question.namespace, question.service);
    if (service === undefined) return imports.isSettled ? NONE : UNKNOWN;
    const headless = service.type === "Headless";
    const needsEndpoints = headless || question.endpoint !== "" || this.options.ignoresEmpty;
    if (needsEndpoints && slices?.isSynced === false) return UNKNOWN;
    const owner = [service.name, service.namespace, "svc"];
    const all = slices?.imported(service.namespace, service.name) ?? NO_SLICES;
    if (this.options.ignoresEmpty && !headless && !this.#hasEndpoint(all)) return NONE;
    const targets =
      headless || question.endpoint !== ""
        ? this.#endpoints(all, question, undefined, "")
        : ofService(service.ips, service.ports, question);
    return targets.length === 0 ? NONE : { kind: "targets", targets, owner };
  }

  #hasEndpoint(slices: readonly EndpointSlice[], service?: Service): boolean {
    return slices.some(({ endpoints }) =>
      endpoints.some(({ ready, addresses }) => addresses.length > 0 && isReady(ready, service)),
    );
  }

  #endpoints(
    slices: readonly EndpointSlice[],
    question: ServiceQuestion,
    service: Service | undefined,
    topologyZone: string,
  ): Target[] {
    const targets: Target[] = [];
    for (const slice of slices) {
      if (question.cluster !== "" && question.cluster !== slice.cluster.toLowerCase()) continue;
      // An endpoint of several clusters' is asked for with its cluster.
      if (slice.cluster !== "" && question.endpoint !== "" && question.cluster === "") continue;
      const ports = matching(slice.ports, question);
      if (ports.length === 0) continue;
      for (const endpoint of slice.endpoints) {
        if (!isReady(endpoint.ready, service)) continue;
        if (topologyZone !== "" && endpoint.zone.toLowerCase() !== topologyZone) continue;
        for (const text of endpoint.addresses) {
          const name = this.#nameOf(endpoint, text);
          if (question.endpoint !== "" && question.endpoint !== name) continue;
          const address = canonicalAddress(text);
          for (const { port } of ports) {
            targets.push({ address, port, endpoint: name, cluster: slice.cluster.toLowerCase() });
          }
        }
      }
    }
    return targets;
  }

  #nameOf(endpoint: EndpointSlice["endpoints"][number], address: string): string {
    return endpointName(endpoint, address, this.options.usesPodNames);
  }

  #isReady(ready: boolean, slice: EndpointSlice): boolean {
    return ready || this.tables.services.find(slice.namespace, slice.service)?.publishNotReadyAddresses === true;
  }
}

function isReady(ready: boolean, service: Service | undefined): boolean {
  return ready || service?.publishNotReadyAddresses === true;
}

/** An ExternalName has nothing below it, and one that is an address has no records. */
function external(service: Service, question: ServiceQuestion): Finding {
  const { endpoint, port, protocol, topologyZone } = question;
  if (endpoint !== "" || port !== "" || protocol !== "" || topologyZone !== "") return NONE;
  const { externalName } = service;
  if (externalName === "" || isIpAddress(externalName)) return NONE;
  return { kind: "alias", target: externalName };
}

function ofService(addresses: readonly string[], ports: readonly Port[], question: ServiceQuestion): Target[] {
  return matching(ports, question).flatMap(({ port }) =>
    addresses.map((address) => ({ address: canonicalAddress(address), port, endpoint: "", cluster: "" })),
  );
}

function matching(ports: readonly Port[], { port, protocol }: ServiceQuestion): readonly Port[] {
  const all = ports.length === 0 ? NO_PORT : ports;
  if (port === "" && protocol === "") return all;
  return all.filter(
    (one) =>
      (port === "" || one.name.toLowerCase() === port) && (protocol === "" || one.protocol.toLowerCase() === protocol),
  );
}
