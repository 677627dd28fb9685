import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { BUCKETS } from "./buckets.ts";
import { METRIC_NAMES, specOf } from "./catalogue.ts";

/** Name, type, labels as CoreDNS 1.14.7 exposes them (plugin/{metrics,cache,forward,health,hosts,reload}, pkg/proxy). */
const COREDNS = `
build_info gauge version revision goversion
panics_total counter
plugin_enabled gauge server zone view name
dns_requests_total counter server zone view proto family type
dns_request_duration_seconds histogram server zone view
dns_request_size_bytes histogram server zone view proto
dns_do_requests_total counter server zone view
dns_response_size_bytes histogram server zone view proto
dns_responses_total counter server zone view rcode plugin
cache_entries gauge server type zones view
cache_requests_total counter server zones view
cache_hits_total counter server type zones view
cache_misses_total counter server zones view
cache_served_stale_total counter server zones view
cache_prefetch_total counter server zones view
cache_drops_total counter server zones view
cache_evictions_total counter server type zones view
forward_healthcheck_broken_total counter
forward_max_concurrent_rejects_total counter
proxy_request_duration_seconds histogram proxy_name to rcode
proxy_healthcheck_failures_total counter proxy_name to
proxy_conn_cache_hits_total counter proxy_name to proto
proxy_conn_cache_misses_total counter proxy_name to proto
health_request_duration_seconds histogram
health_request_failures_total counter
hosts_entries gauge hostsfile
hosts_reload_timestamp_seconds gauge
autopath_success_total counter server
kubernetes_dns_programming_duration_seconds histogram service_kind
kubernetes_rest_client_request_duration_seconds histogram verb host
kubernetes_rest_client_rate_limiter_duration_seconds histogram verb host
kubernetes_rest_client_requests_total counter code method host
dns64_requests_translated_total counter server
local_localhost_requests_total counter
reload_failed_total counter
reload_version_info gauge hash value
acl_blocked_requests_total counter server zone view
acl_filtered_requests_total counter server zone view
acl_allowed_requests_total counter server view
acl_dropped_requests_total counter server zone view
template_matches_total counter server zone view class type
template_template_failures_total counter server zone view class type section template
template_rr_failures_total counter server zone view class type section template
nodecache_setup_errors_total counter errortype
`;

describe("the catalogue of metrics", () => {
  it("has CoreDNS's families under CoreDNS's names, types and labels", () => {
    const ours = METRIC_NAMES.filter((name) => name.startsWith("coredns_")).map((name) => {
      const { kind, labels } = specOf(name);
      return [name.slice("coredns_".length), kind === "info" ? "gauge" : kind, ...labels].join(" ");
    });
    assert.deepEqual(ours.toSorted(), COREDNS.trim().split("\n").toSorted());
  });

  it("has CoreDNS's buckets", () => {
    assert.equal(BUCKETS.seconds.length, 16);
    assert.equal(BUCKETS.seconds[0], 0.00025);
    assert.equal(BUCKETS.seconds[15], 8.192);
    assert.equal(specOf("coredns_dns_request_duration_seconds").buckets, "seconds");
    assert.equal(specOf("coredns_proxy_request_duration_seconds").buckets, "seconds");
    assert.equal(specOf("coredns_health_request_duration_seconds").buckets, "slimSeconds");
    assert.equal(specOf("coredns_dns_request_size_bytes").buckets, "bytes");
    assert.deepEqual(BUCKETS.longSeconds.slice(0, 2), [0.001, 0.002]);
    assert.equal(BUCKETS.longSeconds.length, 20);
    assert.equal(specOf("coredns_kubernetes_dns_programming_duration_seconds").buckets, "longSeconds");
  });

  it("follows the naming rules of Prometheus", () => {
    for (const name of METRIC_NAMES) {
      const { kind, labels, help, buckets } = specOf(name);
      assert.match(name, /^(coredns|nodens)_[a-z0-9_]+$/);
      assert.equal(name.endsWith("_total"), kind === "counter", name);
      assert.equal(name.endsWith("_info"), kind === "info" && name !== "coredns_plugin_enabled", name);
      assert.equal(kind === "histogram", buckets !== undefined, name);
      assert.equal(new Set(labels).size, labels.length, name);
      assert.match(help, /^[A-Z0-9].*\.$/, name);
    }
  });

  it("has no label for names of queries and addresses of clients, unless the operator asks for clients", () => {
    // `--count-clients metrics`
    const always = METRIC_NAMES.filter((name) => !name.startsWith("nodens_client_"));
    const labels = new Set(always.flatMap((name) => specOf(name).labels));
    for (const forbidden of ["name_queried", "qname", "client", "pod", "ip", "remote"]) {
      assert.ok(!labels.has(forbidden), forbidden);
    }
  });
});
