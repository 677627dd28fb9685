import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { FLAG_AD, FLAG_TC } from "../../../dns/header.ts";
import { decodeMessage, type EdnsOption } from "../../../dns/message.ts";
import { nameToText } from "../../../dns/name-text.ts";
import { recordToText } from "../../../dns/records/record-text.ts";
import { CLASS_CH, CLASS_IN, className, TYPE_A, typeName } from "../../../dns/types.ts";
import { askTcp, askUdp, queryFor } from "../../../../test/support/dns-client.ts";
import { type ResponseText, responseTo } from "../../../../test/support/responses.ts";
import { runServer } from "../../../../test/support/running-server.ts";
import { answerA, startUpstream } from "../../../../test/support/scripted-upstream.ts";
import {
  answering,
  chainOf,
  type FakeContext,
  setUp,
  testQuery,
  type TestQueryOptions,
} from "../../../../test/support/setup-context.ts";
import { Metadata } from "../../chain/metadata.ts";
import type { Query } from "../../chain/query.ts";
import { rewrite } from "./rewrite.ts";

interface Asking extends TestQueryOptions {
  readonly name: string;
  readonly type?: string;
  /** What the next plugin answers; default one A record at the question's name. */
  readonly answer?: ResponseText;
  readonly lookUps?: Readonly<Record<string, ResponseText>>;
  readonly prepare?: (query: Query) => void;
}

interface Outcome {
  /** What the next plugin was asked: `name type class`. */
  readonly asked: string;
  readonly query: Query | undefined;
  readonly lines: readonly string[];
  readonly rcode: number;
  readonly flags: number;
  readonly error: Error | undefined;
  readonly context: FakeContext;
}

const oneLine = (text: string): string => text.replaceAll(/\s+/g, " ");

function questionOf(query: Query | undefined): string {
  if (query === undefined) return "nothing";
  return `${query.name} ${typeName(query.view.qtype)} ${className(query.view.qclass)}`;
}

/** @param rules lines of a server block */
async function ask(rules: string, asking: Asking): Promise<Outcome> {
  const { instance, context } = setUp(rewrite, `. {\n${rules}\n}`, {
    ask: async (query) => ({ wire: responseTo(query, asking.lookUps?.[query.name] ?? { rcode: 3 }), plugin: "" }),
  });
  const next = answering((query) => ({
    wire: responseTo(query, asking.answer ?? { answers: ["@ 5 IN A 10.0.0.1"] }),
    plugin: "next",
  }));
  const query = testQuery(asking.name, asking.type ?? "A", asking);
  asking.prepare?.(query);
  const answer = await chainOf(instance, next).serve(query);
  const message = decodeMessage(answer.wire);
  const [question] = message.question;
  assert.ok(question !== undefined);
  assert.equal(nameToText(question.name), query.name);
  assert.deepEqual([question.type, question.class], [query.view.qtype, query.view.qclass]);
  const records = [...message.answers, ...message.authority, ...message.additional];
  return {
    asked: questionOf(next.queries[0]),
    query: next.queries[0],
    lines: records.map((record) => oneLine(recordToText(record))),
    rcode: message.rcode,
    flags: message.flags,
    error: answer.error,
    context,
  };
}

