/** The query mix: what pods ask, in every shape that clients give it, and what nobody should send. */
import { withOptions } from "../fuzz/corpus/queries.ts";
import { setWord } from "../fuzz/message-map.ts";
import { splice } from "../fuzz/mutate-message.ts";
import type { Random } from "../fuzz/random.ts";
import { FLAG_AD, FLAG_CD, FLAG_RD, FLAG_Z } from "../src/dns/header.ts";
import { typeNumber } from "../src/dns/types.ts";
import { queryFor } from "../test/support/dns-client.ts";
import { type Kind, KINDS } from "./answers.ts";

export interface DiffQuery {
  readonly wire: Uint8Array;
  readonly transport: "udp" | "tcp";
  /** For a person. */
  readonly text: string;
  readonly name: string;
  readonly type: number;
  readonly class: number;
  /** What the name stands for, see `answers.ts`; undefined for names outside of the mix. */
  readonly kind: Kind | undefined;
  /** What is wrong with it. */
  readonly oddity: Oddity | undefined;
  /** `RD`, `CD`, `AD`, `DO`, `OPT`, an option's name … */
  readonly marks: ReadonlySet<string>;
}

const NAMESPACES = ["default", "shop", "kube-system"] as const;
/** Few enough to be asked for again, so that caches answer too. */
const NUMBERS = 24;
const COMMON: readonly Kind[] = ["svc", "svc", "svc", "cname", "chain", "nx", "nodata", "many"];
const ALL = Object.keys(KINDS).filter((kind): kind is Kind => Object.hasOwn(KINDS, kind));
const OTHER_TYPES = ["TXT", "MX", "SRV", "HTTPS", "NS", "SOA", "CNAME", "CAA", "DS", "TYPE666", "PTR"] as const;
const COOKIE = [0, 10, 0, 8, 1, 2, 3, 4, 5, 6, 7, 8];
const OPTIONS = {
  COOKIE,
  NSID: [0, 3, 0, 0],
  ECS: [0, 8, 0, 7, 0, 1, 24, 0, 192, 0, 2],
  KEEPALIVE: [0, 11, 0, 0],
  PADDING: [0, 12, 0, 4, 0, 0, 0, 0],
  UNKNOWN: [253, 233, 0, 2, 1, 2],
} as const;

const ODDITY_NAMES = [
  "header only",
  "11 bytes",
  "QR set",
  "TC set",
  "opcode STATUS",
  "opcode UPDATE",
  "opcode 15",
  "no question",
  "two questions",
  "ANCOUNT 1",
  "pointer as name",
  "label 0x40",
  "label 0x80",
  "name of 257 bytes",
  "bytes over",
  "two OPT",
  "OPT of a.",
  "OPT cut short",
  "option overruns",
  "EDNS version 1",
  "type OPT",
  "type TKEY",
  "AXFR",
  "class ANY",
  "class CH",
  "class HS",
] as const;
export type Oddity = (typeof ODDITY_NAMES)[number];

/** Malformed queries of the oracle in appendix A of the research, and some of the EDNS compliance probes. */
const ODDITIES: Record<Oddity, (wire: Uint8Array) => Uint8Array> = {
  "header only": (wire) => wire.slice(0, 12),
  "11 bytes": (wire) => wire.slice(0, 11),
  "QR set": (wire) => withWord(wire, 2, 0x8100),
  "TC set": (wire) => withWord(wire, 2, 0x0300),
  "opcode STATUS": (wire) => withWord(wire, 2, 0x1000),
  "opcode UPDATE": (wire) => withWord(wire, 2, 0x2800),
  "opcode 15": (wire) => withWord(wire, 2, 0x7800),
  "no question": (wire) => withWord(wire.slice(0, 12), 4, 0),
  "two questions": (wire) => withWord(splice(wire, wire.length, 0, wire.subarray(12)), 4, 2),
  "ANCOUNT 1": (wire) => withWord(wire, 6, 1),
  "pointer as name": (wire) => splice(wire, 12, wire.length - 16, [0xc0, 12]),
  "label 0x40": (wire) => splice(wire, 12, 1, [0x40]),
  "label 0x80": (wire) => splice(wire, 12, 1, [0x80]),
  "name of 257 bytes": (wire) => splice(wire, 12, 0, Array.from({ length: 120 }, () => [1, 97]).flat()),
  "bytes over": (wire) => splice(wire, wire.length, 0, [120, 121, 122]),
  "two OPT": (wire) => withWord(splice(wire, wire.length, 0, [...OPT, ...OPT]), 10, 2),
  "OPT of a.": (wire) => withWord(splice(wire, wire.length, 0, [1, 97, ...OPT]), 10, 1),
  "OPT cut short": (wire) => withWord(splice(wire, wire.length, 0, [...OPT.slice(0, 9), 0, 16]), 10, 1),
  "option overruns": (wire) => {
    return withWord(splice(wire, wire.length, 0, [...OPT.slice(0, 9), 0, 6, 0, 10, 0, 99, 1, 2]), 10, 1);
  },
  "EDNS version 1": (wire) => withWord(splice(wire, wire.length, 0, [...OPT.slice(0, 6), 1, ...OPT.slice(7)]), 10, 1),
  "type OPT": (wire) => withWord(wire, wire.length - 4, 41),
  "type TKEY": (wire) => withWord(wire, wire.length - 4, 249),
  AXFR: (wire) => withWord(wire, wire.length - 4, 252),
  "class ANY": (wire) => withWord(wire, wire.length - 2, 255),
  "class CH": (wire) => withWord(wire, wire.length - 2, 3),
  "class HS": (wire) => withWord(wire, wire.length - 2, 4),
};

