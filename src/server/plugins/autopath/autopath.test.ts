import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { decodeMessage, type Message } from "../../../dns/message.ts";
import { nameFromText } from "../../../dns/name-text.ts";
import type { Answer } from "../../chain/answer.ts";
import { endOfChain } from "../../chain/failure.ts";
import type { Handler } from "../../chain/handler.ts";
import type { Query } from "../../chain/query.ts";
import { Metrics } from "../../metrics/metrics.ts";
import { linesOf, pluginServer } from "../../../../test/support/plugin-server.ts";
import { nodata, nxdomain, responseTo } from "../../../../test/support/responses.ts";
import { answerA, nxdomain as scriptedNxdomain } from "../../../../test/support/scripted-upstream.ts";
import { answering, chainOf, emptyReply, setUp, testQuery } from "../../../../test/support/setup-context.ts";
import { autopath } from "./autopath.ts";
import { searchDomains } from "../../chain/search-list.ts";

let folder = "";
before(() => {
  folder = mkdtempSync(join(tmpdir(), "nodens-autopath-"));
  writeFileSync(join(folder, "search"), "nameserver 192.0.2.1\nsearch Example.org example.com com\noptions ndots:5\n");
  writeFileSync(join(folder, "empty"), "nameserver 192.0.2.1\n");
  writeFileSync(join(folder, "wrong"), "search a..b\n");
});
after(() => rmSync(folder, { recursive: true }));

/** What each name gets: an address, or as said; other names end the chain. */
type Names = Readonly<Record<string, "address" | "alias" | "nxdomain" | "nodata" | "servfail" | "timeout" | "dropped">>;

interface Result {
  readonly answer: Answer;
  readonly message: Message;
  readonly lines: string[];
  /** Names asked below, in order. */
  readonly asked: string[];
  readonly counted: number;
}

async function run(name: string, names: Names, directive = "autopath search"): Promise<Result> {
  const metrics = Metrics.create({ threads: 1 });
  const asked: string[] = [];
  const next: Handler = {
    serve: async (query) => {
      asked.push(query.name);
      const plugin = "next";
      switch (names[query.name.toLowerCase()]) {
        case "address":
          return { wire: responseTo(query, { answers: ["@ 3600 IN A 127.0.0.53"] }), plugin };
        case "alias":
          return {
            wire: responseTo(query, { answers: ["@ 60 IN CNAME x.net.", "x.net. 90 IN A 127.0.0.53"] }),
            plugin,
          };
        case "nxdomain":
          return { wire: nxdomain(query, 1800), plugin };
        case "nodata":
          return { wire: nodata(query, 1800), plugin };
        case "servfail":
          return { wire: responseTo(query, { rcode: 2 }), plugin };
        case "timeout":
          return { wire: responseTo(query, { rcode: 2 }), plugin, error: new Error("timeout") };
        case "dropped":
          return { wire: responseTo(query, {}), plugin, dropped: true };
        default:
          return endOfChain.serve(query);
      }
    },
  };
  const { instance } = setUp(autopath, `. {\n${directive}\n}`, { metrics, root: folder });
  const answer = await chainOf(instance, next).serve(testQuery(name, "A"));
  const message = decodeMessage(answer.wire);
  assert.deepEqual(message.question[0]?.name, testQuery(name, "A").wire.slice(12, -4), "the client's question");
  const counted = metrics.counter("coredns_autopath_success_total").with("dns://127.0.0.1:5300").value;
  return { answer, message, lines: linesOf(message.answers), asked, counted };
}

