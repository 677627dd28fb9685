import assert from "node:assert/strict";
import { hostname } from "node:os";
import { describe, it } from "node:test";
import { decodeMessage } from "../../../dns/message.ts";
import { linesOf, pluginServer } from "../../../../test/support/plugin-server.ts";
import { answerA } from "../../../../test/support/scripted-upstream.ts";
import { answering, chainOf, setUp, testQuery } from "../../../../test/support/setup-context.ts";
import { chaos } from "./chaos.ts";

const CH = 3;
const TXT = 16;

/** What is answered, or "next". */
async function ask(directive: string, name: string, type = "TXT", qclass = CH): Promise<string[] | "next"> {
  const next = answering();
  const query = testQuery(name, type, { qclass });
  const { instance } = setUp(chaos, `. {\n${directive}\n}`, { version: "1.2.3" });
  const answer = await chainOf(instance, next).serve(query);
  const served = instance.answersClass?.(query.wire, query.view) === true;
  assert.equal(served, next.queries.length === 0, "what is answered is what is let in");
  if (next.queries.length > 0) return "next";
  assert.equal(answer.plugin, "chaos");
  return linesOf(decodeMessage(answer.wire).answers);
}

describe("chaos", () => {
  for (const [directive, name, line] of [
    ["chaos v2", "version.bind", 'version.bind. 0 CH TXT "v2"'],
    ["chaos v2", "Version.Server", 'Version.Server. 0 CH TXT "v2"'],
    ["chaos", "version.bind", 'version.bind. 0 CH TXT "Nodens-1.2.3"'],
    ['chaos v3 "Miek Gieben"', "authors.bind", 'authors.bind. 0 CH TXT "Miek Gieben"'],
    ["chaos", "authors.bind", 'authors.bind. 0 CH TXT "The Nodens authors"'],
    ["chaos v3 b", "hostname.bind", `hostname.bind. 0 CH TXT "${hostname()}"`],
    ["chaos", "id.server", `id.server. 0 CH TXT "${hostname()}"`],
  ] as const) {
    it(`answers ${name} with ${directive}`, async () => assert.deepEqual(await ask(directive, name), [line]));
  }

  it("leaves other names, types and classes to the next plugin", async () => {
    for (const [name, type, qclass] of [
      ["version.bind", "TXT", 1],
      ["authors.bind", "SRV", CH],
      ["version.bind", "A", CH],
      ["bind", "TXT", CH],
      ["a.version.bind", "TXT", CH],
    ] as const) {
      assert.equal(await ask("chaos v2", name, type, qclass), "next", `${name} ${type}`);
    }
  });

  it("names each author once, in an order that changes", async () => {
    const orders = new Set<string>();
    for (let i = 0; i < 50; i++) {
      const lines = await ask("chaos v2 c a b a", "authors.bind");
      assert.ok(lines !== "next");
      const names = lines.map((line) => line.split('"')[1] ?? "");
      assert.deepEqual(names.toSorted(), ["a", "b", "c"]);
      orders.add(names.join(""));
    }
    assert.ok(orders.size > 1);
  });

  it("tells 255 bytes of a text that is longer", async () => {
    const lines = await ask(`chaos ${"é".repeat(200)}`, "version.bind");
    assert.ok(lines !== "next" && lines[0] !== undefined);
    assert.equal(lines[0].match(/\\\d{3}/g)?.length, 255);
  });

  it("has no properties", () => {
    assert.throws(() => setUp(chaos, ". {\nchaos v2 {\nunknown\n}\n}"), {
      message: "Corefile:3:1: unknown property 'unknown'",
    });
  });

  it("is let through in its block, and everything else of class CH refused", async (t) => {
    const corefile =
      ". {\n chaos v9\n cache\n forward . 127.0.0.1:PORT\n}\nplain.test {\n forward . 127.0.0.1:PORT\n}\n";
    const { ask: send, upstream, running } = await pluginServer(t, answerA("192.0.2.1", 300), corefile);
    const reply = await send("version.bind.", TXT, { class: CH });
    assert.deepEqual(linesOf(reply.answers), ['version.bind. 0 CH TXT "v9"']);
    assert.equal((await send("other.bind.", TXT, { class: CH })).rcode, 5);
    assert.equal((await send("version.bind.", 1, { class: CH })).rcode, 5);
    assert.equal((await send("version.bind.plain.test.", TXT, { class: CH })).rcode, 5);
    assert.equal((await send("version.bind.", TXT)).rcode, 0);
    assert.deepEqual(
      upstream.queries.map(({ class: qclass }) => qclass),
      [1],
    );
    assert.equal(running.server.blocks[0]?.slow, false);
  });
});
