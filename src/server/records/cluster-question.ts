/**
 * What a name below a cluster's zone asks for (Kubernetes DNS specification 1.1, and CoreDNS's additions to it).
 *
 *   SERVICE.NAMESPACE.svc                    ENDPOINT.SERVICE.NAMESPACE.svc      _PORT._PROTOCOL.SERVICE.NAMESPACE.svc
 *   1-2-3-4.NAMESPACE.pod                    ENDPOINT.CLUSTER.SERVICE.NAMESPACE.svc in a multi-cluster zone
 *   TOPOLOGY-ZONE.pin._zone.SERVICE.NAMESPACE.svc and .prefer. for headless Services, with `zonal`
 */

export type ClusterQuestion =
  /** The zone itself, or `svc` or `pod` below it. */
  | { readonly kind: "apex" }
  /** A name that nothing can have. */
  | { readonly kind: "invalid" }
  | { readonly kind: "namespace"; readonly namespace: string; readonly under: "svc" | "pod" }
  | { readonly kind: "pod"; readonly namespace: string; readonly pod: string }
  | ServiceQuestion;

export interface ServiceQuestion {
  readonly kind: "service";
  readonly namespace: string;
  readonly service: string;
  /** "" when the Service itself is meant, as in all that follow. */
  readonly endpoint: string;
  readonly cluster: string;
  /** Without its underscore; "" for any. */
  readonly port: string;
  readonly protocol: string;
  readonly topologyZone: string;
  /** Without an endpoint in the zone, all of them. */
  readonly prefersZone: boolean;
}

const INVALID: ClusterQuestion = { kind: "invalid" };

/** @param labels of the name, lower case, without those of the zone */
export function readClusterQuestion(
  labels: readonly string[],
  options: { readonly multicluster: boolean; readonly zonal: boolean },
): ClusterQuestion {
  const under = labels.at(-1);
  if (under === undefined) return { kind: "apex" };
  if (under !== "svc" && under !== "pod") return INVALID;
  const namespace = labels.at(-2);
  if (namespace === undefined) return { kind: "apex" };
  const name = labels.at(-3);
  if (name === undefined) return { kind: "namespace", namespace, under };
  const more = labels.slice(0, -3);
  if (under === "pod") return more.length === 0 ? { kind: "pod", namespace, pod: name } : INVALID;
  const service: ServiceQuestion = {
    kind: "service",
    namespace,
    service: name,
    endpoint: "",
    cluster: "",
    port: "",
    protocol: "",
    topologyZone: "",
    prefersZone: false,
  };
  const [first = "", second = ""] = more;
  switch (more.length) {
    case 0:
      return service;
    case 1:
      return { ...service, endpoint: first };
    case 2:
      if (options.multicluster && !first.startsWith("_") && !second.startsWith("_")) {
        return { ...service, endpoint: first, cluster: second };
      }
      return { ...service, port: withoutUnderscore(first), protocol: withoutUnderscore(second) };
    default: {
      const directive = more.at(-2);
      const isZonal = options.zonal && !options.multicluster && more.at(-1) === "_zone";
      if (!isZonal || (directive !== "pin" && directive !== "prefer")) return INVALID;
      return { ...service, topologyZone: more.slice(0, -2).join("."), prefersZone: directive === "prefer" };
    }
  }
}

function withoutUnderscore(label: string): string {
  return label.startsWith("_") ? label.slice(1) : label;
}
