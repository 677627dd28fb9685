/**
 * Reads a file of manifests: YAML of one or many documents, or JSON; lists are opened.
 *
 * Kinds that Nodens does not read are passed over. Of those that it does, the fields that it reads are checked: a mistake
 * there would show as an absent name much later.
 */
import { LineCounter, parseAllDocuments, type Document } from "yaml";
import { describeError, type Position } from "../base/errors.ts";
import { ipFamily } from "./ip-family.ts";
import { ManifestError } from "./manifest-error.ts";
import { at, isRecord, list, record, text, type Raw } from "./raw.ts";

export interface Manifest {
  readonly kind: string;
  readonly raw: Raw;
}

type Path = readonly (string | number)[];
/** Says what is wrong at a path of the object. */
type Complain = (path: Path, fact: string) => never;

/** By group and kind, whatever the version. */
const CHECKS: Readonly<Record<string, ((raw: Raw, complain: Complain) => void) | undefined>> = {
  "/Service": checkService,
  "/Endpoints": checkEndpoints,
  "/Pod": checkPod,
  "/Namespace": () => {},
  "/Node": () => {},
  "discovery.k8s.io/EndpointSlice": checkSlice,
  "multicluster.x-k8s.io/ServiceImport": (raw, complain) => checkPorts(at(raw, ["spec", "ports"]), ["spec"], complain),
};
const NAME = /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/;
const NAME_MAX = 253;

/** @throws ManifestError */
export function readManifests(file: string, content: string): Manifest[] {
  const lines = new LineCounter();
  const positionOf = (offset: number): Position => {
    const { line, col } = lines.linePos(offset);
    return { file, line, column: col };
  };
  const found: Manifest[] = [];
  for (const document of parseAllDocuments(content, { lineCounter: lines, prettyErrors: false })) {
    const [error] = document.errors;
    if (error !== undefined) throw new ManifestError(positionOf(error.pos[0]), describeError(error), { cause: error });
    let value: unknown;
    try {
      value = document.toJS();
    } catch (cause) {
      throw new ManifestError(positionOf(document.range[0]), describeError(cause), { cause });
    }
    if (value === null || value === undefined) continue;
    open(value, [], found, (path, fact) => {
      throw new ManifestError(positionOf(offsetOf(document, path)), fact);
    });
  }
  return found;
}

function open(value: unknown, path: Path, found: Manifest[], complain: Complain): void {
  const raw = record(value);
  const apiVersion = text(raw["apiVersion"]);
  const kind = text(raw["kind"]);
  if (!isRecord(value) || apiVersion === "" || kind === "")
    return complain(path, "no manifest: apiVersion and kind are missing");
  if (kind.endsWith("List") && Array.isArray(raw["items"])) {
    const items = list(raw["items"]);
    // Items of a typed list need not repeat what they are.
    const item = kind === "List" ? {} : { apiVersion, kind: kind.slice(0, -"List".length) };
    for (const [index, each] of items.entries()) {
      open(isRecord(each) ? { ...item, ...each } : each, [...path, "items", index], found, complain);
    }
    return;
  }
  const group = apiVersion.includes("/") ? apiVersion.split("/", 1)[0] : "";
  const check = CHECKS[`${group}/${kind}`];
  if (check === undefined) return;
  const complainWithin: Complain = (within, fact) => complain([...path, ...within], `${kind}: ${fact}`);
  const { name, namespace } = record(raw["metadata"]);
  if (typeof name !== "string" || name.length > NAME_MAX || !NAME.test(name)) {
    return complainWithin(["metadata", "name"], "metadata.name is no name");
  }
  if (namespace !== undefined && (typeof namespace !== "string" || !NAME.test(namespace))) {
    return complainWithin(["metadata", "namespace"], "metadata.namespace is no name");
  }
  check(raw, complainWithin);
  found.push({ kind, raw });
}

