/** The `cache` directive as written: CoreDNS 1.14.7's syntax, defaults and refusals (plugin/cache/setup.go). */
import { ConfigError } from "../../../base/errors.ts";
import {
  expectArg,
  expectArgs,
  once,
  parseDuration,
  parseInteger,
  parsePercent,
  properties,
  type Property,
  unknownProperty,
  zonesOr,
} from "../../corefile/arguments.ts";
import type { Directive, Token } from "../../corefile/tree.ts";

/** Limits of positive answers or of denials. */
export interface ClassSettings {
  /** Entries. */
  readonly capacity: number;
  readonly maxTtlS: number;
  readonly minTtlS: number;
}

export interface StaleSettings {
  /** For how long after its end an answer may be served; at least 1. */
  readonly upToS: number;
  readonly mode: "immediate" | "verify";
  /** How long `verify` waits for the upstream before it serves stale; 0: as long as the client can. */
  readonly verifyTimeoutMs: number;
  /** TTL of stale answers; undefined: what the cache takes by default. */
  readonly ttlS: number | undefined;
  /** Pause after a failed refresh of an answer. */
  readonly recheckS: number;
  readonly preferPositive: boolean;
}

export interface PrefetchSettings {
  readonly amount: number;
  readonly durationS: number;
  readonly percentage: number;
}

export interface CacheSettings {
  /** Lower case, absolute. */
  readonly zones: readonly string[];
  readonly success: ClassSettings;
  readonly denial: ClassSettings;
  readonly prefetch: PrefetchSettings | undefined;
  readonly stale: StaleSettings | undefined;
  /** TTL of upstreams' failures; 0: not cached. */
  readonly servfailS: number;
  /** Zones whose positive answers, whose denials are not cached. */
  readonly disabledSuccess: readonly string[];
  readonly disabledDenial: readonly string[];
  readonly keepTtl: boolean;
}

const DEFAULT_CAPACITY = 10_000;
/** CoreDNS divides a capacity among 256 shards of equal size, 4 entries each at least. */
const SHARDS = 256;
const SHARD_MIN = 4;
const MAX_TTL_S = 3600;
const MIN_TTL_S = 5;
const SERVFAIL_S = 5;
const FIVE_MINUTES_MS = 300_000;
const TTL_LIMIT_S = 0xffffffff;

/** What stands in the braces, gathered line by line. */
interface Draft {
  success: ClassSettings;
  denial: ClassSettings;
  prefetch: PrefetchSettings | undefined;
  stale: Omit<StaleSettings, "preferPositive"> | undefined;
  stalePolicy: Token | undefined;
  servfailS: number;
  disabledSuccess: readonly string[];
  disabledDenial: readonly string[];
  keepTtl: boolean;
}

/**
 * @param blockZones used when the directive names no zones
 * @throws ConfigError
 */
export function parseCache(directives: readonly Directive[], blockZones: readonly string[]): CacheSettings {
  const directive = once(directives);
  const [first, ...rest] = directive.args;
  const hasTtl = first !== undefined && /^[-+]?[0-9]+$/.test(first.text);
  const ttlS = hasTtl ? parseMaxTtl(first) : undefined;
  const capacity = roundCapacity(DEFAULT_CAPACITY);
  const draft: Draft = {
    success: { capacity, maxTtlS: ttlS ?? MAX_TTL_S, minTtlS: MIN_TTL_S },
    denial: { capacity, maxTtlS: ttlS ?? MAX_TTL_S / 2, minTtlS: MIN_TTL_S },
    prefetch: undefined,
    stale: undefined,
    stalePolicy: undefined,
    servfailS: SERVFAIL_S,
    disabledSuccess: [],
    disabledDenial: [],
    keepTtl: false,
  };
  for (const property of properties(directive)) readProperty(property, draft);
  const { stalePolicy, stale, ...settings } = draft;
  if (stalePolicy !== undefined && stale === undefined) {
    throw new ConfigError(stalePolicy.position, "serve_stale_policy requires serve_stale");
  }
  return {
    ...settings,
    zones: zonesOr(hasTtl ? rest : directive.args, blockZones),
    stale:
      stale === undefined || stale.upToS === 0 ? undefined : { ...stale, preferPositive: stalePolicy !== undefined },
  };
}

function readProperty(property: Property, draft: Draft): void {
  switch (property.name.text) {
    case "success":
      draft.success = readClass(property, draft.success);
      return;
    case "denial":
      draft.denial = readClass(property, draft.denial);
      return;
    case "prefetch":
      draft.prefetch = readPrefetch(property);
      return;
    case "serve_stale":
      draft.stale = readStale(property);
      return;
    case "serve_stale_policy":
      if (draft.stalePolicy !== undefined) {
        throw new ConfigError(property.name.position, "serve_stale_policy can only be specified once");
      }
      draft.stalePolicy = readStalePolicy(property);
      return;
    case "servfail":
      draft.servfailS = readServfail(property);
      return;
    case "disable":
      readDisable(property, draft);
      return;
    case "keepttl":
      expectArgs(property, 0);
      draft.keepTtl = true;
      return;
    default:
      unknownProperty(property);
  }
}

