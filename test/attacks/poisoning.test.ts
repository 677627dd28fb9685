/**
 * Records that nobody asked for (Kaminsky 2008; CVE-2025-40778 of BIND, CVE-2025-11411 of Unbound) and a forwarder's lack
 * of a bailiwick ("MaginotDNS" 2023). The defence: an answer is held under its question alone and never taken apart, so
 * whatever else it says answers no other question; what does not belong to its own is left out of all sections; and a
 * zone's questions go to that zone's upstream.
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { linesOf, pluginServer } from "../support/plugin-server.ts";
import { respond, type Script, type ScriptedRecord, startUpstream, wireName } from "../support/scripted-upstream.ts";

const EVIL = Uint8Array.of(203, 0, 113, 66);
const GOOD = Uint8Array.of(192, 0, 2, 1);
const VICTIM = "www.victim.test.";

const a = (owner: string, rdata: Uint8Array): ScriptedRecord => ({ owner, type: 1, ttl: 86_400, rdata });
const evil = a(VICTIM, EVIL);
const nameserver: ScriptedRecord = {
  owner: "victim.test.",
  type: 2,
  ttl: 86_400,
  rdata: wireName("ns.attacker.test."),
};
const alias = (owner: string): ScriptedRecord => ({ owner, type: 5, ttl: 86_400, rdata: wireName(VICTIM) });
const dname: ScriptedRecord = { owner: "victim.test.", type: 39, ttl: 86_400, rdata: wireName("attacker.test.") };

/** What an attacker's server says to `n<i>.attacker.test. A`. */
const poisons: readonly ((name: string) => Parameters<typeof respond>[1])[] = [
  (name) => ({ answers: [a(name, GOOD), evil] }),
  () => ({ answers: [evil] }),
  (name) => ({ answers: [alias(name), evil] }),
  (name) => ({ answers: [a(name, GOOD)], authority: [nameserver], additional: [evil, a("ns.victim.test.", EVIL)] }),
  () => ({ authority: [nameserver], additional: [evil] }),
  (name) => ({ answers: [dname, alias(name), evil] }),
  () => ({ rcode: 3, answers: [evil], authority: [nameserver] }),
];

const poisoning: Script = (query) => {
  if (!query.name.endsWith(".attacker.test.")) return { reply: respond(query, { answers: [a(query.name, GOOD)] }) };
  const make = poisons[Number(/^n(\d+)/.exec(query.name)?.[1])];
  assert.ok(make);
  return { reply: respond(query, make(query.name)) };
};

describe("records that nobody asked for", () => {
  it("answer no question about their own names", async (t) => {
    const { ask, upstream } = await pluginServer(t, poisoning, ". {\n cache\n forward . 127.0.0.1:PORT\n}");
    for (const i of poisons.keys()) for (const _ of [1, 2]) await ask(`n${i}.attacker.test.`, 1);
    for (const [name, type] of [
      [VICTIM, 1],
      ["ns.victim.test.", 1],
      ["x.victim.test.", 1],
      ["victim.test.", 2],
    ] as const) {
      const before = upstream.queries.length;
      const answer = await ask(name, type);
      assert.equal(upstream.queries.length, before + 1, `${name} was answered by what the attacker said`);
      assert.deepEqual(linesOf(answer.answers), [`${name} 86400 IN A 192.0.2.1`.replace("86400", "3600")]);
    }
  });

  it("reach the client only where an alias leads to them", async (t) => {
    const { ask } = await pluginServer(t, poisoning, ". {\n cache\n forward . 127.0.0.1:PORT\n}");
    for (const i of poisons.keys()) {
      for (const _ of ["miss", "hit"]) {
        const { answers, authority, additional } = await ask(`n${i}.attacker.test.`, 1);
        const owners = linesOf(answers).map((line) => line.split(" ")[0]);
        const aliased = linesOf(answers).some((line) => line.includes("CNAME www.victim.test."));
        if (!aliased) assert.equal(owners.includes(VICTIM), false, `${i}: ${linesOf(answers).join("; ")}`);
        assert.deepEqual(linesOf([...authority, ...additional]), [], `${i}`);
      }
    }
  });

  it("from one zone's upstream are nothing to another zone's clients", async (t) => {
    const victim = await startUpstream({
      script: (query) => ({ reply: respond(query, { answers: [a(query.name, GOOD)] }) }),
    });
    t.after(() => victim.close());
    const { ask, upstream } = await pluginServer(
      t,
      poisoning,
      `attacker.test {\n cache\n forward . 127.0.0.1:PORT\n}\nvictim.test {\n cache\n forward . 127.0.0.1:${victim.port}\n}`,
    );
    for (const i of poisons.keys()) await ask(`n${i}.attacker.test.`, 1);
    const before = upstream.queries.length;
    assert.deepEqual(linesOf((await ask(VICTIM, 1)).answers), [`${VICTIM} 3600 IN A 192.0.2.1`]);
    assert.equal(victim.queries.length, 1);
    assert.equal(upstream.queries.length, before);
  });
});
