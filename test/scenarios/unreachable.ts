/** Scenarios 34 to 37, 40, 42: upstreams that are silent, flap, die and come back, and what is stale meanwhile. */
import { answerA, inTurn, nxdomain, silence } from "../support/scripted-upstream.ts";
import { soaLine } from "./replies.ts";
import { hit, miss, missThenHit, type Scenario, use, wait } from "./scenario.ts";

const www = answerA("192.0.2.9", 60);
const other = answerA("192.0.2.10", 60);
const brief = answerA("192.0.2.9", 1);
/** Answers may live for a second. */
const BRIEF = "success 9984 3600 1";
/** Until an answer of one second is over: lifetimes end with a whole second. */
const OVER_MS = 2100;

export const UNREACHABLE: readonly Scenario[] = [
  {
    number: 34,
    what: "silence: SERVFAIL before 4.5 s, and remembered",
    upstreams: [silence()],
    steps: [
      miss("www A", "A/udp A/udp A/udp", ["SERVFAIL ede=22"], { afterMs: 3000, beforeMs: 4500 }),
      hit("www A", ["SERVFAIL ede=13"]),
    ],
  },
  {
    number: 34,
    what: "silence, over TCP: SERVFAIL before 4.5 s",
    upstreams: [silence()],
    forward: "force_tcp",
    steps: [miss("www A", "A/tcp A/tcp A/tcp", ["SERVFAIL ede=22"], { afterMs: 3000, beforeMs: 4500 })],
  },
  {
    number: 34,
    what: "silence, with a stale answer and `verify`: that after 1.8 s (RFC 8767 §5)",
    upstreams: [brief],
    cache: `${BRIEF}\nserve_stale 1h verify 0 30s`,
    steps: [
      miss("www A", "A/udp", ["NOERROR", "www 1 A 192.0.2.9"]),
      wait(OVER_MS),
      use(silence()),
      miss("www A", "A/udp A/udp A/udp", ["NOERROR ede=3", "www 30 A 192.0.2.9"], { afterMs: 1500, beforeMs: 2400 }),
    ],
  },
  {
    number: 34,
    what: "silence, with a stale answer and `immediate`: that at once",
    upstreams: [brief],
    cache: `${BRIEF}\nserve_stale 1h immediate 30s`,
    steps: [
      miss("www A", "A/udp", ["NOERROR", "www 1 A 192.0.2.9"]),
      wait(OVER_MS),
      use(silence()),
      // The refresh leaves behind the reply; it may or may not be seen before that.
      { ...miss("www A", "A/udp", ["NOERROR ede=3", "www 30 A 192.0.2.9"], { beforeMs: 1000 }) },
    ],
  },
  {
    number: 35,
    what: "every first packet of a question is lost: asked again after half a second",
    upstreams: [inTurn(silence(), www)],
    steps: [
      miss("www A", "A/udp A/udp", ["NOERROR", "www 60 A 192.0.2.9"], { afterMs: 300, beforeMs: 1500 }),
      hit("www A", ["NOERROR", "www 60 A 192.0.2.9"]),
      miss("a A", "A/udp A/udp", ["NOERROR", "a 60 A 192.0.2.9"], { afterMs: 300, beforeMs: 1500 }),
      miss("b A", "A/udp A/udp", ["NOERROR", "b 60 A 192.0.2.9"], { afterMs: 300, beforeMs: 1500 }),
    ],
  },
  {
    number: 36,
    what: "A is silent, B answers: B is asked after half a second, then first",
    upstreams: [silence(), other],
    steps: [
      miss("www A", "A/udp B/udp", ["NOERROR", "www 60 A 192.0.2.10"], { afterMs: 300, beforeMs: 1500 }),
      hit("www A", ["NOERROR", "www 60 A 192.0.2.10"]),
      miss("next A", "B/udp", ["NOERROR", "next 60 A 192.0.2.10"], { beforeMs: 1000 }),
    ],
  },
  {
    number: 36,
    what: "A's port is closed, B answers: B is asked at once",
    upstreams: [www, other],
    steps: [
      { kind: "down", upstream: "A" },
      miss("www A", "B/udp", ["NOERROR", "www 60 A 192.0.2.10"], { beforeMs: 1000 }),
      miss("next A", "B/udp", ["NOERROR", "next 60 A 192.0.2.10"], { beforeMs: 1000 }),
    ],
  },
  {
    number: 36,
    what: "A's port is closed, B answers, over TCP: B is asked at once",
    upstreams: [www, other],
    forward: "force_tcp",
    steps: [
      { kind: "down", upstream: "A" },
      miss("www A", "B/tcp", ["NOERROR", "www 60 A 192.0.2.10"], { beforeMs: 1000 }),
      miss("next A", "B/tcp", ["NOERROR", "next 60 A 192.0.2.10"], { beforeMs: 1000 }),
    ],
  },
  ...["", "force_tcp"].map((forward): Scenario => {
    const over = forward === "" ? "udp" : "tcp";
    return {
      number: 37,
      what: `both closed, then back (${over}): asked again within 2 s, the question that failed too`,
      upstreams: [www, other],
      forward,
      steps: [
        { kind: "down", upstream: "A" },
        { kind: "down", upstream: "B" },
        { ...miss("www A", "", ["SERVFAIL ede=23"], { beforeMs: 4500 }), sent: [] },
        { kind: "up", upstream: "A" },
        { kind: "up", upstream: "B" },
        wait(2000),
        miss("www A", `A/${over}`, ["NOERROR", "www 60 A 192.0.2.9"]),
        miss("next A", `A/${over}`, ["NOERROR", "next 60 A 192.0.2.9"]),
      ],
    };
  }),
  {
    number: 42,
    what: "NXDOMAIN when a stale answer is refreshed: it takes the answer's place (RFC 8767 §4)",
    upstreams: [brief],
    cache: `${BRIEF}\nserve_stale 1h verify`,
    steps: [
      miss("www A", "A/udp", ["NOERROR", "www 1 A 192.0.2.9"]),
      wait(OVER_MS),
      use(nxdomain(40, 40)),
      ...missThenHit("www A", ["NXDOMAIN", soaLine(40, 40)]),
      hit("www AAAA", ["NXDOMAIN", soaLine(40, 40)]),
    ],
  },
  {
    number: 42,
    what: "NXDOMAIN when a stale answer is refreshed behind the scenes",
    upstreams: [brief],
    cache: `${BRIEF}\nserve_stale 1h immediate 30s`,
    steps: [
      miss("www A", "A/udp", ["NOERROR", "www 1 A 192.0.2.9"]),
      wait(OVER_MS),
      use(nxdomain(40, 40)),
      miss("www A", "A/udp", ["NOERROR ede=3", "www 30 A 192.0.2.9"]),
      wait(300),
      hit("www A", ["NXDOMAIN", soaLine(40, 40)]),
    ],
  },
];
