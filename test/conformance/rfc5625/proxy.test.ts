/** RFC 5625: what a DNS proxy must let through and must not change. */
import assert from "node:assert/strict";
import { after, describe, it } from "node:test";
import { queryFor } from "../../support/dns-client.ts";
import { forwardingServer } from "../../support/forwarding-server.ts";
import { respond, type Script } from "../../support/scripted-upstream.ts";

const A = 1;
const HTTPS = 65;
const PRIVATE_TYPE = 65_280;
const RESERVED_TYPE = 666;

/** Looks like a pointer, a name and a label of a type that is not defined. */
const odd = Uint8Array.of(0xc0, 0x0c, 0, 3, 0x77, 0x77, 0x77, 0x41, 0xff, 0xc0);

const opaque: Script = (query) => ({ reply: respond(query, { answers: [{ type: query.type, ttl: 60, rdata: odd }] }) });
/** Alias form of HTTPS: priority 0 and a name; then one with a parameter that nobody has defined. */
const https: Script = (query) => {
  const alias = Uint8Array.of(0, 1, 0, 0xff, 0x00, 0, 2, 0x41, 0x42);
  return { reply: respond(query, { answers: [{ type: HTTPS, ttl: 60, rdata: alias }] }) };
};
const sized =
  (bytes: number): Script =>
  (query) => {
    const strings: number[] = [];
    while (strings.length < bytes) strings.push(100, ...new Uint8Array(100).fill(0x61));
    return { reply: respond(query, { answers: [{ type: 16, ttl: 60, rdata: Uint8Array.from(strings) }] }) };
  };

const server = await forwardingServer({ opaque, https, big: sized(900) });
after(() => server.stop());

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

describe("§4.1: types and classes that a proxy does not know go through it, and so does their data, byte by byte", () => {
  for (const type of [RESERVED_TYPE, PRIVATE_TYPE]) {
    it(`type ${type}, from the upstream and from the cache`, async () => {
      const wire = queryFor("opaque.example.org.", type);
      for (let i = 0; i < 2; i++) assert.ok(hex(await server.raw(wire)).endsWith(hex(odd)), `reply ${i}`);
      assert.equal(server.asked("opaque.example.org.").filter((query) => query.type === type).length, 1);
    });
  }
  it("type 0, from the upstream each time", async () => {
    const wire = queryFor("opaque.example.org.", 0);
    for (let i = 0; i < 2; i++) assert.ok(hex(await server.raw(wire)).endsWith(hex(odd)), `reply ${i}`);
  });
  it("HTTPS with an unknown parameter", async () => {
    const reply = await server.raw(queryFor("https.example.org.", HTTPS));
    assert.ok(hex(reply).endsWith("000100ff0000024142"));
  });
});

describe("§4.2: flags that are reserved do not make a proxy drop a query", () => {
  it("Z, AD and CD in all combinations", async () => {
    for (const flags of [0x40, 0x20, 0x10, 0x60, 0x70]) {
      assert.equal((await server.udp("flags.example.org.", A, { flags: 0x100 | flags })).rcode, 0);
    }
  });
});

describe("§4.3 and §4.4.3: EDNS is understood, and an answer longer than 512 bytes reaches who has room for it", () => {
  it("900 bytes over UDP", async () => {
    const reply = await server.raw(queryFor("big.example.org.", 16, { opt: 1232 }));
    assert.ok(reply.length > 900);
    assert.equal((reply[2] ?? 0) & 0x02, 0);
  });
  it("who has said nothing gets TC", async () => {
    assert.equal(((await server.raw(queryFor("big.example.org.", 16)))[2] ?? 0) & 0x02, 0x02);
  });
});

describe("§4.4.1: TCP is served, also where the client asks over nothing else", () => {
  it("and the upstream is asked over TCP then", async () => {
    assert.equal((await server.tcp("tcp.example.org.", A)).answers.length, 1);
    assert.deepEqual(
      server.asked("tcp.example.org.").map((query) => query.transport),
      ["tcp"],
    );
  });
});

describe("§6.1: ids and ports of a proxy's own queries are its own", () => {
  it("no query leaves from the port that is served, nor with the client's id", async () => {
    for (let i = 0; i < 5; i++) await server.udp(`p${i}.example.org.`, A, { id: 77 });
    assert.equal(
      server.upstream.queries.some((query) => query.remotePort === server.port),
      false,
    );
    assert.ok(server.upstream.queries.filter((query) => query.id === 77).length <= 1);
  });
});
