/** The `kubernetes` directive as written. */
import { resolve } from "node:path";
import { ConfigError, describeError } from "../../../base/errors.ts";
import type { ApiAccess } from "../../../kube/api-access.ts";
import type { RequestLimits } from "../../../kube/request-limit.ts";
import { parseLabelSelector } from "../../../kube/selectors.ts";
import type { Directive, SetupContext, Token } from "../../chain/plugin.ts";
import {
  expectArg,
  expectArgs,
  parseDuration,
  parseInteger,
  parseZones,
  type Property,
  properties,
  unknownProperty,
  zonesOr,
} from "../../corefile/arguments.ts";
import type { PodMode } from "../../records/cluster.ts";
import { type ClusterZone, clusterZone } from "../../records/zone.ts";

const DEFAULT_TTL_S = 5;
const TTL_MAX_S = 3600;
const DEFAULT_STARTUP_TIMEOUT_MS = 5000;
const POD_MODES: readonly string[] = ["disabled", "insecure", "verified"] satisfies PodMode[];

/** Where the objects come from. */
export type SourceSettings =
  | { readonly kind: "manifests"; readonly path: string }
  | { readonly kind: "api"; readonly access: ApiAccess; readonly limits: RequestLimits };

export interface KubernetesSettings {
  readonly zones: readonly ClusterZone[];
  /** The first that is not for addresses: names of addresses lie in it. */
  readonly primary: ClusterZone;
  readonly source: SourceSettings;
  readonly namespaces: ReadonlySet<string>;
  /** Selectors in the API's syntax; "" for all. */
  readonly namespaceLabels: string;
  readonly labels: string;
  readonly pods: PodMode;
  /** Node whose pods are known, for clients; undefined: none but what `pods verified` wants. */
  readonly nodePods: string | undefined;
  readonly usesPodNames: boolean;
  readonly ttlS: number;
  readonly endpoints: boolean;
  /** Names below them that are absent go to the next plugin. */
  readonly fallthrough: readonly string[];
  /** The same, only while it is not known, or not for sure, that they are absent. */
  readonly fallthroughUnsure: readonly string[];
  readonly ignoresEmpty: boolean;
  readonly zonal: boolean;
  readonly startupTimeoutMs: number;
  /** The node's resolv.conf: what kubelet appends to the search lists of pods. */
  readonly resolvConf: string;
  /** The Service of the cluster's DNS. */
  readonly clusterDns: { readonly namespace: string; readonly name: string };
}

/** @throws ConfigError */
export function readKubernetes(
  directive: Directive,
  context: Pick<SetupContext, "zones" | "root">,
  environment: Readonly<Record<string, string | undefined>>,
  warn: (message: string) => void,
): KubernetesSettings {
  const zones = zonesOr(expectArgs(directive, 0, Number.POSITIVE_INFINITY), context.zones);
  const given = new Map<string, Property>();
  for (const property of properties(directive)) {
    if (!PROPERTIES.has(property.name.text)) unknownProperty(property);
    given.set(property.name.text, property);
  }
  const path = (token: Token): string => resolve(context.root, token.text);
  const multicluster = given.get("multicluster");
  const multiclusterZones = parseZones(multicluster?.args ?? []);
  const foreign = multiclusterZones.find((zone) => !zones.includes(zone));
  if (multicluster !== undefined && foreign !== undefined) {
    const fact = `is not authoritative for the multicluster zone ${foreign} (authoritative zones: ${zones.join(" ")})`;
    throw new ConfigError(multicluster.name.position, fact);
  }
  const served = zones.map((zone) => clusterZone(zone, multiclusterZones.includes(zone)));
  const primary = served.find(({ reverse }) => !reverse);
  if (primary === undefined) throw new ConfigError(directive.name.position, "non-reverse zone name must be used");
  const namespaces = given.get("namespaces");
  const namespaceLabels = given.get("namespace_labels");
  if (namespaces !== undefined && namespaceLabels !== undefined) {
    throw new ConfigError(namespaceLabels.name.position, "namespaces and namespace_labels cannot both be set");
  }
  const endpoints = !isSet(given.get("noendpoints"));
  const zonal = given.get("zonal");
  if (isSet(zonal) && !endpoints) {
    throw new ConfigError(
      zonal?.name.position ?? directive.name.position,
      "zonal requires the endpoint cache; remove noendpoints",
    );
  }
  const pods = podMode(given.get("pods"));
  return {
    zones: served,
    primary,
    source: readSource(given, path, warn),
    namespaces: new Set(namespaces === undefined ? [] : someArgs(namespaces)),
    namespaceLabels: selector(namespaceLabels, "namespace_label"),
    labels: selector(given.get("labels"), "label"),
    pods,
    nodePods: nodePods(given.get("node_pods"), pods, environment),
    usesPodNames: isSet(given.get("endpoint_pod_names")),
    ttlS: optional(given.get("ttl"), (token) => parseInteger(token, 0, TTL_MAX_S)) ?? DEFAULT_TTL_S,
    endpoints,
    fallthrough: fallthroughZones(given.get("fallthrough")),
    fallthroughUnsure: fallthroughZones(given.get("fallthrough_unsure")),
    ignoresEmpty: ignoresEmpty(given.get("ignore")),
    zonal: isSet(zonal),
    startupTimeoutMs:
      optional(given.get("startup_timeout"), (token) => parseDuration(token)) ?? DEFAULT_STARTUP_TIMEOUT_MS,
    resolvConf: optional(given.get("resolv_conf"), path) ?? "/etc/resolv.conf",
    clusterDns: clusterDns(given.get("cluster_dns")),
  };
}