describe("rewrite name", () => {
  for (const [rule, name, asked, owner] of [
    ["prefix foo bar", "foo.example.com.", "bar.example.com.", "bar.example.com."],
    ["prefix foo. bar.", "foo.example.com.", "bar.example.com.", "bar.example.com."],
    ["prefix foo bar", "coredns.foo.", "coredns.foo.", "coredns.foo."],
    ["prefix foo bar answer auto", "foo.example.com.", "bar.example.com.", "foo.example.com."],
    ["suffix com org", "foo.example.com.", "foo.example.org.", "foo.example.org."],
    ["suffix .com .org", "foo.example.com.", "foo.example.org.", "foo.example.org."],
    ["suffix com org", "com.coredns.", "com.coredns.", "com.coredns."],
    ["suffix .com .org answer auto", "foo.example.com.", "foo.example.org.", "foo.example.com."],
    [
      "suffix .ingress.coredns.rocks nginx.coredns.rocks answer auto",
      "coredns.ingress.coredns.rocks.",
      "corednsnginx.coredns.rocks.",
      "coredns.ingress.coredns.rocks.",
    ],
    ["substring service svc", "com.coredns.", "com.coredns.", "com.coredns."],
    ["substring b.c. x.", "a.b.c.b.c.d.", "a.x.x.d.", "a.x.x.d."],
    ["exact coredns.rocks service.consul", "coredns.rocks.", "service.consul.", "coredns.rocks."],
    ["exact coredns.rocks service.consul answer auto", "coredns.rocks.", "service.consul.", "coredns.rocks."],
    ["coredns.org service.consul", "coredns.rocks.", "coredns.rocks.", "coredns.rocks."],
    ["Coredns.Org Service.Consul", "coREDNS.org.", "service.consul.", "coREDNS.org."],
    ["regex (.*).coredns.rocks {1}.coredns.maps", "foo.coredns.rocks.", "foo.coredns.maps.", "foo.coredns.maps."],
    [
      "regex (.*).coredns.rocks {1}.coredns.maps answer auto",
      "foo.coredns.rocks.",
      "foo.coredns.maps.",
      "foo.coredns.rocks.",
    ],
    [
      "regex (.*).coredns.rocks {1}.coredns.maps answer name (.*).coredns.maps {1}.coredns.works",
      "foo.coredns.rocks.",
      "foo.coredns.maps.",
      "foo.coredns.works.",
    ],
    [
      "regex (.*)-(us-west-1)\\.example\\.org {1}.service.{2}.consul",
      "FTP-us-west-1.example.org.",
      "ftp.service.us-west-1.consul.",
      "ftp.service.us-west-1.consul.",
    ],
    ["regex (f.*m)\\.regex\\.(nl) {0}.to.{2}", "from.regex.nl.", "from.regex.nl.to.nl.", "from.regex.nl.to.nl."],
  ] as const) {
    it(`${rule}: ${name} becomes ${asked}, its answer ${owner}`, async () => {
      const outcome = await ask(`rewrite name ${rule}`, { name });
      assert.equal(outcome.asked, `${asked} A IN`);
      assert.deepEqual(outcome.lines, [`${owner} 5 IN A 10.0.0.1`]);
    });
  }

  it("fails with a reason when the new name is none", async () => {
    for (const [rule, name] of [
      ["example.org. example..org.", "example.org."],
      ["substring a. aaaa.", "a.".repeat(100)],
    ] as const) {
      const outcome = await ask(`rewrite name ${rule}`, { name });
      assert.equal(outcome.rcode, 2);
      assert.match(outcome.error?.message ?? "", /^invalid name after rewrite: /);
      assert.equal(outcome.query, undefined);
    }
  });

  it("fails when an answer cannot be rewritten", async () => {
    const rule = "rewrite name regex a b answer name (.*) {1}..x";
    const outcome = await ask(rule, { name: "a." });
    assert.equal(outcome.rcode, 2);
    assert.match(outcome.error?.message ?? "", /^answer cannot be rewritten: .*a label is empty/);
  });

  const regex =
    "name regex (.*)\\.domain\\.uk {1}.cluster.local answer name (.*)\\.cluster\\.local {1}.domain.uk " +
    "answer value (.*)\\.cluster\\.local {1}.domain.uk";
  const suffix = "name suffix .domain.uk .cluster.local answer auto answer value (.*)\\.cluster\\.local {1}.domain.uk";
  const twice =
    "name suffix .domain.uk .domain.us answer auto\nrewrite name suffix .domain.us .cluster.local answer auto";
  for (const [what, rules] of [
    ["regex", `rewrite stop ${regex}`],
    ["regex, continue", `rewrite continue ${regex}`],
    ["suffix", `rewrite ${suffix}`],
    ["two in reverse order", `rewrite continue ${twice}`],
  ] as const) {
    it(`maps names in data back, in every section (${what})`, async () => {
      const outcome = await ask(rules, {
        name: "my.domain.uk.",
        type: "SRV",
        answer: {
          answers: [
            "@ 5 IN SRV 0 100 100 srv1.my.cluster.local.",
            "@ 5 IN CNAME cname.cluster.local.",
            "@ 5 IN DNAME dname.cluster.local.",
            "@ 5 IN MX 1 mx1.cluster.local.",
            "@ 5 IN NS ns1.cluster.local.",
            '@ 5 IN NAPTR 100 10 "S" "SIP+D2U" "" _sip._udp.cluster.local.',
            "@ 5 IN PTR www.cluster.local.",
            "@ 5 IN AFSDB 1 afs.cluster.local.",
            '@ 5 IN TXT "a.cluster.local."',
          ],
          authority: ["cluster.local. 5 IN SOA ns1.cluster.local. admin.cluster.local. 1 2 3 4 5"],
          additional: ["srv1.my.cluster.local. 5 IN A 10.0.0.1"],
        },
      });
      assert.equal(outcome.asked, "my.cluster.local. SRV IN");
      assert.deepEqual(outcome.lines, [
        "my.domain.uk. 5 IN SRV 0 100 100 srv1.my.domain.uk.",
        "my.domain.uk. 5 IN CNAME cname.domain.uk.",
        "my.domain.uk. 5 IN DNAME dname.domain.uk.",
        "my.domain.uk. 5 IN MX 1 mx1.domain.uk.",
        "my.domain.uk. 5 IN NS ns1.domain.uk.",
        'my.domain.uk. 5 IN NAPTR 100 10 "S" "SIP+D2U" "" _sip._udp.domain.uk.',
        "my.domain.uk. 5 IN PTR www.domain.uk.",
        "my.domain.uk. 5 IN AFSDB 1 afs.cluster.local.",
        'my.domain.uk. 5 IN TXT "a.cluster.local."',
        "cluster.local. 5 IN SOA ns1.domain.uk. admin.cluster.local. 1 2 3 4 5",
        "srv1.my.domain.uk. 5 IN A 10.0.0.1",
      ]);
    });
  }

  it("maps names below the new one back, whatever their case, and no others", async () => {
    const outcome = await ask("rewrite name example.com. example.org.", {
      name: "example.com.",
      answer: {
        answers: [
          "Example.ORG. 1 IN A 10.0.0.1",
          "sub.Example.org. 1 IN A 10.0.0.1",
          "notexample.org. 1 IN A 10.0.0.1",
        ],
      },
    });
    assert.deepEqual(outcome.lines, [
      "example.com. 1 IN A 10.0.0.1",
      "sub.example.com. 1 IN A 10.0.0.1",
      "notexample.org. 1 IN A 10.0.0.1",
    ]);
  });

  it("takes AD from an answer whose names were changed", async () => {
    const answer = { answers: ["@ 5 IN A 10.0.0.1"], flags: FLAG_AD };
    const renamed = await ask("rewrite name a. b.", { name: "a.", answer });
    assert.equal(renamed.flags & FLAG_AD, 0);
    const kept = await ask("rewrite ttl a. 7", { name: "a.", answer });
    assert.equal(kept.flags & FLAG_AD, FLAG_AD);
  });
});

