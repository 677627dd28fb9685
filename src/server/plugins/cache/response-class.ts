/**
 * What a response is to a cache, and for how long it may be kept.
 *
 * CoreDNS 1.14.7 (plugin/pkg/response, plugin/cache) where it agrees with RFC 2308 and 9520; else these.
 */
import { FLAG_TC } from "../../../dns/header.ts";
import { type ResponseScan, TTL_NONE } from "../../../dns/response-scan.ts";
import {
  RCODE_FORMERR,
  RCODE_NOERROR,
  RCODE_NOTIMP,
  RCODE_NXDOMAIN,
  RCODE_REFUSED,
  RCODE_SERVFAIL,
} from "../../../dns/types.ts";
import type { CacheSettings, ClassSettings } from "./cache-settings.ts";

export type ResponseClass =
  /** Answers its question. */
  | "answer"
  /** NOERROR without an answer, with NS: a referral. */
  | "referral"
  /** The name has no records of the type (RFC 2308 §2.2), an alias may lead to it. */
  | "nodata"
  /** The name does not exist (RFC 2308 §2.1). */
  | "nxdomain"
  /** An alias leads to a name that does not exist. */
  | "alias-nxdomain"
  /** SERVFAIL or NOTIMP. */
  | "failure"
  /** REFUSED or FORMERR: a failure too (RFC 9520 §2), of which CoreDNS holds nothing. */
  | "refusal"
  /** NOERROR that says nothing about the name: no records, or an alias that leads nowhere, and no SOA. */
  | "empty"
  /** Anything else. */
  | "other";

/**
 * @param dnssecOk the client asked for signatures
 * @param nowUnixS the wall clock, asked where it matters: signatures out of their time make a response useless to whoever asked for them
 */
export function classOf(scan: ResponseScan, dnssecOk: boolean, nowUnixS: () => number): ResponseClass {
  if (dnssecOk && scan.rrsigExpired(nowUnixS())) return "other";
  switch (scan.extendedRcode) {
    case RCODE_NOERROR:
      if (scan.answersQuestion) return "answer";
      if (scan.hasSoa) return "nodata";
      return scan.answerCount === 0 && scan.hasNsInAuthority ? "referral" : "empty";
    case RCODE_NXDOMAIN:
      if (scan.answerCount === 0) return "nxdomain";
      return scan.cnameOnly && scan.hasSoa ? "alias-nxdomain" : "other";
    case RCODE_SERVFAIL:
    case RCODE_NOTIMP:
      return "failure";
    case RCODE_REFUSED:
    case RCODE_FORMERR:
      return "refusal";
    default:
      return "other";
  }
}

/** TTL when there is no record to take one from, and of responses that are not worth more. */
const SHORT_TTL_S = 5;

/**
 * Seconds for which a failure is kept that an operator of CoreDNS does not expect to be: one that no upstream sent
 * (time-out, refused connection), and a refusal. A resolution failure must be cached for at least one second (RFC 9520
 * §3.2); two, because lifetimes end with a whole second of the clock.
 */
export const BRIEF_FAILURE_S = 2;

/** TTL in seconds of every record of the reply, and of the entry if it is kept. */
export function ttlOf(kind: ResponseClass, scan: ResponseScan, settings: CacheSettings): number {
  switch (kind) {
    case "nodata":
    case "alias-nxdomain":
      return clamp(Math.min(scan.minTtl, scan.soaMinimum), settings.denial);
    case "nxdomain":
      // Without an SOA it says not how long it holds (RFC 2308 §5): kept as briefly as a failure.
      if (!scan.hasSoa) return Math.min(SHORT_TTL_S, settings.denial.maxTtlS);
      return clamp(Math.min(scan.minTtl, scan.soaMinimum), settings.denial);
    case "failure":
      return settings.servfailS;
    case "refusal":
      return Math.min(settings.servfailS, BRIEF_FAILURE_S);
    case "answer":
    case "empty":
      return clamp(scan.minTtl === TTL_NONE ? SHORT_TTL_S : scan.minTtl, settings.success);
    case "referral":
    case "other":
      return clamp(SHORT_TTL_S, settings.success);
  }
}

/** As CoreDNS: the maximum wins over the minimum. */
function clamp(ttlS: number, limits: ClassSettings): number {
  return Math.min(Math.max(ttlS, limits.minTtlS), limits.maxTtlS);
}

/** Whether responses of this class are kept at all. */
export function isKept(kind: ResponseClass, scan: ResponseScan): boolean {
  return (scan.flags & FLAG_TC) === 0 && kind !== "empty" && kind !== "other";
}

/** Whether it says how things are now, so that it may take the place of an expired answer (RFC 8767 §4). */
export function isNews(kind: ResponseClass, scan: ResponseScan): boolean {
  return (scan.flags & FLAG_TC) === 0 && kind !== "failure" && kind !== "refusal" && kind !== "other";
}
