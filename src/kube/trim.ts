/**
 * From objects as the API writes them to the few fields that Nodens reads (`objects.ts`).
 *
 * Nothing here throws: a field of a wrong shape reads as absent. An object without a name is none (`undefined`).
 */
import { isIpAddress } from "../base/address.ts";
import type { Interner } from "./intern.ts";
import type { Endpoint, EndpointSlice, Namespace, Pod, Port, Service, ServiceImport } from "./objects.ts";
import { isRecord, list, record, text, type Raw } from "./raw.ts";

export const SERVICE_NAME_LABEL = "kubernetes.io/service-name";
const MULTICLUSTER_SERVICE_LABEL = "multicluster.kubernetes.io/service-name";
const SOURCE_CLUSTER_LABEL = "multicluster.kubernetes.io/source-cluster";
export const TRIGGER_TIME_ANNOTATION = "endpoints.kubernetes.io/last-change-trigger-time";
/** Of a headless Service, in `clusterIP`. */
const NO_ADDRESS = "None";

/** One instance for all that have none. */
const NO_TEXTS: readonly string[] = [];
const NO_PORTS: readonly Port[] = [];
const NO_LABELS: Readonly<Record<string, string>> = {};

export function trimService(raw: Raw, interner: Interner): Service | undefined {
  const { namespace, name, labels } = metadataOf(raw, interner);
  if (name === "") return undefined;
  const spec = record(raw["spec"]);
  const type = text(spec["type"]);
  const listed = texts(spec["clusterIPs"]);
  const clusterIPs = listed.length > 0 ? listed : texts([spec["clusterIP"]]);
  const isName = type === "ExternalName";
  return {
    namespace,
    name,
    labels,
    type: type === "NodePort" || type === "LoadBalancer" || isName ? type : "ClusterIP",
    clusterIPs: isName ? NO_TEXTS : addressesOf(clusterIPs),
    headless: !isName && clusterIPs[0] === NO_ADDRESS,
    externalName: isName ? text(spec["externalName"]) : "",
    ports: portsOf(spec["ports"], interner),
    publishNotReadyAddresses: spec["publishNotReadyAddresses"] === true,
  };
}

export function trimEndpointSlice(raw: Raw, interner: Interner): EndpointSlice | undefined {
  const { namespace, name, labels, annotations } = metadataOf(raw, interner);
  if (name === "") return undefined;
  const multicluster = labels[MULTICLUSTER_SERVICE_LABEL];
  const addressType = text(raw["addressType"]);
  const changedAtMs = Date.parse(text(annotations[TRIGGER_TIME_ANNOTATION]));
  return {
    namespace,
    name,
    service: multicluster ?? labels[SERVICE_NAME_LABEL] ?? "",
    cluster: multicluster === undefined ? "" : interner.of(labels[SOURCE_CLUSTER_LABEL] ?? ""),
    addressType: addressType === "IPv6" || addressType === "FQDN" ? addressType : "IPv4",
    ports: portsOf(raw["ports"], interner),
    endpoints: list(raw["endpoints"]).map((each) => trimEndpoint(record(each), interner)),
    changedAtMs: Number.isNaN(changedAtMs) ? 0 : changedAtMs,
  };
}

function trimEndpoint(raw: Raw, interner: Interner): Endpoint {
  const target = record(raw["targetRef"]);
  return {
    addresses: texts(raw["addresses"]),
    ready: record(raw["conditions"])["ready"] !== false,
    hostname: text(raw["hostname"]),
    pod: target["kind"] === "Pod" ? text(target["name"]) : "",
    node: interner.of(text(raw["nodeName"])),
    zone: interner.of(text(raw["zone"])),
  };
}

export function trimPod(raw: Raw, interner: Interner): Pod | undefined {
  const { namespace, name, labels } = metadataOf(raw, interner);
  if (name === "") return undefined;
  const spec = record(raw["spec"]);
  return {
    namespace,
    name,
    labels,
    ips: podAddresses(raw),
    hostNetwork: spec["hostNetwork"] === true,
    node: interner.of(text(spec["nodeName"])),
    dnsPolicy: interner.of(text(spec["dnsPolicy"])),
    searches: texts(record(spec["dnsConfig"])["searches"]).map((search) => interner.of(search)),
  };
}

/** Of both families; none of a pod that has ended. */
export function podAddresses(raw: Raw): readonly string[] {
  const status = record(raw["status"]);
  const phase = text(status["phase"]);
  if (phase === "Succeeded" || phase === "Failed") return NO_TEXTS;
  const all = texts(list(status["podIPs"]).map((each) => record(each)["ip"]));
  return all.length > 0 ? all : texts([status["podIP"]]);
}

export function trimNamespace(raw: Raw, interner: Interner): Namespace | undefined {
  const { name, labels } = metadataOf(raw, interner);
  return name === "" ? undefined : { name: interner.of(name), labels };
}

export function trimServiceImport(raw: Raw, interner: Interner): ServiceImport | undefined {
  const { namespace, name } = metadataOf(raw, interner);
  if (name === "") return undefined;
  const spec = record(raw["spec"]);
  return {
    namespace,
    name,
    type: spec["type"] === "Headless" ? "Headless" : "ClusterSetIP",
    ips: addressesOf(spec["ips"]),
    ports: portsOf(spec["ports"], interner),
  };
}

interface Metadata {
  readonly namespace: string;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Raw;
}

function metadataOf(raw: Raw, interner: Interner): Metadata {
  const metadata = record(raw["metadata"]);
  return {
    namespace: interner.of(text(metadata["namespace"])),
    name: text(metadata["name"]),
    labels: labelsOf(metadata["labels"]),
    annotations: record(metadata["annotations"]),
  };
}

export function labelsOf(value: unknown): Readonly<Record<string, string>> {
  if (!isRecord(value)) return NO_LABELS;
  const labels: Record<string, string> = {};
  for (const [key, label] of Object.entries(value)) {
    if (typeof label === "string") labels[key] = label;
  }
  return labels;
}

/** A port without a number is one of a slice that means all ports: it has no record. */
function portsOf(value: unknown, interner: Interner): readonly Port[] {
  const ports: Port[] = [];
  let key = "";
  for (const each of list(value)) {
    const { name, port, protocol } = record(each);
    if (typeof port !== "number" || !Number.isInteger(port) || port < 1 || port > 65_535) continue;
    const found = { name: text(name), port, protocol: (text(protocol) || "TCP").toLowerCase() };
    ports.push(found);
    key += `${found.name}/${port}/${found.protocol} `;
  }
  return ports.length === 0 ? NO_PORTS : interner.portsOf(key, ports);
}

function addressesOf(value: unknown): readonly string[] {
  return texts(list(value).filter((each) => isIpAddress(text(each))));
}

/** An array that was filtered has room for more than it holds; a copy has not. */
function texts(value: unknown): readonly string[] {
  const found = list(value).filter((each): each is string => typeof each === "string" && each !== "");
  return found.length === 0 ? NO_TEXTS : found.slice();
}
