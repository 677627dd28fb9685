/** The `cache` plugin: a server block's share of the answer store. */
import { describeError } from "../../../base/errors.ts";
import type { CorednsCompat, Plugin, PluginInstance } from "../../chain/plugin.ts";
import type { StoredQuestion } from "../../cache/prefetch-watch.ts";
import { AnswerKeeper } from "./answer-keeper.ts";
import { CacheHandler } from "./cache-handler.ts";
import { CacheMetrics } from "./cache-metrics.ts";
import { type CacheSettings, parseCache } from "./cache-settings.ts";
import { askFor } from "./refresh-query.ts";
import { ZoneSet } from "./zone-set.ts";

/** Failures held by a partition; CoreDNS keeps them among the denials. */
const FAILURE_CAPACITY = 1024;

/** RFC 8767 §4: more than 0, and 30 recommended. */
const STALE_TTL_S = 30;

export const cache: Plugin = {
  directive: "cache",
  setup(directives, context): PluginInstance {
    const settings = parseCache(directives, context.zones);
    const { store, clock } = context;
    const zones = new ZoneSet(settings.zones);
    const blockZones = new ZoneSet(context.zones);
    const authoritative = context.compat === "1.12";
    const log = context.log.plugin("cache");
    const onDefect = (error: unknown): void => log.error(`refresh failed: ${describeError(error)}`);
    let handler: CacheHandler | undefined;
    let metrics: CacheMetrics | undefined;
    let release: (() => void) | undefined;

    const prefetch = (question: StoredQuestion): void => {
      const [server] = context.servers();
      if (server !== undefined) handler?.prefetch(askFor(question, server, blockZones, clock.monotonicMs()));
    };
    return {
      handler(next) {
        const { partition } = context;
        const { stale } = settings;
        metrics = new CacheMetrics(context.metrics, store, partition, settings.zones.join(","));
        const keeper = new AnswerKeeper({ store, partition, settings, metrics, clock, authoritative });
        const above = context.compat === "1.12" ? undefined : context.sibling("rewrite");
        const hasOptions = (above?.origin ?? "") !== "";
        const staleTtlS = staleTtlOf(settings, context.compat);
        handler = new CacheHandler({
          next,
          store,
          partition,
          zones,
          stale,
          staleTtlS,
          keeper,
          metrics,
          clock,
          hasOptions,
          onDefect,
        });
        return handler;
      },
      async start() {
        metrics?.start(context.servers(), context.zones, context.view);
        release = store.configure(context.partition, {
          success: settings.success.capacity,
          denial: settings.denial.capacity,
          failure: FAILURE_CAPACITY,
          maxTtlS: {
            success: settings.success.maxTtlS,
            denial: settings.denial.maxTtlS,
            failure: settings.servfailS,
          },
          staleS: settings.stale?.upToS ?? 0,
          rules: rulesOf(settings, authoritative),
          prefetch: settings.prefetch === undefined ? undefined : { ...settings.prefetch, ask: prefetch },
        });
      },
      async stop() {
        release?.();
        metrics?.stop();
      },
    };
  },
};

/** @returns undefined for the TTL that an answer began with (`keepttl`) */
function staleTtlOf({ stale, keepTtl }: CacheSettings, compat: CorednsCompat): number | undefined {
  if (stale?.ttlS !== undefined && (stale.ttlS > 0 || !keepTtl)) return stale.ttlS;
  if (keepTtl) return undefined;
  return compat === "1.12" ? 0 : STALE_TTL_S;
}

/** What the fast path would not know of: entries made under other rules are let go of at a reload. */
function rulesOf({ zones, disabledSuccess, disabledDenial, keepTtl }: CacheSettings, authoritative: boolean): string {
  return JSON.stringify([zones, disabledSuccess, disabledDenial, keepTtl, authoritative]);
}