describe("rewrite", () => {
  const rules = [
    "rewrite name from.nl to.nl",
    "rewrite name regex (core)\\.(dns)\\.(rocks)\\.(nl) {2}.{1}.{3}.{4}",
    "rewrite continue name regex consul\\.(rocks) core.dns.{1}",
    "rewrite name core.dns.rocks to.nl.",
    "rewrite continue class HS CH",
    "rewrite class CH IN",
    "rewrite type ANY HINFO",
  ].join("\n");
  for (const [name, type, qclass, asked] of [
    ["from.nl.", "A", CLASS_IN, "to.nl. A IN"],
    ["a.nl.", "A", CLASS_IN, "a.nl. A IN"],
    ["a.nl.", "A", CLASS_CH, "a.nl. A IN"],
    ["a.nl.", "ANY", CLASS_IN, "a.nl. HINFO IN"],
    ["from.nl.", "ANY", CLASS_IN, "to.nl. ANY IN"],
    ["consul.rocks.", "A", CLASS_IN, "to.nl. A IN"],
    ["a.nl.", "ANY", CLASS_CH, "a.nl. ANY IN"],
    ["core.dns.rocks.nl.", "A", CLASS_IN, "dns.core.rocks.nl. A IN"],
  ] as const) {
    it(`goes on after continue and ends after stop: ${name} ${type} ${className(qclass)} becomes ${asked}`, async () => {
      const outcome = await ask(rules, { name, type, qclass, answer: {} });
      assert.equal(outcome.asked, asked);
    });
  }

  it("hands a query over untouched when no rule applies", async () => {
    const query = testQuery("A.example.", "A");
    const next = answering();
    const { instance, context } = setUp(rewrite, ". {\nrewrite name b.example c.example\n}");
    const answer = await chainOf(instance, next).serve(query);
    assert.equal(next.queries[0], query);
    assert.equal(answer.plugin, "");
    assert.ok(context.seesEveryQuery);
    assert.ok(!setUp(rewrite, ". {\nrewrite name b c\n}", { compat: "1.12" }).context.seesEveryQuery);
  });

  it("passes on that there is to be no reply", async () => {
    const next = answering((query) => ({ wire: query.wire, plugin: "acl", dropped: true }));
    const { instance } = setUp(rewrite, ". {\nrewrite name a. b.\n}");
    assert.equal((await chainOf(instance, next).serve(testQuery("a.", "A"))).dropped, true);
  });

  it("answers questions of the classes that it gives another", () => {
    const { instance } = setUp(rewrite, ". {\nrewrite class CH IN\n}");
    const query = testQuery("a.", "A", { qclass: CLASS_CH });
    assert.equal(instance.answersClass?.(query.wire, query.view), true);
    const none = setUp(rewrite, ". {\nrewrite type A AAAA\n}").instance;
    assert.equal(none.answersClass?.(query.wire, query.view), false);
  });
});

