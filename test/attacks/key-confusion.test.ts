/**
 * Cache-key confusion (CVE-2024-0874 of CoreDNS: an answer for CD given to who did not ask for it; CVE-2026-40012 of
 * PowerDNS: one client's subnet): the answer to one variant of a question given to another. Here upstream's answer says
 * for what it was asked, and whatever is asked in whatever order, each client gets its own.
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { linesOf, pluginServer, type PluginServer } from "../support/plugin-server.ts";
import { askTcp, askUdp, queryFor } from "../support/dns-client.ts";
import { decodeMessage } from "../../src/dns/message.ts";
import { respond, type Script, type UpstreamQuery } from "../support/scripted-upstream.ts";

const COREFILE =
  "a.test b.test {\n cache\n forward . 127.0.0.1:PORT\n}\nx.a.test {\n cache\n forward . 127.0.0.1:PORT\n}";
const TYPE_TXT = 16;
const TYPE_PRIVATE = 65_280;

interface Variant {
  readonly name: string;
  readonly type: number;
  readonly dnssecOk: boolean;
  readonly checkingDisabled: boolean;
  /** Third byte of a client subnet; undefined: no subnet. */
  readonly subnet: number | undefined;
  readonly tcp: boolean;
}

/** What an upstream can know of a variant. */
function label(name: string, type: number, dnssecOk: boolean, checkingDisabled: boolean): string {
  return `${name.toLowerCase()} ${type} ${dnssecOk ? "do" : ""} ${checkingDisabled ? "cd" : ""}`;
}

const telling: Script = (query: UpstreamQuery) => {
  const text = label(query.name, query.type, query.dnssecOk === true, (query.flags & 0x0010) !== 0);
  const rdata = Uint8Array.from([text.length, ...Buffer.from(text)]);
  return { reply: respond(query, { answers: [{ type: query.type, ttl: 60, rdata }] }) };
};

function wireOf({ name, type, dnssecOk, checkingDisabled, subnet }: Variant): Uint8Array {
  const flags = checkingDisabled ? 0x0110 : 0x0100;
  const query = queryFor(name, type, { flags, opt: 1232, ...(dnssecOk ? { dnssecOk } : {}) });
  if (subnet === undefined) return query;
  const whole = Uint8Array.from([...query, 0, 8, 0, 7, 0, 1, 24, 0, 10, 0, subnet]);
  whole[query.length - 1] = 11;
  return whole;
}

async function ask({ running }: PluginServer, variant: Variant): Promise<string> {
  const asking = { port: running.port, wire: wireOf(variant) };
  const message = decodeMessage(await (variant.tcp ? askTcp(asking) : askUdp(asking)));
  const [answer] = message.answers;
  assert.equal(message.answers.length, 1);
  assert.ok(answer);
  if (answer.data.kind === "txt") return Buffer.from(answer.data.strings[0] ?? []).toString();
  assert.equal(answer.data.kind, "opaque", linesOf([answer])[0]);
  return answer.data.kind === "opaque" ? Buffer.from(answer.data.bytes.subarray(1)).toString() : "";
}

const variants: fc.Arbitrary<Variant> = fc.record({
  name: fc.constantFrom("n.a.test.", "N.a.TEST.", "n.b.test.", "n.x.a.test.", "x.a.test.", "a.test."),
  type: fc.constantFrom(TYPE_TXT, TYPE_PRIVATE),
  dnssecOk: fc.boolean(),
  checkingDisabled: fc.boolean(),
  subnet: fc.option(fc.nat(3), { nil: undefined }),
  tcp: fc.boolean(),
});

describe("key confusion", () => {
  it("does not happen: each variant of a question has its own answer, in whatever order they come", async (t) => {
    const server = await pluginServer(t, telling, COREFILE);
    const asked = new Set<string>();
    await fc.assert(
      fc.asyncProperty(fc.array(variants, { minLength: 5, maxLength: 20 }), async (list) => {
        for (const variant of list) {
          const { name, type, dnssecOk, checkingDisabled } = variant;
          const own = label(name, type, dnssecOk, checkingDisabled);
          assert.equal(await ask(server, variant), own);
          asked.add(own);
        }
      }),
      { numRuns: 40 },
    );
    // Subnets, spellings and transports share: each variant went upstream once.
    assert.equal(server.upstream.queries.length, asked.size);
  });

  it("nor when many ask at once", async (t) => {
    const server = await pluginServer(t, telling, COREFILE);
    const list = fc.sample(variants, 200);
    const got = await Promise.all(list.map((variant) => ask(server, variant)));
    assert.deepEqual(
      got,
      list.map(({ name, type, dnssecOk, checkingDisabled }) => label(name, type, dnssecOk, checkingDisabled)),
    );
  });

  it("nor for other classes: what is held for IN answers no CH, ANY, NONE or HS", async (t) => {
    const server = await pluginServer(t, telling, COREFILE);
    const wire = queryFor("n.a.test.", TYPE_TXT, { opt: 1232 });
    assert.equal((await server.send(wire)).answers.length, 1);
    for (const dnsClass of [0, 2, 3, 4, 254, 255, 0x0101]) {
      const other = await server.send(queryFor("n.a.test.", TYPE_TXT, { class: dnsClass, opt: 1232 }));
      assert.equal(other.rcode, 5, `class ${dnsClass}`);
      assert.deepEqual(other.answers, []);
    }
    assert.equal(server.upstream.queries.length, 1);
  });

  it("nor for other opcodes and for RD=0, which is asked apart and not held", async (t) => {
    const server = await pluginServer(t, telling, COREFILE);
    for (const opcode of [1, 2, 4, 5, 6, 15]) {
      const flags = (opcode << 11) | 0x0100;
      assert.equal((await server.send(queryFor("n.a.test.", TYPE_TXT, { flags }))).rcode, 4, `opcode ${opcode}`);
    }
    assert.equal(server.upstream.queries.length, 0);
    await server.send(queryFor("n.a.test.", TYPE_TXT, { flags: 0 }));
    assert.equal(server.upstream.queries[0]?.flags, 0x0020);
    await server.send(queryFor("n.a.test.", TYPE_TXT));
    assert.equal(server.upstream.queries.length, 2);
  });
});