const PROPERTIES: ReadonlySet<string> = new Set([
  "endpoint",
  "tls",
  "kubeconfig",
  "apiserver_qps",
  "apiserver_burst",
  "apiserver_max_inflight",
  "namespaces",
  "namespace_labels",
  "labels",
  "pods",
  "endpoint_pod_names",
  "ttl",
  "noendpoints",
  "fallthrough",
  "ignore",
  "multicluster",
  "zonal",
  "startup_timeout",
  "manifests",
  "node_pods",
  "fallthrough_unsure",
  "resolv_conf",
  "cluster_dns",
]);

function readSource(
  given: ReadonlyMap<string, Property>,
  path: (token: Token) => string,
  warn: (message: string) => void,
): SourceSettings {
  const manifests = given.get("manifests");
  const kubeconfig = given.get("kubeconfig");
  const endpoint = given.get("endpoint");
  const tls = given.get("tls");
  if (manifests !== undefined) {
    const other = kubeconfig ?? endpoint ?? tls;
    if (other !== undefined) {
      throw new ConfigError(other.name.position, `manifests and ${other.name.text} cannot both be set`);
    }
    return { kind: "manifests", path: path(expectArg(manifests)) };
  }
  const bound = (name: string): number => optional(given.get(name), (token) => parseInteger(token, 0, 1_000_000)) ?? 0;
  const qps = optional(given.get("apiserver_qps"), (token) => parseRate(token)) ?? 0;
  const limits = { qps, burst: bound("apiserver_burst"), maxInflight: bound("apiserver_max_inflight") };
  const [cert, key, ca] = tls === undefined ? [] : expectArgs(tls, 3).map((token) => path(token));
  if (kubeconfig !== undefined) {
    const [file, name] = expectArgs(kubeconfig, 1, 2);
    const files = file === undefined ? [] : [path(file)];
    return { kind: "api", limits, access: { kind: "kubeconfig", files, ...(name && { context: name.text }) } };
  }
  if (endpoint === undefined) return { kind: "api", limits, access: { kind: "in-cluster" } };
  const [url, second] = expectArgs(endpoint, 1, Number.POSITIVE_INFINITY);
  if (url === undefined) throw new Error("expectArgs let a missing word pass");
  if (second !== undefined) {
    warn(`Multiple endpoints have been deprecated, only the first specified endpoint '${url.text}' is used`);
  }
  if (!/^https?:\/\//.test(url.text) || !URL.canParse(url.text)) {
    throw new ConfigError(url.position, `'${url.text}' is no URL of an API server such as https://10.0.0.1:6443`);
  }
  const files = cert === undefined || key === undefined || ca === undefined ? {} : { tls: { cert, key, ca } };
  return { kind: "api", limits, access: { kind: "endpoint", url: url.text, ...files } };
}

function optional<T>(property: Property | undefined, read: (token: Token) => T): T | undefined {
  return property === undefined ? undefined : read(expectArg(property));
}

function isSet(property: Property | undefined): boolean {
  if (property !== undefined) expectArgs(property, 0);
  return property !== undefined;
}

function someArgs(property: Property): string[] {
  return expectArgs(property, 1, Number.POSITIVE_INFINITY).map(({ text }) => text);
}

function fallthroughZones(property: Property | undefined): readonly string[] {
  if (property === undefined) return [];
  return property.args.length === 0 ? ["."] : parseZones(property.args);
}

function selector(property: Property | undefined, what: string): string {
  if (property === undefined) return "";
  const text = someArgs(property).join(" ");
  try {
    parseLabelSelector(text);
    return text;
  } catch (error) {
    const fact = `unable to parse ${what} selector value: '${text}': ${describeError(error)}`;
    throw new ConfigError(property.name.position, fact, { cause: error });
  }
}

function podMode(property: Property | undefined): PodMode {
  if (property === undefined) return "disabled";
  const mode = expectArg(property);
  if (!POD_MODES.includes(mode.text)) {
    const fact = `wrong value for pods: ${mode.text},  must be one of: disabled, verified, insecure`;
    throw new ConfigError(mode.position, fact);
  }
  return mode.text as PodMode;
}

function nodePods(
  property: Property | undefined,
  pods: PodMode,
  environment: Readonly<Record<string, string | undefined>>,
): string | undefined {
  if (property === undefined) return undefined;
  if (pods === "verified") {
    throw new ConfigError(property.name.position, "pods verified knows the pods of all nodes; remove node_pods");
  }
  const [name] = expectArgs(property, 0, 1);
  const node = name?.text ?? environment["NODE_NAME"] ?? "";
  if (!/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/.test(node)) {
    throw new ConfigError((name ?? property.name).position, `'${node}' is no name of a node`, {
      hint: "Name the node, or set NODE_NAME from spec.nodeName",
    });
  }
  return node;
}

function clusterDns(property: Property | undefined): KubernetesSettings["clusterDns"] {
  if (property === undefined) return { namespace: "kube-system", name: "kube-dns" };
  const token = expectArg(property);
  const [, namespace, name] = /^([-a-z0-9]+)\/([-a-z0-9]+)$/.exec(token.text) ?? [];
  if (namespace === undefined || name === undefined) {
    throw new ConfigError(token.position, `'${token.text}' is no NAMESPACE/SERVICE such as kube-system/kube-dns`);
  }
  return { namespace, name };
}

function ignoresEmpty(property: Property | undefined): boolean {
  if (property === undefined) return false;
  const what = expectArg(property);
  if (what.text !== "empty_service") {
    throw new ConfigError(what.position, `unable to parse ignore value: '${what.text}'`);
  }
  return true;
}

function parseRate(token: Token): number {
  if (!/^[0-9]+(\.[0-9]+)?$/.test(token.text)) {
    throw new ConfigError(token.position, `'${token.text}' is no number of requests a second`);
  }
  return Number(token.text);
}