/** `success CAPACITY [TTL] [MINTTL]` */
function readClass(property: Property, before: ClassSettings): ClassSettings {
  const [capacity, maxTtl, minTtl] = expectArgs(property, 1, 3);
  if (capacity === undefined) return before;
  return {
    capacity: roundCapacity(parseInteger(capacity, Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER)),
    maxTtlS: maxTtl === undefined ? before.maxTtlS : parseMaxTtl(maxTtl),
    minTtlS: minTtl === undefined ? before.minTtlS : parseMinTtl(minTtl),
  };
}

function roundCapacity(capacity: number): number {
  return SHARDS * Math.max(Math.trunc(capacity / SHARDS), SHARD_MIN);
}

function parseMaxTtl(token: Token): number {
  const ttl = parseInteger(token, Number.MIN_SAFE_INTEGER, TTL_LIMIT_S);
  if (ttl <= 0) throw new ConfigError(token.position, `cache TTL can not be zero or negative: ${ttl}`);
  return ttl;
}

function parseMinTtl(token: Token): number {
  const ttl = parseInteger(token, Number.MIN_SAFE_INTEGER, TTL_LIMIT_S);
  if (ttl < 0) throw new ConfigError(token.position, `cache min TTL can not be negative: ${ttl}`);
  return ttl;
}

/** `prefetch AMOUNT [[DURATION] [PERCENTAGE%]]` @returns undefined for AMOUNT 0: off */
function readPrefetch(property: Property): PrefetchSettings | undefined {
  const [amountToken, duration, percentage] = expectArgs(property, 1, 3);
  if (amountToken === undefined) return undefined;
  const amount = parseInteger(amountToken, Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);
  if (amount < 0) throw new ConfigError(amountToken.position, `prefetch amount should be positive: ${amount}`);
  const settings = {
    amount,
    durationS: duration === undefined ? 60 : parseDuration(duration) / 1000,
    percentage: percentage === undefined ? 10 : parsePercent(percentage, 10, 90),
  };
  return amount === 0 ? undefined : settings;
}

/** `serve_stale [DURATION [immediate [TTL [RECHECK]] | verify [TIMEOUT [TTL [RECHECK]]]]]` */
function readStale(property: Property): Omit<StaleSettings, "preferPositive"> {
  const [duration, modeToken, ...times] = expectArgs(property, 0, 5);
  const upToMs = duration === undefined ? 3_600_000 : parseDuration(duration);
  const mode = modeToken?.text.toLowerCase() ?? "immediate";
  if (modeToken !== undefined && mode !== "immediate" && mode !== "verify") {
    throw new ConfigError(modeToken.position, `invalid value for serve_stale refresh mode: ${mode}`);
  }
  const verify = mode === "verify";
  const [timeout, ttl, recheck, extra] = verify ? times : [undefined, ...times];
  if (extra !== undefined) expectArgs(property, 0, 4);
  return {
    upToS: Math.floor(upToMs / 1000),
    mode: verify ? "verify" : "immediate",
    verifyTimeoutMs: timeout === undefined ? 0 : parseDuration(timeout),
    ttlS: ttl === undefined ? undefined : parseStaleTtl(ttl),
    recheckS: recheck === undefined ? 0 : parseDuration(recheck, 0, FIVE_MINUTES_MS) / 1000,
  };
}

function parseStaleTtl(token: Token): number {
  const seconds = parseDuration(token) / 1000;
  if (!Number.isInteger(seconds)) {
    throw new ConfigError(token.position, "serve_stale response TTL must be a whole number of seconds");
  }
  if (seconds > TTL_LIMIT_S) {
    throw new ConfigError(token.position, "serve_stale response TTL exceeds the DNS TTL range");
  }
  return seconds;
}

/** @returns the policy's word */
function readStalePolicy(property: Property): Token {
  const policy = expectArg(property);
  if (policy.text.toLowerCase() !== "prefer_positive") {
    throw new ConfigError(policy.position, `invalid serve_stale_policy: ${policy.text}`);
  }
  return policy;
}

function readServfail(property: Property): number {
  const token = expectArg(property);
  const ms = parseDuration(token);
  if (ms > FIVE_MINUTES_MS) {
    throw new ConfigError(token.position, "caching SERVFAIL responses over 5 minutes is not permitted");
  }
  return Math.floor(ms / 1000);
}

/** `disable success|denial [ZONES...]` */
function readDisable(property: Property, draft: Draft): void {
  const [kind, ...zoneTokens] = expectArgs(property, 1, Number.POSITIVE_INFINITY);
  const zones = zonesOr(zoneTokens, ["."]);
  if (kind?.text === "success") draft.disabledSuccess = zones;
  else if (kind?.text === "denial") draft.disabledDenial = zones;
  else {
    throw new ConfigError(
      kind?.position ?? property.name.position,
      'cache type for disable must be "success" or "denial"',
    );
  }
}
