/** The flags of `node-cache`: its own of 1.26.5 and of the newest kubernetes-sigs/node-local-dns, and beside them ours. */
import { availableParallelism } from "node:os";
import { isIpAddress } from "../../base/address.ts";
import type { CorednsCompat } from "../../server/chain/plugin.ts";
import { readDuration } from "../../server/corefile/duration.ts";
import { COUNTING, type Counting, LEDGER_SIZES } from "../../server/clients/counting.ts";
import { endpointOf } from "../../server/keeper/endpoint.ts";
import type { Intercept, RuleBackend } from "../../server/plumbing/plumbing.ts";
import { readAdminAddress } from "../../server/web/admin-address.ts";
import type { ClientFlags } from "../client-options.ts";
import { BOOLEAN, choiceKind, type Flag, type FlagKind, type FlagTable, integerKind, STRING } from "./go-flags.ts";

/**
 * Milliseconds. `node-cache` declares a duration of 60 ns and takes each nanosecond for a second: a plain number is an error
 * there, and `30ns` the only way to say 30 seconds. Here `30`, `30s` and `30ns` all are 30 seconds.
 */
const SYNC_INTERVAL: FlagKind<number> = {
  placeholder: "duration",
  parse: (text) => {
    const seconds = /^(\d+)(?:ns)?$/.exec(text)?.[1];
    const ms = seconds === undefined ? readDuration(text) : Number(seconds) * 1000;
    return typeof ms === "number" && ms >= SYNC_MIN_MS && ms <= SYNC_MAX_MS ? ms : undefined;
  },
};
const SYNC_MIN_MS = 100;
const SYNC_MAX_MS = 2 ** 31 - 1;

function string(value: string, usage: string): Flag<string> {
  return { kind: STRING, value, usage, ...(value === "" ? {} : { shownDefault: JSON.stringify(value) }) };
}

function boolean(value: boolean, usage: string): Flag<boolean> {
  return { kind: BOOLEAN, value, usage, ...(value ? { shownDefault: "true" } : {}) };
}

function integer(min: number, max: number, value: number, usage: string): Flag<number> {
  return { kind: integerKind(min, max), value, usage, shownDefault: String(value) };
}

/** Names of Go's `tls.ClientAuthType`. */
const TLS_CLIENT_AUTHS = [
  "NoClientCert",
  "RequestClientCert",
  "RequireAnyClientCert",
  "VerifyClientCertIfGiven",
  "RequireAndVerifyClientCert",
] as const;
/** TLS 1.0 and 1.1 are spoken no more (RFC 8996). */
const TLS_VERSIONS = ["TLS12", "TLS13"] as const;

/** By name. */
export interface FlagValues {
  readonly localip: string;
  readonly setupinterface: boolean;
  readonly interfacename: string;
  /** Milliseconds. */
  readonly syncinterval: number;
  readonly "metrics-listen-address": string;
  readonly "prometheus-listen-address": string;
  readonly setupiptables: boolean;
  readonly basecorefile: string;
  readonly corefile: string;
  readonly kubednscm: string;
  readonly upstreamsvc: string;
  readonly "health-port": string;
  readonly skipteardown: boolean;
  readonly reloadwithsignal: boolean;
  readonly "tls-enabled": boolean;
  readonly "tls-cert-file": string;
  readonly "tls-private-key-file": string;
  readonly "tls-client-auth-type": (typeof TLS_CLIENT_AUTHS)[number];
  readonly "tls-client-ca-file": string;
  readonly "tls-min-version": (typeof TLS_VERSIONS)[number];
  readonly conf: string;
  readonly plugins: boolean;
  readonly pidfile: string;
  readonly version: boolean;
  readonly quiet: boolean;
  readonly "dns.port": string;
  readonly p: string;
  readonly intercept: Intercept;
  readonly rules: RuleBackend;
  readonly "service-ip": string;
  readonly fallback: string;
  readonly "fallback-file": string;
  readonly "dry-run": boolean;
  readonly handover: string;
  readonly keeper: boolean;
  readonly "cache-size": number;
  readonly "cache-file": string;
  readonly threads: number;
  readonly "coredns-compat": CorednsCompat;
  readonly "max-in-flight": number;
  readonly "tcp-connections": number;
  readonly "tcp-connections-per-client": number;
  readonly admin: string;
  readonly "count-clients": Counting;
  readonly "clients-kept": number;
  readonly "names-kept": number;
  readonly "names-per-client": number;
  readonly "pod-names": string;
  readonly "node-name": string;
}

