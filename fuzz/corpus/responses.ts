/**
 * Responses of every kind: ordinary ones, ones with each type that has a form, and the largest and most laborious that
 * fit a message.
 */
import fc from "fast-check";
import { nameFromText } from "../../src/dns/name-text.ts";
import { type Edns, encodeMessage, type Message } from "../../src/dns/message.ts";
import { recordFromText } from "../../src/dns/records/record-text.ts";
import type { ResourceRecord } from "../../src/dns/records/record.ts";
import { CLASS_IN, typeNumber } from "../../src/dns/types.ts";
import { message } from "../../test/support/dns-arbitraries.ts";

const QR_RD_RA = 0x8180;
const OPT: Edns = { udpSize: 1232, version: 0, dnssecOk: false, options: [] };
const SOA = "example.org. 900 IN SOA ns.example.org. admin.example.org. 1 7200 900 1209600 300";
const RRSIG =
  "www.example.org. 300 IN RRSIG A 13 3 300 20330101000000 20200101000000 4711 example.org. AAECAwQFBgcICQoLDA0ODw==";

type Parts = Partial<Omit<Message, "answers" | "authority" | "additional">> & {
  readonly answers?: readonly string[];
  readonly authority?: readonly string[];
  readonly additional?: readonly string[];
};

function records(lines: readonly string[] = []): ResourceRecord[] {
  return lines.map((line) => recordFromText(line));
}

function reply(question: string, parts: Parts = {}): Uint8Array {
  const [name = ".", type = "A"] = question.split(" ");
  return encodeMessage({
    id: 0x1234,
    flags: QR_RD_RA,
    opcode: 0,
    rcode: 0,
    question: [{ name: nameFromText(name), type: typeNumber(type) ?? 1, class: CLASS_IN }],
    ...parts,
    answers: records(parts.answers),
    authority: records(parts.authority),
    additional: records(parts.additional),
  });
}

const addresses = (count: number): string[] =>
  Array.from({ length: count }, (_, i) => `www.example.org. 30 IN A 10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`);

