import type { Metrics } from "../metrics/metrics.ts";
import type { TcpStats } from "../stream/tcp-stats.ts";

/** Counts what the TCP service tells. */
export function tcpStats(metrics: Metrics): TcpStats {
  const open = metrics.gauge("nodens_tcp_connections").with();
  const accepted = metrics.counter("nodens_tcp_connections_accepted_total").with();
  const paused = metrics.counter("nodens_tcp_reads_paused_total").with();
  return {
    opened: () => {
      open.add(1);
      accepted.add();
    },
    closed: (reason) => {
      open.add(-1);
      metrics.counter("nodens_tcp_connections_closed_total").with(reason).add();
    },
    refused: (reason) => metrics.counter("nodens_tcp_connections_rejected_total").with(reason).add(),
    paused: () => paused.add(),
  };
}