describe("rewrite ttl", () => {
  for (const [rule, ttl, expected] of [
    ["srv1.coredns.rocks 1", 5, 1],
    ["exact srv1.coredns.rocks 15", 5, 15],
    ["prefix srv1 30", 5, 30],
    ["suffix rocks 45", 5, 45],
    ["substring coredns 50", 5, 50],
    ["regex (srv1)\\.(coredns)\\.(rocks) 10", 5, 10],
    ["other.rocks 10", 5, 5],
    ["suffix rocks 30-300", 5, 30],
    ["suffix rocks 30-300", 55, 55],
    ["suffix rocks 30-300", 500, 300],
    ["suffix rocks -11", 5, 5],
    ["suffix rocks -11", 15, 11],
    ["suffix rocks 5-", 0, 5],
    ["suffix rocks 5-", 30, 30],
  ] as const) {
    it(`${rule}: ${ttl} becomes ${expected}`, async () => {
      const answers = [`@ ${ttl} IN A 10.0.0.1`];
      const outcome = await ask(`rewrite ttl ${rule}`, {
        name: "srv1.coredns.rocks.",
        answer: { answers, authority: [`rocks. ${ttl} IN NS a.`] },
      });
      assert.equal(outcome.asked, "srv1.coredns.rocks. A IN");
      assert.deepEqual(outcome.lines, [`srv1.coredns.rocks. ${expected} IN A 10.0.0.1`, `rocks. ${expected} IN NS a.`]);
    });
  }
});

