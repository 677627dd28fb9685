import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { FLAG_AA, FLAG_QR } from "../../../dns/header.ts";
import { decodeMessage, type Message } from "../../../dns/message.ts";
import { recordToText } from "../../../dns/records/record-text.ts";
import { answering, chainOf, setUp, testQuery, type TestQueryOptions } from "../../../../test/support/setup-context.ts";
import { whoami } from "./whoami.ts";

async function ask(
  name: string,
  type: string,
  options: TestQueryOptions,
): Promise<{ message: Message; texts: string[] }> {
  const next = answering();
  const answer = await chainOf(setUp(whoami, ". {\nwhoami\n}").instance, next).serve(testQuery(name, type, options));
  assert.equal(answer.plugin, "whoami");
  assert.deepEqual(next.queries, []);
  const message = decodeMessage(answer.wire);
  return { message, texts: message.additional.map((record) => recordToText(record).replaceAll(/\s+/g, " ")) };
}

describe("whoami", () => {
  it("tells address, transport and port of an IPv4 client", async () => {
    const { message, texts } = await ask("Example.ORG", "A", { client: "10.240.0.1", clientPort: 40212 });
    assert.deepEqual(texts, ["Example.ORG. 0 IN A 10.240.0.1", "_udp.Example.ORG. 0 IN SRV 0 0 40212 ."]);
    assert.equal(message.flags & (FLAG_QR | FLAG_AA), FLAG_QR | FLAG_AA);
    assert.equal(message.rcode, 0);
    assert.deepEqual([message.answers.length, message.authority.length], [0, 0]);
  });

  it("tells those of an IPv6 client over TCP", async () => {
    const { texts } = await ask("example.org", "AAAA", { client: "2001:db8::9", clientPort: 1, transport: "tcp" });
    assert.deepEqual(texts, ["example.org. 0 IN AAAA 2001:db8::9", "_tcp.example.org. 0 IN SRV 0 0 1 ."]);
  });

  it("knows an IPv4 client on a dual-stack socket", async () => {
    const { texts } = await ask("a", "A", { client: "::ffff:192.0.2.1" });
    assert.equal(texts[0], "a. 0 IN A 192.0.2.1");
  });

  it("answers other types and classes and the root too", async () => {
    const { message, texts } = await ask(".", "TXT", { qclass: 3 });
    assert.deepEqual(texts, [". 0 CH A \\# 4 0AF00001", "_udp. 0 CH SRV 0 0 40212 ."]);
    assert.equal(message.question[0]?.type, 16);
  });

  it("leaves the SRV out where its name would be too long", async () => {
    const label = "a".repeat(63);
    const { texts } = await ask(`${label}.${label}.${label}.${"a".repeat(60)}.`, "A", {});
    assert.equal(texts.length, 1);
  });

  it("takes no arguments and stands once", () => {
    assert.throws(() => setUp(whoami, ". {\nwhoami x\n}"), { message: /^Corefile:2:8: Wrong argument count/ });
    assert.throws(() => setUp(whoami, ". {\nwhoami\nwhoami\n}"), { message: /^Corefile:3:1: .*only be used once/ });
  });
});
