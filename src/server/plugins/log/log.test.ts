import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { FLAG_AA, FLAG_AD, FLAGS_AT, readU16, writeU16 } from "../../../dns/header.ts";
import { recordFromText } from "../../../dns/records/record-text.ts";
import { respond } from "../../../dns/response-builder.ts";
import type { Answer } from "../../chain/answer.ts";
import type { Query } from "../../chain/query.ts";
import {
  answering,
  chainOf,
  type FakeContext,
  setUp,
  testQuery,
  type TestQueryOptions,
} from "../../../../test/support/setup-context.ts";
import { log } from "./log.ts";

/** Makes an answer with these records, as text. */
function reply(query: Query, rcode: number, sections: { answer?: string[]; authority?: string[] } = {}): Answer {
  const records = (texts: readonly string[] = []) => texts.map((text) => recordFromText(text));
  const wire = respond(query.wire, query.view, rcode, records(sections.answer), {
    authority: records(sections.authority),
  });
  return { wire, plugin: "forward" };
}

const addressOf = (query: Query): Answer => reply(query, 0, { answer: [`${query.name} 30 IN A 192.0.2.1`] });

/** Lines that a block's `log` writes for one query. */
async function lines(
  directives: string,
  answer: (query: Query) => Answer = addressOf,
  name = "example.org",
  type = "A",
  options: TestQueryOptions = {},
): Promise<string[]> {
  const { context, instance } = setUp(log, `. {\n${directives}\n}`);
  context.clock.advanceMs(37.990_251);
  await chainOf(instance, answering(answer)).serve(testQuery(name, type, options));
  return context.log.lines;
}

describe("log", () => {
  it("writes the common format", async () => {
    assert.deepEqual(
      await lines("log", addressOf, "Example.ORG", "A", { id: 29008, client: "::1", clientPort: 50759, udpSize: 4096 }),
      ['[INFO] [::1]:50759 - 29008 "A IN example.org. udp 40 false 4096" NOERROR qr,rd,ra 56 0.037990251s'],
    );
    assert.deepEqual(
      await lines("log", (query) => reply(query, 3), "x.example", "AAAA", { id: 7, transport: "tcp", dnssecOk: true }),
      ['[INFO] 10.240.0.1:40212 - 7 "AAAA IN x.example. tcp 38 true 65535" NXDOMAIN qr,rd,ra 38 0.037990251s'],
    );
  });

  it("writes the combined format", async () => {
    assert.deepEqual(await lines("log . {combined}"), [
      '[INFO] 10.240.0.1:40212 - 4711 "A IN example.org. udp 29 false 512" NOERROR qr,rd,ra 45 0.037990251s "0"',
    ]);
  });

  it("passes the answer on as it is, and sees every query, hits too", async () => {
    const { context, instance } = setUp(log, ". {\nlog\n}");
    const made: Answer = addressOf(testQuery("a", "A"));
    assert.equal(await chainOf(instance, answering(made)).serve(testQuery("a", "A")), made);
    assert.equal(context.seesEveryQuery, true);
  });

  it("passes a defect on without a line", async () => {
    const { context, instance } = setUp(log, ". {\nlog\n}");
    const broken = { serve: () => Promise.reject(new Error("never")) };
    await assert.rejects(chainOf(instance, broken).serve(testQuery("a", "A")));
    assert.deepEqual(context.log.lines, []);
  });

  it("knows that a query that is dropped has no response", async () => {
    const dropped = (query: Query): Answer => ({ ...reply(query, 0), dropped: true });
    assert.deepEqual(await lines('log . "{rcode} {>rflags} {rsize}"', dropped), ["[INFO] - - 0"]);
  });
});

describe("a format", () => {
  for (const [format, line] of [
    ["{type} {class} {name}", "A IN example.org."],
    ["{proto} {remote} {port} {local}", "udp 10.240.0.1 40212 127.0.0.1"],
    ["{size} {rsize} {duration}", "29 45 0.037990251s"],
    ["{>id} {>opcode} {>do} {>bufsize}", "4711 0 false 512"],
    ["{rcode} {>rflags}", "NOERROR qr,rd,ra"],
    ["{/log/class} {/log/type}", "success NOERROR"],
    ["{/kubernetes/pod}", "-"],
    ["{nothing} {} { {type} } {{type}} {", "{nothing} {} { A } {A} {"],
    ["{type", "{type"],
    [
      "x {common} y",
      'x 10.240.0.1:40212 - 4711 "A IN example.org. udp 29 false 512" NOERROR qr,rd,ra 45 0.037990251s y',
    ],
  ] as const) {
    it(`reads ${format}`, async () => assert.deepEqual(await lines(`log . "${format}"`), [`[INFO] ${line}`]));
  }

  it("may stand without a name", async () => assert.deepEqual(await lines('log "{type}"'), ["[INFO] A"]));

  it("tells the flags that the client will get", async () => {
    const flagged = (query: Query): Answer => {
      const answer = addressOf(query);
      writeU16(answer.wire, FLAGS_AT, readU16(answer.wire, FLAGS_AT) | FLAG_AA | FLAG_AD);
      return answer;
    };
    const format = 'log . "{>rflags}"';
    assert.deepEqual(await lines(format, flagged), ["[INFO] qr,aa,rd,ra"]);
    const options = { dnssecOk: true, checkingDisabled: true, recursionDesired: false };
    assert.deepEqual(await lines(format, flagged, "a", "A", options), ["[INFO] qr,aa,ra,ad,cd"]);
  });

  it("writes durations to the nanosecond without exponent", async () => {
    for (const [receivedAtMs, text] of [
      [1_000_037.990_251 - 0.000_125, "0.000000125s"],
      [1_000_037.990_251 - 2000, "2s"],
      [1_000_037.990_251 - 500, "0.5s"],
    ] as const) {
      assert.deepEqual(await lines('log . "{duration}"', addressOf, "a", "A", { receivedAtMs }), [`[INFO] ${text}`]);
    }
  });
});