describe("rewrite rcode", () => {
  for (const [rule, rcode, expected] of [
    ["srv1.coredns.rocks SERVFAIL NOERROR", 2, 0],
    ["suffix rocks 2 3", 2, 3],
    ["regex .*rocks servfail NXDOMAIN", 0, 0],
    ["prefix srv2 2 0", 2, 2],
  ] as const) {
    it(`${rule}: ${rcode} becomes ${expected}`, async () => {
      const outcome = await ask(`rewrite rcode ${rule}`, { name: "srv1.coredns.rocks.", answer: { rcode } });
      assert.equal(outcome.rcode, expected);
    });
  }

  it("undoes the rule that applied last first", async () => {
    const rules = "rewrite continue rcode a. 3 5\nrewrite rcode a. 2 3";
    assert.equal((await ask(rules, { name: "a.", answer: { rcode: 2, authority: ["b. 1 IN NS c."] } })).rcode, 5);
  });
});

describe("rewrite cname", () => {
  const rules = [
    "cname exact def.example.com xyz.example.com",
    "cname prefix chat.openai.com bard.google.com",
    "cname suffix uvw. xyz.",
    "cname substring efgh zzzz.www",
    "cname regex (.*)\\.web\\.(.*)\\.site\\. {1}.webapp.{2}.org.",
  ]
    .map((rule) => `rewrite continue ${rule}`)
    .join("\n");
  const lookUps: Record<string, ResponseText> = {
    "xyz.example.com.": { answers: ["@ 3600 IN A 3.4.5.6"] },
    "bard.google.com.cdn.cloudflare.net.": { answers: ["@ 1800 IN A 9.7.2.1"], flags: FLAG_TC },
    "www.hosting.xyz.": { answers: ["@ 500 IN A 20.30.40.50"] },
    "abcd.zzzz.www.pqrst.": { answers: ["@ 120 IN A 101.20.5.1", "@ 120 IN A 101.20.5.2"] },
    "orders.webapp.eu.org.": { answers: ["@ 120 IN CNAME final.", "final. 120 IN A 20.0.0.9"] },
  };
  for (const [target, newTarget, truncated] of [
    ["def.example.com.", "xyz.example.com.", false],
    ["chat.openai.com.cdn.cloudflare.net.", "bard.google.com.cdn.cloudflare.net.", true],
    ["www.hosting.UVW.", "www.hosting.xyz.", false],
    ["abcd.efgh.pqrst.", "abcd.zzzz.www.pqrst.", false],
    ["orders.web.eu.site.", "orders.webapp.eu.org.", false],
  ] as const) {
    it(`asks for ${newTarget} instead of ${target}`, async () => {
      const answers = [
        "@ 5 IN CNAME first.example.",
        `first.example. 6 IN CNAME ${target}`,
        `${target} 7 IN A 1.2.3.4`,
      ];
      const outcome = await ask(rules, { name: "abc.example.com.", answer: { answers }, lookUps });
      const found = lookUps[newTarget]?.answers ?? [];
      assert.deepEqual(outcome.lines, [
        "abc.example.com. 5 IN CNAME first.example.",
        `first.example. 6 IN CNAME ${newTarget}`,
        ...found.map((line) => line.replace("@", newTarget)),
      ]);
      assert.equal((outcome.flags & FLAG_TC) !== 0, truncated);
    });
  }

  it("leaves other answers as they are", async () => {
    const answers = ["@ 5 IN CNAME other.example.", "other.example. 7 IN A 1.2.3.4"];
    const outcome = await ask(rules, { name: "abc.example.com.", answer: { answers }, lookUps });
    assert.deepEqual(outcome.lines, ["abc.example.com. 5 IN CNAME other.example.", "other.example. 7 IN A 1.2.3.4"]);
  });

  it("ends when its new targets lead round in a circle", async () => {
    let asked = 0;
    const next = answering((query) => ({ wire: responseTo(query, { answers: ["@ 5 IN CNAME a."] }), plugin: "next" }));
    const { instance } = setUp(rewrite, ". {\nrewrite cname a. b.\n}", {
      ask: (query) => {
        asked++;
        return chain.serve(query);
      },
    });
    const chain = chainOf(instance, next);
    await chain.serve(testQuery("x.", "A"));
    assert.equal(asked, 16);
  });
});

