/** Scenarios 1 to 7, 20 to 22, 25 to 27, 32, 33, 41 and 43: well-formed answers, usual and unusual. */
import { answerA, nodata, nxdomain, respond, type Script, soa } from "../support/scripted-upstream.ts";
import { a, cname, flipped, ns, QNAME, raw, recordBytes, replying, right, soaLine, zoneOf } from "./replies.ts";
import { hit, miss, missThenHit, missTwice, type Scenario } from "./scenario.ts";

const WWW = ["NOERROR", "www 60 A 192.0.2.9"];

/** www is an alias of c1, that of c2 …; the last has an address. */
function chainOf(length: number): Script {
  return replying((query) => {
    const zone = zoneOf(query.name);
    const nameOf = (i: number): string => (i === 0 ? query.name : `c${i}.${zone}`);
    const aliases = Array.from({ length }, (_, i) => cname(nameOf(i), nameOf(i + 1)));
    return { answers: [...aliases, a("192.0.2.9", 60, nameOf(length))] };
  });
}

function chainLines(length: number): string[] {
  const nameOf = (i: number): string => (i === 0 ? "www" : `c${i}`);
  const aliases = Array.from({ length }, (_, i) => `${nameOf(i)} 60 CNAME ${nameOf(i + 1)}`);
  return ["NOERROR", ...aliases, `${nameOf(length)} 60 A 192.0.2.9`];
}

/** One A record with a TTL, which a client is told as that one. */
function ttlScenario(ttl: number, told: number, what: string): Scenario {
  return {
    number: 25,
    what,
    upstreams: [replying(() => ({ answers: [a("192.0.2.9", ttl)] }))],
    steps: missThenHit("www A", ["NOERROR", `www ${told} A 192.0.2.9`]),
  };
}

const MANY = 300;
const manyAddresses = Array.from({ length: MANY }, (_, i) => `198.51.${100 + (i >> 8)}.${i & 255}`);
const manyLines = ["NOERROR", ...manyAddresses.map((address) => `www 60 A ${address}`)];

/** Labels with every kind of byte that is no letter, 63 bytes long, upper case. */
const ODD_LABELS: readonly (readonly [string, string])[] = [
  ["zero", "\\000\\000"],
  ["255", "\\255\\255"],
  ["dot", "a\\.b"],
  ["upper case", "WWW"],
  ["63 bytes", "x".repeat(63)],
];

/** A signature that is valid for longer than these tests. */
const INCEPTION_UNIX_S = Date.UTC(2020, 0) / 1000;
const EXPIRATION_UNIX_S = Date.UTC(2080, 0) / 1000;
const SIGNATURE = "www 60 RRSIG A 13 2 60 20800101000000 20200101000000 12345 . AQIDBA==";

const signed: Script = (query) => {
  const times = [EXPIRATION_UNIX_S, INCEPTION_UNIX_S].flatMap((time) =>
    [24, 16, 8, 0].map((shift) => (time >>> shift) & 0xff),
  );
  const rrsig = [0, 1, 13, 2, 0, 0, 0, 60, ...times, 0x30, 0x39, 0, 1, 2, 3, 4];
  const signature = { type: 46, ttl: 60, rdata: Uint8Array.from(rrsig) };
  const checking = (query.flags & 0x0010) === 0;
  const answers = [a(checking ? "192.0.2.9" : "192.0.2.10"), ...(query.dnssecOk === true ? [signature] : [])];
  return { reply: respond(query, { answers }) };
};

