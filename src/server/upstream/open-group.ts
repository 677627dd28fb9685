/** Making a group of upstreams out of its settings: sockets are opened when the first question comes. */
import type { Clock } from "../../base/clock.ts";
import { formatSocketAddress } from "../../base/address.ts";
import type { Metrics } from "../metrics/metrics.ts";
import type { Carrier } from "./attempt.ts";
import { DeadlineWheel } from "./deadline-wheel.ts";
import { tlsDial, type TlsSettings } from "./dial.ts";
import { DohClient, type DohMethod } from "./doh-client.ts";
import type { OpenGroups } from "./open-groups.ts";
import { endOfTurn } from "../../base/end-of-turn.ts";
import type { FlightTiming } from "./flight.ts";
import { HealthProbe, PROBE_TIMEOUT_MS, type ProbeSettings } from "./health-probe.ts";
import { makePolicy, type PolicyName } from "./policy.ts";
import { RandomIds } from "./random-ids.ts";
import { CARRIER_TCP, CARRIER_TLS, ExchangeStats, ServerStats } from "./server-stats.ts";
import { type StreamLimits, StreamPool } from "./stream-pool.ts";
import { UdpPool } from "./udp-pool.ts";
import { type GroupSettings, UpstreamGroup } from "./upstream-group.ts";
import type { UpstreamSockets } from "./upstream-ports.ts";
import { UpstreamServer } from "./upstream-server.ts";
import type { UpstreamTap } from "./upstream-tap.ts";

export type UpstreamScheme = "dns" | "tls" | "https";

export interface UpstreamTarget {
  readonly scheme: UpstreamScheme;
  /** IP address, perhaps with a scope. */
  readonly address: string;
  readonly port: number;
  /** For TLS, when this upstream has one of its own. */
  readonly serverName: string | undefined;
}

export interface GroupConfig extends GroupSettings {
  /** At least one. */
  readonly targets: readonly UpstreamTarget[];
  readonly policy: PolicyName;
  readonly limits: StreamLimits;
  readonly sourceAddress: string | undefined;
  readonly tls: TlsSettings;
  readonly dohMethod: DohMethod;
  /** Undefined: upstreams are never probed. */
  readonly probe: Omit<ProbeSettings, "timeoutMs"> | undefined;
}

export interface GroupServices {
  readonly ports: UpstreamSockets;
  readonly clock: Clock;
  readonly metrics: Metrics;
  /** Where it is told what becomes of addresses; absent: it is not. */
  readonly upstreams?: OpenGroups | undefined;
  /** Absent: nobody looks on. */
  readonly upstreamTap?: UpstreamTap | undefined;
}

/** 0.5 s, then longer: RFC 9520 §3.2 wants retries to back off. */
export const FLIGHT_TIMING: Omit<FlightTiming, "readTimeoutMs"> = { retryWaitsMs: [500, 800, 1200], totalMs: 4000 };

export function openGroup(config: GroupConfig, services: GroupServices): UpstreamGroup {
  const nowMs = (): number => services.clock.monotonicMs();
  const wheel = new DeadlineWheel(services.clock);
  const ids = new RandomIds();
  const turn = endOfTurn;
  const servers = config.targets.map((target) => {
    const { sourceAddress } = config;
    const at = { address: target.address, port: target.port, sourceAddress };
    const stats = new ServerStats(services.metrics, formatSocketAddress(target.address, target.port));
    const tls = { ...config.tls, serverName: target.serverName ?? config.tls.serverName };
    let udp: Carrier | undefined;
    let stream: Carrier;
    const pooled = { ids, turn, stats, nowMs };
    switch (target.scheme) {
      case "dns":
        udp = new UdpPool(services.ports, at, ids, turn, stats);
        stream = new StreamPool({ ...pooled, carrierLabel: CARRIER_TCP }, config.limits, (listener) =>
          services.ports.connect(at, sourceAddress, listener),
        );
        break;
      case "tls":
        stream = new StreamPool({ ...pooled, carrierLabel: CARRIER_TLS }, config.limits, tlsDial(at, tls));
        break;
      case "https":
        stream = new DohClient(at, tls, config.dohMethod, config.limits, stats, nowMs);
        break;
    }
    const server = new UpstreamServer(stats, udp, stream);
    if (config.probe !== undefined && config.maxFails > 0) {
      const carrier = config.forceTcp ? stream : (udp ?? stream);
      const settings = { ...config.probe, timeoutMs: PROBE_TIMEOUT_MS };
      server.probe = new HealthProbe(server, carrier, settings, wheel, nowMs);
    }
    return server;
  });
  const policy = makePolicy(config.policy, servers.length, ids);
  const stats = new ExchangeStats(services.metrics);
  const parts = { servers, policy, wheel, ids, stats, tap: services.upstreamTap, nowMs };
  const group: UpstreamGroup = new UpstreamGroup(config, { ...parts, onClose: () => leave?.() });
  const leave = services.upstreams?.add(group);
  return group;
}
