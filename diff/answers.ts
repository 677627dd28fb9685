/**
 * What the scripted upstream knows. The first label of a name says what its answer is like: `many-7.shop.…` has many
 * addresses. So the answer depends on the question alone, and both servers get the same.
 */
import { encodeMessage } from "../src/dns/message.ts";
import { FLAG_AA, FLAG_AD, FLAG_CD, FLAG_QR, FLAG_RA, FLAG_RD, FLAG_TC } from "../src/dns/header.ts";
import { admitQuery, QueryView, VERDICT_ACCEPT, VERDICT_DROP } from "../src/dns/query-view.ts";
import { recordFromText } from "../src/dns/records/record-text.ts";
import type { ResourceRecord } from "../src/dns/records/record.ts";
import { writeRefusal } from "../src/dns/refusal.ts";
import { RCODE_NXDOMAIN, RCODE_REFUSED, RCODE_SERVFAIL, TYPE_A, TYPE_CNAME, typeName } from "../src/dns/types.ts";
import type { Reaction, UpstreamQuery } from "../test/support/scripted-upstream.ts";

export interface UpstreamAnswer {
  readonly rcode: number;
  /** Lines of a zone file. */
  readonly answers: readonly string[];
  readonly authority: readonly string[];
  readonly additional: readonly string[];
  /** Bits of the header besides QR, RA and those of the query. */
  readonly flags: number;
}

const SOA_TTL = 300;
const soaOf = (zone: string): string =>
  `${zone} ${SOA_TTL} IN SOA ns.${zone} admin.${zone} 1 7200 900 1209600 ${SOA_TTL}`;
const RRSIG_TAIL = "13 3 300 20400101000000 20200101000000 4711 example.org. AAECAwQFBgcICQoLDA0ODw==";

/** Kinds of names, with the types that they have records of; `*`: it is the same for all. */
export const KINDS = {
  svc: "A AAAA",
  many: "A",
  huge: "A AAAA",
  wide: "*",
  cname: "*",
  chain: "*",
  hop1: "*",
  hop2: "*",
  hop3: "*",
  dangling: "*",
  cnx: "*",
  nx: "*",
  nodata: "*",
  srv: "SRV",
  mx: "MX",
  txt: "TXT",
  https: "HTTPS SVCB",
  caa: "CAA",
  naptr: "NAPTR",
  t666: "TYPE666",
  ns: "NS SOA DS DNSKEY",
  ptr: "PTR",
  fail: "*",
  refused: "*",
  zero: "A",
  long: "A",
  msb: "A",
  mixed: "*",
  signed: "A AAAA",
  ad: "A",
  aa: "A",
  extra: "A",
  twice: "A",
  any: "ANY",
} as const;
export type Kind = keyof typeof KINDS;

export function kindOf(name: string): Kind | undefined {
  const word = name.toLowerCase().split("-", 1)[0] ?? "";
  return Object.hasOwn(KINDS, word) ? (word as Kind) : undefined;
}

/** The last three labels, or the cluster's domain. */
function zoneOf(name: string): string {
  if (name.endsWith(".cluster.local.")) return "cluster.local.";
  if (name.endsWith(".arpa.")) return "10.in-addr.arpa.";
  return name.split(".").slice(-3).join(".");
}

function numberOf(name: string): number {
  return Number(/-(\d+)/.exec(name)?.[1] ?? 0);
}

function addresses(owner: string, ttl: number, type: number, count: number, from: number): string[] {
  return Array.from({ length: count }, (_, i) => {
    const n = from * 7 + i;
    const tail = `${(n >> 8) & 255}.${n & 255}`;
    return type === 28 ? `${owner} ${ttl} IN AAAA 2001:db8::${n.toString(16)}` : `${owner} ${ttl} IN A 10.96.${tail}`;
  });
}

const NOTHING: UpstreamAnswer = { rcode: 0, answers: [], authority: [], additional: [], flags: 0 };

/** Addresses of a service: one to three of IPv4, and of IPv6 every other one has one. */
function service(owner: string, n: number, type: number, ttl: number): UpstreamAnswer {
  const hasSome = type === 1 || (type === 28 && n % 2 === 0);
  if (!hasSome) return { ...NOTHING, authority: [soaOf(zoneOf(owner))] };
  return { ...NOTHING, answers: addresses(owner, ttl, type, 1 + (n % 3), n) };
}