const PORT_USAGE = "Default port";

export const FLAGS: FlagTable<FlagValues> = {
  // Of node-cache.
  localip: string("", "comma-separated string of ip addresses to bind dnscache to; IPv4 and IPv6 together"),
  setupinterface: boolean(true, "indicates whether network interface should be setup"),
  interfacename: string("nodelocaldns", "name of the interface to be created"),
  syncinterval: {
    kind: SYNC_INTERVAL,
    value: 60_000,
    usage: "interval to check for iptables rules: seconds (`30`) or a duration (`30s`)",
    shownDefault: "60s",
  },
  "metrics-listen-address": string("0.0.0.0:9353", "address to serve metrics on"),
  "prometheus-listen-address": string(":9253", "address that __PROMETHEUS__ENDPOINT__ stands for in the Corefile"),
  setupiptables: boolean(true, "indicates whether packet rules (nftables or iptables) should be setup"),
  basecorefile: string("/etc/coredns/Corefile.base", "Path to the template Corefile for node-cache"),
  corefile: string("/etc/Corefile", "Path to the Corefile to be used by node-cache, unless -conf names it"),
  kubednscm: string("", "Path where the kube-dns configmap will be mounted (/etc/kube-dns if that is there)"),
  upstreamsvc: string("kube-dns", "Service name whose cluster IP is upstream for node-cache"),
  "health-port": string("8080", "port used by health plugin"),
  skipteardown: boolean(false, "leave rules and interface in place on exit"),
  reloadwithsignal: boolean(false, "accepted: a new configuration is always in use at once"),
  "tls-enabled": boolean(false, "serve -metrics-listen-address over TLS"),
  "tls-cert-file": string("/etc/ssl/tls.crt", "Path to TLS certificate for HTTPS"),
  "tls-private-key-file": string("/etc/ssl/tls.key", "Path to TLS private key for HTTPS"),
  "tls-client-auth-type": {
    kind: choiceKind(TLS_CLIENT_AUTHS),
    value: "NoClientCert",
    usage: "TLS client authorization type",
    shownDefault: '"NoClientCert"',
  },
  "tls-client-ca-file": string("", "Path to TLS client CA file"),
  "tls-min-version": {
    kind: choiceKind(TLS_VERSIONS),
    value: "TLS13",
    usage: "lowest TLS version",
    shownDefault: '"TLS13"',
  },
  // Of CoreDNS, which node-cache contains.
  conf: string("", "Corefile to write and load; `stdin` reads it there"),
  plugins: boolean(false, "List installed plugins"),
  pidfile: string("", "Path to write pid file"),
  version: boolean(false, "Show version"),
  quiet: boolean(false, "Quiet mode (no initialization output)"),
  "dns.port": string("53", PORT_USAGE),
  p: { ...string("53", PORT_USAGE), aliasOf: "dns.port" },
  // Ours.
  intercept: {
    kind: choiceKind(["auto", "address", "rewrite", "none"]),
    value: "auto",
    usage: "how queries of pods get here: by owning their addresses, by rewriting packets to -service-ip, or not by us",
    shownDefault: '"auto"',
  },
  rules: {
    kind: choiceKind(["auto", "nftables", "iptables"]),
    value: "auto",
    usage: "what packet rules are made with",
    shownDefault: '"auto"',
  },
  "service-ip": string("", "comma-separated addresses of the cluster DNS Service, for -intercept=rewrite"),
  fallback: string("", "comma-separated `address[:port]` of cluster DNS endpoints that answer while nothing runs here"),
  "fallback-file": string("", "file with such addresses, read again when it changes"),
  "dry-run": boolean(false, "print what would be changed on this node, change nothing, and exit"),
  handover: string("", "socket by which an instance takes over from the one before"),
  keeper: boolean(true, "answer from the cache while the server is started again"),
  "cache-size": integer(1, 4096, 32, "memory for cached answers, in MiB"),
  "cache-file": string("", "keep cached answers in this file over a restart"),
  threads: integer(1, 16, availableParallelism() <= 4 ? 1 : 2, "fast-path threads, unless the Corefile says otherwise"),
  "coredns-compat": {
    kind: choiceKind(["1.12", "1.14"]),
    value: "1.14",
    usage: "be like this CoreDNS where versions differ",
    shownDefault: '"1.14"',
  },
  "max-in-flight": integer(1, 1_000_000, 16_384, "queries being worked on at once; more are dropped"),
  "tcp-connections": integer(1, 65_536, 1024, "TCP connections of clients in all"),
  "tcp-connections-per-client": integer(1, 65_536, 64, "TCP connections of one client address"),
  admin: string("", "admin API: unix:PATH, a loopback ADDR:PORT, or none (default a socket in /run/nodens)"),
  "count-clients": {
    kind: choiceKind(COUNTING),
    value: "watched",
    usage: "count queries by client: while somebody looks, always, or as metrics too",
    shownDefault: '"watched"',
  },
  "clients-kept": integer(1, 16_384, LEDGER_SIZES.clients, "clients that are counted one by one, the busiest"),
  "names-kept": integer(1, 16_384, LEDGER_SIZES.names, "names that are counted one by one, the busiest"),
  "names-per-client": integer(1, 100, LEDGER_SIZES.namesPerClient, "names that are kept of each client"),
  "pod-names": string("", "names of clients: api, or a file or folder of manifests with their Pods"),
  "node-name": string("", "the node whose pods are looked for by -pod-names (default $NODE_NAME)"),
};