const ORDINARY: readonly Uint8Array[] = [
  reply("www.example.org. A", { answers: addresses(1) }),
  reply("www.example.org. A", { answers: addresses(3), edns: OPT }),
  reply("www.example.org. A", { answers: addresses(80) }),
  reply("www.example.org. AAAA", { authority: [SOA] }),
  reply("nx.example.org. A", { rcode: 3, authority: [SOA], edns: OPT }),
  reply("www.example.org. A", { rcode: 2 }),
  reply("www.example.org. A", { rcode: 5, edns: { ...OPT, options: [{ code: 15, data: Uint8Array.of(0, 18) }] } }),
  reply("www.example.org. A", { rcode: 16, edns: OPT }),
  reply("a.example.org. A", {
    answers: [
      "a.example.org. 60 IN CNAME b.example.org.",
      "b.example.org. 30 IN CNAME c.example.net.",
      "c.example.net. 300 IN A 192.0.2.9",
    ],
  }),
  reply("a.old.example. AAAA", {
    answers: [
      "old.example. 60 IN DNAME new.example.",
      "a.old.example. 60 IN CNAME a.new.example.",
      "a.new.example. 60 IN AAAA 2001:db8::1",
    ],
  }),
  reply("loop.example.org. A", {
    answers: ["loop.example.org. 60 IN CNAME pool.example.org.", "pool.example.org. 60 IN CNAME loop.example.org."],
  }),
  reply("www.example.org. A", { answers: [...addresses(2), RRSIG], edns: { ...OPT, dnssecOk: true } }),
  reply("www.example.org. A", {
    answers: addresses(1),
    authority: ["example.org. 3600 IN NS ns.example.org.", "example.org. 3600 IN NS ns.example.net."],
    additional: ["ns.example.org. 3600 IN A 192.0.2.53", "ns.example.net. 3600 IN AAAA 2001:db8::53"],
  }),
  reply("_https._tcp.web.shop.svc.cluster.local. SRV", {
    answers: ["_https._tcp.web.shop.svc.cluster.local. 5 IN SRV 0 100 443 web.shop.svc.cluster.local."],
    additional: ["web.shop.svc.cluster.local. 5 IN A 10.96.120.11"],
  }),
  reply("example.org. MX", { answers: ["example.org. 60 IN MX 10 mail.example.org."] }),
  reply("example.org. TXT", { answers: ['example.org. 60 IN TXT "v=spf1 -all" "two"'] }),
  reply("example.org. HTTPS", { answers: ["example.org. 60 IN HTTPS 1 . alpn=h2,h3 ipv4hint=192.0.2.1"] }),
  reply("example.org. CAA", { answers: ['example.org. 60 IN CAA 0 issue "ca.example"'] }),
  reply("example.org. NAPTR", { answers: ['example.org. 60 IN NAPTR 1 1 "u" "E2U+sip" "!^.*$!sip:x!" .'] }),
  reply("example.org. RP", { answers: ["example.org. 60 IN RP who.example.org. text.example.org."] }),
  reply("10.0.96.10.in-addr.arpa. PTR", {
    answers: ["10.0.96.10.in-addr.arpa. 30 IN PTR kube-dns.kube-system.svc.cluster.local."],
  }),
  reply("example.org. ANY", { answers: [SOA, ...addresses(2), "example.org. 60 IN MX 10 mail.example.org."] }),
  reply("www.example.org. A", { flags: QR_RD_RA | 0x0200 }),
  reply("www.example.org. A", { answers: ["www.example.org. 0 IN A 192.0.2.1"] }),
  reply("www.example.org. A", { answers: ["www.example.org. 2147483647 IN A 192.0.2.1"] }),
  reply("example.org. TYPE666", { answers: ["example.org. 60 IN TYPE666 \\# 4 c00cc00c"] }),
  reply("www.example.org. A", {
    answers: addresses(1),
    additional: ["www.example.org. 60 IN TXT behind"],
    edns: { ...OPT, options: Array.from({ length: 40 }, (_, i) => ({ code: i, data: Uint8Array.of(i, i) })) },
  }),
  Uint8Array.of(0x12, 0x34, 0x81, 0x81, 0, 0, 0, 0, 0, 0, 0, 0),
];

const DEEP = "a.".repeat(100);
/** A chain of aliases, each with a hundred labels more than it needs. */
const aliases = (count: number, type: "CNAME" | "DNAME"): string[] =>
  Array.from({ length: count }, (_, i) => {
    const owner = i === 0 ? "c0.example.org." : `${DEEP}c${i}.example.org.`;
    return `${owner} 60 IN ${type} ${DEEP}c${i + 1}.example.org.`;
  });

/** One of every form that data can have, under the name that is asked. */
const EVERY_FORM: readonly Uint8Array[] = fc
  .sample(message, { numRuns: 120, seed: 20 })
  .map((whole) => encodeMessage({ ...whole, flags: whole.flags | 0x8000, opcode: 0 }));

const word = (value: number): [number, number] => [(value >> 8) & 0xff, value & 0xff];
const HEADER = [0x12, 0x34, 0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0];
const QUESTION = [3, 119, 119, 119, 7, 101, 120, 97, 109, 112, 108, 101, 3, 111, 114, 103, 0, 0, 1, 0, 1];

const OPT_RECORD = [0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0];

/**
 * A message filled up with records.
 *
 * @param optFirst the records are additional ones behind an OPT: without it the message has to be written anew
 * @param head what stands before them: one record
 */
function filled(
  optFirst: boolean,
  head: (at: number) => number[],
  record: (index: number) => number[],
  most = 4095,
): Uint8Array {
  const out: number[] = [...HEADER, ...QUESTION, ...(optFirst ? OPT_RECORD : [])];
  out.push(...head(out.length));
  let count = 1;
  for (let next = record(0); out.length + next.length <= 65535 && count < most; next = record(count++))
    out.push(...next);
  out.splice(optFirst ? 10 : 6, 2, ...word(optFirst ? count + 1 : count));
  return Uint8Array.from(out);
}

/**
 * As many records as fit, each of whose names is a walk over many pointers: the most work that a message can make.
 *
 * @param names so many in the data of each record, besides its owner
 * @param labels a label before every pointer
 * @param most records
 */
