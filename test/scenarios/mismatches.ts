/** Scenarios 13 to 19: datagrams that are not the answer, before the one that is. */
import { answerA, inTurn, type Script } from "../support/scripted-upstream.ts";
import { before, flipped, forged, right } from "./replies.ts";
import { hit, miss, missThenHit, type Scenario } from "./scenario.ts";

const WWW = ["NOERROR", "www 60 A 192.0.2.9"];

/** Ignored, and the wait goes on: one query. */
function ignored(number: number, what: string, script: Script): Scenario {
  return { number, what: `${what}, then the answer`, upstreams: [script], steps: missThenHit("www A", WWW) };
}

const wrongId = before((query) => forged(query, { id: query.id ^ 1 }));

export const MISMATCHES: readonly Scenario[] = [
  {
    number: 13,
    what: "a wrong id, then the right one: somebody may be guessing, so it is asked again from another port",
    upstreams: [inTurn(wrongId, answerA("192.0.2.9", 60))],
    steps: [miss("www A", "A/udp A/udp", WWW), hit("www A", WWW)],
  },
  {
    number: 13,
    what: "a wrong id before each answer over UDP: asked over TCP",
    upstreams: [(query) => (query.transport === "tcp" ? { reply: right(query) } : wrongId(query))],
    steps: [miss("www A", "A/udp A/udp A/tcp", WWW), hit("www A", WWW)],
  },
  {
    number: 13,
    what: "a wrong id before each answer, and no TCP: the wait goes on among wrong ids",
    upstreams: [wrongId],
    tcp: false,
    steps: [miss("www A", "A/udp A/udp A/udp", WWW), hit("www A", WWW)],
  },
  ignored(
    14,
    "another name",
    before((query) => flipped(forged(query), 14)),
  ),
  ignored(
    14,
    "another type",
    before((query) => flipped(forged(query), query.questionEnd - 3, 0x1c ^ 1)),
  ),
  ignored(
    14,
    "another class",
    before((query) => flipped(forged(query), query.questionEnd - 1, 2)),
  ),
  ignored(
    14,
    "no question at all",
    before((query) => {
      const message = forged(query);
      const body = message.subarray(query.questionEnd);
      return Uint8Array.from([...message.subarray(0, 4), 0, 0, ...message.subarray(6, 12), ...body]);
    }),
  ),
  ignored(
    15,
    "our own query (TuDoor)",
    before((query) => query.wire),
  ),
  ignored(
    15,
    "our own query with records in it",
    before((query) => flipped(forged(query), 2, 0x80)),
  ),
  ignored(
    16,
    "3 bytes",
    before((query) => right(query).slice(0, 3)),
  ),
  ignored(
    16,
    "11 bytes",
    before((query) => right(query).slice(0, 11)),
  ),
  ignored(
    16,
    "0 bytes",
    before(() => new Uint8Array(0)),
  ),
  ignored(
    16,
    "half an answer",
    before((query) => forged(query).slice(0, -7)),
  ),
  ignored(
    16,
    "one of each",
    before(
      (query) => query.wire,
      () => new Uint8Array(0),
      (query) => forged(query).slice(0, 11),
      (query) => forged(query).slice(0, -7),
      (query) => flipped(forged(query), 14),
    ),
  ),
  {
    number: 17,
    what: "an answer from another port than the one asked: never seen, asked again",
    upstreams: [inTurn((query) => ({ reply: forged(query), fromOtherPort: true }), answerA("192.0.2.9", 60))],
    steps: [miss("www A", "A/udp A/udp", WWW, { afterMs: 300 }), hit("www A", WWW)],
  },
  {
    number: 18,
    what: "the answer twice: the second is nobody's",
    upstreams: [(query) => ({ reply: [right(query), forged(query)] })],
    steps: [...missThenHit("www A", WWW), ...missThenHit("other A", ["NOERROR", "other 60 A 192.0.2.9"])],
  },
  {
    number: 19,
    what: "an answer after the attempt was given up: it answers nothing, neither this question nor the next that waits then",
    upstreams: [
      inTurn(
        (query) => ({ reply: forged(query), delayMs: 650 }),
        (query) => ({ reply: right(query), delayMs: 100 }),
      ),
    ],
    forward: "read_timeout 450ms",
    steps: [
      miss("www A", "A/udp A/udp", WWW, { afterMs: 400 }),
      hit("www A", WWW),
      miss("other A", "A/udp A/udp", ["NOERROR", "other 60 A 192.0.2.9"]),
    ],
  },
];
