/** What an instance tells: for tests of those who read it. */
import { type AdminSnapshot, ADMIN_API } from "../../src/server/daemon/admin-snapshot.ts";

/** @param queries since its start, all of them quick hits */
export function snapshotOf(more: Partial<AdminSnapshot> = {}, queries = 0): AdminSnapshot {
  const counts = Array.from({ length: 17 }, () => 0);
  counts[0] = queries;
  return {
    api: ADMIN_API,
    version: "1.2.3",
    host: "worker-1",
    pid: 7,
    uptimeSeconds: 100,
    atMs: 0,
    listens: ["10.96.0.10:53"],
    totals: {
      queries,
      overTcp: 0,
      fastHits: queries,
      handedOver: 0,
      cacheHits: queries,
      cacheMisses: 0,
      servedStale: 0,
      rcodes: [queries],
      refused: 0,
      dropped: 0,
      latency: { bounds: Array.from({ length: 16 }, (_, i) => 0.00025 * 2 ** i), counts, seconds: 0 },
    },
    inFlight: 2,
    cache: { answers: 7, usedBytes: 1024 * 1024, limitBytes: 32 * 1024 * 1024 },
    upstreams: [
      {
        to: "192.0.2.1:53",
        inFlight: 3,
        replies: queries,
        seconds: queries * 0.002,
        failures: 0,
        retries: 0,
        healthcheckFailures: 0,
      },
    ],
    conntrack: { entries: 5, limit: 100, insertFailed: queries, drop: 0, earlyDrop: 0, clashResolve: 0, invalid: 0 },
    clients: null,
    ...more,
  };
}