/** A service behind aliases; the first of them for who asks for that. */
function aliased(hops: readonly string[], target: string, n: number, type: number, ttl: number): UpstreamAnswer {
  const aliases = hops.map((hop, i) => `${hop} ${ttl} IN CNAME ${hops[i + 1] ?? target}`);
  if (type === TYPE_CNAME) return { ...NOTHING, answers: aliases.slice(0, 1) };
  const behind = service(target, n, type, ttl);
  return { ...behind, answers: [...aliases, ...behind.answers] };
}

/** Answers by kind; nothing: the kind has none of this type. */
function answerOf(kind: Kind, owner: string, type: number, dnssecOk: boolean): Partial<UpstreamAnswer> {
  const zone = zoneOf(owner);
  const n = numberOf(owner);
  const target = `svc-${n}.${zone}`;
  const own = (ttl: number, count = 1): Partial<UpstreamAnswer> => ({ answers: addresses(owner, ttl, type, count, n) });
  const one = (data: string): Partial<UpstreamAnswer> => ({ answers: [`${owner} 60 IN ${typeName(type)} ${data}`] });
  switch (kind) {
    case "svc":
      return service(owner, n, type, 30);
    case "many":
      return own(60, 40);
    case "huge":
      return own(60, 120);
    case "wide": {
      // An alias that fits, and addresses that do not.
      const many = `many-${n}.${zone}`;
      const alias = `${owner} 60 IN CNAME ${many}`;
      if (type === TYPE_CNAME) return { answers: [alias] };
      if (type !== TYPE_A) return { answers: [alias], authority: [soaOf(zone)] };
      return { answers: [alias, ...addresses(many, 60, type, 40, n)] };
    }
    case "cname":
      return aliased([owner], target, n, type, 30);
    case "chain":
      return aliased([owner, `hop1-${n}.${zone}`, `hop2-${n}.${zone}`, `hop3-${n}.${zone}`], target, n, type, 30);
    case "hop1":
      return aliased([owner, `hop2-${n}.${zone}`, `hop3-${n}.${zone}`], target, n, type, 30);
    case "hop2":
      return aliased([owner, `hop3-${n}.${zone}`], target, n, type, 30);
    case "hop3":
      return aliased([owner], target, n, type, 30);
    case "dangling":
      return { answers: [`${owner} 30 IN CNAME ${target}`] };
    case "cnx":
      return {
        answers: [`${owner} ${SOA_TTL} IN CNAME nx-${n}.${zone}`],
        ...(type === TYPE_CNAME ? {} : { rcode: RCODE_NXDOMAIN, authority: [soaOf(zone)] }),
      };
    case "nx":
      return { rcode: RCODE_NXDOMAIN, authority: [soaOf(zone)] };
    case "nodata":
      return { authority: [soaOf(zone)] };
    case "srv":
      return {
        answers: [`${owner} 30 IN SRV 0 100 443 ${target}`, `${owner} 30 IN SRV 0 50 8443 ${target}`],
        additional: service(target, n, 1, 30).answers,
      };
    case "mx":
      return { answers: [`${owner} 60 IN MX 10 svc-1.${zone}`, `${owner} 60 IN MX 20 svc-2.${zone}`] };
    case "txt":
      return one(`"v=spf1 -all" "${"x".repeat(200)}"`);
    case "https":
      return one("1 . alpn=h2,h3 ipv4hint=192.0.2.1");
    case "caa":
      return one('0 issue "ca.example"');
    case "naptr":
      return one('1 1 "u" "E2U+sip" "!^.*$!sip:x!" .');
    case "t666":
      return one("\\# 6 c00cc00c0102");
    case "ns": {
      if (type === 2) return { answers: [`${owner} 3600 IN NS ns.${zone}`, `${owner} 3600 IN NS ns2.${zone}`] };
      if (type === 6) return { answers: [soaOf(owner)] };
      return one(type === 43 ? `4711 13 2 ${"ab".repeat(32)}` : `257 3 13 ${"A".repeat(86)}==`);
    }
    case "ptr":
      return one(target);
    case "fail":
      return { rcode: RCODE_SERVFAIL };
    case "refused":
      return { rcode: RCODE_REFUSED };
    case "zero":
      return own(0);
    case "long":
      return own(604_800);
    case "msb":
      return own(2 ** 31 + 60);
    case "mixed": {
      const { answers, authority } = aliased([owner], target, n, type, 30);
      return { answers: [`${owner} 300 IN CNAME ${target}`, ...answers.slice(1)], authority };
    }
    case "signed": {
      const signature = `${owner} 300 IN RRSIG ${typeName(type)} ${RRSIG_TAIL}`;
      return { answers: [...addresses(owner, 300, type, 2, n), ...(dnssecOk ? [signature] : [])] };
    }
    case "ad":
      return { ...own(60), flags: FLAG_AD };
    case "aa":
      return { ...own(60), flags: FLAG_AA };
    case "extra":
      return {
        ...own(60),
        authority: [`${zone} 3600 IN NS ns.${zone}`],
        additional: [`ns.${zone} 3600 IN A 10.96.0.53`],
      };
    case "twice":
      return { answers: [...addresses(owner, 60, type, 1, n), ...addresses(owner, 60, type, 1, n)] };
    case "any":
      return { answers: [...addresses(owner, 60, 1, 1, n), `${owner} 60 IN TXT any`] };
  }
}

