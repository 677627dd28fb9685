/**
 * Counts about upstreams, as handles into the process's metrics: an event is one addition.
 *
 * The series belong to `Metrics`, by name of the upstream, so a reload of the configuration sets no counter back.
 */
import { rcodeName } from "../../dns/types.ts";
import type { CounterSeries, GaugeSeries, HistogramSeries } from "../metrics/event-families.ts";
import type { Metrics } from "../metrics/metrics.ts";
import { IGNORED_REASONS } from "./reply-check.ts";

export const CARRIER_UDP = 0;
export const CARRIER_TCP = 1;
export const CARRIER_TLS = 2;
export const CARRIER_HTTPS = 3;
/** Values of the `proto` label, by the constants above. */
const CARRIER_LABELS = ["udp", "tcp", "tcp-tls", "https"] as const;

/** Value of the `proxy_name` label: the directive. */
const PROXY_NAME = "forward";

/** About one upstream. */
export class ServerStats {
  /** `10.0.0.10:53`, as CoreDNS writes the label. */
  readonly to: string;
  readonly healthcheckFailures: CounterSeries;
  /** Attempts that brought no response. */
  readonly failures: CounterSeries;
  /** Messages sent beyond the first of a question. */
  readonly retries: CounterSeries;
  readonly ednsFallbacks: CounterSeries;
  /** Replies over UDP with TC, asked again over TCP. */
  readonly truncated: CounterSeries;
  /** Attempts that wait for a reply. */
  readonly inFlight: GaugeSeries;
  readonly #metrics: Metrics;
  readonly #ignored: readonly CounterSeries[];
  readonly #hits: (CounterSeries | undefined)[];
  readonly #misses: (CounterSeries | undefined)[];
  readonly #durations: (HistogramSeries | undefined)[];

  constructor(metrics: Metrics, to: string) {
    this.to = to;
    this.#metrics = metrics;
    this.healthcheckFailures = metrics.counter("coredns_proxy_healthcheck_failures_total").with(PROXY_NAME, to);
    this.failures = metrics.counter("nodens_upstream_failures_total").with(to);
    this.retries = metrics.counter("nodens_upstream_retries_total").with(to);
    this.ednsFallbacks = metrics.counter("nodens_upstream_edns_fallbacks_total").with(to);
    this.truncated = metrics.counter("nodens_upstream_truncated_total").with(to);
    this.inFlight = metrics.gauge("nodens_upstream_attempts_in_flight").with(to);
    this.#ignored = IGNORED_REASONS.map((reason) =>
      metrics.counter("nodens_upstream_replies_ignored_total").with(to, reason),
    );
    this.#hits = [];
    this.#misses = [];
    this.#durations = [];
  }

  /** @param rcode extended rcodes included */
  observe(rcode: number, seconds: number): void {
    let series = this.#durations[rcode];
    if (series === undefined) {
      const family = this.#metrics.histogram("coredns_proxy_request_duration_seconds");
      series = family.with(PROXY_NAME, this.to, rcodeName(rcode));
      this.#durations[rcode] = series;
    }
    series.observe(seconds);
  }

  /** @param reason of `reply-check.ts` */
  ignore(reason: number): void {
    this.#ignored[reason]?.add();
  }

  /** A query leaves through a socket that was open. @param carrier one of the constants above */
  hit(carrier: number): void {
    let series = this.#hits[carrier];
    if (series === undefined) {
      const family = this.#metrics.counter("coredns_proxy_conn_cache_hits_total");
      series = family.with(PROXY_NAME, this.to, CARRIER_LABELS[carrier] ?? "");
      this.#hits[carrier] = series;
    }
    series.value++;
  }

  /** A socket is opened for a query. */
  miss(carrier: number): void {
    let series = this.#misses[carrier];
    if (series === undefined) {
      const family = this.#metrics.counter("coredns_proxy_conn_cache_misses_total");
      series = family.with(PROXY_NAME, this.to, CARRIER_LABELS[carrier] ?? "");
      this.#misses[carrier] = series;
    }
    series.value++;
  }
}

/** About all upstreams of the process. */
export class ExchangeStats {
  /** All upstreams of a question were down. */
  readonly healthcheckBroken: CounterSeries;
  /** Queries that joined one already in flight. */
  readonly coalesced: CounterSeries;
  /** Queries given up because too many were in flight. */
  readonly overloads: CounterSeries;
  readonly inFlight: GaugeSeries;

  constructor(metrics: Metrics) {
    this.healthcheckBroken = metrics.counter("coredns_forward_healthcheck_broken_total").with();
    this.coalesced = metrics.counter("nodens_coalesced_queries_total").with();
    this.overloads = metrics.counter("nodens_upstream_overloads_total").with();
    this.inFlight = metrics.gauge("nodens_upstream_in_flight").with();
  }
}
