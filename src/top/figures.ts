/** What happened between two snapshots, and what is now. Pure. */
import type { AdminSnapshot } from "../server/daemon/admin-snapshot.ts";

const RCODE_SERVFAIL = 2;
const RCODE_NXDOMAIN = 3;

export interface UpstreamFigures {
  readonly to: string;
  readonly inFlight: number;
  readonly perSecond: number;
  readonly failuresPerSecond: number;
  /** Of the replies between, milliseconds; undefined when there were none. */
  readonly meanMs: number | undefined;
}

export interface Figures {
  readonly now: AdminSnapshot;
  /** Between the snapshots. */
  readonly seconds: number;
  readonly queriesPerSecond: number;
  /** Shares from 0 to 1 of the queries between; undefined when there were none. */
  readonly hitRatio: number | undefined;
  readonly nxdomainShare: number | undefined;
  readonly servfailShare: number | undefined;
  /** Of all that is counted by client, since that began. */
  readonly wasteShare: number | undefined;
  readonly droppedPerSecond: number;
  readonly refusedPerSecond: number;
  /** Share of the queries that took at most `boundMs` and more than the bound before; the last has no bound. */
  readonly latency: readonly { readonly boundMs: number | undefined; readonly share: number }[];
  readonly upstreams: readonly UpstreamFigures[];
  /** Per second; undefined where connections are not tracked. */
  readonly conntrack:
    | {
        readonly insertFailed: number;
        readonly drop: number;
        readonly earlyDrop: number;
        readonly clashResolve: number;
      }
    | undefined;
}

/** The server's bounds double; a person wants to see fewer. */
const BOUNDS_SHOWN_MS = [0.25, 1, 4, 16, 64, 256, 1024];

/** @param before of the same server; one of another counts as none, and then all figures are since its start */
export function figuresOf(before: AdminSnapshot | undefined, now: AdminSnapshot): Figures {
  const same = before !== undefined && before.pid === now.pid && before.uptimeSeconds < now.uptimeSeconds;
  const then = same ? before : undefined;
  const seconds = Math.max(0.001, now.uptimeSeconds - (then?.uptimeSeconds ?? 0));
  const delta = (of: (snapshot: AdminSnapshot) => number): number =>
    Math.max(0, of(now) - (then === undefined ? 0 : of(then)));
  const queries = delta(({ totals }) => totals.queries);
  const share = (part: number, whole: number): number | undefined => (whole > 0 ? part / whole : undefined);
  const hits = delta(({ totals }) => totals.cacheHits);
  const { clients } = now;
  const counted = clients?.namespaces.reduce((sum, row) => sum + row.queries, 0) ?? 0;
  const wasted = clients?.namespaces.reduce((sum, row) => sum + row.searchWaste, 0) ?? 0;
  return {
    now,
    seconds,
    queriesPerSecond: queries / seconds,
    hitRatio: share(hits, hits + delta(({ totals }) => totals.cacheMisses)),
    nxdomainShare: share(
      delta(({ totals }) => totals.rcodes[RCODE_NXDOMAIN] ?? 0),
      queries,
    ),
    servfailShare: share(
      delta(({ totals }) => totals.rcodes[RCODE_SERVFAIL] ?? 0),
      queries,
    ),
    wasteShare: share(wasted, counted),
    droppedPerSecond: delta(({ totals }) => totals.dropped) / seconds,
    refusedPerSecond: delta(({ totals }) => totals.refused) / seconds,
    latency: latencyOf(then, now),
    upstreams: upstreamsOf(then, now, seconds),
    conntrack: conntrackOf(then, now, seconds),
  };
}

function latencyOf(then: AdminSnapshot | undefined, now: AdminSnapshot): Figures["latency"] {
  const { bounds, counts } = now.totals.latency;
  const shown = [...BOUNDS_SHOWN_MS, undefined].map((boundMs) => ({ boundMs, count: 0 }));
  let all = 0;
  for (const [i, count] of counts.entries()) {
    const came = Math.max(0, count - (then?.totals.latency.counts[i] ?? 0));
    const boundMs = (bounds[i] ?? Number.POSITIVE_INFINITY) * 1000;
    const row = shown.find((one) => one.boundMs === undefined || boundMs <= one.boundMs * 1.001);
    if (row !== undefined) row.count += came;
    all += came;
  }
  return shown.map(({ boundMs, count }) => ({ boundMs, share: all === 0 ? 0 : count / all }));
}

function upstreamsOf(then: AdminSnapshot | undefined, now: AdminSnapshot, seconds: number): UpstreamFigures[] {
  const known = new Map(then?.upstreams.map((row) => [row.to, row]));
  return now.upstreams.map((row) => {
    const old = known.get(row.to);
    const replies = row.replies - (old?.replies ?? 0);
    const took = row.seconds - (old?.seconds ?? 0);
    return {
      to: row.to,
      inFlight: row.inFlight,
      perSecond: replies / seconds,
      failuresPerSecond: (row.failures - (old?.failures ?? 0)) / seconds,
      meanMs: replies > 0 ? (took / replies) * 1000 : undefined,
    };
  });
}

function conntrackOf(then: AdminSnapshot | undefined, now: AdminSnapshot, seconds: number): Figures["conntrack"] {
  const { conntrack } = now;
  if (conntrack === null) return undefined;
  // Since the start of the machine, not of the server: without a snapshot before there is nothing to tell.
  const old = then === undefined ? conntrack : (then.conntrack ?? conntrack);
  const rate = (after: number, before: number): number => Math.max(0, after - before) / seconds;
  return {
    insertFailed: rate(conntrack.insertFailed, old.insertFailed),
    drop: rate(conntrack.drop, old.drop),
    earlyDrop: rate(conntrack.earlyDrop, old.earlyDrop),
    clashResolve: rate(conntrack.clashResolve, old.clashResolve),
  };
}
