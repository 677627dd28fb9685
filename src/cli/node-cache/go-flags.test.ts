import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { BOOLEAN, choiceKind, type FlagTable, integerKind, parseGoFlags, printDefaults, STRING } from "./go-flags.ts";

interface Values {
  readonly ip: string;
  readonly up: boolean;
  readonly n: number;
  readonly mode: "one" | "two";
  readonly other: string;
}

const TABLE: FlagTable<Values> = {
  ip: { kind: STRING, value: "", usage: "an address" },
  up: { kind: BOOLEAN, value: true, usage: "whether", shownDefault: "true" },
  n: { kind: integerKind(1, 9), value: 5, usage: "how many", shownDefault: "5" },
  mode: { kind: choiceKind(["one", "two"]), value: "one", usage: "which", shownDefault: '"one"' },
  other: { kind: STRING, value: "", usage: "the same address", aliasOf: "ip" },
};

const parse = (line: string): ReturnType<typeof parseGoFlags<Values>> =>
  parseGoFlags(TABLE, line === "" ? [] : line.split(" "));

function valuesOf(line: string): Values {
  const parsed = parse(line);
  assert.equal(parsed.kind, "parsed", line);
  return parsed.kind === "parsed" ? parsed.values : assert.fail();
}

describe("flags in Go's form", () => {
  it("have their defaults", () => {
    assert.deepEqual(valuesOf(""), { ip: "", up: true, n: 5, mode: "one", other: "" });
  });

  it("are written in four ways, and the last one wins", () => {
    for (const line of ["-ip a", "-ip=a", "--ip a", "--ip=a", "-ip b -ip a"])
      assert.equal(valuesOf(line).ip, "a", line);
    assert.equal(valuesOf("-ip -up").ip, "-up");
    assert.equal(valuesOf("-ip=a=b").ip, "a=b");
    assert.equal(valuesOf("-ip=").ip, "");
  });

  it("may have two names", () => {
    assert.equal(valuesOf("-other a").ip, "a");
    assert.deepEqual([valuesOf("-other a -ip b").other, valuesOf("-ip b -other a").ip], ["b", "a"]);
  });

  it("are true or false by themselves or behind an equals sign", () => {
    for (const text of ["1", "t", "T", "true", "TRUE", "True"]) assert.equal(valuesOf(`-up=${text}`).up, true);
    for (const text of ["0", "f", "F", "false", "FALSE", "False"]) assert.equal(valuesOf(`--up=${text}`).up, false);
    assert.equal(valuesOf("-up=false -up").up, true);
  });

  it("end at the first word that is none", () => {
    const rest = (line: string): readonly string[] | undefined => {
      const parsed = parse(line);
      return parsed.kind === "parsed" ? parsed.rest : undefined;
    };
    assert.deepEqual(rest("-ip a b -n 3"), ["b", "-n", "3"]);
    assert.deepEqual(rest("-up false"), ["false"]);
    assert.deepEqual(rest("-up -- -n 3"), ["-n", "3"]);
    assert.deepEqual(rest("-ip a -"), ["-"]);
  });

  const mistakes: [string, string][] = [
    ["-nope", "flag provided but not defined: -nope"],
    ["--nope=3", "flag provided but not defined: -nope"],
    ["-ip", "flag needs an argument: -ip"],
    ["-=3", "bad flag syntax: -=3"],
    ["---ip", "bad flag syntax: ---ip"],
    ["-up=maybe", 'invalid boolean value "maybe" for -up: parse error'],
    ["-n 10", 'invalid value "10" for flag -n: parse error'],
    ["-n=x", 'invalid value "x" for flag -n: parse error'],
    ["-mode three", 'invalid value "three" for flag -mode: parse error'],
    ["-toString", "flag provided but not defined: -toString"],
  ];
  for (const [line, message] of mistakes) {
    it(`are refused in Go's words: ${line}`, () => assert.deepEqual(parse(line), { kind: "mistake", message }));
  }

  it("ask for help", () => {
    for (const line of ["-h", "-help", "--help", "-ip a -h"]) assert.deepEqual(parse(line), { kind: "help" });
  });

  it("are shown by name with their defaults", () => {
    assert.equal(
      printDefaults(TABLE),
      `  -ip string
    \tan address
  -mode one|two
    \twhich (default "one")
  -n int
    \thow many (default 5)
  -other string
    \tthe same address
  -up
    \twhether (default true)
`,
    );
  });
});