/** @param name absolute, in any case @param dnssecOk whether the query has DO */
export function upstreamAnswer(name: string, type: number, dnssecOk: boolean): UpstreamAnswer {
  const owner = name.toLowerCase();
  if (owner.startsWith("ready.")) return { ...NOTHING, answers: addresses(owner, 60, 1, 1, 0) };
  const kind = kindOf(owner);
  // What search lists make of other names does not exist.
  const exists = kind !== undefined && !/\.example\.org\..*\.cluster\.local\.$/.test(owner);
  if (!exists) return { ...NOTHING, rcode: RCODE_NXDOMAIN, authority: [soaOf(zoneOf(owner))] };
  const types = KINDS[kind].split(" ");
  const given = types.includes(typeName(type)) || types.includes("*");
  if (given) return { ...NOTHING, ...answerOf(kind, owner, type, dnssecOk) };
  return { ...NOTHING, authority: [soaOf(zoneOf(owner))] };
}

/** Answers as a server does that knows its protocol: what is no query for it is refused. */
export function react(query: UpstreamQuery): Reaction {
  const wire = Uint8Array.from([...query.wire, ...new Uint8Array(32)]);
  const view = new QueryView();
  const verdict = admitQuery(wire, 0, query.wire.length, view);
  if (verdict === VERDICT_DROP) return {};
  if (verdict !== VERDICT_ACCEPT || view.qclass !== 1) {
    const length = writeRefusal(wire, 0, view, verdict === VERDICT_ACCEPT ? RCODE_REFUSED : verdict);
    return { reply: wire.slice(0, length) };
  }
  const known = upstreamAnswer(query.name, view.qtype, view.dnssecOk);
  const records = (lines: readonly string[]): ResourceRecord[] => lines.map((line) => recordFromText(line));
  const flags = FLAG_QR | FLAG_RA | (view.flags & (FLAG_RD | FLAG_CD)) | known.flags;
  const message = {
    id: view.id,
    flags,
    opcode: 0,
    rcode: known.rcode,
    question: [{ name: query.wire.slice(12, 12 + view.nameLength), type: view.qtype, class: 1 }],
    answers: records(known.answers),
    authority: records(known.authority),
    additional: records(known.additional),
    ...(view.hasOpt ? { edns: { udpSize: 1232, version: 0, dnssecOk: view.dnssecOk, options: [] } } : {}),
  };
  const whole = encodeMessage(message);
  if (query.transport === "tcp" || whole.length <= Math.min(view.udpSize, 1232)) return { reply: whole };
  const cut = { ...message, flags: flags | FLAG_TC, answers: [], authority: [], additional: [] };
  return { reply: encodeMessage(cut) };
}
