/**
 * Scenarios 28 to 31: answers that are no messages.
 *
 * They are ignored like any datagram that is not the answer. As nothing better comes, the question is asked again, and
 * the client gets SERVFAIL before it gives up.
 */
import { answerA, inTurn } from "../support/scripted-upstream.ts";
import { alwaysRaw, optBytes, QNAME, type RawMessage, recordBytes } from "./replies.ts";
import { hit, miss, missThenHit, type Scenario } from "./scenario.ts";

const WWW = ["NOERROR", "www 60 A 192.0.2.9"];
const ADDRESS = recordBytes(QNAME, 1, 60, [192, 0, 2, 9]);

/** Offset of the first record, for names of scenarios that are asked as `www`: header, name and question's fixed part. */
type At = { readonly recordsAt: number };

/** The first reply is malformed, the next is not. */
function refusedOnce(number: number, what: string, make: (at: At) => RawMessage): Scenario {
  const malformed = alwaysRaw((query) => make({ recordsAt: query.questionEnd }));
  return {
    number,
    what: `${what}: ignored, asked again`,
    upstreams: [inTurn(malformed, answerA("192.0.2.9", 60))],
    steps: [miss("www A", "A/udp A/udp", WWW, { afterMs: 300 }), hit("www A", WWW)],
  };
}

const one = (body: readonly number[]): RawMessage => ({ counts: [1, 1, 0, 0], body });
const pointerTo = (offset: number): number[] => [0xc0 | (offset >> 8), offset & 0xff];
const withLength = (record: readonly number[], length: number): number[] => {
  const changed = [...record];
  changed[11] = length;
  return changed;
};

const manyOptions = Array.from({ length: 1000 }, () => [0xfd, 0xe9, 0, 0]).flat();

export const MALFORMED: readonly Scenario[] = [
  {
    number: 28,
    what: "an OPT between other additional records: taken out",
    upstreams: [alwaysRaw(() => ({ counts: [1, 1, 0, 2], body: [...ADDRESS, ...optBytes(), ...ADDRESS] }))],
    steps: missThenHit("www A", [...WWW, "add www 60 A 192.0.2.9"]),
  },
  {
    number: 28,
    what: "an OPT with 1000 options: none reaches the client",
    upstreams: [alwaysRaw(() => ({ counts: [1, 1, 0, 1], body: [...ADDRESS, ...optBytes(manyOptions)] }))],
    steps: missThenHit("www A", WWW),
  },
  refusedOnce(28, "two OPTs", () => ({ counts: [1, 1, 0, 2], body: [...ADDRESS, ...optBytes(), ...optBytes()] })),
  refusedOnce(28, "an OPT in the answer section", () => ({ counts: [1, 2, 0, 0], body: [...ADDRESS, ...optBytes()] })),
  refusedOnce(29, "a name that is a pointer to itself", ({ recordsAt }) => {
    return one(recordBytes(pointerTo(recordsAt), 1, 60, [192, 0, 2, 9]));
  }),
  refusedOnce(29, "two pointers to each other", ({ recordsAt }) => {
    const first = recordBytes(pointerTo(recordsAt + 16), 1, 60, [192, 0, 2, 9]);
    return { counts: [1, 2, 0, 0], body: [...first, ...recordBytes(pointerTo(recordsAt), 1, 60, [192, 0, 2, 9])] };
  }),
  refusedOnce(29, "a label and a pointer back to it", ({ recordsAt }) => {
    return one(recordBytes([1, 0x61, ...pointerTo(recordsAt)], 1, 60, [192, 0, 2, 9]));
  }),
  refusedOnce(29, "a pointer forward", ({ recordsAt }) => {
    return {
      counts: [1, 2, 0, 0],
      body: [...recordBytes(pointerTo(recordsAt + 16), 1, 60, [192, 0, 2, 9]), ...ADDRESS],
    };
  }),
  refusedOnce(29, "a pointer into the header", () => one(recordBytes(pointerTo(2), 1, 60, [192, 0, 2, 9]))),
  refusedOnce(29, "a pointer behind the end", () => one(recordBytes(pointerTo(0x3fff), 1, 60, [192, 0, 2, 9]))),
  {
    number: 29,
    what: "a pointer to a name in the data of a record before: a name like any other",
    upstreams: [
      alwaysRaw(({ questionEnd }) => {
        const alias = recordBytes(QNAME, 5, 60, [1, 0x63, ...pointerTo(16)]);
        return {
          counts: [1, 2, 0, 0],
          body: [...alias, ...recordBytes(pointerTo(questionEnd + 12), 1, 60, [192, 0, 2, 9])],
        };
      }),
    ],
    steps: missThenHit("www A", ["NOERROR", "www 60 CNAME c", "c 60 A 192.0.2.9"]),
  },
  refusedOnce(30, "an RDLENGTH beyond the message", () => one(withLength(ADDRESS, 5))),
  refusedOnce(30, "an RDLENGTH too short for its type", () => one(withLength(ADDRESS, 3))),
  refusedOnce(30, "an RDLENGTH too short for the name in it", () => {
    return one(withLength(recordBytes(QNAME, 5, 60, [1, 0x63, ...pointerTo(16)]), 3));
  }),
  refusedOnce(31, "more answers announced than there are", () => ({ counts: [1, 2, 0, 0], body: ADDRESS })),
  refusedOnce(31, "65535 records of each kind announced", () => {
    return { counts: [1, 0xffff, 0xffff, 0xffff], body: ADDRESS };
  }),
  refusedOnce(31, "two questions announced", () => ({ counts: [2, 1, 0, 0], body: ADDRESS })),
  {
    number: 31,
    what: "more answers announced than there are, always: SERVFAIL in time, and remembered",
    upstreams: [alwaysRaw(() => ({ counts: [1, 2, 0, 0], body: ADDRESS }))],
    steps: [
      miss("www A", "A/udp A/udp A/udp", ["SERVFAIL ede=22"], { beforeMs: 4500 }),
      hit("www A", ["SERVFAIL ede=13"]),
    ],
  },
  {
    number: 31,
    what: "fewer answers announced than there are: the rest means nothing",
    upstreams: [alwaysRaw(() => one([...ADDRESS, ...ADDRESS, 1, 2, 3]))],
    steps: missThenHit("www A", WWW),
  },
];
