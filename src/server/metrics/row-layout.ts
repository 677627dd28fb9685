/**
 * One row of counters: what happened to the queries of one server, zone and view in one thread.
 *
 * A row is `ROW_FLOATS` doubles. A double counts exactly to 2^53, and one aligned store is never seen half done on the
 * machines that Node.js runs on; only the owning thread writes, so there is no lock. No other file knows an offset.
 *
 *   | cache | do | duration | request size x2 | response size x2 | requests: 2 transports x 2 families x 20 types
 *   | responses: 25 rcodes x 21 plugins |
 */
import { BUCKETS } from "./buckets.ts";

export const TRANSPORT_UDP = 0;
export const TRANSPORT_TCP = 1;
export const TRANSPORT_LABELS: readonly string[] = ["udp", "tcp"];
export const FAMILY_V4 = 0;
export const FAMILY_V6 = 1;
export const FAMILY_LABELS: readonly string[] = ["1", "2"];

/** Types that CoreDNS counts by name (plugin/metrics/vars/monitor.go); the rest are `other`. */
const MONITORED_TYPES: readonly (readonly [number, string])[] = [
  [1, "A"],
  [28, "AAAA"],
  [5, "CNAME"],
  [48, "DNSKEY"],
  [43, "DS"],
  [15, "MX"],
  [50, "NSEC3"],
  [47, "NSEC"],
  [2, "NS"],
  [12, "PTR"],
  [46, "RRSIG"],
  [6, "SOA"],
  [33, "SRV"],
  [16, "TXT"],
  [65, "HTTPS"],
  [64, "SVCB"],
  [251, "IXFR"],
  [252, "AXFR"],
  [255, "ANY"],
];
export const TYPE_LABELS: readonly string[] = [...MONITORED_TYPES.map(([, name]) => name), "other"];
export const OTHER_TYPE: number = MONITORED_TYPES.length;
/** Slot of each type below 256; higher ones are `OTHER_TYPE`. */
export const TYPE_SLOTS: Uint8Array = new Uint8Array(256).fill(OTHER_TYPE);
for (const [slot, [type]] of MONITORED_TYPES.entries()) TYPE_SLOTS[type] = slot;

/** Directives that make answers; a `pluginIndex` counts into this list. "" is the server itself. */
export const RESPONDING_PLUGINS: readonly string[] = [
  "",
  "cache",
  "forward",
  "hosts",
  "whoami",
  "loop",
  "errors",
  "kubernetes",
  "file",
  "template",
  "rewrite",
  "acl",
  "autopath",
  "any",
  "chaos",
  "dns64",
  "erratic",
  "local",
  "minimal",
  "view",
  "other",
];
export const PLUGIN_CACHE = 1;

/** Codes 0 to 23 (24 and above share the last slot). */
export const RCODE_SLOTS = 25;

export const SECONDS_SLOTS: number = BUCKETS.seconds.length + 1;
export const BYTES_SLOTS: number = BUCKETS.bytes.length + 1;

// What a hit by UDP counts comes first in its cache line, and as much as may be in one.
/** Success, then denial. */
export const CACHE_HITS_AT = 0;
export const CACHE_MISSES_AT: number = CACHE_HITS_AT + 2;
export const CACHE_STALE_AT: number = CACHE_MISSES_AT + 1;
export const CACHE_FLOATS = 4;
export const CACHE_TYPE_LABELS: readonly string[] = ["success", "denial"];
export const DO_AT: number = CACHE_HITS_AT + CACHE_FLOATS;
/** Histograms: the sum, then a count for each bucket, +Inf last. */
export const DURATION_AT: number = DO_AT + 1;
export const REQUEST_SIZE_AT: number = wholeLines(DURATION_AT + 1 + SECONDS_SLOTS);
export const SIZE_FLOATS: number = wholeLines(1 + BYTES_SLOTS);
export const RESPONSE_SIZE_AT: number = REQUEST_SIZE_AT + 2 * SIZE_FLOATS;
export const REQUESTS_AT: number = RESPONSE_SIZE_AT + 2 * SIZE_FLOATS;
export const RESPONSES_AT: number = wholeLines(REQUESTS_AT + 4 * TYPE_LABELS.length);

export const ROW_FLOATS: number = wholeLines(RESPONSES_AT + RCODE_SLOTS * RESPONDING_PLUGINS.length);

/** Rounded up to cache lines of 64 bytes. */
function wholeLines(floats: number): number {
  return Math.ceil(floats / 8) * 8;
}
