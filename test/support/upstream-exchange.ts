/**
 * What a test of the exchange with upstreams needs: a group of upstreams on scripted servers, and somebody who asks.
 *
 * The clock is a fake one, so a test moves 4 s ahead without waiting; sockets are real.
 */
import { FakeClock } from "../../src/base/clock.ts";
import { Metrics } from "../../src/server/metrics/metrics.ts";
import { DgramPorts } from "../../src/server/upstream/dgram-ports.ts";
import type { ExtendedError } from "../../src/server/upstream/flight.ts";
import { FLIGHT_TIMING, type GroupConfig, openGroup } from "../../src/server/upstream/open-group.ts";
import type { UpstreamError } from "../../src/server/upstream/upstream-error.ts";
import type { UpstreamGroup } from "../../src/server/upstream/upstream-group.ts";
import { testQuery, type TestQueryOptions } from "./setup-context.ts";

export interface Exchange {
  readonly group: UpstreamGroup;
  readonly clock: FakeClock;
  readonly metrics: Metrics;
  /** Value of a counter or gauge, summed over the series that have these label values. */
  readonly count: (name: string, labels?: Readonly<Record<string, string>>) => number;
  /** The message, or the error. */
  readonly ask: (name: string, type?: string, options?: TestQueryOptions) => Promise<Outcome>;
  close(): Promise<void>;
}

/** A question that nothing has become of after this, in real time, is a mistake of the code or of the test. */
const ASK_MAX_MS = 3000;

export type Outcome =
  | { readonly message: Uint8Array; readonly to: string; readonly extended?: ExtendedError; readonly error?: undefined }
  | { readonly message?: undefined; readonly extended?: undefined; readonly error: UpstreamError };

/** @param ports of upstreams on 127.0.0.1, or whole targets in `config` */
export function openExchange(ports: readonly number[], config: Partial<GroupConfig> = {}): Exchange {
  const clock = new FakeClock();
  const metrics = Metrics.create({ threads: 1 });
  const dgram = new DgramPorts();
  const targets = ports.map((port) => ({
    scheme: "dns" as const,
    address: "127.0.0.1",
    port,
    serverName: undefined,
  }));
  const group = openGroup(
    {
      targets,
      policy: "sequential",
      limits: { expireMs: 10_000, maxAgeMs: 0, maxIdle: 0 },
      sourceAddress: undefined,
      tls: { serverName: undefined, ca: undefined, cert: undefined, key: undefined },
      dohMethod: "POST",
      probe: undefined,
      timing: { ...FLIGHT_TIMING, readTimeoutMs: 2000 },
      forceTcp: false,
      preferUdp: false,
      maxFails: 2,
      maxConnectAttempts: 2 * Math.max(targets.length, config.targets?.length ?? 0),
      failfast: false,
      failoverRcodes: new Set(),
      relaysAsSent: false,
      ...config,
    },
    { ports: dgram, clock, metrics },
  );
  return {
    group,
    clock,
    metrics,
    count: (name, labels = {}) => {
      const family = metrics.collect().find((candidate) => candidate.name === name);
      const samples = family?.samples.filter((sample) => sample.suffix === "" || sample.suffix === "_count") ?? [];
      return samples
        .filter((sample) => Object.entries(labels).every(([label, value]) => sample.labels[label] === value))
        .reduce((sum, sample) => sum + sample.value, 0);
    },
    ask: (name, type = "A", options = {}) => {
      const query = testQuery(name, type, options);
      return new Promise((resolve, reject) => {
        const guard = setTimeout(() => reject(new Error(`nothing became of ${name} ${type}`)), ASK_MAX_MS);
        const end = (outcome: Outcome): void => {
          clearTimeout(guard);
          resolve(outcome);
        };
        group.ask(query.wire, query.view, query.transport === "tcp", {
          answered: (message, to, extended) =>
            end(extended === undefined ? { message, to } : { message, to, extended }),
          failed: (error) => end({ error }),
        });
      });
    },
    async close() {
      // Nobody waits for what is still in flight.
      clock.advanceMs(10_000);
      await group.close();
      await dgram.close();
    },
  };
}
