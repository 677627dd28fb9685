/**
 * The parts of Kubernetes objects that Nodens reads, and nothing else: ten thousand Services fit into few megabytes.
 *
 * Objects are never changed once made; a changed one is a new object. Names are as the API has them (lower case).
 */

/** What a port of a Service or an EndpointSlice is called and does. */
export interface Port {
  /** "" when it has none; then it has no SRV record of its own. */
  readonly name: string;
  /** 1 to 65535. */
  readonly port: number;
  /** Lower case, as in SRV names: `tcp`, `udp`, `sctp`. */
  readonly protocol: string;
}

export interface Service {
  readonly namespace: string;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  /** `ExternalName` has a name in place of addresses; the others are alike for DNS. */
  readonly type: "ClusterIP" | "NodePort" | "LoadBalancer" | "ExternalName";
  /** Of both families; empty for a headless Service (`clusterIP: None`) and an ExternalName. */
  readonly clusterIPs: readonly string[];
  readonly headless: boolean;
  /** "" unless `type` is ExternalName. */
  readonly externalName: string;
  readonly ports: readonly Port[];
  readonly publishNotReadyAddresses: boolean;
}

export interface Endpoint {
  readonly addresses: readonly string[];
  /** Condition `ready`; unknown counts as ready (API reference of EndpointSlice). */
  readonly ready: boolean;
  /** "" when it has none. */
  readonly hostname: string;
  /** Name of the Pod behind it; "" when there is none. */
  readonly pod: string;
  /** Name of its node; "" when unknown. */
  readonly node: string;
  /** Topology zone; "" when unknown. */
  readonly zone: string;
}

export interface EndpointSlice {
  readonly namespace: string;
  readonly name: string;
  /** Label `kubernetes.io/service-name`, or of a multi-cluster Service `multicluster.kubernetes.io/service-name`; "" without. */
  readonly service: string;
  /** Of a multi-cluster slice the label `multicluster.kubernetes.io/source-cluster`; "" of any other. */
  readonly cluster: string;
  readonly addressType: "IPv4" | "IPv6" | "FQDN";
  readonly ports: readonly Port[];
  readonly endpoints: readonly Endpoint[];
  /** Annotation `endpoints.kubernetes.io/last-change-trigger-time` in wall-clock milliseconds; 0 without. */
  readonly changedAtMs: number;
}

export interface Pod {
  readonly namespace: string;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Of both families; empty before it has any, and when it has ended (`Succeeded`, `Failed`): another pod may have them then. */
  readonly ips: readonly string[];
  /** Its addresses are the node's: they say nothing about who asks. */
  readonly hostNetwork: boolean;
  readonly node: string;
  readonly dnsPolicy: string;
  /** Search domains of `dnsConfig`. */
  readonly searches: readonly string[];
}

export interface Namespace {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** Of `multicluster.x-k8s.io/v1alpha1`. */
export interface ServiceImport {
  readonly namespace: string;
  readonly name: string;
  readonly type: "ClusterSetIP" | "Headless";
  readonly ips: readonly string[];
  readonly ports: readonly Port[];
}
