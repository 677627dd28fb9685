import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { compileGoRegexp } from "./go-regexp.ts";

describe("compileGoRegexp", () => {
  for (const [pattern, yes, no] of [
    ["^read udp .* i/o timeout$", "read udp a->b: i/o timeout", "read tcp a: i/o timeout"],
    ["(?i)TIMEOUT", "i/o Timeout", "refused"],
    ["(?i)[x-z]{2}", "Xy", "ab"],
    ["a(?i:b)c", "aBc", "ABC"],
    ["a(?i)b|c", "C", "A"],
    ["(?is)a.b", "A\nB", "AB"],
    ["a.b", "a-b", "a\nb"],
    ["(?m)^b$", "a\nb\nc", "a\nbb"],
    ["^b$", "b", "a\nb\nc"],
    ["(?P<who>a+)b", "aab", "b"],
    ["(?<who>a+)b", "aab", "b"],
    ["\\Aa\\z", "a", "a\nb"],
    ["\\Q1.1\\E$", "1.1", "1x1"],
    ["\\Qa+", "a+", "aa"],
    ["[[:digit:]]+[[:space:]]x", "12 x", "ab x"],
    ["^[^[:alpha:]]$", "1", "a"],
    ["^[[:^digit:]x]$", "a", "1"],
    ["\\\\A", "\\A", "A"],
    ["^[]a]$", "]", "b"],
    ["^[^]a]$", "b", "]"],
    ["^[a\\-z.]+$", "a-z.", "b"],
    ["^[\\d\\W]$", "7", "x"],
    ["^\\D$", "x", "7"],
    ["\\bfoo\\b", "a foo.", "afoo"],
    ["\\Boo", "foo", "oo"],
    ["^\\x41\\x{42}\\103\\t$", "ABC\t", "ABC"],
    ["^\\pL\\p{Greek}\\P{Lu}\\p{^Lu}$", "aβcd", "aβCd"],
    ["^.$", "\u{1f600}", "ab"],
    ["^a{2,3}$", "aaa", "aaaa"],
    ["^a{2,}$", "aaaa", "a"],
    ["^a{0}b{,2}$", "b{,2}", "ab"],
    ["^(?:)$", "", "a"],
    ["^(|a)+$", "aaa", "b"],
    ["^(?:a|ab)(?:c|bcd)$", "abcd", "abd"],
  ] as const) {
    it(`matches ${pattern} as Go does`, () => {
      const regexp = compileGoRegexp(pattern);
      assert.ok(regexp.test(yes), yes);
      assert.ok(!regexp.test(no), no);
    });
  }

  for (const [pattern, text, groups] of [
    ["(a*)(b*)", "aab", ["aab", "aa", "b"]],
    ["(a*?)(b*)", "aab", ["", "", ""]],
    ["(?U)(a*)(b)", "aab", ["aab", "aa", "b"]],
    ["(?U)a+", "aaa", ["a"]],
    ["(?U)a+?", "aaa", ["aaa"]],
    ["a|ab", "ab", ["a"]],
    ["(x)|(b)", "ab", ["b", "", "b"]],
    ["(a|b)*c", "xabc", ["abc", "b"]],
    [
      "(.*)-(us-west-1)\\.example\\.org",
      "ftp-us-west-1.example.org.",
      ["ftp-us-west-1.example.org", "ftp", "us-west-1"],
    ],
    ["^(\\d{1,3}(-\\d{1,3}){3})$", "10-0-0-7", ["10-0-0-7", "10-0-0-7", "-7"]],
  ] as const) {
    it(`finds ${JSON.stringify(groups)} with ${pattern}`, () => {
      assert.deepEqual(compileGoRegexp(pattern).match(text), groups);
    });
  }

  it("tells the names of groups, the whole match first", () => {
    const regexp = compileGoRegexp("(a)(?:b)(?P<c>c)");
    assert.deepEqual(regexp.groupNames, ["", "", "c"]);
    assert.equal(regexp.groupCount, 2);
    assert.equal(regexp.match("x"), undefined);
  });

  for (const [pattern, message] of [
    ["(", "missing closing ): `(`"],
    ["a)", "unexpected ): `a)`"],
    ["[a", "missing closing ]: `[a`"],
    ["[z-a]", "invalid character class range: `z-a`"],
    ["[[:nonsense:]]", "invalid character class range: `[:nonsense:]`"],
    ["\\p{Nonsense}", "invalid character class range: `\\p{Nonsense}`"],
    ["*a", "missing argument to repetition operator: `*`"],
    ["a**", "invalid nested repetition operator: `**`"],
    ["a{1001}", "invalid repeat count: `{1001}`"],
    ["a{2,1}", "invalid repeat count: `{2,1}`"],
    ["a\\", "trailing backslash at end of expression: ``"],
    ["\\y", "invalid escape sequence: `\\y`"],
    ["(a)\\1", "invalid escape sequence: `\\1`"],
    ["(?=a)", "invalid or unsupported Perl syntax: `(?=`"],
    ["(?x)a", "invalid or unsupported Perl syntax: `(?x)`"],
    ["(?P<n", "invalid named capture: `(?P<n`"],
    ["(?P<n>a)(?P<n>b)", "duplicate capture group name: `n`"],
    ["(".repeat(2000), `expression nests too deeply: \`${"(".repeat(2000)}\``],
    ["(?:a{1000}){1000}", "expression too large"],
  ] as const) {
    it(`refuses ${pattern.slice(0, 20)}`, () => {
      assert.throws(() => compileGoRegexp(pattern), { name: "SyntaxError", message });
    });
  }

  it("ends soon where a backtracking engine would not end", () => {
    const text = `${"a".repeat(1000)}!`;
    for (const pattern of ["^(a+)+$", "^(a|a)*$", "^(a?){99}a{99}$", "(.*)(.*)(.*)(.*)$x"]) {
      assert.equal(compileGoRegexp(pattern).test(text), false, pattern);
    }
  });

  it("finds what JavaScript finds, in patterns that mean the same in both", () => {
    // JavaScript lets no empty iteration pass, so what is repeated here is never empty.
    const { pattern } = fc.letrec<{ solid: string; pattern: string }>((tie) => {
      const pair = (left: "solid" | "pattern", right: "solid" | "pattern") => fc.tuple(tie(left), tie(right));
      return {
        solid: fc.oneof(
          { depthSize: "small" },
          fc.constantFrom("a", "b", ".", "[ab]", "[^a]"),
          pair("solid", "pattern").map(([left, right]) => left + right),
          pair("solid", "solid").map(([left, right]) => `(?:${left}|${right})`),
        ),
        pattern: fc.oneof(
          { depthSize: "small" },
          tie("solid"),
          fc.constantFrom("\\b", "$"),
          fc
            .tuple(tie("solid"), fc.constantFrom("*", "+", "?", "*?", "??", "{1,2}"))
            .map(([one, count]) => `(?:${one})${count}`),
          pair("pattern", "pattern").map(([left, right]) => left + right),
          pair("pattern", "pattern").map(([left, right]) => `(?:${left}|${right})`),
        ),
      };
    });
    fc.assert(
      fc.property(pattern, fc.stringMatching(/^[abc]{0,8}$/), (source, text) => {
        const expected = new RegExp(source).exec(text)?.[0];
        assert.equal(compileGoRegexp(source).match(text)?.[0], expected);
      }),
    );
  });
});
