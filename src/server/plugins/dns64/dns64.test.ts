import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { FLAG_AD, FLAG_TC } from "../../../dns/header.ts";
import { decodeMessage, type Message } from "../../../dns/message.ts";
import type { Answer } from "../../chain/answer.ts";
import { Metrics } from "../../metrics/metrics.ts";
import { linesOf, pluginServer } from "../../../../test/support/plugin-server.ts";
import { type ResponseText, responseTo } from "../../../../test/support/responses.ts";
import { answerA } from "../../../../test/support/scripted-upstream.ts";
import { answering, chainOf, setUp, testQuery, type TestQueryOptions } from "../../../../test/support/setup-context.ts";
import { dns64 } from "./dns64.ts";

const AAAA = 28;
const SOA_70 = ["example.com. 70 IN SOA foo. bar. 1 1 1 1 1"];
const TWO_A = ["example.com. 60 IN A 192.0.2.42", "example.com. 5000 IN A 192.0.2.43"];
const TWO_AAAA = ["example.com. 60 IN AAAA ::1", "example.com. 5000 IN AAAA ::2"];
const made = (ttl: number): string[] => [
  "example.com. 60 IN AAAA 64:ff9b::c000:22a",
  `example.com. ${ttl} IN AAAA 64:ff9b::c000:22b`,
];

interface Result {
  readonly message: Message;
  readonly answer: Answer;
  readonly lines: string[];
  /** Types that were asked below. */
  readonly types: number[];
  readonly counted: number;
}

/** @param real the answer about AAAA; @param found the one about A */
async function run(
  real: ResponseText,
  found: ResponseText,
  options: TestQueryOptions & { directive?: string; type?: string; extra?: Partial<Answer> } = {},
): Promise<Result> {
  const metrics = Metrics.create({ threads: 1 });
  const { instance, context } = setUp(dns64, `. {\n${options.directive ?? "dns64"}\n}`, { metrics });
  assert.equal(context.seesEveryQuery, true);
  const next = answering((query) => {
    const wire = responseTo(query, query.view.qtype === AAAA ? real : found);
    return { wire, plugin: "forward", ...(query.view.qtype === AAAA ? options.extra : {}) };
  });
  const query = testQuery("example.com", options.type ?? "AAAA", { client: "2001:db8::1", ...options });
  const answer = await chainOf(instance, next).serve(query);
  const message = decodeMessage(answer.wire);
  assert.equal(message.question[0]?.type, query.view.qtype);
  return {
    message,
    answer,
    lines: linesOf(message.answers),
    types: next.queries.map(({ view }) => view.qtype),
    counted: metrics.counter("coredns_dns64_requests_translated_total").with("dns://127.0.0.1:5300").value,
  };
}

describe("dns64", () => {
  it("makes AAAA records of A records, whose TTL is no longer than the SOA's", async () => {
    const { lines, answer, types, counted, message } = await run({ authority: SOA_70 }, { answers: TWO_A });
    assert.deepEqual(lines, made(70));
    assert.deepEqual([answer.plugin, types, counted, message.authority.length], ["dns64", [AAAA, 1], 1, 0]);
  });

  it("takes 600 seconds where there is no SOA, and a failure for AAAA as none (RFC 6147 §5.1.2)", async () => {
    assert.deepEqual((await run({ rcode: 5 }, { answers: TWO_A })).lines, made(600));
    assert.deepEqual((await run({ rcode: 4, authority: SOA_70 }, { answers: TWO_A })).lines, made(70));
  });

  it("gives NODATA where there is neither", async () => {
    const { message, lines, counted } = await run({ authority: SOA_70 }, { authority: SOA_70 });
    assert.deepEqual([message.rcode, lines, linesOf(message.authority), counted], [0, [], SOA_70, 1]);
  });

  it("does not ask about a name that does not exist", async () => {
    const { message, types, counted, answer } = await run({ rcode: 3, authority: SOA_70 }, { answers: TWO_A });
    assert.deepEqual([message.rcode, types, counted, answer.plugin], [3, [AAAA], 0, "forward"]);
  });

  it("leaves real addresses alone, unless told otherwise", async () => {
    const real = await run({ answers: TWO_AAAA }, { answers: TWO_A });
    assert.deepEqual([real.lines, real.types], [TWO_AAAA, [AAAA]]);
    const all = await run({ answers: TWO_AAAA }, { answers: TWO_A }, { directive: "dns64 {\ntranslate_all\n}" });
    assert.deepEqual(all.lines, made(600));
  });

  it("passes aliases, other sections and TC on", async () => {
    const alias = "example.com. 9 IN CNAME www.example.com.";
    const { lines, message } = await run(
      { answers: [alias], authority: SOA_70 },
      {
        answers: [alias, "www.example.com. 9 IN A 192.0.2.1"],
        authority: ["example.com. 9 IN NS ns.example.com."],
        additional: ["ns.example.com. 9 IN A 192.0.2.2"],
        flags: FLAG_TC | FLAG_AD,
      },
    );
    assert.deepEqual(lines, [alias, "www.example.com. 9 IN AAAA 64:ff9b::c000:201"]);
    assert.deepEqual([message.authority.length, message.additional.length], [1, 1]);
    assert.equal(message.flags & (FLAG_TC | FLAG_AD), FLAG_TC, "what was made is not authentic data");
  });

  it("leaves out signatures of the A records", async () => {
    const signature = "example.com. 9 IN RRSIG A 13 2 9 20300101000000 20200101000000 1 example.com. AAAA";
    const { lines } = await run({ authority: SOA_70 }, { answers: [...TWO_A, signature] }, { dnssecOk: true });
    assert.deepEqual(lines, made(70));
  });

  it("leaves clients that validate by themselves alone (RFC 6147 §5.5)", async () => {
    const { types } = await run({ authority: SOA_70 }, { answers: TWO_A }, { dnssecOk: true, checkingDisabled: true });
    assert.deepEqual(types, [AAAA]);
  });

  it("concerns AAAA over IPv6, over IPv4 only if allowed", async () => {
    const real = { authority: SOA_70 };
    const found = { answers: TWO_A };
    assert.deepEqual((await run(real, found, { client: "127.0.0.1" })).types, [AAAA]);
    assert.deepEqual((await run(real, found, { client: "::ffff:127.0.0.1" })).types, [AAAA]);
    assert.deepEqual((await run(real, found, { type: "A" })).types, [1]);
    assert.deepEqual((await run(real, found, { qclass: 3 })).types, [AAAA]);
    const allowed = await run(real, found, { client: "127.0.0.1", directive: "dns64 {\nallow_ipv4\n}" });
    assert.deepEqual(allowed.lines, made(70));
  });

  it("gives the failure back when there is none to make an answer of", async () => {
    const silent = await run({ rcode: 2 }, { answers: TWO_A }, { extra: { error: new Error("timeout") } });
    assert.deepEqual([silent.types, silent.message.rcode, silent.answer.error?.message], [[AAAA], 2, "timeout"]);
    const late = await run({ authority: SOA_70 }, { rcode: 2 });
    assert.deepEqual([late.message.rcode, late.lines], [2, []]);
  });
});

