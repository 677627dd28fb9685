/** RFC 6840 §5.7 and §5.8: who is told that data is authentic. */
import assert from "node:assert/strict";
import { after, describe, it } from "node:test";
import { forwardingServer } from "../../support/forwarding-server.ts";
import { respond, type Script } from "../../support/scripted-upstream.ts";

const A = 1;
const FLAG_AD = 0x0020;
const FLAG_RD = 0x0100;

/** As a validating resolver does: AD for who shows that it understands it. */
const validating: Script = (query) => {
  const understands = query.dnssecOk === true || (query.flags & FLAG_AD) !== 0;
  const answers = [{ type: A, ttl: 60, rdata: Uint8Array.of(192, 0, 2, 1) }];
  return { reply: respond(query, { answers, flags: understands ? FLAG_AD : 0 }) };
};

const server = await forwardingServer({ plain: validating, ad: validating, do: validating });
after(() => server.stop());

describe("§5.7: AD in a query asks for AD in the reply, without asking for signatures", () => {
  it("also of the cache, whoever asked first", async () => {
    for (const flags of [FLAG_RD, FLAG_RD | FLAG_AD, FLAG_RD, FLAG_RD | FLAG_AD]) {
      const reply = await server.udp("ad.example.org.", A, { flags });
      assert.equal(reply.flags & FLAG_AD, flags & FLAG_AD);
    }
    assert.equal(server.asked("ad.example.org.").length, 1);
  });
});

describe("§5.8: AD goes to clients that set DO or AD, and to no others", () => {
  it("DO set", async () => {
    for (let i = 0; i < 2; i++) {
      const reply = await server.udp("do.example.org.", A, { opt: 1232, dnssecOk: true });
      assert.equal(reply.flags & FLAG_AD, FLAG_AD);
    }
  });
  it("neither set", async () => {
    for (const options of [{}, { opt: 1232 }, {}]) {
      assert.equal((await server.udp("plain.example.org.", A, options)).flags & FLAG_AD, 0);
    }
  });
});

describe("§5.8: what the upstream does not call authentic is not", () => {
  it("though AD was asked for", async () => {
    for (let i = 0; i < 2; i++) {
      const reply = await server.udp("www.example.org.", A, { flags: FLAG_RD | FLAG_AD, dnssecOk: true });
      assert.equal(reply.flags & FLAG_AD, 0);
    }
  });
});