describe("autopath", () => {
  it("follows the search path, and leads to what it found by a CNAME", async () => {
    const result = await run("b.example.org", { "b.example.org.": "nxdomain", "b.com.": "address" });
    assert.deepEqual(result.lines, ["b.example.org. 3600 IN CNAME b.com.", "b.com. 3600 IN A 127.0.0.53"]);
    assert.deepEqual(result.asked, ["b.example.org.", "b.example.com.", "b.com."]);
    assert.deepEqual([result.message.rcode, result.answer.plugin, result.counted], [0, "autopath", 1]);
  });

  it("tries the name alone at last, in the client's spelling", async () => {
    const names: Names = {
      "api.x.example.org.": "nxdomain",
      "api.x.example.com.": "nxdomain",
      "api.x.com.": "nxdomain",
      "api.x.": "alias",
    };
    const { lines, asked } = await run("aPi.X.ExAmple.ORG", names);
    assert.deepEqual(asked, ["aPi.X.ExAmple.ORG.", "aPi.X.example.com.", "aPi.X.com.", "aPi.X."]);
    assert.deepEqual(
      lines.map((line) => line.toLowerCase()),
      ["api.x.example.org. 60 in cname api.x.", "api.x. 60 in cname x.net.", "x.net. 90 in a 127.0.0.53"],
    );
  });

  it("leaves other names to the next plugin, and the domain itself", async () => {
    for (const name of ["a.example.com", "example.org", "notexample.org", "org"]) {
      const { asked, counted } = await run(name, { "b.com.": "address" });
      assert.deepEqual([asked, counted], [[`${name}.`], 0]);
    }
  });

  it("is at its end where the first name is right", async () => {
    const { lines, asked, counted } = await run("b.example.org", { "b.example.org.": "alias", "b.com.": "address" });
    assert.deepEqual(lines, ["b.example.org. 60 IN CNAME x.net.", "x.net. 90 IN A 127.0.0.53"]);
    assert.deepEqual([asked.length, counted], [1, 1]);
  });

  it("takes an empty answer and a failure that was sent as the end of the path", async () => {
    const first: Names = { "b.example.org.": "nxdomain", "b.com.": "address" };
    const empty = await run("b.example.org", { ...first, "b.example.com.": "nodata" });
    assert.deepEqual([empty.asked.length, empty.message.rcode, empty.lines, empty.counted], [2, 0, [], 1]);
    assert.equal(empty.message.authority.length, 1);
    const failed = await run("b.example.org", { ...first, "b.example.com.": "servfail" });
    assert.deepEqual([failed.asked.length, failed.message.rcode, failed.counted], [2, 2, 1]);
  });

  it("gives up at a failure with a reason, and keeps silent where a plugin does", async () => {
    const first: Names = { "b.example.org.": "nxdomain", "b.com.": "address" };
    const failed = await run("b.example.org", { ...first, "b.example.com.": "timeout" });
    assert.deepEqual([failed.asked.length, failed.message.rcode, failed.counted], [2, 2, 0]);
    assert.equal(failed.answer.error?.message, "timeout");
    const { instance } = setUp(autopath, ". {\nautopath search\n}", {
      metrics: Metrics.create({ threads: 1 }),
      root: folder,
    });
    const silent: Handler = { serve: async (query) => ({ wire: query.wire, plugin: "acl", dropped: true }) };
    assert.equal((await chainOf(instance, silent).serve(testQuery("b.example.org", "A"))).dropped, true);
  });

  it("gives the first answer back when no name exists", async () => {
    const names: Names = {
      "c.example.org.": "nxdomain",
      "c.example.com.": "nxdomain",
      "c.com.": "nxdomain",
      "c.": "nxdomain",
    };
    const { message, answer, asked, counted } = await run("c.example.org", names);
    assert.deepEqual([message.rcode, answer.plugin, asked.length, counted], [3, "next", 4, 0]);
    assert.equal((await run("c.example.org", {})).message.rcode, 2);
  });

  it("passes over names that would be too long", async () => {
    writeFileSync(join(folder, "long"), `search a ${"longer.".repeat(20)} b\n`);
    const base = `${"label.".repeat(30)}`;
    const { asked } = await run(`${base}a`, { [`${base}a.`]: "nxdomain" }, "autopath long");
    assert.deepEqual(asked, [`${base}a.`, `${base}b.`, base]);
  });

  it("concerns its zones", async () => {
    const names: Names = { "b.example.org.": "nxdomain", "b.com.": "address" };
    assert.equal((await run("b.example.org", names, "autopath example.net search")).asked.length, 1);
    assert.equal((await run("b.example.org", names, "autopath example.net ORG search")).asked.length, 3);
    const { instance } = setUp(autopath, "example.net {\nautopath search\n}", {
      metrics: Metrics.create({ threads: 1 }),
      root: folder,
    });
    const answer = await chainOf(instance).serve(testQuery("b.example.org", "A"));
    assert.equal(answer.plugin, "");
  });
});

