/** Scenarios 8 to 12, 23 and 24: upstreams that fail, refuse, know no EDNS, or truncate. */
import {
  answerA,
  inTurn,
  refused,
  respond,
  type Script,
  servfail,
  silence,
  truncatedOverUdp,
  withRcode,
} from "../support/scripted-upstream.ts";
import { a, forged, QNAME, raw, recordBytes, right } from "./replies.ts";
import { hit, miss, missThenHit, missTwice, type Scenario, wait } from "./scenario.ts";

const WWW = ["NOERROR", "www 60 A 192.0.2.9"];
const www = answerA("192.0.2.9", 60);

/** A server that knows no EDNS: this for a query with OPT. */
function withoutEdns(toEdns: Script): Script {
  return (query) => (query.dnssecOk === undefined ? www(query) : toEdns(query));
}

/** Half a message over TCP. */
function half(close: boolean): Script {
  return (query) => {
    const message = right(query);
    const bytes = Uint8Array.from([message.length >> 8, message.length & 0xff, ...message.subarray(0, 20)]);
    return { raw: bytes, ...(close ? { close: true as const } : {}) };
  };
}

const BLOB_BYTES = 60_000;

export const FAILURES: readonly Scenario[] = [
  {
    number: 8,
    what: "SERVFAIL always: asked once, then the failure comes from the cache (RFC 9520 §3.2)",
    upstreams: [servfail()],
    steps: [
      miss("www A", "A/udp", ["SERVFAIL"]),
      hit("www A", ["SERVFAIL ede=13"]),
      hit("www A", ["SERVFAIL ede=13"]),
      miss("www AAAA", "A/udp", ["SERVFAIL"]),
    ],
  },
  {
    number: 8,
    what: "SERVFAIL once: asked again when the failure is too old",
    upstreams: [inTurn(servfail(), www)],
    cache: "servfail 1s",
    steps: [miss("www A", "A/udp", ["SERVFAIL"]), wait(2100), ...missThenHit("www A", WWW)],
  },
  {
    number: 8,
    what: "SERVFAIL from one of two with `failover`: the other is asked",
    upstreams: [servfail(), www],
    forward: "failover SERVFAIL",
    steps: [miss("www A", "A/udp B/udp", WWW), hit("www A", WWW)],
  },
  {
    number: 9,
    what: "REFUSED: asked once, then the refusal comes from the cache for a moment (RFC 9520 §3.2)",
    upstreams: [refused()],
    steps: [
      miss("www A", "A/udp", ["REFUSED"]),
      hit("www A", ["REFUSED ede=13"]),
      wait(3000),
      miss("www A", "A/udp", ["REFUSED"]),
    ],
  },
  {
    number: 10,
    what: "FORMERR without OPT: asked again without EDNS, and without from then on",
    upstreams: [withoutEdns((query) => ({ reply: respond(query, { rcode: 1, opt: false }) }))],
    steps: [
      miss("www A", "A/udp A/udp", WWW),
      hit("www A", WWW),
      miss("other A", "A/udp", ["NOERROR", "other 60 A 192.0.2.9"]),
    ],
  },
  {
    number: 10,
    what: "FORMERR as a bare header: asked again without EDNS",
    upstreams: [
      withoutEdns((query) => ({
        reply: Uint8Array.of(query.id >> 8, query.id & 0xff, 0x81, 0x81, 0, 0, 0, 0, 0, 0, 0, 0),
      })),
    ],
    steps: [miss("www A", "A/udp A/udp", WWW), hit("www A", WWW)],
  },
  {
    number: 10,
    what: "FORMERR to everything: asked twice, and the client is told",
    upstreams: [withRcode(1)],
    steps: [miss("www A", "A/udp", ["FORMERR"]), hit("www A", ["FORMERR ede=13"])],
  },
  {
    number: 11,
    what: "BADVERS: asked again without EDNS",
    upstreams: [
      withoutEdns((query) => {
        const reply = respond(query, {});
        // The upper bits of the response code stand in the OPT's TTL.
        reply[reply.length - 6] = 1;
        return { reply };
      }),
    ],
    steps: [miss("www A", "A/udp A/udp", WWW), hit("www A", WWW)],
  },
  {
    number: 12,
    what: "TC, and the answer over TCP: the cut one is not used",
    upstreams: [(query) => ({ reply: query.transport === "tcp" ? right(query) : forged(query, { flags: 0x0200 }) })],
    steps: [miss("www A", "A/udp A/tcp", WWW), hit("www A", WWW)],
  },
  {
    number: 12,
    what: "TC, and TCP refused: SERVFAIL, nothing of the cut answer is used",
    upstreams: [(query) => ({ reply: forged(query, { flags: 0x0200 }) })],
    tcp: false,
    steps: [
      { ...miss("www A", "", ["SERVFAIL ede=23"], { beforeMs: 4500 }), sent: ["A/udp", "A/udp"] },
      hit("www A", ["SERVFAIL ede=13"]),
    ],
  },
  {
    number: 12,
    what: "TC, and TCP that hangs: SERVFAIL in time",
    upstreams: [truncatedOverUdp(silence())],
    steps: [miss("www A", "A/udp A/tcp A/udp A/tcp A/udp A/tcp", ["SERVFAIL ede=22"], { beforeMs: 4500 })],
  },
  {
    number: 12,
    what: "TC, and half a message over TCP: SERVFAIL in time",
    upstreams: [truncatedOverUdp(half(false))],
    steps: [miss("www A", "A/udp A/tcp A/udp A/tcp A/udp A/tcp", ["SERVFAIL ede=22"], { beforeMs: 4500 })],
  },
  {
    number: 12,
    what: "TC, and a connection that ends after half a message: SERVFAIL at once, after one more connection each time",
    upstreams: [truncatedOverUdp(half(true))],
    steps: [miss("www A", "A/udp A/tcp A/tcp A/udp A/tcp A/tcp", ["SERVFAIL ede=23"], { beforeMs: 2000 })],
  },
  {
    number: 23,
    what: "4000 bytes over UDP although we said 1232: used, and cut for clients of UDP",
    upstreams: [
      (query) => ({ reply: respond(query, { answers: Array.from({ length: 240 }, (_, i) => a(`198.51.100.${i}`)) }) }),
    ],
    steps: [
      miss("www A", "A/udp", ["NOERROR tc"]),
      hit("www A", ["NOERROR", ...Array.from({ length: 240 }, (_, i) => `www 60 A 198.51.100.${i}`)], { tcp: true }),
    ],
  },
  {
    number: 24,
    what: "60,000 bytes over TCP: given to the client, too large to be held",
    upstreams: [
      truncatedOverUdp((query) => {
        const body = recordBytes(
          QNAME,
          query.type,
          60,
          Array.from({ length: BLOB_BYTES }, () => 7),
        );
        return { reply: raw(query, { counts: [1, 1, 0, 0], body }) };
      }),
    ],
    steps: missTwice(
      "www TYPE65281",
      "A/tcp",
      ["NOERROR", `www 60 TYPE65281 \\# ${BLOB_BYTES} ${"07".repeat(BLOB_BYTES)}`],
      { tcp: true },
    ),
  },
];
