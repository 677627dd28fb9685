/** Scenarios 38 to 40: many clients, many questions, many refusals. Each is played alone. */
import { answerA, delayed, type Script } from "../support/scripted-upstream.ts";
import { hit, missThenHit, type Scenario } from "./scenario.ts";

const CROWD = 10_000;
const www = answerA("192.0.2.9", 60);

/** hot at once, all else late. */
const slowButHot: Script = (query) => (query.name.startsWith("hot.") ? www(query) : delayed(700, www)(query));

export const CROWDS: readonly Scenario[] = [
  {
    number: 38,
    what: "10,000 clients ask one question that nobody asked before: asked once (again when the machine stalls for half a second)",
    upstreams: [delayed(400, www)],
    steps: [
      { kind: "burst", count: CROWD, question: "cold A", gets: ["NOERROR"], sentAtMost: 3 },
      hit("cold A", ["NOERROR", "cold 60 A 192.0.2.9"]),
    ],
  },
  {
    number: 39,
    what: "10,000 questions that nobody asked before, of a slow upstream: each answered, and hits meanwhile",
    upstreams: [slowButHot],
    steps: [
      ...missThenHit("hot A", ["NOERROR", "hot 60 A 192.0.2.9"]),
      {
        kind: "burst",
        count: CROWD,
        question: "cold{i} A",
        // The upstream's socket holds 256 packets: on a busy machine some are lost three times.
        gets: ["NOERROR", "SERVFAIL ede=22", "SERVFAIL ede=13"],
        // Each at most three times (RFC 9520 §3.1).
        sentAtMost: 3 * CROWD,
        meanwhile: { question: "hot A", gets: "NOERROR" },
      },
    ],
  },
  {
    number: 40,
    what: "A's port is closed and each query is refused by ICMP: B answers all",
    upstreams: [www, www],
    steps: [
      { kind: "down", upstream: "A" },
      { kind: "burst", count: 2000, question: "cold{i} A", gets: ["NOERROR"], sentAtMost: 3 * 2000 },
    ],
  },
  {
    number: 40,
    what: "the only upstream's port is closed: each question fails, none is asked for ever",
    upstreams: [www],
    steps: [
      { kind: "down", upstream: "A" },
      { kind: "burst", count: 2000, question: "cold{i} A", gets: ["SERVFAIL ede=23"], sentAtMost: 0 },
    ],
  },
];