function walks(type: number, names: 0 | 1 | 2, labels: boolean, optFirst = false, most = 4095): Uint8Array {
  let target = 12;
  // A record of a type without a form, whose data is the chain.
  const chain = (recordAt: number): number[] => {
    const data: number[] = [];
    for (let hops = labels ? 118 : 125; hops > 0; hops--) {
      const at = recordAt + 12 + data.length;
      if (labels) data.push(1, 97 + (hops % 26));
      data.push(0xc0 | (target >> 8), target & 0xff);
      target = at;
    }
    return [0xc0, 12, ...word(65280), ...word(1), 0, 0, 0, 60, ...word(data.length), ...data];
  };
  const record = (): number[] => {
    const last = [0xc0 | (target >> 8), target & 0xff];
    const data = Array.from({ length: names }, () => last).flat();
    return [...last, ...word(type), ...word(1), 0, 0, 0, 60, ...word(data.length), ...data];
  };
  return filled(optFirst, chain, record, most);
}

/** Owners that differ in their first label only: whoever compares all with all does it thoroughly. */
function manyOwners(optFirst = false): Uint8Array {
  const address = (index: number): number[] => {
    const owner = [2, 97 + (index % 26), 97 + (Math.floor(index / 26) % 26), 0xc0, 12];
    return [...owner, ...word(1), ...word(1), 0, 0, 0, 60, ...word(4), 10, 0, ...word(index)];
  };
  return filled(optFirst, () => address(0), address);
}

/**
 * Two long names that differ in their last label only, as owners of one record and all others.
 *
 * @param type of the records; their data is an address, or the name of the question
 * @param one records with the first name, before as many with the second as fit into the work that is allowed
 */
function twoLongNames(type: number, one: number): Uint8Array {
  const labels = Array.from({ length: 115 }, () => [1, 97]).flat();
  const chainOf = (last: number, at: number): [chain: number[], target: number] => {
    const data = [...labels, 1, last, 0xc0, 12];
    return [data, at];
  };
  let first = 0;
  let second = 0;
  const head = (recordAt: number): number[] => {
    const [a, aAt] = chainOf(120, recordAt + 12);
    const [b, bAt] = chainOf(121, aAt + a.length);
    first = aAt;
    second = bAt;
    return [0xc0, 12, ...word(65280), ...word(1), 0, 0, 0, 60, ...word(a.length + b.length), ...a, ...b];
  };
  const record = (index: number): number[] => {
    const target = index < one ? first : second;
    const data = type === 1 ? [10, 0, index >> 8, index & 0xff] : [0xc0, 12];
    return [0xc0 | (target >> 8), target & 0xff, ...word(type), ...word(1), 0, 0, 0, 60, ...word(data.length), ...data];
  };
  return filled(false, head, record, 1000);
}

/** Each of these costs as much as hundreds of the others. */
const LABORIOUS: readonly Uint8Array[] = [
  reply("www.example.org. A", { answers: addresses(4000) }),
  reply("www.example.org. TXT", { answers: [`www.example.org. 60 IN TXT ${`"${"x".repeat(255)}" `.repeat(250)}`] }),
  walks(65281, 0, false),
  walks(65281, 0, true),
  walks(2, 1, true),
  walks(17, 2, true),
  walks(14, 2, false),
  manyOwners(),
  walks(65281, 0, true, false, 540),
  walks(2, 1, true, false, 270),
  walks(17, 2, true, false, 180),
  walks(17, 2, true, true, 180),
  walks(39, 1, true, false, 270),
  twoLongNames(1, 60),
  twoLongNames(1, 600),
  twoLongNames(39, 60),
  twoLongNames(5, 60),
  reply("c0.example.org. A", { answers: aliases(150, "CNAME").toReversed() }),
  reply("x.c0.example.org. A", { answers: aliases(150, "DNAME").toReversed() }),
  walks(65281, 0, false, true),
  walks(17, 2, true, true),
  manyOwners(true),
];

export const RESPONSES: readonly Uint8Array[] = [...ORDINARY, ...EVERY_FORM, ...LABORIOUS];