const OPT = [0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0];

function withWord(wire: Uint8Array, at: number, value: number): Uint8Array {
  const out = wire.slice();
  setWord(out, at, value);
  return out;
}

/** @param id two bytes, different for each query under way */
export function nextQuery(random: Random, id: number): DiffQuery {
  return random.oneIn(14) ? oddQuery(random, id) : plainQuery(random, id);
}

function oddQuery(random: Random, id: number): DiffQuery {
  const oddity = random.pick(ODDITY_NAMES);
  const name = `svc-${random.below(NUMBERS)}.default.svc.cluster.local.`;
  const wire = ODDITIES[oddity](queryFor(name, 1, { id }));
  const text = `${name} with ${oddity}`;
  return { wire, transport: "udp", text, name, type: 1, class: 1, kind: "svc", oddity, marks: new Set(["RD"]) };
}

function plainQuery(random: Random, id: number): DiffQuery {
  const kind = random.oneIn(2) ? random.pick(COMMON) : random.pick(ALL);
  const name = cased(nameOf(kind, random), random);
  const type = typeFor(kind, random);
  const marks = new Set<string>();
  let flags = 0;
  const set = (mark: string, bit: number, holds: boolean): void => {
    if (!holds) return;
    marks.add(mark);
    flags |= bit;
  };
  set("RD", FLAG_RD, !random.oneIn(40));
  set("AD", FLAG_AD, random.oneIn(6));
  set("CD", FLAG_CD, random.oneIn(10));
  set("Z", FLAG_Z, random.oneIn(60));
  const hasOpt = random.oneIn(2);
  const dnssecOk = hasOpt && random.oneIn(4);
  const size = random.pick([1232, 1232, 512, 0, 4096, 65_535]);
  let wire = queryFor(name, type, { id, flags, ...(hasOpt ? { opt: size, dnssecOk } : {}) });
  if (hasOpt) marks.add("OPT").add(`size ${size}`);
  if (dnssecOk) marks.add("DO");
  if (hasOpt && random.oneIn(4)) {
    const names = Object.keys(OPTIONS).filter((option): option is keyof typeof OPTIONS =>
      Object.hasOwn(OPTIONS, option),
    );
    const option = random.pick(names);
    wire = withOptions(wire, OPTIONS[option]);
    marks.add(option);
  }
  const transport = random.oneIn(12) ? "tcp" : "udp";
  const text = `${name} TYPE${type} ${transport} ${[...marks].join(" ")}`;
  return { wire, transport, text, name, type, class: 1, kind, oddity: undefined, marks };
}

function nameOf(kind: Kind, random: Random): string {
  const n = random.below(NUMBERS);
  if (kind === "ptr") return `ptr-${n}.96.10.in-addr.arpa.`;
  const inCluster = `${random.pick(NAMESPACES)}.svc.cluster.local.`;
  const first = `${kind}-${n}.`;
  switch (random.below(4)) {
    case 0:
      return `${first}example.org.`;
    // A search list at work: a name from outside with a domain of the cluster behind it.
    case 1:
      return random.oneIn(3) ? `${first}example.org.${inCluster}` : `${first}${inCluster}`;
    default:
      return `${first}${inCluster}`;
  }
}

function typeFor(kind: Kind, random: Random): number {
  const own = KINDS[kind].split(" ").filter((word) => word !== "*");
  const word = random.oneIn(8)
    ? random.pick(OTHER_TYPES)
    : own.length > 0
      ? random.pick(own)
      : random.pick(["A", "AAAA"]);
  return typeNumber(word) ?? 1;
}

/** One in eight with letters in any case. */
function cased(name: string, random: Random): string {
  if (!random.oneIn(8)) return name;
  return [...name].map((letter) => (random.oneIn(2) ? letter.toUpperCase() : letter)).join("");
}
