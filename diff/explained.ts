/**
 * Differences with a reason: each names the heading of `docs/differences.md` that gives it.
 *
 * One that holds for more than it says would hide mistakes, so every entry looks at the replies as well as at the query.
 */
import type { Aspect, Difference } from "./compare.ts";
import type { PeerName } from "./options.ts";
import type { Oddity } from "./questions.ts";
import type { Case } from "./run.ts";

export interface Explanation {
  /** A `###` heading of `docs/differences.md`. */
  readonly heading: string;
  readonly peer: PeerName;
  readonly aspects: readonly Aspect[];
  holds(found: Case, difference: Difference): boolean;
}

const FORMERR = 1;
const REFUSED = 5;
const RCODE_MASK = 15;

/** Also of a message that cannot be read otherwise. */
function headerRcode(bytes: Uint8Array | undefined): number {
  return (bytes?.[3] ?? 0) & RCODE_MASK;
}

/** Both servers refuse an odd query alike. */
function sameError({ query, our, their }: Case): boolean {
  const rcode = headerRcode(our.bytes);
  return query.oddity !== undefined && rcode !== 0 && rcode === headerRcode(their.bytes);
}

function differs(ours: string, theirs: string): (_: Case, difference: Difference) => boolean {
  return (_, difference) => difference.ours === ours && difference.theirs === theirs;
}

/** Queries whose question cannot be read. */
const UNREADABLE: readonly (Oddity | undefined)[] = [
  "header only",
  "pointer as name",
  "label 0x40",
  "label 0x80",
  "name of 257 bytes",
];

const SECTIONS: readonly Aspect[] = ["answer", "authority", "additional"];

export const EXPLANATIONS: readonly Explanation[] = [
  {
    heading: "Errors are made anew",
    peer: "unbound",
    aspects: ["malformed", "question", "flag RA"],
    holds: (found) => sameError(found),
  },
  {
    heading: "Errors are made anew",
    peer: "dnsdist",
    aspects: ["rcode", "flag RA"],
    holds: ({ query, our }) => query.oddity === "no question" && our.message?.rcode === FORMERR,
  },
  {
    heading: "Errors are made anew",
    peer: "dnsdist",
    aspects: ["silence"],
    holds: ({ query, our }) => UNREADABLE.includes(query.oddity) && our.message?.rcode === FORMERR,
  },
  {
    heading: "Options that overrun",
    peer: "unbound",
    aspects: ["rcode", "answer"],
    holds: ({ query, our, their }) => {
      return query.oddity === "option overruns" && our.message?.rcode === FORMERR && their.message?.rcode === 0;
    },
  },
  {
    heading: "Class ANY",
    peer: "unbound",
    aspects: ["rcode", "answer"],
    holds: ({ query, our, their }) => {
      return query.oddity === "class ANY" && our.message?.rcode === REFUSED && their.message?.rcode === 0;
    },
  },
  {
    heading: "Queries without RD",
    peer: "unbound",
    aspects: ["rcode", "flag TC", "flag AD", "ttl", "EDNS options", ...SECTIONS],
    holds: ({ query, their }) => !query.marks.has("RD") && their.message?.rcode === REFUSED,
  },
  {
    heading: "Failures of the upstream",
    peer: "unbound",
    aspects: ["rcode"],
    holds: (found, difference) => found.query.kind === "refused" && differs("REFUSED", "SERVFAIL")(found, difference),
  },
  ...(["unbound", "dnsdist"] as const).map((peer): Explanation => {
    return { heading: "Extended errors", peer, aspects: ["EDNS options"], holds: differs("15", "") };
  }),
  {
    heading: "Aliases whose target is missing",
    peer: "unbound",
    aspects: ["answer"],
    holds: ({ query }, { ours, theirs }) => query.kind === "dangling" && theirs.startsWith(`${ours}; `),
  },
  {
    heading: "Aliases whose target is missing",
    peer: "unbound",
    aspects: ["authority"],
    holds: ({ query }, { ours }) => query.kind === "dangling" && ours === "",
  },
  {
    heading: "Records beside the answer",
    peer: "unbound",
    aspects: ["authority", "additional"],
    holds: ({ query, our, their }, { theirs }) => {
      return query.kind === "extra" && theirs === "" && our.message?.rcode === their.message?.rcode;
    },
  },
  {
    heading: "Answers that are cut",
    peer: "dnsdist",
    aspects: ["answer"],
    holds: keepsAlias,
  },
  ...(["unbound", "dnsdist"] as const).map((peer): Explanation => {
    return {
      heading: "Very short and very long lifetimes",
      peer,
      aspects: ["ttl"],
      holds: ({ query }, { ours, theirs }) =>
        query.kind === "zero" && /^[1-5] of 0$/.test(ours) && theirs === "within bounds",
    };
  }),
  {
    heading: "Very short and very long lifetimes",
    peer: "unbound",
    aspects: ["ttl"],
    holds: ({ query }, { ours, theirs }) =>
      query.kind === "msb" && ours === "within bounds" && theirs.startsWith("0 of "),
  },
  {
    heading: "Very short and very long lifetimes",
    peer: "dnsdist",
    aspects: ["ttl"],
    holds: ({ query }, { ours }) => (query.kind === "msb" || query.kind === "long") && ours === "within bounds",
  },
  {
    heading: "AD",
    peer: "unbound",
    aspects: ["flag AD"],
    holds: ({ query }, { ours }) => query.kind === "ad" && ours === "1",
  },
  {
    heading: "AD",
    peer: "dnsdist",
    aspects: ["flag AD"],
    holds: ({ query }, { ours }) =>
      query.kind === "ad" && ours === "0" && !query.marks.has("AD") && !query.marks.has("DO"),
  },
  {
    heading: "AA",
    peer: "dnsdist",
    aspects: ["flag AA"],
    holds: (found, difference) => found.query.kind === "aa" && differs("0", "1")(found, difference),
  },
];

/** Both say TC; we give the alias, which fits, and they give nothing. */
function keepsAlias({ query, our, their }: Case, { theirs }: Difference): boolean {
  const kept = our.message?.answers ?? [];
  const isCut = ((our.bytes?.[2] ?? 0) & 2) !== 0 && ((their.bytes?.[2] ?? 0) & 2) !== 0;
  return query.kind === "wide" && isCut && theirs === "" && kept.length === 1;
}

/** @returns undefined when there is no reason for it */
export function explain(peer: PeerName, found: Case, difference: Difference): Explanation | undefined {
  return EXPLANATIONS.find(
    (entry) => entry.peer === peer && entry.aspects.includes(difference.aspect) && entry.holds(found, difference),
  );
}
