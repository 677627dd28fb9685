import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ConfigError } from "../../base/errors.ts";
import { directivesOf } from "../../../test/support/setup-context.ts";
import {
  expectArg,
  expectArgs,
  expectNoProperties,
  once,
  parseDuration,
  parseInteger,
  parsePercent,
  parseZones,
  properties,
  unknownProperty,
  zonesOr,
} from "./arguments.ts";
import type { Directive, Token } from "./tree.ts";

/** The directive `x` of a block, on line 2. */
function directive(text: string): Directive {
  return once(directivesOf(`. {\n${text}\n}`, "x"));
}

function word(text: string): Token {
  return { text, position: { file: "Corefile", line: 2, column: 3 }, quoted: false };
}

function refuses(run: () => unknown, message: string): void {
  assert.throws(run, (error) => error instanceof ConfigError && (assert.equal(error.message, message), true));
}

describe("arguments of a directive", () => {
  it("are counted, and the first one too many is named", () => {
    assert.deepEqual(
      expectArgs(directive("x a b"), 1, 2).map((token) => token.text),
      ["a", "b"],
    );
    refuses(() => expectArgs(directive("x a b"), 0, 1), "Corefile:2:5: Wrong argument count: 'x' does not take 'b'");
    refuses(() => expectArg(directive("x")), "Corefile:2:1: Wrong argument count or unexpected line ending after 'x'");
    refuses(
      () => expectArgs(directive("x a"), 2),
      "Corefile:2:3: Wrong argument count or unexpected line ending after 'a'",
    );
  });

  it("are read from each line inside braces", () => {
    const found = properties(directive("x {\na 1\nb\n}"));
    assert.deepEqual(
      found.map(({ name, args }) => [name.text, args.map((token) => token.text)]),
      [
        ["a", ["1"]],
        ["b", []],
      ],
    );
    assert.deepEqual(properties(directive("x")), []);
    const [first] = found;
    assert.ok(first !== undefined);
    refuses(() => unknownProperty(first), "Corefile:3:1: unknown property 'a'");
  });

  it("may be none, with empty braces or without", () => {
    expectNoProperties(directive("x"));
    expectNoProperties(directive("x {\n}"));
    refuses(() => expectNoProperties(directive("x {\n  a 1\n}")), "Corefile:3:3: unknown property 'a'");
  });

  it("belong to one occurrence where a directive may stand once", () => {
    refuses(() => directive("x\n  x"), "Corefile:3:3: this plugin can only be used once per Server Block");
  });
});

describe("values", () => {
  it("are durations within bounds", () => {
    assert.equal(parseDuration(word("1m30s")), 90_000);
    assert.equal(parseDuration(word("2s"), 2000, 2000), 2000);
    refuses(() => parseDuration(word("-1s")), "Corefile:2:3: duration -1s is below 0s");
    refuses(() => parseDuration(word("1s"), 2000), "Corefile:2:3: duration 1s is below 2s");
    refuses(() => parseDuration(word("1h"), 0, 60_000), "Corefile:2:3: duration 1h is above 1m0s");
    refuses(() => parseDuration(word("5")), 'Corefile:2:3: time: missing unit in duration "5"');
  });

  it("are whole numbers within bounds", () => {
    assert.equal(parseInteger(word("0"), 0, 9), 0);
    assert.equal(parseInteger(word("-3"), -5, 9), -3);
    for (const text of ["", "x", "1.5", "0x10", "1e3", " 1", "99999999999999999999"]) {
      refuses(() => parseInteger(word(text), 0, 9), `Corefile:2:3: '${text}' is no whole number`);
    }
    refuses(() => parseInteger(word("10"), 0, 9), "Corefile:2:3: 10 is out of range: 0 to 9");
    refuses(() => parseInteger(word("-1"), 0, 9), "Corefile:2:3: -1 is out of range: 0 to 9");
  });

  it("are percentages with their sign", () => {
    assert.equal(parsePercent(word("10%"), 10, 90), 10);
    refuses(() => parsePercent(word("10"), 10, 90), "Corefile:2:3: '10' is no percentage such as 10%");
    refuses(() => parsePercent(word("9%"), 10, 90), "Corefile:2:3: 9% is out of range: 10% to 90%");
  });

  it("are zones, else those of the server block", () => {
    assert.deepEqual(parseZones([word("Example.ORG"), word("10.0.0.0/15"), word("dns://a:53")]), [
      "example.org.",
      "0.10.in-addr.arpa.",
      "1.10.in-addr.arpa.",
      "a.",
    ]);
    assert.deepEqual(zonesOr([], ["b."]), ["b."]);
    assert.deepEqual(zonesOr([word("a")], ["b."]), ["a."]);
    refuses(
      () => parseZones([word("a..b")]),
      'Corefile:2:3: not a domain name: "a..b" is no domain name: a label is empty',
    );
  });
});
