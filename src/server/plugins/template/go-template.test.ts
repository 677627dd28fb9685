/** The template language: what Go's `text/template` prints for the same text and values. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { parseTemplate } from "./parse.ts";
import { runTemplate } from "./run.ts";
import { Method, Struct, TemplateError, textOf, type Value } from "./values.ts";
import { TemplateSyntaxError } from "./words.ts";

const question = new Struct("*dns.Question", { Name: "Www.example.", Qtype: 1n, Qclass: 1n });
const data = new Struct("*template.templateData", {
  Name: "www.example.",
  Match: ["www.example.", "www", ""],
  Group: new Map<string, Value>([
    ["0", "www.example."],
    ["1", "www"],
    ["host", "www"],
    ["empty", ""],
  ]),
  Question: question,
  Message: new Struct("*dns.Msg", { Id: 7n, RecursionDesired: true, Question: [question] }),
  Meta: new Method(([label]) => `<${textOf(label)}>`),
});

const run = (text: string): string => runTemplate(parseTemplate(text), data);

describe("a template", () => {
  for (const [text, expected] of [
    ["plain", "plain"],
    ["{{ .Name }}", "www.example."],
    ["{{.Name}} 60 IN A", "www.example. 60 IN A"],
    ["{{ .Group.host }}-{{ .Group.a }}-{{ .Group.empty }}", "www-<no value>-"],
    ["{{ index .Match 1 }}", "www"],
    ['{{ index .Group "host" }}/{{ index .Group "none" }}', "www/"],
    ["{{ .Question.Qtype }} {{ .Message.Id }} {{ .Message.RecursionDesired }}", "1 7 true"],
    ["{{ (index .Message.Question 0).Name }}", "Www.example."],
    ['{{ .Meta "a/b" }} {{ "c/d" | .Meta }} {{ $.Meta "e/f" }}', "<a/b> <c/d> <e/f>"],
    ["{{ .Match }} {{ .Group }}", "[www.example. www ] map[0:www.example. 1:www empty: host:www]"],
    ["{{ len .Match }} {{ len .Name }} {{ .Name | len }}", "3 12 12"],
    ['{{ "a" }}{{ `b"` }}{{ \'c\' }}{{ "\\x41\\u00e4\\t\\"" }}', 'ab"99Aä\t"'],
    [
      "{{ 1 }} {{ 0x1F }} {{ 0b101 }} {{ 017 }} {{ 1_000 }} {{ -5 }} {{ 1.50 }} {{ 1e3 }} {{ 1e-9 }}",
      "1 31 5 15 1000 -5 1.5 1000 1e-09",
    ],
    ["{{ true }} {{ false }}", "true false"],
    ["a {{- 1 -}} b", "a1b"],
    ["a {{-1}} b", "a -1 b"],
    ["a {{- /* gone */ -}} b{{/* too */}}", "ab"],
    ["{{ $x := .Group.host }}{{ $x }}.{{ $x }}", "www.www"],
    ["{{ $x := 1 }}{{ if true }}{{ $x = 2 }}{{ $y := 3 }}{{ end }}{{ $x }}", "2"],
    ["{{ $x := 1 }}{{ if true }}{{ $x := 2 }}{{ $x }}{{ end }}{{ $x }}", "21"],
    ['{{ if eq .Group.host "www" }}yes{{ else }}no{{ end }}', "yes"],
    ['{{ if eq .Group.host "a" "b" "www" }}yes{{ else }}no{{ end }}', "yes"],
    ['{{ if ne .Name "x" }}a{{ else if true }}b{{ else }}c{{ end }}', "a"],
    ["{{ if .Group.empty }}a{{ else if .Group.none }}b{{ else }}c{{ end }}", "c"],
    ["{{ if and .Group.host (not .Group.empty) }}both{{ end }}", "both"],
    ['{{ or .Group.empty "fallback" }} {{ and 1 0 2 }} {{ or 0 "" }}|', "fallback 0 |"],
    ["{{ or true (index .Match 99) }}", "true"],
    [
      "{{ lt 1 2 }} {{ le 2 2 }} {{ gt 1 2 }} {{ ge 1 2 }} {{ lt `a` `b` }} {{ gt 1.5 0.5 }}",
      "true true false false true true",
    ],
    ["{{ with .Group.host }}{{ . }}!{{ end }}{{ with .Group.empty }}x{{ else }}none{{ end }}", "www!none"],
    ["{{ with .Question }}{{ .Qtype }}{{ $.Name }}{{ end }}", "1www.example."],
    ["{{ range .Match }}[{{ . }}]{{ end }}", "[www.example.][www][]"],
    ["{{ range $i, $m := .Match }}{{ $i }}={{ $m }};{{ end }}", "0=www.example.;1=www;2=;"],
    ["{{ range $k, $v := .Group }}{{ if eq $k `host` }}{{ break }}{{ end }}{{ $k }} {{ end }}", "0 1 empty "],
    ["{{ range $i := 4 }}{{ if eq $i 1 }}{{ continue }}{{ end }}{{ $i }}{{ end }}", "023"],
    ["{{ range .Group.none }}x{{ else }}nothing{{ end }}", "nothing"],
    [
      "{{ parseInt `0a` 16 8 }} {{ parseInt `ff` 16 64 }} {{ parseInt `0x10` 0 64 }} {{ parseInt `7` 10 0 }}",
      "10 255 16 7",
    ],
    ["{{ parseInt `18446744073709551615` 10 64 }}", "18446744073709551615"],
    ["{{ slice .Name 0 3 }} {{ slice .Match 1 2 }} {{ slice .Name 4 }}", "www [www] example."],
    ["{{ print 1 2 `a` `b` 3 4 }}|{{ println 1 `a` }}", "1 2ab3 4|1 a\n"],
    ['{{ printf "%s-%d" .Group.host 7 }}', "www-7"],
    ['{{ .Group.host | printf "%s.%s" "a" }}', "a.www"],
    ["{{ parseInt .Group.empty 16 8 | printf `%d` }}", undefined],
    ["{{ index .Match 3 }}", undefined],
    ["{{ .Nothing }}", undefined],
    ["{{ .Name.Nothing }}", undefined],
    ["{{ .Name 1 }}", undefined],
    ["{{ 1 2 }}", undefined],
    ["{{ nil }}", undefined],
    ["{{ parseInt }}", undefined],
    ["{{ parseInt `256` 10 8 }}", undefined],
    ["{{ parseInt `-1` 10 8 }}", undefined],
    ["{{ parseInt `gg` 16 8 }}", undefined],
    ["{{ eq 1 `1` }}", undefined],
    ["{{ lt true false }}", undefined],
    ["{{ len 5 }}", undefined],
    ["{{ range true }}{{ end }}", undefined],
    ["{{ range 1000000000 }}{{ end }}", undefined],
    ["{{ range 100000 }}{{ range 100000 }}{{ end }}{{ end }}", undefined],
    ["{{ range 50000 }}ab{{ end }}", undefined],
    ['{{ printf "%99999d" 1 }}', undefined],
  ] as const) {
    it(`${text} gives ${expected ?? "an error"}`, () => {
      if (expected === undefined) assert.throws(() => run(text), TemplateError);
      else assert.equal(run(text), expected);
    });
  }

  for (const [format, args, expected] of [
    ["%d|%5d|%-5d|%05d|%+d", "42 42 42 42 42", "42|   42|42   |00042|+42"],
    ["%x %X %#x %o %b %c %U %q", "255 255 255 8 5 65 65 65", "ff FF 0xff 10 101 A U+0041 'A'"],
    ["%x|% x|%X|%q|%.2s|%5s|%-5s|", '"ab" "ab" "ab" "ab" "abc" "abc" "abc"', '6162|61 62|6162|"ab"|ab|  abc|abc  |'],
    ["%v %v %v %t", '1 "a" true false', "1 a true false"],
    ["%f %.2f %e %g %6.1f|", "1.5 1.556 1500.0 0.5 2.26", "1.500000 1.56 1.500000e+03 0.5    2.3|"],
    ["%*d|%.*f", "5 42 1 2.55", "   42|2.5"],
    ["%02x%02x", "10 11", "0a0b"],
    ["%05d %x", "-42 -255", "-0042 -ff"],
    ["%d%%", "5", "5%"],
    ["%d", '"abc"', "%!d(string=abc)"],
    ["%s", "5", "%!s(int=5)"],
    ["%d %d", "1", "1 %!d(MISSING)"],
    ["%d", "1 2", "1%!(EXTRA int=2)"],
    ["%T %T", '1 "a"', "int string"],
    ["%", "", "%!(NOVERB)"],
  ] as const) {
    it(`printf ${format} of ${args} gives ${expected}`, () => {
      assert.equal(run(`{{ printf ${JSON.stringify(format)} ${args} }}`), expected);
    });
  }

  for (const [text, message] of [
    ["{{", "unclosed action"],
    ["{{ .Name", "unclosed action"],
    ["{{ }}", "missing value for command"],
    ["{{ if }}a{{ end }}", "missing value for if"],
    ["{{ if true }}a", "unexpected EOF"],
    ["{{ if true }}a{{ else }}b", "unexpected EOF"],
    ["{{ if true }}a{{ else }}b{{ else }}c{{ end }}", "expected end; found {{else}}"],
    ["{{ end }}", "unexpected {{end}}"],
    ["a{{ else }}", "unexpected {{else}}"],
    ["{{ notAFunction }}", 'function "notAFunction" not defined'],
    ["{{ html .Name }}", 'function "html" is not supported'],
    ["{{ template `x` }}", "{{template}} is not supported"],
    ["{{ define `x` }}{{ end }}", "{{define}} is not supported"],
    ["{{ $x }}", 'undefined variable "$x"'],
    ["{{ $x = 1 }}", 'undefined variable "$x"'],
    ["{{ if true }}{{ $x := 1 }}{{ end }}{{ $x }}", 'undefined variable "$x"'],
    ["{{ .Name | 1 }}", "non executable command in pipeline"],
    ["{{ .Name | }}", "missing value for command"],
    ["{{ (len .Name }}", "unclosed left paren"],
    ["{{ len .Name) }}", 'unexpected ")" in command'],
    ["{{ $a, $b := .Name }}", "too many declarations in command"],
    ["{{ break }}", "{{break}} outside {{range}}"],
    ["{{ if true }}{{ end 1 }}", 'unexpected "1" in end'],
    ['{{ "abc }}', "unterminated quoted string"],
    ["{{ `abc }}", "unterminated raw quoted string"],
    ["{{ 'ab' }}", "malformed character constant: 'ab'"],
    ['{{ "\\y" }}', "unknown escape sequence \\y"],
    ["{{ 1x }}", 'bad number syntax: "1x"'],
    ["{{ .Name & 1 }}", 'unexpected "&" in action'],
    ["{{ `a`.Name }}", "unexpected .Name after operand"],
    [`${"{{ if true }}".repeat(200)}`, "nested too deeply"],
    [`{{ ${"(".repeat(200)} }}`, "nested too deeply"],
  ] as const) {
    it(`${text.slice(0, 40)} is refused`, () => {
      assert.throws(
        () => parseTemplate(text),
        (error) => error instanceof TemplateSyntaxError && error.message === message,
      );
    });
  }

  it("of any text either is refused or gives text or fails, and never hangs", () => {
    const bit = fc.constantFrom(
      "{{",
      "}}",
      "{{-",
      "-}}",
      " ",
      "if",
      "else",
      "end",
      "range",
      "with",
      ".Name",
      ".Match",
      ".Group.a",
      "$x",
      ":=",
      "=",
      "|",
      "(",
      ")",
      ",",
      "1",
      "-",
      "`a`",
      '"b"',
      "'",
      "/*",
      "*/",
      "index",
      "len",
      "printf",
      "eq",
      "and",
      "parseInt",
      "nil",
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.array(bit, { maxLength: 30 }).map((bits) => bits.join("")),
          fc.string(),
        ),
        (text) => {
          try {
            run(text);
          } catch (error) {
            assert.ok(error instanceof TemplateSyntaxError || error instanceof TemplateError, String(error));
          }
        },
      ),
      { numRuns: 500 },
    );
  });
});