describe("the autopath directive", () => {
  const metrics = Metrics.create({ threads: 1 });

  it("sees NXDOMAIN that the cache holds, where it stands above", () => {
    const at = (compat: "1.12" | "1.14"): boolean =>
      setUp(autopath, ". {\nautopath search\n}", { metrics, root: folder, compat }).context.seesDenials;
    assert.deepEqual([at("1.14"), at("1.12")], [true, false]);
  });

  it("does nothing with an empty search list", () => {
    const { instance, context } = setUp(autopath, ". {\nautopath empty\n}", { metrics, root: folder });
    assert.deepEqual([instance.handler, context.seesDenials], [undefined, false]);
  });

  for (const [text, message] of [
    ["autopath", /^Corefile:2:1: no resolv-conf specified$/],
    ["autopath kubernetes", /^Corefile:2:10: failed to parse "kubernetes": ENOENT/],
    ['autopath ""', /^Corefile:2:10: failed to parse ""/],
    ["autopath wrong", /^Corefile:2:10: failed to parse "wrong": "a\.\.b" is no domain name/],
    ["autopath search {\nfoo\n}", /^Corefile:3:1: unknown property 'foo'$/],
  ] as const) {
    it(`refuses ${text.replaceAll("\n", " ")}`, () => {
      assert.throws(() => setUp(autopath, `. {\n${text}\n}`, { metrics, root: folder }), { message });
    });
  }

  it("wants the plugin that it names in the block, and one that knows clients", async () => {
    for (const sibling of [undefined, {}]) {
      const context = { metrics, sibling: () => sibling };
      const { instance } = setUp(autopath, ". {\nautopath example.org @kubernetes\n}", context);
      const start = async (): Promise<void> => instance.start?.();
      await assert.rejects(start, { message: /^Corefile:2:22: autopath @kubernetes needs the kubernetes plugin/ });
    }
  });

  it("follows the list of the client, and none where it is not known", async () => {
    const lists = new Map([["10.240.0.1", ["example.org.", "example.com."].map((domain) => nameFromText(domain))]]);
    const teller = { searchPath: (query: Query) => lists.get(query.client.address) };
    const { instance } = setUp(autopath, ". {\nautopath @kubernetes\n}", { metrics, sibling: () => teller });
    await instance.start?.();
    for (const [client, questions] of [
      ["10.240.0.1", 3],
      ["10.240.0.2", 1],
    ] as const) {
      const next = answering((query) => ({ wire: emptyReply(query, 3), plugin: "next" }));
      await chainOf(instance, next).serve(testQuery("b.example.org", "A", { client }));
      assert.equal(next.queries.length, questions, client);
    }
  });

  it("with @kubernetes is above the cache in both orders", () => {
    const at = (compat: "1.12" | "1.14"): readonly boolean[] => {
      const { instance } = setUp(autopath, ". {\nautopath @kubernetes\n}", { metrics, compat });
      return [instance.handler !== undefined, instance.aboveCache !== undefined];
    };
    assert.deepEqual(
      [at("1.14"), at("1.12")],
      [
        [true, false],
        [false, true],
      ],
    );
  });

  it("reads the last search or domain line", () => {
    assert.deepEqual(searchDomains("nameserver 1.2.3.4\ndomain foo.com\nsearch bar.com baz.com\n"), [
      "bar.com",
      "baz.com",
    ]);
    assert.deepEqual(searchDomains("search a b\n domain\tc d\n"), ["c"]);
    assert.deepEqual(searchDomains("#search a\n; search b\nresearch c\n"), []);
  });
});

describe("autopath in a chain", () => {
  for (const compat of ["1.14", "1.12"] as const) {
    it(`answers from the cache what it found, in the order of ${compat}`, async (t) => {
      const corefile = `. {\n autopath ${folder}/search\n cache\n forward . 127.0.0.1:PORT\n}\n`;
      const found = answerA("192.0.2.1", 300);
      const denied = scriptedNxdomain(300, 300);
      const script: typeof found = (query) => (query.name === "b." ? found(query) : denied(query));
      const { ask, upstream, running } = await pluginServer(t, script, corefile, { compat });
      for (let i = 0; i < 2; i++) {
        const lines = linesOf((await ask("b.example.org.", 1)).answers).map((line) => line.replace(/ \d+ /, " "));
        assert.deepEqual(lines, ["b.example.org. IN CNAME b.", "b. IN A 192.0.2.1"]);
      }
      assert.equal(upstream.queries.length, 4);
      assert.deepEqual(
        running.server.blocks.map(({ slow, seesDenials }) => [slow, seesDenials]),
        [[false, compat === "1.14"]],
      );
    });
  }
});