describe("prefixes of dns64", () => {
  for (const [prefix, address] of [
    ["64:ff9b::/96", "64:ff9b::4040:4040"],
    ["64:ff9b::/64", "64:ff9b::40:4040:4000:0"],
    ["64:ff9b::/56", "64:ff9b:0:40:40:4040::"],
    ["64::/32", "64:0:4040:4040::"],
    ["2001:db8:1:2:3::/48", "2001:db8:1:4040:40:4000::"],
    ["2001:db8::/72", "2001:db8::40:4040:4000:0"],
  ] as const) {
    it(`embeds 64.64.64.64 behind ${prefix}`, async () => {
      const found = { answers: ["example.com. 5 IN A 64.64.64.64"] };
      for (const directive of [
        `dns64 ${prefix}`,
        `dns64 {\nprefix ${prefix}\n}`,
        `dns64 1::/96 {\nprefix ${prefix}\n}`,
      ]) {
        assert.deepEqual((await run({}, found, { directive })).lines, [`example.com. 5 IN AAAA ${address}`]);
      }
    });
  }

  for (const [text, message] of [
    ["64:ff9b::/52", 'Corefile:2:7: invalid prefix length "64:ff9b::/52"'],
    ["64:ff9b::/104", 'Corefile:2:7: invalid prefix length "64:ff9b::/104"'],
    ["64:ff9b::/24", 'Corefile:2:7: invalid prefix length "64:ff9b::/24"'],
    ["64:ff9b::/129", "Corefile:2:7: invalid CIDR address: 64:ff9b::/129"],
    ["8.8.8.8/24", 'Corefile:2:7: invalid netmask 24 IPv6 address: "8.8.8.8/24"'],
    ["foobar", "Corefile:2:7: invalid CIDR address: foobar"],
    ["a::/96 b::/96", "Corefile:2:14: Wrong argument count: 'dns64' does not take 'b::/96'"],
    ["{\nprefix\n}", "Corefile:3:1: Wrong argument count or unexpected line ending after 'prefix'"],
    ["{\nfoobar\n}", "Corefile:3:1: unknown property 'foobar'"],
    ["{\nallow_ipv4 yes\n}", "Corefile:3:12: Wrong argument count: 'allow_ipv4' does not take 'yes'"],
  ] as const) {
    it(`are refused in dns64 ${text.replaceAll("\n", " ")}`, () => {
      const metrics = Metrics.create({ threads: 1 });
      assert.throws(() => setUp(dns64, `. {\ndns64 ${text}\n}`, { metrics }), { message });
    });
  }
});

describe("dns64 in a chain", () => {
  it("makes its answers of what the cache holds", async (t) => {
    const corefile = ". {\n dns64 {\n  allow_ipv4\n }\n cache\n forward . 127.0.0.1:PORT\n}\n";
    const { ask, upstream } = await pluginServer(t, answerA("192.0.2.42", 300), corefile);
    for (let i = 0; i < 2; i++) {
      const [record] = (await ask("v4.test.", AAAA)).answers;
      assert.ok(record?.data.kind === "aaaa");
      assert.equal(Buffer.from(record.data.address).toString("hex"), `0064ff9b${"0".repeat(16)}c000022a`);
    }
    assert.deepEqual(
      upstream.queries.map(({ type }) => type),
      [AAAA, 1],
    );
  });
});
