import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { recordFromText } from "../../../dns/records/record-text.ts";
import { linesOf } from "../../../../test/support/plugin-server.ts";
import { parseWeights, weightedSection, type Weights } from "./weights.ts";

function weightsOf(text: string): Weights {
  const weights = parseWeights(text, "wf");
  if (typeof weights === "string") return assert.fail(weights);
  return weights;
}

describe("a file of weights", () => {
  it("names domains, and under each its addresses with their weights", () => {
    const weights = weightsOf(`
# domain 1
W1.example.org
192.168.1.15   10
192.168.1.14   20

# domain 2
w2.example.org
 # domain 3
 w3.example.org.
 192.168.2.16 11
 2001:DB8::0:1 255
`);
    assert.deepEqual(
      [...weights].map(([name, addresses]) => [name, [...addresses]]),
      [
        [
          "w1.example.org.",
          [
            ["192.168.1.15", 10],
            ["192.168.1.14", 20],
          ],
        ],
        ["w2.example.org.", []],
        [
          "w3.example.org.",
          [
            ["192.168.2.16", 11],
            ["2001:db8::1", 255],
          ],
        ],
      ],
    );
  });

  it("may be empty, may name a domain twice, and its first weight of an address counts", () => {
    assert.equal(weightsOf("").size, 0);
    const twice = weightsOf("a\n192.0.2.1 1\nb\n192.0.2.1 2\nA.\n192.0.2.2 3\n192.0.2.1 4\n");
    assert.deepEqual(
      [...(twice.get("a.") ?? [])],
      [
        ["192.0.2.1", 1],
        ["192.0.2.2", 3],
      ],
    );
  });

  for (const [text, wrong] of [
    ["w1\n192.168.1.14\n", 'wrong domain name:"192.168.1.14" in weight file wf. (Maybe a missing weight value?)'],
    ["# none\n192.168.1.14 10\nw2\n", "missing domain name in weight file wf"],
    ["w1\n192.168.1.300 10\n", 'wrong IP address:"192.168.1.300" in weight file wf'],
    ["w1\n192.168.1.14 300\n", 'wrong weight value:"300" in weight file wf'],
    ["w1\n192.168.1.14 256\n", 'wrong weight value:"256" in weight file wf'],
    ["w1\n192.168.1.14 0\n", 'wrong weight value:"0" in weight file wf'],
    ["w1\n192.168.1.14 -1\n", 'wrong weight value:"-1" in weight file wf'],
    ["w1\n192.168.1.14 10 x\n", 'could not parse weight line:"192.168.1.14 10 x" in weight file wf'],
  ] as const) {
    it(`is wrong as ${JSON.stringify(text)}`, () => assert.equal(parseWeights(text, "wf"), wrong));
  }
});

const R2 = "endpoint.region2.skydns.test.";
const R1 = "endpoint.region1.skydns.test.";
const ONE = `${R2}\n10.240.0.2 3\n10.240.0.1 2\n`;
const TWO = `${R2}\n10.240.0.2 5\n10.240.0.1 2\n${R1}\n::2 4\n::1 3\n`;
const MIXED = [
  `mx.test. 300 IN MX 1 mx1.test.`,
  `cname.test. 300 IN CNAME ${R2}`,
  `${R2} 300 IN A 10.240.0.1`,
  `srv.test. 300 IN SRV 0 0 1 a.test.`,
  `${R2} 300 IN A 10.240.0.2`,
  `${R2} 300 IN A 10.240.0.3`,
  `${R1} 300 IN AAAA ::1`,
  `${R1} 300 IN AAAA ::2`,
];

function order(lines: readonly string[], weights: string, random: () => number): string[] {
  return linesOf(
    weightedSection(
      lines.map((line) => recordFromText(line)),
      weightsOf(weights),
      random,
    ),
  );
}

describe("weightedSection", () => {
  // Greatest weight first: .2 has 5, ::2 has 4, ::1 has 3, .1 has 2, .3 has 1 by default.
  for (const [drawn, top] of [
    [0, "10.240.0.2"],
    [4, "10.240.0.2"],
    [5, "::2"],
    [8, "::2"],
    [9, "::1"],
    [11, "::1"],
    [12, "10.240.0.1"],
    [13, "10.240.0.1"],
    [14, "10.240.0.3"],
  ] as const) {
    it(`puts ${top} in front when ${drawn} of 15 is drawn`, () => {
      const lines = order(MIXED, TWO, () => (drawn + 0.5) / 15);
      assert.equal(lines[2]?.split(" ").at(-1), top);
      const types = lines.map((line) => line.split(" ")[3]);
      assert.deepEqual([types[0], types[1], types.at(-1)], ["CNAME", "SRV", "MX"]);
      assert.deepEqual(lines.toSorted(), MIXED.toSorted());
    });
  }

  it("exchanges two addresses and leaves the others where they are", () => {
    const lines = [1, 2, 3, 4].map((host) => `${R1} 300 IN A 10.240.0.${host}`);
    const upper = lines.map((line) => line.replace("endpoint", "ENDPOINT"));
    assert.deepEqual(
      order(upper, `${R1}\n10.240.0.3 200\n`, () => 0),
      [upper[2], upper[1], upper[0], upper[3]],
    );
  });

  it("uses weights of that name only", () => {
    assert.equal(
      order([`${R1} 1 IN A 10.240.0.1`, `${R1} 1 IN A 10.240.0.2`], ONE, () => 0.5)[0],
      `${R1} 1 IN A 10.240.0.2`,
    );
    assert.equal(
      order([`${R1} 1 IN A 10.240.0.1`, `${R1} 1 IN A 10.240.0.2`], ONE, () => 0.49)[0],
      `${R1} 1 IN A 10.240.0.1`,
    );
  });

  it("leaves records without an address as they are", () => {
    const none = MIXED.filter((line) => !/ (A|AAAA) /.test(line));
    assert.deepEqual(
      order(none, ONE, () => 0),
      none,
    );
  });
});
