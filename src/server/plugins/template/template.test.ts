import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { FLAG_AA, FLAG_TC } from "../../../dns/header.ts";
import { decodeMessage } from "../../../dns/message.ts";
import { recordToText } from "../../../dns/records/record-text.ts";
import { TYPE_A } from "../../../dns/types.ts";
import { askUdp, queryFor } from "../../../../test/support/dns-client.ts";
import { type ResponseText, responseTo } from "../../../../test/support/responses.ts";
import { runServer } from "../../../../test/support/running-server.ts";
import { answerA, startUpstream } from "../../../../test/support/scripted-upstream.ts";
import { answering, chainOf, setUp, testQuery, type TestQueryOptions } from "../../../../test/support/setup-context.ts";
import { Metadata } from "../../chain/metadata.ts";
import { Metrics } from "../../metrics/metrics.ts";
import { template } from "./template.ts";

const load = (text: string): void => {
  setUp(template, `domain.com {\n${text}\n}`, { metrics: Metrics.create({ threads: 1 }) });
};

describe("template syntax", () => {
  for (const text of [
    "template ANY ANY",
    "template ANY ANY {\nrcode NXDOMAIN\n}",
    'template ANY ANY {\nanswer "{{ parseInt }}"\nadditional "{{ parseInt }}"\nauthority "{{ parseInt }}"\n}',
    'template ANY A example.com {\nmatch ip-(?P<a>[0-9]*)[.]example[.]com\nanswer "{{ .Name }} A {{ .Grup.d }}."\nfallthrough\n}',
    'template IN ANY example.com {\nmatch "[.](example[.]com[.])$"\nrcode NXDOMAIN\nauthority "{{ index .Match 1 }} 60 IN SOA ns hm (1 60 60 60 60)"\nfallthrough example.com\n}',
    "template IN A a.example b.example 10.0.0.0/8 {\nmatch a b\nanswer x y\nupstream\nupstream 1.2.3.4\n}",
    'template ANY ANY invalid {\nederror 21 "Blocked according to RFC2606"\n}',
    "template ANY ANY invalid {\nederror 0\n}",
    "template CH TXT\ntemplate IN TYPE65280",
    "template ANY ANY {\nvar a 1\nvar b a + 1\nvar c 'x' + name()\n}",
    "template ANY ANY {\nmatch ^(?P<a>[a-z]+)[.]example[.]$\nvar a group(\"a\") + group(1) + group(0)\nexpr a != ''\n}",
  ]) {
    it(`takes ${text.slice(0, 60).replaceAll("\n", "; ")}`, () => load(text));
  }

  for (const [text, message] of [
    ["template", "2:1: Wrong argument count"],
    ["template X", "2:10: Wrong argument count"],
    ["template X A", "2:10: invalid query class X"],
    ["template ANY", "2:10: Wrong argument count"],
    ["template ANY X", "2:14: invalid RR type X"],
    ["template ANY a", "2:14: invalid RR type a"],
    ["template ANY ANY {\nnotavailable\n}", "3:1: unknown property 'notavailable'"],
    ["template ANY ANY {\nmatch\n}", "3:1: Wrong argument count"],
    ["template ANY ANY {\nmatch (?P<x>\n}", "3:7: could not parse regex: (?P<x>, missing closing ): `(?P<x>`"],
    [`template ANY ANY {\nmatch ${"a".repeat(10_001)}\n}`, "3:7: regex pattern too long: 10001 > 10000"],
    ["template ANY ANY {\nanswer\n}", "3:1: Wrong argument count"],
    ["template ANY ANY {\nadditional\n}", "3:1: Wrong argument count"],
    ["template ANY ANY {\nrcode\n}", "3:1: Wrong argument count"],
    ["template ANY ANY {\nrcode UNDEFINED\n}", "3:7: unknown rcode UNDEFINED"],
    ["template ANY ANY {\nrcode nxdomain\n}", "3:7: unknown rcode nxdomain"],
    ["template ANY ANY {\nrcode BADVERS\n}", "3:7: rcode BADVERS needs EDNS, which not every client has"],
    ['template ANY ANY {\nanswer "{{"\n}', "3:8: could not compile template: unclosed action"],
    ['template ANY ANY {\nanswer ok "{{"\n}', "3:11: could not compile template: unclosed action"],
    ['template ANY ANY {\nadditional "{{"\n}', "3:12: could not compile template: unclosed action"],
    ['template ANY ANY {\nauthority "{{"\n}', "3:11: could not compile template: unclosed action"],
    [
      'template ANY ANY {\nanswer "{{ notAFunction }}"\n}',
      '3:8: could not compile template: function "notAFunction" not defined',
    ],
    ["template ANY ANY {\nvar\n}", "3:1: Wrong argument count"],
    ["template ANY ANY {\nvar a\n}", "3:5: Wrong argument count"],
    ["template ANY ANY {\nvar 1a 1\n}", '3:5: invalid variable name "1a"'],
    ["template ANY ANY {\nvar a-b 1\n}", '3:5: invalid variable name "a-b"'],
    ["template ANY ANY {\nvar name 1\n}", '3:5: variable name "name" is reserved'],
    ["template ANY ANY {\nvar group 1\n}", '3:5: variable name "group" is reserved'],
    ["template ANY ANY {\nvar len 1\n}", '3:5: variable name "len" is reserved'],
    ["template ANY ANY {\nvar true 1\n}", '3:5: variable name "true" is reserved'],
    ["template ANY ANY {\nvar let 1\n}", '3:5: variable name "let" is reserved'],
    ["template ANY ANY {\nvar a 1\nvar a 2\n}", '4:5: variable name "a" is reserved'],
    ["template ANY ANY {\nvar a 1 +\n}", "3:10: could not compile expression: unexpected 'the end'"],
    ["template ANY ANY {\nvar a invalid expression\n}", "3:7: could not compile expression: unknown name invalid"],
    ["template ANY ANY {\nvar a b + 1\nvar b 1\n}", "3:7: could not compile expression: unknown name b"],
    [
      "template ANY ANY {\nvar a 1\nvar c 'x' + a\n}",
      "4:11: could not compile expression: '+' takes a string, not a int",
    ],
    ["template ANY ANY {\nexpr\n}", "3:1: Wrong argument count"],
    ["template ANY ANY {\nexpr 1\n}", "3:6: could not compile expression: this is of type int, not a condition"],
    ["template ANY ANY {\nederror invalid\n}", "3:9: 'invalid' is no whole number"],
    ["template ANY ANY {\nederror too many arguments\n}", "3:18: Wrong argument count"],
  ] as const) {
    it(`refuses ${text.slice(0, 50).replaceAll("\n", "; ")}`, () => {
      assert.throws(
        () => load(text),
        (error: Error) => error.message.startsWith(`Corefile:${message}`) || assert.fail(error.message),
      );
    });
  }
});