describe("names of log", () => {
  it("choose the queries that are logged, whatever the case", async () => {
    const only = 'log Example.ORG 10.0.0.0/15 "{name}"';
    assert.deepEqual(await lines(only, addressOf, "www.EXAMPLE.org"), ["[INFO] www.example.org."]);
    assert.deepEqual(await lines(only, addressOf, "1.1.10.in-addr.arpa", "PTR"), ["[INFO] 1.1.10.in-addr.arpa."]);
    assert.deepEqual(await lines(only, addressOf, "example.net"), []);
    assert.deepEqual(await lines(only, addressOf, "badexample.org"), []);
  });

  it("give a query to the first line that fits it", async () => {
    const both = 'log a.test "1 {name}"\nlog . "2 {name}"';
    assert.deepEqual(await lines(both, addressOf, "x.a.test"), ["[INFO] 1 x.a.test."]);
    assert.deepEqual(await lines(both, addressOf, "x.b.test"), ["[INFO] 2 x.b.test."]);
    assert.deepEqual(await lines('log . {\nclass error\n}\nlog . "2"', addressOf), []);
  });
});

describe("classes of log", () => {
  const soa = "example.org. 60 IN SOA ns. host. 1 2 3 4 5";
  const responses: readonly (readonly [string, string, string, (query: Query) => Answer])[] = [
    ["an answer", "success", "NOERROR", addressOf],
    ["an empty answer without SOA", "success", "NOERROR", (query) => reply(query, 0)],
    ["a referral", "success", "DELEGATION", (query) => reply(query, 0, { authority: ["example.org. 60 IN NS ns."] })],
    ["NODATA", "denial", "NODATA", (query) => reply(query, 0, { authority: [soa] })],
    ["NXDOMAIN", "denial", "NXDOMAIN", (query) => reply(query, 3, { authority: [soa] })],
    [
      "NXDOMAIN behind an alias",
      "error",
      "OTHERERROR",
      (query) => reply(query, 3, { answer: [`${query.name} 60 IN CNAME a.`] }),
    ],
    ["SERVFAIL", "error", "SERVERERROR", (query) => reply(query, 2)],
    ["NOTIMP", "error", "SERVERERROR", (query) => reply(query, 4)],
    ["REFUSED", "error", "OTHERERROR", (query) => reply(query, 5)],
    ["no response", "error", "OTHERERROR", (query) => ({ ...reply(query, 0), dropped: true })],
    [
      "a malformed response",
      "error",
      "OTHERERROR",
      (query) => ({ wire: addressOf(query).wire.slice(0, -1), plugin: "" }),
    ],
  ];
  for (const [what, kind, type, answer] of responses) {
    it(`put ${what} into ${kind} as ${type}`, async () => {
      assert.deepEqual(await lines('log . "{/log/class} {/log/type}"', answer), [`[INFO] ${kind} ${type}`]);
      for (const one of ["success", "denial", "error"]) {
        const expected = one === kind ? 1 : 0;
        assert.equal((await lines(`log {\nclass ${one}\n}`, answer)).length, expected, one);
      }
    });
  }

  it("may be several, on one line or on more, and all is all", async () => {
    const failure = (query: Query): Answer => reply(query, 2);
    for (const classes of ["class denial error", "class denial\nclass error", "class all", "class all\nclass denial"]) {
      assert.equal((await lines(`log {\n${classes}\n}`, failure)).length, 1, classes);
    }
    assert.equal((await lines("log {\nclass denial\nclass success\n}", failure)).length, 0);
  });

  it("put expired signatures into error, for clients that look at them", async () => {
    const signed = (query: Query): Answer =>
      reply(query, 0, {
        answer: [
          `${query.name} 60 IN A 192.0.2.1`,
          `${query.name} 60 IN RRSIG A 8 2 60 20200102000000 20200101000000 1 example.org. AAAA`,
        ],
      });
    assert.deepEqual(await lines('log . "{/log/class}"', signed, "a", "A", { dnssecOk: true }), ["[INFO] error"]);
    assert.deepEqual(await lines('log . "{/log/class}"', signed), ["[INFO] success"]);
  });
});

describe("the log directive", () => {
  const refused = (directives: string): FakeContext => setUp(log, `. {\n${directives}\n}`).context;

  for (const [directives, message] of [
    ["log {\nclass\n}", "Corefile:3:1: Wrong argument count or unexpected line ending after 'class'"],
    ["log {\nclass success none\n}", "Corefile:3:15: invalid Class: none"],
    ["log {\nlevel info\n}", "Corefile:3:1: unknown property 'level'"],
    ["log a..b", 'Corefile:2:5: not a domain name: "a..b" is no domain name: a label is empty'],
  ] as const) {
    it(`refuses ${directives.replaceAll("\n", " | ")}`, () => assert.throws(() => refused(directives), { message }));
  }
});
