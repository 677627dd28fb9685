import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { decodeMessage } from "../../../dns/message.ts";
import { recordFromText } from "../../../dns/records/record-text.ts";
import type { Answer } from "../../chain/answer.ts";
import { linesOf, pluginServer } from "../../../../test/support/plugin-server.ts";
import { type ResponseText, responseTo } from "../../../../test/support/responses.ts";
import { respond } from "../../../../test/support/scripted-upstream.ts";
import { answering, chainOf, setUp, testQuery } from "../../../../test/support/setup-context.ts";
import { loadbalance } from "./loadbalance.ts";
import { preferring, roundRobin } from "./policy.ts";
import { preferredSection, type Subnet, subnetOf } from "./section-order.ts";

let folder = "";
before(() => {
  folder = mkdtempSync(join(tmpdir(), "nodens-loadbalance-"));
  writeFileSync(join(folder, "wf"), "a.test\n192.0.2.3 255\n");
  writeFileSync(join(folder, "wrong"), "192.0.2.1 10\n");
});
after(() => rmSync(folder, { recursive: true }));

const a = (owner: string, host: number): string => `${owner} 300 IN A 192.0.2.${host}`;
const mx = (host: number): string => `mx.test. 300 IN MX ${host} mx${host}.test.`;
const THREE = [a("a.test.", 1), a("a.test.", 2), a("a.test.", 3)];

function kinds(lines: readonly string[]): string {
  return lines.map((line) => line.split(" ")[3]).join(" ");
}

/** Answers of many queries through the plugin, as lines of a section. */
async function many(directive: string, text: ResponseText, type = "A", times = 60): Promise<string[][]> {
  const { instance, context } = setUp(loadbalance, `. {\n${directive}\n}`, { root: folder });
  assert.equal(context.seesEveryQuery, true);
  await instance.start?.();
  const given = responseTo(testQuery("a.test", type), text);
  const before = given.slice();
  const chain = chainOf(instance, answering({ wire: given, plugin: "forward" }));
  const all: string[][] = [];
  for (let i = 0; i < times; i++) {
    const answer = await chain.serve(testQuery("a.test", type));
    assert.equal(answer.plugin, "forward");
    const message = decodeMessage(answer.wire);
    all.push([...linesOf(message.answers), ...linesOf(message.additional)]);
    assert.equal(message.authority.length, text.authority?.length ?? 0);
  }
  assert.deepEqual(given, before, "what others hold too is not changed");
  await instance.stop?.("shutdown");
  return all;
}