interface Asking extends TestQueryOptions {
  readonly name: string;
  readonly type?: string;
  readonly metadata?: Readonly<Record<string, string>>;
  readonly lookUps?: Readonly<Record<string, ResponseText>>;
}

interface Outcome {
  /** `next` when the next plugin was asked, else the response code. */
  readonly end: "next" | number;
  readonly answers: readonly string[];
  readonly authority: readonly string[];
  readonly additional: readonly string[];
  readonly flags: number;
  readonly error: string | undefined;
  readonly extendedError: string | undefined;
  readonly metrics: Metrics;
}

async function ask(text: string, asking: Asking): Promise<Outcome> {
  const metrics = Metrics.create({ threads: 1 });
  const { instance } = setUp(template, `. {\n${text}\n}`, {
    metrics,
    view: "v",
    ask: async (query) => ({ wire: responseTo(query, asking.lookUps?.[query.name] ?? { rcode: 3 }), plugin: "" }),
  });
  const next = answering((query) => ({ wire: responseTo(query, {}), plugin: "next" }));
  const query = testQuery(asking.name, asking.type ?? "A", asking);
  if (asking.metadata !== undefined) {
    query.metadata = new Metadata();
    for (const [label, value] of Object.entries(asking.metadata)) query.metadata.set(label, value);
  }
  const answer = await chainOf(instance, next).serve(query);
  const message = decodeMessage(answer.wire);
  const lines = (records: typeof message.answers): string[] =>
    records.map((record) => recordToText(record).replaceAll("\t", " "));
  const { extendedError } = answer;
  return {
    end: next.queries.length > 0 ? "next" : message.rcode,
    answers: lines(message.answers),
    authority: lines(message.authority),
    additional: lines(message.additional),
    flags: message.flags,
    error: answer.error?.message,
    extendedError: extendedError === undefined ? undefined : `${extendedError.code} ${extendedError.text}`,
    metrics,
  };
}

