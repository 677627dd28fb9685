/** RFC 8482: a short answer to a question for all types, or the upstream's under its own key. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { queryFor } from "../../support/dns-client.ts";
import { type ForwardingServer, forwardingServer } from "../../support/forwarding-server.ts";
import { linesOf } from "../../support/plugin-server.ts";
import { answerA, respond, type Script } from "../../support/scripted-upstream.ts";

const A = 1;
const ANY = 255;

const everything: Script = (query) => {
  if (query.type !== ANY) return answerA("192.0.2.1", 60)(query);
  const text = Uint8Array.of(250, ...new Uint8Array(250).fill(0x61));
  const answers = Array.from({ length: 40 }, (_, i) => ({ type: 16, ttl: 60, rdata: text.with(1, i) }));
  return { reply: respond(query, query.transport === "udp" ? { flags: 0x0200 } : { answers }) };
};

describe("§4.2: a made-up HINFO record may answer a question for all types", () => {
  let server: ForwardingServer;
  before(async () => {
    server = await forwardingServer({}, ". {\n any\n cache\n forward . 127.0.0.1:PORT\n}\n");
  });
  after(() => server.stop());

  it("with the `any` plugin: the upstream is never asked, other types are answered as ever", async () => {
    assert.deepEqual(linesOf((await server.udp("www.example.org.", ANY)).answers), [
      'www.example.org. 8482 IN HINFO "ANY obsoleted" "See RFC 8482"',
    ]);
    assert.deepEqual(linesOf((await server.udp("www.example.org.", A)).answers), [
      "www.example.org. 60 IN A 192.0.2.1",
    ]);
    assert.deepEqual(
      server.upstream.queries.map((query) => query.type),
      [A],
    );
  });
});

describe("§4.4 and §7: over UDP TC may send the client to TCP, so that nobody else is flooded", () => {
  let server: ForwardingServer;
  before(async () => {
    server = await forwardingServer({ www: everything });
  });
  after(() => server.stop());

  it("10 kB of an upstream without the plugin: whole over TCP, 1232 bytes at most over UDP", async () => {
    const wire = queryFor("www.example.org.", ANY, { opt: 65_535 });
    for (let i = 0; i < 2; i++) {
      const reply = await server.raw(wire);
      assert.ok(reply.length <= 1232);
      assert.equal((reply[2] ?? 0) & 0x02, 0x02);
    }
    assert.equal((await server.tcp("www.example.org.", ANY)).answers.length, 40);
  });
  it("what was fetched for ANY answers no question for one type, nor the other way round", async () => {
    assert.deepEqual(linesOf((await server.udp("www.example.org.", A)).answers), [
      "www.example.org. 60 IN A 192.0.2.1",
    ]);
    assert.equal((await server.tcp("www.example.org.", ANY)).answers.length, 40);
  });
});