describe("rewrite edns0", () => {
  /** Options that the next plugin sees, and those for the upstream. */
  async function options(
    rules: string,
    asking: Partial<Asking> = {},
  ): Promise<{ seen: string[]; upstream: string[]; hasOpt: boolean }> {
    const outcome = await ask(rules, { name: "Example.org.", ...asking });
    assert.ok(outcome.query !== undefined);
    const text = ({ code, data }: EdnsOption): string => `${code}=${Buffer.from(data).toString("hex")}`;
    const edns = decodeMessage(outcome.query.wire).edns;
    return {
      seen: (edns?.options ?? []).map(text),
      upstream: outcome.query.upstreamOptions.map(text),
      hasOpt: outcome.query.view.hasOpt,
    };
  }

  for (const [rule, expected, asking] of [
    ["local set 0xffee 0x61626364", "65518=61626364", {}],
    ["local set 65518 abcd revert", "65518=61626364", {}],
    ["local append 0xffee {qname}", `65518=${Buffer.from("Example.org.").toString("hex")}`, {}],
    ["local set 0xffee {qtype}", "65518=001c", { type: "AAAA" }],
    ["local set 0xffee {client_ip}", "65518=0af00001", {}],
    ["local set 0xffee {client_ip}", "65518=20010db8000000000000000000000001", { client: "2001:db8::1" }],
    ["local set 0xffee {client_port}", "65518=9d14", {}],
    ["local set 0xffee {server_ip}", "65518=7f000001", {}],
    ["local set 0xffee {server_port}", "65518=14b4", {}],
    ["local set 0xffee {protocol}", `65518=${Buffer.from("tcp").toString("hex")}`, { transport: "tcp" }],
    ["nsid set", "3=", {}],
    ["subnet set 24 56", "8=000118000af000", {}],
    ["subnet set 20 56", "8=000114000af000", { client: "10.240.15.1" }],
    ["subnet append 24 57", "8=0002390020010db8000000ff".slice(0, -2) + "80", { client: "2001:db8:0:ff::1" }],
    ["subnet set 0 0", "8=00010000", {}],
  ] as const) {
    it(`${rule} adds ${expected}`, async () => {
      const found = await options(`rewrite edns0 ${rule}`, asking);
      assert.deepEqual(found, { seen: [expected], upstream: [expected], hasOpt: true });
    });
  }

  it("replaces what is there and nothing else", async () => {
    assert.deepEqual(await options("rewrite edns0 local replace 0xffee abcd"), {
      seen: [],
      upstream: [],
      hasOpt: false,
    });
    const twice = "rewrite continue edns0 local set 0xffee 0x01\nrewrite edns0 local replace 0xffee 0x02";
    assert.deepEqual((await options(twice)).seen, ["65518=02"]);
  });

  it("appends only what is not there", async () => {
    const rules = "rewrite continue edns0 local set 0xffee 0x01\nrewrite continue edns0 local append 0xffee 0x02";
    assert.deepEqual((await options(`${rules}\nrewrite edns0 nsid append`)).seen, ["65518=01", "3="]);
  });

  it("unsets", async () => {
    const rules = "rewrite continue edns0 local set 0xffee 0x01\nrewrite edns0 local unset 0xffee";
    assert.deepEqual(await options(rules), { seen: [], upstream: [], hasOpt: false });
  });

  it("takes variables from metadata, and does nothing without", async () => {
    const rules = "rewrite edns0 local set 0xffee {test/who}";
    const metadata = new Metadata();
    metadata.set("test/who", "me");
    const found = await options(rules, { prepare: (query) => void (query.metadata = metadata) });
    assert.deepEqual(found.upstream, ["65518=6d65"]);
    assert.deepEqual((await options(rules)).upstream, []);
  });
});

