/**
 * What a cluster would make of manifests: the objects, and those that controllers would add.
 *
 * - an object without a namespace is in `default`; a namespace that nobody declared is there
 * - Endpoints are mirrored into EndpointSlices (KEP 752) unless their Service has a selector
 * - a Service with a selector gets slices from the Pods that it selects, unless slices or Endpoints are given
 */
import type { Kind } from "./cluster-source.ts";
import { ipFamily, type Family } from "./ip-family.ts";
import type { Manifest } from "./manifest-file.ts";
import { at, list, record, text, type Raw } from "./raw.ts";
import { labelsOf, podAddresses, SERVICE_NAME_LABEL, TRIGGER_TIME_ANNOTATION } from "./trim.ts";

export type World = { readonly [K in Kind]: readonly Raw[] };

const NAMESPACE_LABEL = "kubernetes.io/metadata.name";
const SKIP_MIRROR_LABEL = "endpointslice.kubernetes.io/skip-mirror";
const ZONE_LABEL = "topology.kubernetes.io/zone";

/** Of objects of one kind and name the last counts. */
export function worldOf(manifests: readonly Manifest[]): World {
  const byKind = new Map<string, Map<string, Raw>>();
  for (const { kind, raw } of manifests) {
    const known = byKind.get(kind) ?? new Map<string, Raw>();
    byKind.set(kind, known);
    const placed = kind === "Namespace" || kind === "Node" ? raw : inNamespace(raw);
    known.set(keyOf(placed), placed);
  }
  const all = (kind: string): Raw[] => [...(byKind.get(kind)?.values() ?? [])];
  const [services, slices, endpoints, pods] = [all("Service"), all("EndpointSlice"), all("Endpoints"), all("Pod")];
  const serviceImports = all("ServiceImport");
  const zones = new Map(
    all("Node").map((node) => [nameOf(node), labelsOf(at(node, ["metadata", "labels"]))[ZONE_LABEL]]),
  );

  const served = new Set([...slices.map(serviceKeyOf), ...endpoints.map(keyOf)]);
  const selecting = services.filter((service) => selectorOf(service) !== undefined);
  const mirrored = endpoints.filter((each) => isMirrored(each, byKind.get("Service")?.get(keyOf(each))));
  return {
    services,
    pods,
    serviceimports: serviceImports,
    endpointslices: [
      ...slices,
      ...mirrored.flatMap(slicesOfEndpoints),
      ...selecting
        .filter((service) => !served.has(keyOf(service)))
        .flatMap((service) => slicesOfPods(service, pods, zones)),
    ],
    namespaces: namespacesOf(all("Namespace"), [services, slices, endpoints, pods, serviceImports].flat()),
  };
}

function inNamespace(raw: Raw): Raw {
  const metadata = record(raw["metadata"]);
  return metadata["namespace"] === undefined ? { ...raw, metadata: { ...metadata, namespace: "default" } } : raw;
}

function namespacesOf(declared: readonly Raw[], inhabitants: readonly Raw[]): Raw[] {
  const byName = new Map<string, Raw>(declared.map((raw) => [nameOf(raw), raw]));
  for (const name of ["default", ...inhabitants.map(namespaceOf)]) if (!byName.has(name)) byName.set(name, {});
  return [...byName].map(([name, raw]) => {
    const metadata = record(raw["metadata"]);
    const labels = { ...labelsOf(metadata["labels"]), [NAMESPACE_LABEL]: name };
    return { ...raw, metadata: { ...metadata, name, labels } };
  });
}

function isMirrored(endpoints: Raw, service: Raw | undefined): boolean {
  const labels = labelsOf(at(endpoints, ["metadata", "labels"]));
  return service !== undefined && selectorOf(service) === undefined && labels[SKIP_MIRROR_LABEL] !== "true";
}

function slicesOfEndpoints(raw: Raw): Raw[] {
  const groups = new Groups(raw);
  for (const subset of list(raw["subsets"]).map(record)) {
    for (const [key, ready] of [
      ["addresses", true],
      ["notReadyAddresses", false],
    ] as const) {
      for (const address of list(subset[key]).map(record)) {
        const { hostname, nodeName, targetRef } = address;
        const endpoint = { addresses: [address["ip"]], conditions: { ready }, hostname, nodeName, targetRef };
        groups.add(ipFamily(address["ip"]), list(subset["ports"]), endpoint);
      }
    }
  }
  return groups.slices("mirror");
}

