/**
 * From the template of a node-cache manifest to a Corefile, byte for byte as node-cache 1.26.5 makes it (its
 * `app/configmap.go`), but for stub domains: those come in the order of their names.
 */
import type { KubeDnsConfig } from "./kube-dns-config.ts";

export interface TemplateValues {
  /** `-localip`, as given. */
  readonly localIps: readonly string[];
  /** Of stub domains. */
  readonly port: number;
  /** Of the upstream Service; undefined: not known, and then the Corefile cannot use it. */
  readonly clusterDns: string | undefined;
  /** `-prometheus-listen-address`. */
  readonly prometheusAddress: string;
}

export interface FilledTemplate {
  readonly text: string;
  /** What stands for the upstream servers: `/etc/resolv.conf`, or addresses. */
  readonly upstreams: string;
  /** There are upstream servers of the ConfigMap's, and no block that says TCP, to be put in place of. */
  readonly noTcpBlock: boolean;
}

const UPSTREAM_SERVERS = "__PILLAR__UPSTREAM__SERVERS__";
const CLUSTER_DNS = "__PILLAR__CLUSTER__DNS__";
const LOCAL_DNS = "__PILLAR__LOCAL__DNS__";
const DNS_SERVER = "__PILLAR__DNS__SERVER__";
const PROMETHEUS_ENDPOINT = "__PROMETHEUS__ENDPOINT__";
/** Servers that somebody names need not speak TCP: this exact text gives way to plain forwarding. */
const TCP_BLOCK = `\n    forward . ${UPSTREAM_SERVERS} {\n            force_tcp\n    }\n`;
const SYSTEM_RESOLVERS = "/etc/resolv.conf";
/** Go's text for an address that is none. */
const NO_ADDRESS = "<nil>";
const STUB_TTL_SECONDS = 30;

export function fillTemplate(template: string, values: TemplateValues, config: KubeDnsConfig): FilledTemplate {
  const servers = config.upstreamNameservers.join(" ");
  const upstreams = servers === "" ? SYSTEM_RESOLVERS : servers;
  let text = template;
  if (servers !== "") text = text.replaceAll(TCP_BLOCK, () => `\n    forward . ${servers}\n`);
  const noTcpBlock = servers !== "" && text.includes(UPSTREAM_SERVERS);
  const localIps = values.localIps.join(" ");
  const variables: readonly (readonly [string, string])[] = [
    [UPSTREAM_SERVERS, upstreams],
    [CLUSTER_DNS, values.clusterDns ?? NO_ADDRESS],
    [LOCAL_DNS, localIps],
    // The addresses of LOCAL_DNS are all of them.
    [DNS_SERVER, ""],
    [PROMETHEUS_ENDPOINT, values.prometheusAddress],
  ];
  for (const [name, value] of variables) text = text.replaceAll(name, () => value);
  for (const [domain, list] of config.stubDomains) {
    text +=
      `\n${domain}:${values.port} {\n    errors\n    cache ${STUB_TTL_SECONDS}\n    bind ${localIps}\n` +
      `    forward . ${list.join(" ")}\n}\n`;
  }
  return { text, upstreams, noTcpBlock };
}

/** Variable that Kubernetes sets in each pod for a Service: `kube-dns-upstream` → `KUBE_DNS_UPSTREAM_SERVICE_HOST`. */
export function serviceVariable(service: string): string {
  return `${service.replaceAll("-", "_").toUpperCase()}_SERVICE_HOST`;
}