const IP = "(^|[.])ip-10-(?P<b>[0-9]*)-(?P<c>[0-9]*)-(?P<d>[0-9]*)[.]example[.]$";
const ADDRESS = "60 IN A 10.{{ .Group.b }}.{{ .Group.c }}.{{ .Group.d }}";

describe("template", () => {
  it("makes addresses of names", async () => {
    const text = `template IN A example {\nmatch ${IP}\nanswer "{{ .Name }} ${ADDRESS}"\nfallthrough\n}`;
    const outcome = await ask(text, { name: "IP-10-95-12-8.example" });
    assert.equal(outcome.end, 0);
    assert.deepEqual(outcome.answers, ["IP-10-95-12-8.example. 60 IN A 10.95.12.8"]);
    assert.equal(outcome.flags & FLAG_AA, FLAG_AA);
    assert.equal((await ask(text, { name: "other.example" })).end, "next");
    assert.equal((await ask(text, { name: "ip-10-95-12-8.example", type: "AAAA" })).end, "next");
    assert.equal((await ask(text, { name: "ip-10-95-12-8.invalid" })).end, "next");
  });

  it("makes addresses of hexadecimal names", async () => {
    const groups = ["b", "c", "d"].map((group) => `{{ parseInt .Group.${group} 16 8 }}`).join(".");
    const match = "^ip0a(?P<b>[a-f0-9]{2})(?P<c>[a-f0-9]{2})(?P<d>[a-f0-9]{2})[.]example[.]$";
    const text = `template IN A example {\nmatch ${match}\nanswer "{{ .Name }} 3600 IN A 10.${groups}"\n}`;
    assert.deepEqual((await ask(text, { name: "ip0a5f0c09.example" })).answers, [
      "ip0a5f0c09.example. 3600 IN A 10.95.12.9",
    ]);
  });

  it("fills all sections, a default TTL and other types", async () => {
    const text = [
      "template IN MX example {",
      `match ${IP}`,
      'answer "{{ .Name }} 60 IN MX 10 {{ .Name }}" "{{ .Name }} 60 IN MX 20 b."',
      `additional "{{ .Name }} ${ADDRESS}"`,
      'additional "ns0.example. IN A 203.0.113.8"',
      'authority "example. IN NS ns0.example."',
      "}",
    ].join("\n");
    const outcome = await ask(text, { name: "ip-10-1-2-3.example", type: "MX" });
    assert.deepEqual(outcome.answers, [
      "ip-10-1-2-3.example. 60 IN MX 10 ip-10-1-2-3.example.",
      "ip-10-1-2-3.example. 60 IN MX 20 b.",
    ]);
    assert.deepEqual(outcome.additional, [
      "ip-10-1-2-3.example. 60 IN A 10.1.2.3",
      "ns0.example. 3600 IN A 203.0.113.8",
    ]);
    assert.deepEqual(outcome.authority, ["example. 3600 IN NS ns0.example."]);
  });

  it("denies names with an SOA, a code and a reason", async () => {
    const text = [
      "template ANY ANY invalid {",
      "rcode NXDOMAIN",
      'authority "invalid. 60 {{ .Class }} SOA ns.invalid. hostmaster.invalid. (1 60 60 60 60)"',
      'ederror 21 "Blocked"',
      "}",
    ].join("\n");
    const outcome = await ask(text, { name: "test.invalid", type: "MX" });
    assert.equal(outcome.end, 3);
    assert.deepEqual(outcome.authority, ["invalid. 60 IN SOA ns.invalid. hostmaster.invalid. 1 60 60 60 60"]);
    assert.equal(outcome.extendedError, "21 Blocked");
  });

  it("knows zone, class, type, client and metadata", async () => {
    const text = [
      "template ANY ANY a.example example {",
      "answer `x`",
      'answer "{{ .Name }} TXT \\"{{ .Zone }} {{ .Class }} {{ .Type }} {{ .Remote }} {{ .Regex }} {{ .Question.Name }}\\""',
      'answer "{{ .Name }} TXT \\"{{ .Meta `p/q` }},{{ .Meta `p/none` }}\\""',
      "}",
    ]
      .join("\n")
      .replace("answer `x`\n", "");
    const outcome = await ask(text, {
      name: "WWW.a.example",
      type: "TXT",
      client: "2001:db8::1",
      metadata: { "p/q": "told" },
    });
    assert.deepEqual(outcome.answers, [
      'WWW.a.example. 3600 IN TXT "a.example. IN TXT 2001:db8::1 .* WWW.a.example."',
      'WWW.a.example. 3600 IN TXT "told,"',
    ]);
  });

  it("takes the first pattern that matches", async () => {
    const text = [
      "template IN A example {",
      'match "^ip-(?P<a>10)-(?P<b>[0-9]*)[.]dc[.]example[.]$"',
      'match "^(?P<a>[0-9]*)[.](?P<b>[0-9]*)[.]ext[.]example[.]$"',
      'answer "{{ .Name }} 60 IN A {{ .Group.a}}.0.0.{{ .Group.b }}"',
      "}",
    ].join("\n");
    assert.deepEqual((await ask(text, { name: "ip-10-7.dc.example" })).answers, [
      "ip-10-7.dc.example. 60 IN A 10.0.0.7",
    ]);
    assert.deepEqual((await ask(text, { name: "9.8.ext.example" })).answers, ["9.8.ext.example. 60 IN A 9.0.0.8"]);
  });

  it("computes variables, and matches under conditions only", async () => {
    const text = [
      "template IN A example.com {",
      "match ^(?P<ip>[0-9]{1,3}(-[0-9]{1,3}){3})[.](?P<id>[a-z2-7]{3})[.]example[.]com[.]$",
      "var ip replace(group('ip'), '-', '.')",
      "var host int(split(ip, '.')[3])",
      "expr \"any(['10.0.0.0/8', '192.168.0.0/16'], incidr(ip, #))\"",
      "expr host < 200",
      'answer "{{ .Name }} 60 IN A {{ .Var.ip }}"',
      'additional "{{ .Name }} 60 IN TXT {{ .Var.host }}"',
      "fallthrough",
      "}",
    ].join("\n");
    const outcome = await ask(text, { name: "10-1-2-3.abc.example.com" });
    assert.deepEqual(outcome.answers, ["10-1-2-3.abc.example.com. 60 IN A 10.1.2.3"]);
    assert.deepEqual(outcome.additional, ['10-1-2-3.abc.example.com. 60 IN TXT "3"']);
    assert.equal((await ask(text, { name: "11-1-2-3.abc.example.com" })).end, "next");
    assert.equal((await ask(text, { name: "10-1-2-200.abc.example.com" })).end, "next");
  });

  for (const [text, end, metadata] of [
    ["expr name() == 'a.example.'", 0, {}],
    ["expr name() == 'b.example.'", 2, {}],
    ["expr name() == 'b.example.'\nfallthrough", "next", {}],
    ["expr name() == 'b.example.'\nfallthrough other.example.", 2, {}],
    ["expr type() == 'A'\nexpr incidr(client_ip(), '10.0.0.0/8')", 0, {}],
    ["expr type() == 'A'\nexpr incidr(client_ip(), '192.0.2.0/24')\nfallthrough", "next", {}],
    ["expr metadata('test/region') == 'eu'", 0, { "test/region": "eu" }],
    ["expr metadata('test/region') == 'eu'", 2, { "test/region": "us" }],
    ["expr int(group(0)) == 1\nfallthrough", 2, {}],
    ["var a int(group(0))\nfallthrough", 2, {}],
    ["match ^b\nexpr int(group(0)) == 1\nfallthrough", "next", {}],
  ] as const) {
    it(`${text.replaceAll("\n", "; ")} ends in ${end}`, async () => {
      assert.equal((await ask(`template IN A example {\n${text}\n}`, { name: "a.example", metadata })).end, end);
    });
  }

  it("leaves a record out whose template gives nothing", async () => {
    const text = 'template IN ANY . {\nanswer "{{ if eq .Type `TXT` }}{{ .Name }} 60 TXT yes{{ end }}"\n}';
    assert.deepEqual((await ask(text, { name: "a.", type: "TXT" })).answers, ['a. 60 IN TXT "yes"']);
    assert.deepEqual((await ask(text, { name: "a.", type: "A" })).answers, []);
  });

  for (const [text, name, end] of [
    ["template IN A example {\nmatch ^a\n}", "b.example", 2],
    ["template IN A example {\nmatch ^a\n}", "b.other", "next"],
    ["template IN A example {\nmatch ^a\nfallthrough\n}", "b.example", "next"],
    ["template IN A example {\nmatch ^a\nfallthrough c.example\n}", "b.example", 2],
    ["template IN A example {\nmatch ^a\nfallthrough c.example\n}", "b.c.example", "next"],
    ["template IN A example {\nmatch ^a\n}\ntemplate IN A example {\nrcode NXDOMAIN\n}", "b.example", 2],
    ["template IN A example {\nmatch ^a\nfallthrough\n}\ntemplate IN A example {\nrcode NXDOMAIN\n}", "b.example", 3],
    ["template IN MX example\ntemplate IN A example {\nrcode REFUSED\n}", "b.example", 5],
    ["template IN A example {\nrcode SERVFAIL\nanswer broken\n}", "b.example", 2],
    ["template IN ANY example", "b.example", 0],
  ] as const) {
    it(`${text.replaceAll("\n", " ")}: ${name} ends in ${end}`, async () => {
      assert.equal((await ask(text, { name })).end, end);
    });
  }

  it("answers a question for ANY with the type of the template", async () => {
    const text = 'template IN A example {\nanswer "{{ .Name }} 60 IN {{ .Type }} 10.0.0.1"\n}';
    assert.deepEqual((await ask(text, { name: "a.example", type: "ANY" })).answers, ["a.example. 60 IN A 10.0.0.1"]);
  });

  for (const [record, family, error] of [
    [
      "{{ .Name }} TXT {{ index .Match 2 }}",
      "coredns_template_template_failures_total",
      "template: answer: error calling index: index out of range: 2",
    ],
    [
      "{{ .Name }} TXT {{ parseInt `gg` 16 8 }}",
      "coredns_template_template_failures_total",
      'template: answer: error calling parseInt: strconv.ParseUint: parsing "gg": invalid syntax',
    ],
    [
      "{{ .Name }} TXT {{ .Nothing }}",
      "coredns_template_template_failures_total",
      "template: answer: can't evaluate field Nothing in type *template.templateData",
    ],
    ["{{ .Name }}", "coredns_template_rr_failures_total", "type is missing"],
    ["{{ .Name }} IN A {{ .Name }}", "coredns_template_rr_failures_total", undefined],
  ] as const) {
    it(`fails with a reason and counts for ${record}`, async () => {
      const outcome = await ask(`template IN A example {\nanswer "${record}"\n}`, { name: "a.example" });
      assert.equal(outcome.end, 2);
      assert.deepEqual(outcome.answers, []);
      if (error !== undefined) assert.equal(outcome.error, error);
      else assert.ok(outcome.error !== undefined);
      const labels = ["dns://127.0.0.1:5300", "example.", "v", "IN", "A", "answer", record] as const;
      assert.equal(outcome.metrics.counter(family).with(...labels).value, 1);
    });
  }

  it("counts what it took", async () => {
    const { metrics } = await ask("template ANY ANY example", { name: "a.example", type: "MX" });
    const labels = ["dns://127.0.0.1:5300", "example.", "v", "IN", "MX"] as const;
    assert.equal(metrics.counter("coredns_template_matches_total").with(...labels).value, 1);
  });

  describe("follows a CNAME of its own", () => {
    const text = 'template IN ANY net {\nanswer "example.net 60 IN CNAME target.example.com"\n}';
    const lookUps = { "target.example.com.": { answers: ["@ 30 IN A 192.0.2.3"], flags: FLAG_TC } };

    it("for who asks for addresses", async () => {
      const outcome = await ask(text, { name: "example.net", lookUps });
      assert.deepEqual(outcome.answers, [
        "example.net. 60 IN CNAME target.example.com.",
        "target.example.com. 30 IN A 192.0.2.3",
      ]);
      assert.equal(outcome.flags & FLAG_TC, FLAG_TC);
    });

    it("for nobody else, and as far as there is an answer", async () => {
      const cname = ["example.net. 60 IN CNAME target.example.com."];
      assert.deepEqual((await ask(text, { name: "example.net", type: "MX", lookUps })).answers, cname);
      assert.deepEqual((await ask(text, { name: "example.net" })).answers, cname);
    });

    it("not where it does not fit before the largest of answers", async () => {
      const answers = Array.from({ length: 4093 }, (_, i) => `@ 30 IN A 192.0.${i >> 8}.${i & 255}`);
      const outcome = await ask(text, { name: "example.net", lookUps: { "target.example.com.": { answers } } });
      assert.equal(outcome.end, 2);
      assert.match(outcome.error ?? "", /65535/);
    });

    it("not for ever", async () => {
      let asked = 0;
      const loop = 'template IN A . {\nanswer "{{ .Name }} 60 IN CNAME {{ .Name }}"\nanswer "{{ .Name }} CNAME b."\n}';
      const { instance } = setUp(template, `. {\n${loop}\n}`, {
        metrics: Metrics.create({ threads: 1 }),
        ask: (query) => {
          asked++;
          return chain.serve(query);
        },
      });
      const chain = chainOf(instance);
      await chain.serve(testQuery("a.", "A"));
      assert.equal(asked, 16);
    });
  });

  it("answers below the cache, and its CNAME through the whole chain", async () => {
    const upstream = await startUpstream({ script: answerA("192.0.2.7", 60) });
    try {
      const running = await runServer(
        [
          ". {",
          "template IN A foogle.com {",
          'match "^foogle\\.com\\.$"',
          'answer "foogle.com 60 IN CNAME google.com"',
          "fallthrough",
          "}",
          "cache 30",
          `forward . 127.0.0.1:${upstream.port}`,
          "}",
        ].join("\n"),
      );
      try {
        for (let i = 0; i < 2; i++) {
          const message = decodeMessage(await askUdp({ port: running.port, wire: queryFor("foogle.com", TYPE_A) }));
          const lines = message.answers.map((record) =>
            recordToText(record)
              .replace(/\t\d+\t/, " ")
              .replaceAll("\t", " "),
          );
          assert.deepEqual(lines, ["foogle.com. IN CNAME google.com.", "google.com. IN A 192.0.2.7"]);
        }
        assert.deepEqual(
          upstream.queries.map((query) => query.name),
          ["google.com."],
        );
      } finally {
        await running.stop();
      }
    } finally {
      await upstream.close();
    }
  });
});