function slicesOfPods(service: Raw, pods: readonly Raw[], zones: ReadonlyMap<string, string | undefined>): Raw[] {
  const selector = Object.entries(selectorOf(service) ?? {});
  const spec = record(service["spec"]);
  const groups = new Groups(service);
  const selected = pods.filter((pod) => {
    const labels = labelsOf(at(pod, ["metadata", "labels"]));
    return namespaceOf(pod) === namespaceOf(service) && selector.every(([key, value]) => labels[key] === value);
  });
  const families = familiesOf(spec, selected);
  for (const pod of selected) {
    const podSpec = record(pod["spec"]);
    const nodeName = text(podSpec["nodeName"]);
    const ports = list(spec["ports"]).flatMap((each) => targetOf(record(each), podSpec));
    for (const family of families) {
      const address = podAddresses(pod).find((each) => ipFamily(each) === family);
      groups.add(family, ports, {
        addresses: [address],
        conditions: { ready: spec["publishNotReadyAddresses"] === true || isReady(pod) },
        ...(podSpec["subdomain"] === nameOf(service) ? { hostname: podSpec["hostname"] } : {}),
        targetRef: { kind: "Pod", name: nameOf(pod), namespace: namespaceOf(pod) },
        nodeName,
        zone: zones.get(nodeName),
      });
    }
  }
  return groups.slices("pods");
}

/** Those asked for, else those of its addresses, else the one that a Service gets that asks for none. */
function familiesOf(spec: Raw, pods: readonly Raw[]): readonly Family[] {
  const asked = list(spec["ipFamilies"]).filter((each) => each === "IPv4" || each === "IPv6");
  if (asked.length > 0) return asked;
  const given = [...list(spec["clusterIPs"]), spec["clusterIP"]].map(ipFamily).filter((family) => family !== undefined);
  if (given.length > 0) return [...new Set(given)];
  return pods.some((pod) => podAddresses(pod).some((each) => ipFamily(each) === "IPv4")) ? ["IPv4"] : ["IPv6"];
}

/** The port of the pod that a port of the Service leads to; none when the pod has no port of that name. */
function targetOf(port: Raw, podSpec: Raw): Raw[] {
  const { name = "", protocol = "TCP", targetPort = port["port"] } = port;
  if (typeof targetPort !== "string") return [{ name, protocol, port: targetPort }];
  const containers = [...list(podSpec["containers"]), ...list(podSpec["initContainers"])];
  const named = containers
    .flatMap((container) => list(record(container)["ports"]).map(record))
    .find((each) => each["name"] === targetPort && (each["protocol"] ?? "TCP") === protocol);
  return named === undefined ? [] : [{ name, protocol, port: named["containerPort"] }];
}

/** A pod that says nothing about it is taken for ready: manifests are written by hand. */
function isReady(pod: Raw): boolean {
  const status = record(pod["status"]);
  if (at(pod, ["metadata", "deletionTimestamp"]) !== undefined) return false;
  const condition = list(status["conditions"]).find((each) => record(each)["type"] === "Ready");
  return condition === undefined ? status["phase"] !== "Pending" : record(condition)["status"] === "True";
}

/** Endpoints of one family and the same ports share a slice. */
class Groups {
  readonly #owner: Raw;
  readonly #groups = new Map<string, { family: Family; ports: readonly unknown[]; endpoints: Raw[] }>();

  constructor(owner: Raw) {
    this.#owner = owner;
  }

  add(family: Family | undefined, ports: readonly unknown[], endpoint: Raw): void {
    if (family === undefined || list(endpoint["addresses"])[0] === undefined) return;
    const key = JSON.stringify([family, ports]);
    const group = this.#groups.get(key) ?? { family, ports, endpoints: [] };
    this.#groups.set(key, group);
    group.endpoints.push(endpoint);
  }

  slices(from: string): Raw[] {
    const name = nameOf(this.#owner);
    const changed = record(at(this.#owner, ["metadata", "annotations"]))[TRIGGER_TIME_ANNOTATION];
    return [...this.#groups.values()].map(({ family, ports, endpoints }, index) => ({
      metadata: {
        name: `${name}-${from}-${index}`,
        namespace: namespaceOf(this.#owner),
        labels: { ...labelsOf(at(this.#owner, ["metadata", "labels"])), [SERVICE_NAME_LABEL]: name },
        ...(changed === undefined ? {} : { annotations: { [TRIGGER_TIME_ANNOTATION]: changed } }),
      },
      addressType: family,
      ports,
      endpoints,
    }));
  }
}

/** @returns undefined without one, and for a Service that is only a name for another */
function selectorOf(service: Raw): Readonly<Record<string, string>> | undefined {
  const spec = record(service["spec"]);
  const selector = labelsOf(spec["selector"]);
  return spec["type"] === "ExternalName" || Object.keys(selector).length === 0 ? undefined : selector;
}

function nameOf(raw: Raw): string {
  return text(at(raw, ["metadata", "name"]));
}

function namespaceOf(raw: Raw): string {
  return text(at(raw, ["metadata", "namespace"]));
}

function keyOf(raw: Raw): string {
  return `${namespaceOf(raw)}/${nameOf(raw)}`;
}

function serviceKeyOf(slice: Raw): string {
  return `${namespaceOf(slice)}/${labelsOf(at(slice, ["metadata", "labels"]))[SERVICE_NAME_LABEL] ?? ""}`;
}