export interface NodeCacheSettings extends FlagValues {
  readonly localAddresses: readonly string[];
  readonly serviceAddresses: readonly string[];
  readonly fallbackEndpoints: readonly string[];
  readonly port: number;
  readonly healthPort: number;
  readonly clients: ClientFlags;
  /** Where the Corefile in use is written; `stdin` is never written. */
  readonly corefilePath: string;
}

/** @returns the settings, or why they are wrong, as node-cache says it */
export function settingsOf(values: FlagValues): NodeCacheSettings | string {
  const localAddresses = values.localip.split(",");
  for (const address of localAddresses) {
    if (!isIpAddress(address)) return `invalid localip specified - ${JSON.stringify(address)}`;
  }
  const port = portOf(values["dns.port"]);
  if (port === undefined) return `invalid port specified - ${JSON.stringify(values["dns.port"])}`;
  const healthPort = portOf(values["health-port"]);
  if (healthPort === undefined) {
    return `invalid healthcheck port specified - ${JSON.stringify(values["health-port"])}`;
  }
  const serviceAddresses = listOf(values["service-ip"]);
  for (const address of serviceAddresses) {
    if (!isIpAddress(address)) return `invalid service-ip specified - ${JSON.stringify(address)}`;
  }
  if (values.intercept === "rewrite" && serviceAddresses.length === 0) {
    return "-intercept=rewrite needs -service-ip, the address that pods send to";
  }
  const fallbackEndpoints = listOf(values.fallback);
  for (const endpoint of fallbackEndpoints) {
    if (endpointOf(endpoint) === undefined) return `invalid fallback specified - ${JSON.stringify(endpoint)}`;
  }
  const admin = values.admin === "" || values.admin === "none" ? values.admin : readAdminAddress(values.admin);
  if (typeof admin === "string" && admin !== "" && admin !== "none") {
    return `invalid admin specified - ${JSON.stringify(values.admin)}: ${admin}`;
  }
  const clients: ClientFlags = {
    countClients: values["count-clients"],
    clientsKept: values["clients-kept"],
    namesKept: values["names-kept"],
    namesPerClient: values["names-per-client"],
    ...(values["pod-names"] === "" ? {} : { podNames: values["pod-names"] }),
    nodeName: values["node-name"] === "" ? (process.env["NODE_NAME"] ?? "") : values["node-name"],
    ...(admin === "" ? {} : { admin }),
  };
  const corefilePath = values.conf === "" ? values.corefile : values.conf;
  return { ...values, localAddresses, serviceAddresses, fallbackEndpoints, port, healthPort, clients, corefilePath };
}

function listOf(text: string): readonly string[] {
  return text === "" ? [] : text.split(",").map((word) => word.trim());
}

/** A port in decimal, as Go's `Atoi` takes it. */
function portOf(text: string): number | undefined {
  const port = /^\+?\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
  return port >= 1 && port <= 65_535 ? port : undefined;
}
