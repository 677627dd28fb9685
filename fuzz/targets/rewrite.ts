/** Rewrite rules: whatever is taken for a rule leaves questions and answers whole. */
import { rewrite } from "../../src/server/plugins/rewrite/rewrite.ts";
import { askThrough } from "../chain-bench.ts";
import { COREFILE_WORDS, examplesIn } from "../corpus/corefiles.ts";
import { bytesOf, mutateText, textOf } from "../mutate-text.ts";
import type { Target } from "../target.ts";

const OUTCOMES = ["refused", "applied"] as const;

const RULES: readonly string[] = [
  "rewrite name www.example.org web.example.net",
  "rewrite stop name regex (.*)\\.example\\.org {1}.svc.cluster.local answer name (.*)\\.svc\\.cluster\\.local {1}.example.org",
  "rewrite continue name suffix .svc.cluster.local .example.net answer auto",
  "rewrite name prefix www w answer auto",
  "rewrite name substring a bb",
  "rewrite name suffix . .example.org.",
  "rewrite type AAAA A\nrewrite class IN CH",
  "rewrite ttl example.org 30-300\nrewrite ttl suffix . 15",
  "rewrite cname exact www.example.org. other.example.org.",
  "rewrite rcode regex .* NOERROR NXDOMAIN",
  "rewrite edns0 local set 0xffee 0x61626364\nrewrite edns0 nsid append\nrewrite edns0 subnet set 24 56",
  "rewrite edns0 local set 0xffee hello {client_ip}",
  "rewrite stop {\n    name regex (.*)-(us-west-1)\\.coredns\\.rocks {1}.service.{2}.consul\n    answer name (.*)\\.service\\.(us-west-1)\\.consul {1}-{2}.coredns.rocks\n    answer value (.*)\\.x {1}.y\n}",
];

const WORDS: readonly string[] = [
  ...COREFILE_WORDS,
  ..."rewrite name type class edns0 ttl cname rcode answer auto value exact prefix suffix substring regex".split(" "),
  ..."local nsid subnet set append replace unset revert stop continue {0} {1} {2} {} .* (.*) \\. \\ (a|b)* a{1,1000}".split(
    " ",
  ),
  ..."www.example.org. example.org . .. -. \\000 \\255 \\. IN CH ANY A AAAA 0-1 30-10 0xffff 0x616 {qname}".split(" "),
  "a".repeat(64),
  "a.".repeat(130),
];

export function rewriteTarget(): Target {
  return {
    name: "rewrite",
    form: "text",
    corpus: [...RULES, ...rulesOfPage()].map(bytesOf),
    maxBytes: 4096,
    slowMs: 200,
    outcomes: OUTCOMES,
    mutate: (input, random, inputs) => mutateText(input, random, inputs, WORDS),
    run: async (input) => {
      const answered = await askThrough(rewrite, textOf(input));
      return (answered > 0 ? OUTCOMES.indexOf("applied") : OUTCOMES.indexOf("refused")) | (answered << 8);
    },
  };
}

function rulesOfPage(): string[] {
  return examplesIn("plugins/rewrite/README.md").map((text) => text.replace(/^.*\{\n/, "").replace(/\n?\}\s*$/, ""));
}