export const ANSWERS: readonly Scenario[] = [
  {
    number: 1,
    what: "an A record",
    upstreams: [answerA("192.0.2.9", 60)],
    steps: missThenHit("www A", WWW),
  },
  ...[1, 11, 12].map((length): Scenario => {
    return {
      number: 2,
      what: `a chain of ${length} aliases`,
      upstreams: [chainOf(length)],
      steps: missThenHit("www A", chainLines(length)),
    };
  }),
  {
    number: 3,
    what: "aliases in a circle: not held, for it is no answer",
    upstreams: [
      replying((query) => {
        const other = `c1.${zoneOf(query.name)}`;
        return { answers: [cname(query.name, other), cname(other, query.name)] };
      }),
    ],
    steps: missTwice("www A", "A/udp", ["NOERROR", "www 60 CNAME c1", "c1 60 CNAME www"]),
  },
  {
    number: 4,
    what: "NXDOMAIN, SOA with a TTL below its MINIMUM: held so long, for all types",
    upstreams: [nxdomain(40, 300)],
    steps: [
      ...missThenHit("no A", ["NXDOMAIN", soaLine(40, 300)]),
      hit("no AAAA", ["NXDOMAIN", soaLine(40, 300)]),
      hit("no TXT", ["NXDOMAIN", soaLine(40, 300)]),
    ],
  },
  {
    number: 4,
    what: "NXDOMAIN, SOA with a MINIMUM below its TTL",
    upstreams: [nxdomain(300, 40)],
    steps: missThenHit("no A", ["NXDOMAIN", soaLine(40, 40)]),
  },
  {
    number: 4,
    what: "NXDOMAIN says nothing of names below",
    upstreams: [nxdomain(300, 40)],
    steps: [
      miss("no A", "A/udp", ["NXDOMAIN", soaLine(40, 40)]),
      miss("www.no A", "A/udp", ["NXDOMAIN", soaLine(40, 40)]),
    ],
  },
  {
    number: 5,
    what: "NXDOMAIN without SOA: held briefly, for its type alone",
    upstreams: [replying(() => ({ rcode: 3 }))],
    steps: [...missThenHit("no A", ["NXDOMAIN"]), miss("no AAAA", "A/udp", ["NXDOMAIN"])],
  },
  {
    number: 6,
    what: "NODATA with SOA: held for its type",
    upstreams: [nodata(300, 40)],
    steps: [
      ...missThenHit("www TXT", ["NOERROR", soaLine(40, 40)]),
      miss("www AAAA", "A/udp", ["NOERROR", soaLine(40, 40)]),
    ],
  },
  {
    number: 6,
    what: "NODATA without SOA: not held",
    upstreams: [replying(() => ({}))],
    steps: missTwice("www A", "A/udp", ["NOERROR"]),
  },
  {
    number: 7,
    what: "an alias of a name that does not exist: held for its type alone",
    upstreams: [
      replying((query) => {
        return { rcode: 3, answers: [cname(query.name, `no.${zoneOf(query.name)}`)], authority: [soa(300, 40)] };
      }),
    ],
    steps: [
      ...missThenHit("www A", ["NXDOMAIN", "www 40 CNAME no", soaLine(40, 40)]),
      miss("www AAAA", "A/udp", ["NXDOMAIN", "www 40 CNAME no", soaLine(40, 40)]),
      miss("no A", "A/udp", ["NXDOMAIN", "no 40 CNAME no", soaLine(40, 40)]),
    ],
  },
  {
    number: 20,
    what: "an answer with an address of another name: it answers no question for that name",
    upstreams: [
      replying((query) => {
        if (!query.name.startsWith("www.")) return { answers: [a("192.0.2.10")] };
        return { answers: [a("192.0.2.9"), a("203.0.113.66", 60, `victim.${zoneOf(query.name)}`)] };
      }),
    ],
    steps: [
      miss("www A", "A/udp", ["NOERROR", "www 60 A 192.0.2.9"]),
      hit("www A", ["NOERROR", "www 60 A 192.0.2.9"]),
      ...missThenHit("victim A", ["NOERROR", "victim 60 A 192.0.2.10"]),
    ],
  },
  {
    number: 21,
    what: "NS and glue of another zone: it reaches no client, and answers no question there",
    upstreams: [
      replying((query) => {
        if (!query.name.startsWith("www.")) return { answers: [a("192.0.2.10")] };
        const victim = `victim.${zoneOf(query.name)}`;
        return {
          answers: [a("192.0.2.9")],
          authority: [ns(victim, `ns.${victim}`)],
          additional: [a("203.0.113.66", 60, `ns.${victim}`)],
        };
      }),
    ],
    steps: [
      ...missThenHit("www A", ["NOERROR", "www 60 A 192.0.2.9"]),
      miss("ns.victim A", "A/udp", ["NOERROR", "ns.victim 60 A 192.0.2.10"]),
      miss("victim NS", "A/udp", ["NOERROR", "victim 60 A 192.0.2.10"]),
    ],
  },
  {
    number: 22,
    what: "300 addresses: asked for over TCP, held whole, cut for clients of UDP",
    upstreams: [
      (query) => {
        if (query.transport === "udp") return { reply: respond(query, { flags: 0x0200 }) };
        return { reply: respond(query, { answers: manyAddresses.map((address) => a(address)) }) };
      },
    ],
    steps: [
      miss("www A", "A/udp A/tcp", ["NOERROR tc"]),
      hit("www A", ["NOERROR tc"]),
      hit("www A", ["NOERROR tc"], { opt: false }),
      hit("www A", manyLines, { tcp: true }),
    ],
  },
  ttlScenario(0, 5, "TTL 0: raised to the minimum"),
  ttlScenario(1, 5, "TTL 1: raised to the minimum"),
  ttlScenario(0x7fffffff, 3600, "TTL 2^31 - 1: lowered to the maximum"),
  ttlScenario(0x80000000, 3600, "TTL 2^31: a large number (RFC 8767 §4)"),
  ttlScenario(0xffffffff, 3600, "TTL 2^32 - 1: a large number (RFC 8767 §4)"),
  {
    number: 25,
    what: "TTL 0 where the minimum is 0: told to the client, not held",
    upstreams: [answerA("192.0.2.9", 0)],
    cache: "success 9984 3600 0",
    steps: missTwice("www A", "A/udp", ["NOERROR", "www 0 A 192.0.2.9"]),
  },
  {
    number: 26,
    what: "different TTLs in one RRset: the lowest for all (RFC 2181 §5.2)",
    upstreams: [replying(() => ({ answers: [a("192.0.2.1", 300), a("192.0.2.2", 20), a("192.0.2.3", 100)] }))],
    steps: missThenHit("www A", ["NOERROR", "www 20 A 192.0.2.1", "www 20 A 192.0.2.2", "www 20 A 192.0.2.3"]),
  },
  {
    number: 27,
    what: "a record twice: as upstream sent it",
    upstreams: [replying(() => ({ answers: [a("192.0.2.9"), a("192.0.2.9")] }))],
    steps: missThenHit("www A", ["NOERROR", "www 60 A 192.0.2.9", "www 60 A 192.0.2.9"]),
  },
  ...ODD_LABELS.map(([what, label]): Scenario => {
    return {
      number: 32,
      what: `a name whose labels are odd: ${what}`,
      upstreams: [answerA("192.0.2.9", 60)],
      steps: missThenHit(`${label}.www A`, ["NOERROR", `${label}.www 60 A 192.0.2.9`]),
    };
  }),
  {
    number: 33,
    what: "an unknown type whose data look like pointers: byte for byte (RFC 3597 §4)",
    upstreams: [
      (query) => {
        const body = [0xc0, 0x0c, 0xc0, 0x0c, 3, 0x77, 0x77, 0x77, 0xc0, 0xff];
        return { reply: raw(query, { counts: [1, 1, 0, 0], body: recordBytes(QNAME, query.type, 60, body) }) };
      },
    ],
    steps: missThenHit("www TYPE65280", ["NOERROR", "www 60 TYPE65280 \\# 10 C00CC00C03777777C0FF"]),
  },
  {
    number: 41,
    what: "our question in another case: an answer, and the client sees its own spelling",
    upstreams: [(query) => ({ reply: flipped(right(query), 13, 0x20) })],
    steps: [miss("wWw A", "A/udp", ["NOERROR", "wWw 60 A 192.0.2.9"]), hit("WwW A", ["NOERROR", "WwW 60 A 192.0.2.9"])],
  },
  {
    number: 43,
    what: "signatures for DO, another answer for CD: none is given to who asked otherwise",
    upstreams: [signed],
    steps: [
      ...missThenHit("www A", [...WWW, SIGNATURE], { dnssecOk: true }),
      ...missThenHit("www A", WWW),
      ...missThenHit("www A", ["NOERROR cd", "www 60 A 192.0.2.10"], { checkingDisabled: true }),
    ],
  },
];