describe("rewrite in a server", () => {
  it("stands above the cache: names that become one share its answer", async () => {
    const upstream = await startUpstream({ script: answerA("192.0.2.7", 60) });
    try {
      const running = await runServer(
        `. {\nrewrite name suffix .svc.example. .example.org. answer auto\ncache 30\nforward . 127.0.0.1:${upstream.port}\n}`,
      );
      try {
        for (const name of ["www.svc.example.", "WWW.svc.EXAMPLE.", "www.example.org."]) {
          const message = decodeMessage(await askUdp({ port: running.port, wire: queryFor(name, TYPE_A) }));
          const [answer] = message.answers;
          assert.ok(answer !== undefined);
          assert.equal(oneLine(recordToText(answer)).replace(/ \d+ /, " "), `${name} IN A 192.0.2.7`);
        }
        assert.deepEqual(
          upstream.queries.map((query) => query.name),
          ["www.example.org."],
        );
      } finally {
        await running.stop();
      }
    } finally {
      await upstream.close();
    }
  });

  it("keeps answers to other EDNS options of its own apart", async (t) => {
    const upstream = await startUpstream({
      script: (query) => answerA(Buffer.from(query.wire).includes("first") ? "192.0.2.1" : "192.0.2.2", 60)(query),
    });
    t.after(() => upstream.close());
    const block = (view: string, data: string): string =>
      `. {\n${view}\nrewrite edns0 local set 0xffee ${data}\ncache\nforward . 127.0.0.1:${upstream.port}\n}\n`;
    const views = ["view tcp {\nexpr proto() == 'tcp'\n}", ""] as const;
    const running = await runServer(block(views[0], "first") + block(views[1], "second"));
    t.after(() => running.stop());
    const wire = queryFor("www.example.org.", 1);
    const address = (reply: Uint8Array): string =>
      decodeMessage(reply)
        .answers.map((record) => recordToText(record).split(/\s+/).at(-1))
        .join();
    assert.equal(address(await askUdp({ port: running.port, wire })), "192.0.2.2");
    assert.equal(address(await askTcp({ port: running.port, wire })), "192.0.2.1");
    running.configure(block(views[0], "first") + block(views[1], "the-first"));
    assert.equal(await running.server.reload(), undefined);
    assert.equal(address(await askUdp({ port: running.port, wire })), "192.0.2.1");
  });

  it("gives its EDNS options to the upstream also when the cache prefetches", async (t) => {
    const upstream = await startUpstream({ script: answerA("192.0.2.7", 5) });
    t.after(() => upstream.close());
    const running = await runServer(
      `. {\nrewrite edns0 local set 0xffee first\ncache {\nprefetch 1 1m 90%\n}\nforward . 127.0.0.1:${upstream.port}\n}`,
    );
    t.after(() => running.stop());
    const wire = queryFor("www.example.org.", TYPE_A);
    for (const endMs = performance.now() + 10_000; upstream.queries.length < 2;) {
      assert.ok(performance.now() < endMs, "asked again");
      await askUdp({ port: running.port, wire });
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    for (const query of upstream.queries) assert.ok(Buffer.from(query.wire).includes("first"));
  });

  it("gives its EDNS options to the upstream, and no others to the client", async () => {
    const held: (() => void)[] = [];
    const upstream = await startUpstream({
      script: async (query) => {
        await new Promise<void>((resolve) => held.push(resolve));
        return answerA("192.0.2.7", 60)(query);
      },
    });
    try {
      const running = await runServer(
        `. {\nrewrite edns0 local set 0xffee {client_port}\nforward . 127.0.0.1:${upstream.port}\n}`,
      );
      try {
        const wire = queryFor("www.example.", TYPE_A, { opt: 1232 });
        const replies = [askUdp({ port: running.port, wire }), askUdp({ port: running.port, wire })];
        // The two questions differ in their option, so they do not share one to the upstream.
        while (held.length < 2) await new Promise((resolve) => setTimeout(resolve, 2));
        for (const release of held) release();
        for (const reply of await Promise.all(replies)) {
          const message = decodeMessage(reply);
          assert.equal(message.answers.length, 1);
          assert.deepEqual(message.edns?.options, []);
        }
        const options = upstream.queries.map((query) => decodeMessage(query.wire).edns?.options);
        assert.deepEqual(
          options.map((list) => list?.map(({ code, data }) => [code, data.length])),
          [[[0xffee, 2]], [[0xffee, 2]]],
        );
      } finally {
        await running.stop();
      }
    } finally {
      await upstream.close();
    }
  });
});
