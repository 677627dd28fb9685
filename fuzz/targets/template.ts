/** Templates: whatever is taken for one gives a whole answer or SERVFAIL, and comes to an end. */
import { template } from "../../src/server/plugins/template/template.ts";
import { askThrough } from "../chain-bench.ts";
import { COREFILE_WORDS, examplesIn } from "../corpus/corefiles.ts";
import { bytesOf, mutateText, textOf } from "../mutate-text.ts";
import type { Target } from "../target.ts";

const OUTCOMES = ["refused", "applied"] as const;

const withAnswer = (...actions: readonly string[]): string =>
  `template ANY ANY {\n${actions.map((text) => `    answer "${text}"\n`).join("")}}`;

const TEMPLATES: readonly string[] = [
  withAnswer("{{ .Name }} 60 IN A 192.0.2.1"),
  withAnswer('{{ .Name }} 60 IN TXT \\"{{ .Class }} {{ .Type }} {{ .Zone }} {{ .Remote }} {{ .Meta \\"a/b\\" }}\\"'),
  withAnswer(
    "{{ if eq .Type `A` }}{{ .Name }} 60 IN A 192.0.2.1{{ else if .Match }}{{ .Name }} 60 IN AAAA ::1{{ end }}",
  ),
  withAnswer("{{ range $i, $m := .Match }}{{ printf `%d %s %q %v %05d %x %T` $i $m $m $m $i $m $m }}{{ end }}"),
  withAnswer("{{ with $x := index .Match 0 }}{{ len $x }}{{ slice $x 1 2 }}{{ end }}{{/* comment */}}"),
  withAnswer("{{- .Question.Name -}} 60 IN CNAME {{ .Group.a | printf `%s.example.` }}"),
  withAnswer("{{ range 5 }}{{ . }}{{ if gt . 2 }}{{ break }}{{ end }}{{ continue }}{{ end }}"),
  withAnswer("{{ .Name }} 60 IN A 10.{{ parseInt `0a` 16 8 }}.{{ parseInt .Group.b 10 8 }}.1"),
  'template IN A example {\n    match (^|[.])ip-(?P<a>[0-9]*)-(?P<b>[0-9]*)-(?P<c>[0-9]*)-(?P<d>[0-9]*)[.]example[.]$\n    answer "{{ .Name }} 60 IN A {{ .Group.a }}.{{ .Group.b }}.{{ .Group.c }}.{{ .Group.d }}"\n    fallthrough\n}',
  'template ANY ANY {\n    rcode NXDOMAIN\n    authority "{{ .Zone }} 60 {{ .Class }} SOA a. b. (1 60 60 60 60)"\n    ederror 21 "no"\n}',
  "template ANY ANY {\n    var x group('0')\n    expr \"any([1, 2], # > 1) && incidr('10.0.0.1', '10.0.0.0/8')\"\n    answer \"{{ .Name }} 60 IN TXT {{ .Var.x }}\"\n}",
];

const WORDS: readonly string[] = [
  ...COREFILE_WORDS,
  ..."{{ }} {{- -}} {{/* */}} {{end}} {{else}} {{if {{range {{with {{break}} {{continue}} {{define | := = $ $x $x, ( ) .".split(
    " ",
  ),
  ...".Name .Zone .Class .Type .Match .Group .Group.a .Regex .Var .Remote .Question .Message .Meta .Message.Id".split(
    " ",
  ),
  ..."and or not eq ne lt le gt ge index len slice print println printf parseInt html call nil true false".split(" "),
  ..."1 -1 0x7f 1e3 1.5 'a' `raw` \\\" \\\\ %s %q %d %v %x %-5s %*d %[1]s %! %9999999999d %.3f range 100000".split(" "),
  ..."template IN ANY A AAAA match answer additional authority rcode ederror fallthrough var expr example.org".split(
    " ",
  ),
  ..."group('a') # any( all( map( [1,2] .. ?? ? : in contains matches startsWith ** 9999999999 metadata('a')".split(
    " ",
  ),
  "{{ range 1000000 }}{{ range 1000000 }}x{{ end }}{{ end }}",
  "(".repeat(60),
  "{{ if true }}".repeat(120),
  "(a*)*b",
  "a{1,1000}{1,1000}",
];

export function templateTarget(): Target {
  return {
    name: "template",
    form: "text",
    corpus: [...TEMPLATES, ...templatesOfPage()].map(bytesOf),
    maxBytes: 4096,
    slowMs: 200,
    outcomes: OUTCOMES,
    mutate: (input, random, inputs) => mutateText(input, random, inputs, WORDS),
    run: async (input) => {
      const answered = await askThrough(template, textOf(input));
      return (answered > 0 ? OUTCOMES.indexOf("applied") : OUTCOMES.indexOf("refused")) | (answered << 8);
    },
  };
}

function templatesOfPage(): string[] {
  return examplesIn("plugins/template/README.md").map((text) => text.replace(/^.*\{\n/, "").replace(/\n?\}\s*$/, ""));
}