describe("loadbalance round_robin", () => {
  for (const directive of ["loadbalance", "loadbalance round_robin"]) {
    it(`shuffles addresses with ${directive}`, async () => {
      const all = await many(directive, { answers: THREE, authority: ["a.test. 5 IN NS ns.test."] });
      for (const lines of all) assert.deepEqual(lines.toSorted(), THREE);
      assert.deepEqual(new Set(all.map(([first]) => first)), new Set(THREE));
    });
  }

  it("puts aliases in front, addresses before mail exchanges, and shuffles these too", async () => {
    const answers = [mx(1), ...THREE, mx(2), "c.test. 300 IN CNAME a.test.", mx(3), 'a.test. 5 IN TXT "x"'];
    const all = await many("loadbalance", { answers });
    for (const lines of all) {
      assert.equal(kinds(lines), "CNAME TXT A A A MX MX MX");
      assert.deepEqual(lines.toSorted(), answers.toSorted());
    }
    assert.deepEqual(new Set(all.map((lines) => lines[5])), new Set([mx(1), mx(2), mx(3)]));
    assert.deepEqual(new Set(all.map((lines) => lines[2])), new Set(THREE));
  });

  it("shuffles additional records", async () => {
    const all = await many("loadbalance", { answers: ["a.test. 5 IN SRV 0 0 80 a.test."], additional: THREE }, "SRV");
    assert.deepEqual(new Set(all.map((lines) => lines[1])), new Set(THREE));
    for (const lines of all) assert.equal(kinds(lines), "SRV A A A");
  });

  it("leaves alone what has one order only, and failures", async () => {
    for (const text of [{ answers: [a("a.test.", 1)] }, { rcode: 2, answers: THREE }, { rcode: 3, answers: THREE }]) {
      const lines = await many("loadbalance", text, "A", 20);
      assert.deepEqual(new Set(lines.map(String)), new Set([String(text.answers)]));
    }
  });

  it("gives the rest of an answer back as it is", async () => {
    const { instance } = setUp(loadbalance, ". {\nloadbalance\n}");
    const query = testQuery("a.test", "A");
    const extra = { extendedError: { code: 3, text: "" }, options: [], error: new Error("x") };
    const given: Answer = { wire: responseTo(query, { answers: THREE }), plugin: "cache", ...extra };
    const { wire: _, ...rest } = await chainOf(instance, answering(given)).serve(query);
    assert.deepEqual(rest, { plugin: "cache", ...extra });
    const dropped = { ...given, dropped: true };
    assert.equal(await chainOf(instance, answering(dropped)).serve(query), dropped);
  });

  it("orders by the numbers that chance gives", () => {
    const query = testQuery("a.test", "A");
    const wire = responseTo(query, { answers: THREE });
    const lines = (random: number): string[] =>
      linesOf(decodeMessage(roundRobin(() => random)(wire, query.view.questionEnd)).answers);
    assert.deepEqual(lines(0.999), THREE);
    assert.deepEqual(lines(0), [THREE[1], THREE[2], THREE[0]]);
  });
});

function subnet(text: string): Subnet {
  return subnetOf(text) ?? assert.fail(text);
}

describe("loadbalance prefer", () => {
  it("puts addresses of the first block first, then those of the next", () => {
    const records = [
      "10.9.30.1",
      "10.9.20.5",
      "192.168.1.2",
      "10.10.0.1",
      "10.9.20.3",
      "172.16.0.1",
      "2001:db8::1",
      "2001:db8:abcd::1",
      "fd00::1",
    ].map((text) => recordFromText(`example.org. 300 IN ${text.includes(":") ? "AAAA" : "A"} ${text}`));
    const alias = recordFromText("example.org. 300 IN CNAME alias.example.org.");
    const subnets = ["2001:db8::/32", "10.9.20.0/24", "10.9.30.0/24"].map(subnet);
    const ordered = linesOf(preferredSection([...records, alias], subnets)).map((line) => line.split(" ")[4]);
    assert.deepEqual(ordered, [
      "alias.example.org.",
      "2001:db8::1",
      "2001:db8:abcd::1",
      "10.9.20.5",
      "10.9.20.3",
      "10.9.30.1",
      "192.168.1.2",
      "10.10.0.1",
      "172.16.0.1",
      "fd00::1",
    ]);
  });

  it("counts bits", () => {
    const first = (text: string): string | undefined =>
      linesOf(
        preferredSection(
          [0, 127, 128, 129].map((host) => recordFromText(a("a.", host))),
          [subnet(text)],
        ),
      )[0];
    assert.equal(first("192.0.2.128/25"), a("a.", 128));
    assert.equal(first("192.0.2.129/32"), a("a.", 129));
    assert.equal(first("192.0.2.129/25"), a("a.", 128));
    assert.equal(first("0.0.0.0/0"), a("a.", 0));
    assert.equal(first("::/0"), a("a.", 0));
    for (const wrong of ["192.0.2.1", "192.0.2.0/33", "::/129", "a/8", "/8", "192.0.2.0/", "192.0.2.0/-1"]) {
      assert.equal(subnetOf(wrong), undefined, wrong);
    }
  });

  it("comes after the shuffle", async () => {
    const directive = "loadbalance {\nprefer 192.0.2.2/32 192.0.2.3/32\n}";
    const all = await many(directive, { answers: [...THREE, a("a.test.", 4)] });
    for (const [first, second] of all) assert.deepEqual([first, second], [THREE[1], THREE[2]]);
    assert.deepEqual(new Set(all.map((lines) => lines[2])), new Set([THREE[0], a("a.test.", 4)]));
    const query = testQuery("a.test", "A");
    const wire = responseTo(query, { answers: THREE });
    const order = preferring([subnet("192.0.2.3/32")], (message) => message);
    assert.deepEqual(linesOf(decodeMessage(order(wire, query.view.questionEnd)).answers), [
      THREE[2],
      THREE[0],
      THREE[1],
    ]);
  });
});

