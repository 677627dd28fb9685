/**
 * Every metric that Nodens exposes, declared once.
 *
 * Names, types, labels and buckets of the `coredns_` families are those of CoreDNS 1.14.7, so that dashboards and
 * alerts go on working; the words are ours. What CoreDNS has no name for begins with `nodens_`. The families
 * `process_*` and `nodejs_*` come from prom-client and are not listed.
 *
 * `home` says where the values live: `rows` (shared memory, one row a server, zone and view: `server-rows.ts`),
 * `threads` (shared memory, one page a thread: `fastpath-counters.ts`), or `events` (objects of the main thread:
 * `event-families.ts`). Names of queries are never label values, and clients are only where the operator asks for it.
 */
import type { BucketScale } from "./buckets.ts";

export type MetricKind =
  | "counter"
  | "gauge"
  | "histogram"
  /** A gauge that is 1 while somebody holds it, and else absent. */
  | "info";

export interface MetricSpec {
  readonly kind: MetricKind;
  readonly home: "rows" | "threads" | "events";
  readonly help: string;
  readonly labels: readonly string[];
  /** Histograms have one. */
  readonly buckets?: BucketScale;
}

export const CATALOGUE = {
  coredns_build_info: {
    kind: "info",
    home: "events",
    help: "Always 1; the labels tell the version of the server and of its runtime.",
    labels: ["version", "revision", "goversion"],
  },
  coredns_panics_total: {
    kind: "counter",
    home: "events",
    help: "Queries whose handling ended in an unexpected exception.",
    labels: [],
  },
  coredns_plugin_enabled: {
    kind: "info",
    home: "events",
    help: "1 for each plugin that takes part in answering for a server, zone and view.",
    labels: ["server", "zone", "view", "name"],
  },

  coredns_dns_requests_total: {
    kind: "counter",
    home: "rows",
    help: "Queries received, by transport, address family (1 is IPv4, 2 is IPv6) and type.",
    labels: ["server", "zone", "view", "proto", "family", "type"],
  },
  coredns_dns_request_duration_seconds: {
    kind: "histogram",
    home: "rows",
    help: "Time from reading a query to handing its response to the kernel.",
    labels: ["server", "zone", "view"],
    buckets: "seconds",
  },
  coredns_dns_request_size_bytes: {
    kind: "histogram",
    home: "rows",
    help: "Length of queries as received.",
    labels: ["server", "zone", "view", "proto"],
    buckets: "bytes",
  },
  coredns_dns_do_requests_total: {
    kind: "counter",
    home: "rows",
    help: "Queries with the DNSSEC OK bit.",
    labels: ["server", "zone", "view"],
  },
  coredns_dns_response_size_bytes: {
    kind: "histogram",
    home: "rows",
    help: "Length of responses as sent.",
    labels: ["server", "zone", "view", "proto"],
    buckets: "bytes",
  },
  coredns_dns_responses_total: {
    kind: "counter",
    home: "rows",
    help: "Responses sent, by response code and by the plugin that made them (empty: the server itself).",
    labels: ["server", "zone", "view", "rcode", "plugin"],
  },

  coredns_acl_blocked_requests_total: {
    kind: "counter",
    home: "events",
    help: "Queries that a policy refused.",
    labels: ["server", "zone", "view"],
  },
  coredns_acl_filtered_requests_total: {
    kind: "counter",
    home: "events",
    help: "Queries that a policy answered with an empty response.",
    labels: ["server", "zone", "view"],
  },
  coredns_acl_allowed_requests_total: {
    kind: "counter",
    home: "events",
    help: "Queries that no policy held up.",
    labels: ["server", "view"],
  },
  coredns_acl_dropped_requests_total: {
    kind: "counter",
    home: "events",
    help: "Queries that a policy left without reply.",
    labels: ["server", "zone", "view"],
  },

  coredns_cache_entries: {
    kind: "gauge",
    home: "events",
    help: "Answers held in the cache.",
    labels: ["server", "type", "zones", "view"],
  },
  coredns_cache_requests_total: {
    kind: "counter",
    home: "rows",
    help: "Questions looked up in the cache.",
    labels: ["server", "zones", "view"],
  },
  coredns_cache_hits_total: {
    kind: "counter",
    home: "rows",
    help: "Questions answered from the cache.",
    labels: ["server", "type", "zones", "view"],
  },
  coredns_cache_misses_total: {
    kind: "counter",
    home: "rows",
    help: "Questions not found in the cache: requests less hits.",
    labels: ["server", "zones", "view"],
  },
  coredns_cache_served_stale_total: {
    kind: "counter",
    home: "rows",
    help: "Questions answered with an expired answer.",
    labels: ["server", "zones", "view"],
  },
  coredns_cache_prefetch_total: {
    kind: "counter",
    home: "events",
    help: "Answers asked for again before they expired.",
    labels: ["server", "zones", "view"],
  },
  coredns_cache_drops_total: {
    kind: "counter",
    home: "events",
    help: "Upstream responses not stored because they do not belong to the question or are malformed.",
    labels: ["server", "zones", "view"],
  },
  coredns_cache_evictions_total: {
    kind: "counter",
    home: "events",
    help: "Answers removed before they expired, to make room.",
    labels: ["server", "type", "zones", "view"],
  },

  coredns_forward_healthcheck_broken_total: {
    kind: "counter",
    home: "events",
    help: "Queries for which every upstream was marked down.",
    labels: [],
  },
  coredns_forward_max_concurrent_rejects_total: {
    kind: "counter",
    home: "events",
    help: "Queries rejected because max_concurrent others were under way.",
    labels: [],
  },
  coredns_proxy_request_duration_seconds: {
    kind: "histogram",
    home: "events",
    help: "Time an upstream took to answer.",
    labels: ["proxy_name", "to", "rcode"],
    buckets: "seconds",
  },
  coredns_proxy_healthcheck_failures_total: {
    kind: "counter",
    home: "events",
    help: "Health checks of an upstream that failed.",
    labels: ["proxy_name", "to"],
  },
  coredns_proxy_conn_cache_hits_total: {
    kind: "counter",
    home: "events",
    help: "Upstream queries that found an open connection or socket.",
    labels: ["proxy_name", "to", "proto"],
  },
  coredns_proxy_conn_cache_misses_total: {
    kind: "counter",
    home: "events",
    help: "Upstream queries that had to open a connection or socket.",
    labels: ["proxy_name", "to", "proto"],
  },

  coredns_health_request_duration_seconds: {
    kind: "histogram",
    home: "events",
    help: "Time the health endpoint takes to answer its own probe, made once a second.",
    labels: [],
    buckets: "slimSeconds",
  },
  coredns_health_request_failures_total: {
    kind: "counter",
    home: "events",
    help: "Own probes of the health endpoint that failed.",
    labels: [],
  },
  coredns_hosts_entries: {
    kind: "gauge",
    home: "events",
    help: "Names and addresses read from hosts files and from the Corefile.",
    labels: ["hostsfile"],
  },
  coredns_hosts_reload_timestamp_seconds: {
    kind: "gauge",
    home: "events",
    help: "Time of modification of the hosts file that was read last, in Unix seconds.",
    labels: [],
  },
  coredns_reload_failed_total: {
    kind: "counter",
    home: "events",
    help: "Reloads of the configuration that failed; the running one was kept.",
    labels: [],
  },
  coredns_reload_version_info: {
    kind: "info",
    home: "events",
    help: "Always 1; the labels tell the digest of the configuration that runs.",
    labels: ["hash", "value"],
  },

  coredns_template_matches_total: {
    kind: "counter",
    home: "events",
    help: "Queries that a template took.",
    labels: ["server", "zone", "view", "class", "type"],
  },
  coredns_template_template_failures_total: {
    kind: "counter",
    home: "events",
    help: "Records whose template could not be carried out.",
    labels: ["server", "zone", "view", "class", "type", "section", "template"],
  },
  coredns_template_rr_failures_total: {
    kind: "counter",
    home: "events",
    help: "Records whose template gave a text that is no record.",
    labels: ["server", "zone", "view", "class", "type", "section", "template"],
  },
  coredns_autopath_success_total: {
    kind: "counter",
    home: "events",
    help: "Questions answered by following the search path for the client.",
    labels: ["server"],
  },
  coredns_kubernetes_dns_programming_duration_seconds: {
    kind: "histogram",
    home: "events",
    help: "Time from a change of a Service's endpoints (their trigger time) to answers that have it.",
    labels: ["service_kind"],
    buckets: "longSeconds",
  },
  coredns_kubernetes_rest_client_request_duration_seconds: {
    kind: "histogram",
    home: "events",
    help: "Time until the Kubernetes API server began its response.",
    labels: ["verb", "host"],
    buckets: "requestSeconds",
  },
  coredns_kubernetes_rest_client_rate_limiter_duration_seconds: {
    kind: "histogram",
    home: "events",
    help: "Time that requests to the Kubernetes API server waited for the bounds that are set.",
    labels: ["verb", "host"],
    buckets: "requestSeconds",
  },
  coredns_kubernetes_rest_client_requests_total: {
    kind: "counter",
    home: "events",
    help: "Requests to the Kubernetes API server, by HTTP status; <error> without a response.",
    labels: ["code", "method", "host"],
  },
  nodens_kubernetes_objects: {
    kind: "gauge",
    home: "events",
    help: "Objects of the cluster that are known.",
    labels: ["source", "kind"],
  },
  nodens_kubernetes_stale_seconds: {
    kind: "gauge",
    home: "events",
    help: "For how long the objects have been out of date, for the API server cannot be read; 0 while they are current.",
    labels: ["source"],
  },
  nodens_kubernetes_answers_dropped_total: {
    kind: "counter",
    home: "events",
    help: "Cached answers that were dropped since the objects that they were made of had changed.",
    labels: ["source"],
  },
  coredns_dns64_requests_translated_total: {
    kind: "counter",
    home: "events",
    help: "AAAA questions for which A records were looked up to make an answer of.",
    labels: ["server"],
  },
  coredns_local_localhost_requests_total: {
    kind: "counter",
    home: "events",
    help: "Questions for names below localhost or with localhost as their first label.",
    labels: [],
  },

  nodens_build_info: {
    kind: "info",
    home: "events",
    help: "Always 1; the labels tell the versions of Nodens and of Node.js.",
    labels: ["version", "revision", "nodeversion"],
  },
  nodens_fastpath_batches_total: {
    kind: "counter",
    home: "threads",
    help: "Receive calls of the fast path that brought datagrams.",
    labels: [],
  },
  nodens_fastpath_datagrams_total: {
    kind: "counter",
    home: "threads",
    help: "Datagrams from clients received by the fast path.",
    labels: [],
  },
  nodens_fastpath_batch_datagrams: {
    kind: "histogram",
    home: "threads",
    help: "Datagrams that one receive call of the fast path brought.",
    labels: [],
    buckets: "batch",
  },
  nodens_fastpath_hits_total: {
    kind: "counter",
    home: "threads",
    help: "Queries answered by the fast path from the shared cache.",
    labels: [],
  },
  nodens_fastpath_handed_over_total: {
    kind: "counter",
    home: "threads",
    help: "Queries handed to the main thread.",
    labels: [],
  },
  nodens_fastpath_upstream_datagrams_total: {
    kind: "counter",
    home: "threads",
    help: "Datagrams from upstreams received by the fast path.",
    labels: [],
  },
  nodens_fastpath_wakeups_total: {
    kind: "counter",
    home: "threads",
    help: "Times that a fast-path thread woke up because something arrived.",
    labels: [],
  },
  nodens_fastpath_gso_pairs_total: {
    kind: "counter",
    home: "threads",
    help: "Pairs of replies to one socket that left in one segmented send.",
    labels: [],
  },
  nodens_fastpath_send_errors_total: {
    kind: "counter",
    home: "threads",
    help: "Replies that the kernel did not take, by reason.",
    labels: ["reason"],
  },
  nodens_fastpath_torn_reads_total: {
    kind: "counter",
    home: "threads",
    help: "Look-ups that met an entry being written, and became misses.",
    labels: [],
  },
  nodens_fastpath_ring_full_total: {
    kind: "counter",
    home: "threads",
    help: "Datagrams for the main thread that found the ring full.",
    labels: [],
  },
  nodens_dropped_total: {
    kind: "counter",
    home: "threads",
    help: "Datagrams that got no reply, by reason.",
    labels: ["reason"],
  },
  nodens_refused_total: {
    kind: "counter",
    home: "threads",
    help: "Queries refused before any plugin saw them, by response code.",
    labels: ["rcode"],
  },

  nodens_coalesced_queries_total: {
    kind: "counter",
    home: "events",
    help: "Queries that joined an equal one already under way to an upstream.",
    labels: [],
  },
  nodens_upstream_replies_ignored_total: {
    kind: "counter",
    home: "events",
    help: "Messages from an upstream that were ignored while the wait went on, by reason.",
    labels: ["to", "reason"],
  },
  nodens_upstream_failures_total: {
    kind: "counter",
    home: "events",
    help: "Attempts at an upstream that brought no response: refused, closed, unreachable or too late.",
    labels: ["to"],
  },
  nodens_upstream_retries_total: {
    kind: "counter",
    home: "events",
    help: "Attempts at an upstream beyond the first of a question.",
    labels: ["to"],
  },
  nodens_upstream_truncated_total: {
    kind: "counter",
    home: "events",
    help: "Truncated responses of an upstream that were asked for again over TCP.",
    labels: ["to"],
  },
  nodens_upstream_edns_fallbacks_total: {
    kind: "counter",
    home: "events",
    help: "Questions asked again without EDNS because an upstream could not read it.",
    labels: ["to"],
  },
  nodens_upstream_in_flight: {
    kind: "gauge",
    home: "events",
    help: "Questions under way to upstreams.",
    labels: [],
  },
  nodens_upstream_attempts_in_flight: {
    kind: "gauge",
    home: "events",
    help: "Messages to an upstream that wait for its reply, health checks not among them.",
    labels: ["to"],
  },
  nodens_upstream_overloads_total: {
    kind: "counter",
    home: "events",
    help: "Questions given up because as many as allowed were under way.",
    labels: [],
  },
  nodens_cache_used_bytes: {
    kind: "gauge",
    home: "events",
    help: "Bytes of shared memory that hold answers.",
    labels: [],
  },
  nodens_cache_limit_bytes: {
    kind: "gauge",
    home: "events",
    help: "Bytes of shared memory that may hold answers.",
    labels: [],
  },
  nodens_cache_admission_rejections_total: {
    kind: "counter",
    home: "events",
    help: "Answers not stored because they were asked for less often than those they would replace.",
    labels: [],
  },
  nodens_cache_ghost_hits_total: {
    kind: "counter",
    home: "events",
    help: "Misses for answers that were evicted or rejected a short while before.",
    labels: [],
  },
  nodens_keeper_restarts_total: {
    kind: "counter",
    home: "events",
    help: "Servers that the keeper started after one that had ended.",
    labels: [],
  },
  nodens_keeper_hangs_total: {
    kind: "counter",
    home: "events",
    help: "Servers that the keeper ended because they stood still.",
    labels: [],
  },
  nodens_keeper_last_gap_seconds: {
    kind: "gauge",
    home: "events",
    help: "Time from the end of a server to the next one being ready, the last time.",
    labels: [],
  },
  nodens_keeper_standby_hits_total: {
    kind: "counter",
    home: "events",
    help: "Queries that the standby answered from the cache while there was no server.",
    labels: [],
  },
  nodens_keeper_standby_misses_total: {
    kind: "counter",
    home: "events",
    help: "Queries that the standby put to an upstream or left to the next server.",
    labels: [],
  },
  coredns_nodecache_setup_errors_total: {
    kind: "counter",
    home: "events",
    help: "The number of errors during periodic network setup for node-cache.",
    labels: ["errortype"],
  },
  nodens_node_info: {
    kind: "info",
    home: "events",
    help: "How the node agent gets the queries of its node.",
    labels: ["intercept", "rules"],
  },
  nodens_node_capturing: {
    kind: "gauge",
    home: "events",
    help: "1 while packet rules bring queries here.",
    labels: [],
  },
  nodens_node_checks_total: {
    kind: "counter",
    home: "events",
    help: "Checks of packet rules and interface.",
    labels: [],
  },
  nodens_node_restored_total: {
    kind: "counter",
    home: "events",
    help: "Rules, addresses and links that were put back because somebody had taken them away.",
    labels: [],
  },
  nodens_node_lease_age_seconds: {
    kind: "gauge",
    home: "events",
    help: "Time since the lease was refreshed by which queries of the node's own processes come here.",
    labels: [],
  },
  nodens_dnstap_messages_total: {
    kind: "counter",
    home: "events",
    help: "Messages written to a dnstap sink.",
    labels: ["to"],
  },
  nodens_dnstap_dropped_total: {
    kind: "counter",
    home: "events",
    help: "Messages for a dnstap sink that found its queue full.",
    labels: ["to"],
  },
  nodens_tcp_connections: {
    kind: "gauge",
    home: "events",
    help: "TCP connections from clients that are open.",
    labels: [],
  },
  nodens_tcp_connections_accepted_total: {
    kind: "counter",
    home: "events",
    help: "TCP connections from clients that were accepted.",
    labels: [],
  },
  nodens_tcp_connections_rejected_total: {
    kind: "counter",
    home: "events",
    help: "TCP connections from clients closed at once, by the limit they met.",
    labels: ["reason"],
  },
  nodens_tcp_connections_closed_total: {
    kind: "counter",
    home: "events",
    help: "TCP connections from clients that ended, by reason.",
    labels: ["reason"],
  },
  nodens_tcp_reads_paused_total: {
    kind: "counter",
    home: "events",
    help: "Times that reading from a TCP client stopped because too many of its queries or answers were waiting.",
    labels: [],
  },
  nodens_client_queries_total: {
    kind: "counter",
    home: "events",
    help: "Queries of a pod; of a client whose pod is not known, its address stands in place of the pod.",
    labels: ["namespace", "pod"],
  },
  nodens_client_nxdomain_total: {
    kind: "counter",
    home: "events",
    help: "Queries of a pod that were answered NXDOMAIN.",
    labels: ["namespace", "pod"],
  },
  nodens_client_search_waste_total: {
    kind: "counter",
    home: "events",
    help: "Queries of a pod that its search list made for nothing.",
    labels: ["namespace", "pod"],
  },
  nodens_client_miss_duration_seconds: {
    kind: "histogram",
    home: "events",
    help: "Time that queries of a pod took which the cache did not answer.",
    labels: ["namespace", "pod"],
    buckets: "slimSeconds",
  },
  nodens_clients_counted_total: {
    kind: "counter",
    home: "events",
    help: "Queries counted by client.",
    labels: [],
  },
  nodens_clients_uncounted_total: {
    kind: "counter",
    home: "events",
    help: "Queries that were to be counted by client, and came too fast for it.",
    labels: [],
  },
  nodens_event_loop_delay_seconds: {
    kind: "histogram",
    home: "events",
    help: "How late the main thread's tick, due once a second, came.",
    labels: [],
    buckets: "seconds",
  },
  nodens_event_loop_utilization_ratio: {
    kind: "gauge",
    home: "events",
    help: "Share of time since the last scrape that the main thread's event loop was busy.",
    labels: [],
  },
  nodens_metrics_rows: {
    kind: "gauge",
    home: "events",
    help: "Rows of counters given to servers, zones and views; past the limit they share one labelled other.",
    labels: [],
  },
  nodens_metrics_overflow_total: {
    kind: "counter",
    home: "events",
    help: "Label values not given a series of their own because the family was at its limit.",
    labels: [],
  },
} as const;

type Catalogue = typeof CATALOGUE;
export type MetricName = keyof Catalogue;
/** Names of the families of one kind that live in objects of the main thread. */
export type EventNameOf<K extends MetricKind> = {
  [N in MetricName]: Catalogue[N] extends { kind: K; home: "events" } ? N : never;
}[MetricName];
/** One string a label, in the declared order. */
export type LabelValuesOf<N extends MetricName> = Strings<Catalogue[N]["labels"]>;
type Strings<Labels extends readonly string[]> = { -readonly [I in keyof Labels]: string };

const specs: Readonly<Record<MetricName, MetricSpec>> = CATALOGUE;

export const METRIC_NAMES: readonly MetricName[] = Object.keys(CATALOGUE).filter(
  (name): name is MetricName => name in CATALOGUE,
);

export function specOf(name: MetricName): MetricSpec {
  return specs[name];
}