/** Of the node at a path, or of the nearest above it. */
function offsetOf(document: Document, path: Path): number {
  for (let length = path.length; length > 0; length--) {
    const node: unknown = document.getIn(path.slice(0, length), true);
    const range: unknown = isRecord(node) ? node["range"] : undefined;
    const start: unknown = Array.isArray(range) ? range[0] : undefined;
    if (typeof start === "number") return start;
  }
  return document.contents?.range?.[0] ?? 0;
}

function checkService(raw: Raw, complain: Complain): void {
  const spec = record(raw["spec"]);
  const { type = "ClusterIP", clusterIP } = spec;
  if (!["ClusterIP", "NodePort", "LoadBalancer", "ExternalName"].some((each) => each === type)) {
    complain(["spec", "type"], "spec.type is none");
  }
  if (type === "ExternalName" && text(spec["externalName"]) === "") complain(["spec"], "spec.externalName is missing");
  const isAddress = (value: unknown): boolean => value === "None" || value === "" || ipFamily(value) !== undefined;
  if (clusterIP !== undefined && !isAddress(clusterIP))
    complain(["spec", "clusterIP"], "spec.clusterIP is no IP address");
  for (const [index, each] of list(spec["clusterIPs"]).entries()) {
    if (!isAddress(each)) complain(["spec", "clusterIPs", index], `spec.clusterIPs[${index}] is no IP address`);
  }
  checkPorts(spec["ports"], ["spec"], complain);
}

function checkSlice(raw: Raw, complain: Complain): void {
  const { addressType } = raw;
  if (addressType !== "IPv4" && addressType !== "IPv6" && addressType !== "FQDN") {
    complain(["addressType"], "addressType is not IPv4, IPv6 or FQDN");
  }
  for (const [index, endpoint] of list(raw["endpoints"]).entries()) {
    for (const [place, address] of list(record(endpoint)["addresses"]).entries()) {
      if (addressType === "FQDN" || ipFamily(address) === addressType) continue;
      complain(
        ["endpoints", index, "addresses", place],
        `endpoints[${index}].addresses[${place}] is not ${text(addressType)}`,
      );
    }
  }
  checkPorts(raw["ports"], [], complain);
}

function checkEndpoints(raw: Raw, complain: Complain): void {
  for (const [index, subset] of list(raw["subsets"]).entries()) {
    for (const key of ["addresses", "notReadyAddresses"]) {
      for (const [place, address] of list(record(subset)[key]).entries()) {
        if (ipFamily(record(address)["ip"]) !== undefined) continue;
        complain(["subsets", index, key, place, "ip"], `subsets[${index}].${key}[${place}].ip is no IP address`);
      }
    }
    checkPorts(record(subset)["ports"], ["subsets", index], complain);
  }
}

function checkPod(raw: Raw, complain: Complain): void {
  const status = record(raw["status"]);
  const { podIP } = status;
  if (podIP !== undefined && podIP !== "" && ipFamily(podIP) === undefined) {
    complain(["status", "podIP"], "status.podIP is no IP address");
  }
  for (const [index, each] of list(status["podIPs"]).entries()) {
    if (ipFamily(record(each)["ip"]) !== undefined) continue;
    complain(["status", "podIPs", index, "ip"], `status.podIPs[${index}].ip is no IP address`);
  }
}

function checkPorts(value: unknown, parent: Path, complain: Complain): void {
  if (value === undefined || value === null) return;
  if (!Array.isArray(value)) complain([...parent, "ports"], "ports is no list");
  for (const [index, each] of list(value).entries()) {
    const { port, protocol = "TCP" } = record(each);
    const path = [...parent, "ports", index];
    if (port !== undefined && port !== null && !isPort(port))
      complain([...path, "port"], "a port is a number from 1 to 65535");
    if (protocol !== "TCP" && protocol !== "UDP" && protocol !== "SCTP") {
      complain([...path, "protocol"], "a protocol is TCP, UDP or SCTP");
    }
  }
}

function isPort(value: unknown): boolean {
  return typeof value === "number" && Number.isInteger(value) && value >= 1 && value <= 65_535;
}