describe("loadbalance weighted", () => {
  it("puts the heavy address in front nearly always, for A, AAAA and SRV", async () => {
    const all = await many("loadbalance weighted wf", { answers: THREE });
    const heavy = all.filter(([first]) => first === THREE[2]);
    assert.ok(heavy.length > 50, String(heavy.length));
    for (const lines of heavy) assert.deepEqual(lines, [THREE[2], THREE[1], THREE[0]]);
    const others = await many("loadbalance weighted wf", { answers: THREE }, "MX");
    assert.deepEqual(new Set(others.map(String)), new Set([String(THREE)]));
  });

  it("does not start with a file that is wrong, and says where it is named", async () => {
    const { instance } = setUp(loadbalance, ". {\nloadbalance weighted wrong\n}", { root: folder });
    await assert.rejects(async () => instance.start?.(), {
      message: /^Corefile:2:22: plugin\/loadbalance: missing domain name in weight file .*wrong$/,
    });
  });
});

describe("the loadbalance directive", () => {
  for (const [text, message] of [
    ["fleeb", "2:13: unknown policy: fleeb"],
    ["round_robin a", "2:25: unknown property for round_robin"],
    ["weighted", "2:13: missing weight file argument"],
    ["weighted a b", "2:24: unexpected argument(s)"],
    ["weighted wfile {\nsusu\n}", "3:1: unknown property 'susu'"],
    ["weighted wfile {\nprefer 10.0.0.0/8\n}", "3:1: unknown property 'prefer'"],
    ["weighted wfile {\nreload\n}", "3:1: reload duration value is missing"],
    ["weighted wfile {\nreload a\n}", "3:8: invalid reload duration 'a'"],
    ["weighted wfile {\nreload -1s\n}", "3:8: invalid reload duration '-1s'"],
    ["weighted wfile {\nreload 30s a\n}", "3:12: unexpected argument"],
    ["{\nreload 30s\n}", "3:1: unknown property 'reload'"],
    ["{\nprefer 10.0.0.0/8 10.0.0.0\n}", '3:19: invalid CIDR "10.0.0.0": invalid CIDR address: 10.0.0.0'],
  ] as const) {
    it(`refuses loadbalance ${text.replaceAll("\n", " ")}`, () => {
      assert.throws(() => setUp(loadbalance, `. {\nloadbalance ${text}\n}`), { message: `Corefile:${message}` });
    });
  }

  it("takes the other forms", () => {
    for (const text of [
      "round_robin",
      "weighted wf",
      "weighted wf {\nreload 0s\n}",
      "{\nprefer\n}",
      "{\nprefer ::/0\n}",
    ]) {
      setUp(loadbalance, `. {\nloadbalance ${text}\n}`);
    }
  });
});

describe("loadbalance in a chain", () => {
  it("gives hits of the cache in many orders", async (t) => {
    const corefile = ". {\n loadbalance\n cache\n forward . 127.0.0.1:PORT\n}\n";
    const answers = [1, 2, 3].map((host) => ({ type: 1, ttl: 300, rdata: Uint8Array.of(192, 0, 2, host) }));
    const { ask, upstream } = await pluginServer(t, (query) => ({ reply: respond(query, { answers }) }), corefile);
    const orders = new Set<string>();
    for (let i = 0; i < 60 && orders.size < 6; i++) {
      const lines = linesOf((await ask("a.test.", 1)).answers);
      orders.add(lines.map((line) => line.at(-1)).join(""));
    }
    assert.ok(orders.size >= 5, String([...orders]));
    assert.equal(upstream.queries.length, 1);
  });
});
