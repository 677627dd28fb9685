/**
 * The order in which plugins see a query: fixed, whatever their order in the Corefile.
 *
 * It is CoreDNS's `plugin.cfg`, and also the list of directives that a Corefile may name. 1.14 differs from 1.12 in
 * where `rewrite`, `autopath` and `acl` stand. In 1.12 `rewrite` and `autopath` are below `cache`: a hit is answered
 * before they see the query, so the cache holds what they made, under the name that the client asked for; `acl` is at
 * the top and judges that name too. In 1.14 all three are above `cache`, `acl` last: it judges the name that the others
 * made, and the cache holds one answer for all names that are rewritten to it.
 */
import type { DirectiveStatus } from "../corefile/parse.ts";
import type { CorednsCompat } from "./plugin.ts";

/** plugin.cfg of CoreDNS 1.14.7. */
export const PLUGIN_ORDER_1_14: readonly string[] = [
  "root",
  "metadata",
  "geoip",
  "cancel",
  "proxyproto",
  "quic",
  "grpc_server",
  "https",
  "https3",
  "timeouts",
  "multisocket",
  "reload",
  "nsid",
  "bufsize",
  "bind",
  "debug",
  "trace",
  "ready",
  "health",
  "pprof",
  "shed",
  "prometheus",
  "errors",
  "log",
  "dnstap",
  "local",
  "dns64",
  "any",
  "chaos",
  "loadbalance",
  "tsig",
  "rewrite",
  "autopath",
  "acl",
  "cache",
  "header",
  "dnssec",
  "tls",
  "minimal",
  "template",
  "transfer",
  "hosts",
  "route53",
  "azure",
  "clouddns",
  "k8s_external",
  "kubernetes",
  "file",
  "auto",
  "secondary",
  "etcd",
  "loop",
  "forward",
  "grpc",
  "erratic",
  "whoami",
  "on",
  "sign",
  "view",
  "nomad",
];

/** core/dnsserver/zdirectives.go of CoreDNS 1.12.2, which node-cache 1.26.5 was built from. */
export const PLUGIN_ORDER_1_12: readonly string[] = [
  "root",
  "metadata",
  "geoip",
  "cancel",
  "tls",
  "quic",
  "timeouts",
  "multisocket",
  "reload",
  "nsid",
  "bufsize",
  "bind",
  "debug",
  "trace",
  "ready",
  "health",
  "pprof",
  "prometheus",
  "errors",
  "log",
  "dnstap",
  "local",
  "dns64",
  "acl",
  "any",
  "chaos",
  "loadbalance",
  "tsig",
  "cache",
  "rewrite",
  "header",
  "dnssec",
  "autopath",
  "minimal",
  "template",
  "transfer",
  "hosts",
  "route53",
  "azure",
  "clouddns",
  "k8s_external",
  "kubernetes",
  "file",
  "auto",
  "secondary",
  "etcd",
  "loop",
  "forward",
  "grpc",
  "erratic",
  "whoami",
  "on",
  "sign",
  "view",
];

/** Top of the chain first. */
export function pluginOrder(compat: CorednsCompat): readonly string[] {
  return compat === "1.12" ? PLUGIN_ORDER_1_12 : PLUGIN_ORDER_1_14;
}

/** Directives of any CoreDNS that we follow. */
export const knownDirectives: ReadonlySet<string> = new Set([...PLUGIN_ORDER_1_14, ...PLUGIN_ORDER_1_12]);

/** For `parseCorefile`: tells a directive that this build has from one that CoreDNS has and from a misspelling. */
export function directiveStatus(built: ReadonlySet<string>): (name: string) => DirectiveStatus {
  return (name) => {
    if (built.has(name)) return "built";
    return knownDirectives.has(name) ? "known" : "unknown";
  };
}
