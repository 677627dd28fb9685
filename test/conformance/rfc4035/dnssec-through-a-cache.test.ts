/** RFC 4035 §3.2 and §4: a resolver that does not validate, between clients that do and upstreams that sign. */
import assert from "node:assert/strict";
import { after, describe, it } from "node:test";
import { forwardingServer } from "../../support/forwarding-server.ts";
import { respond, type Script } from "../../support/scripted-upstream.ts";

const A = 1;
const RRSIG = 46;
const FLAG_RD = 0x0100;
const FLAG_CD = 0x0010;

const u32 = (value: number): number[] => [24, 16, 8, 0].map((shift) => (value >>> shift) & 0xff);
const nowS = Math.floor(Date.now() / 1000);
/** Covers A, of a signer without a name. */
const signature = (expiresS: number): Uint8Array =>
  Uint8Array.of(0, A, 13, 2, ...u32(60), ...u32(expiresS), ...u32(nowS - 100), 0, 7, 0, 1, 2, 3, 4);

/** With the signature for who asks for it; the address tells CD. */
const signed =
  (expiresS: number): Script =>
  (query) => {
    const address = { type: A, ttl: 60, rdata: Uint8Array.of(192, 0, 2, (query.flags & FLAG_CD) === 0 ? 1 : 2) };
    const rrsig = { type: RRSIG, ttl: 60, rdata: signature(expiresS) };
    return { reply: respond(query, { answers: query.dnssecOk === true ? [address, rrsig] : [address] }) };
  };

const server = await forwardingServer({
  expired: signed(nowS - 10),
  www: signed(nowS + 3600),
  cd: signed(nowS + 3600),
});
after(() => server.stop());

describe("§3.2.1: DO goes to the upstream as the client set it, and back to the client", () => {
  for (const dnssecOk of [false, true]) {
    it(dnssecOk ? "set" : "clear", async () => {
      const name = `do-${String(dnssecOk)}.example.org.`;
      for (let i = 0; i < 2; i++) {
        assert.equal((await server.udp(name, A, { opt: 1232, dnssecOk })).edns?.dnssecOk, dnssecOk);
      }
      assert.deepEqual(
        server.asked(name).map((query) => query.dnssecOk),
        [dnssecOk],
      );
    });
  }
});

describe("§3.2.1: who did not set DO gets no signatures that it did not ask for, and who set it gets them", () => {
  it("whoever asks first", async () => {
    for (const [name, order] of [
      ["www.example.org.", [true, false, true, false]],
      ["www.example.net.", [false, true, false, true]],
    ] as const) {
      for (const dnssecOk of order) {
        const { answers } = await server.udp(name, A, { opt: 1232, dnssecOk });
        assert.deepEqual(
          answers.map((record) => record.type),
          dnssecOk ? [A, RRSIG] : [A],
        );
      }
      assert.equal(server.asked(name).length, 2);
    }
  });
});

describe("§3.2.2: CD goes to the upstream and back to the client", () => {
  it("and what was fetched unchecked answers nobody who wants it checked", async () => {
    for (const [flags, last] of [
      [FLAG_RD | FLAG_CD, 2],
      [FLAG_RD, 1],
      [FLAG_RD | FLAG_CD, 2],
      [FLAG_RD, 1],
    ] as const) {
      const { answers, flags: got } = await server.udp("cd.example.org.", A, { flags });
      assert.equal(got & FLAG_CD, flags & FLAG_CD);
      const [record] = answers;
      assert.deepEqual(record?.data.kind === "a" ? record.data.address.at(-1) : undefined, last);
    }
    assert.equal(server.asked("cd.example.org.").length, 2);
  });
});

describe("§4.3: a signature counts until its expiration: what has expired is not kept for who asked for it", () => {
  it("asked for with DO each time, without DO once", async () => {
    const name = "expired.example.org.";
    for (const dnssecOk of [true, true, false, false]) await server.udp(name, A, { opt: 1232, dnssecOk });
    assert.deepEqual(
      server.asked(name).map((query) => query.dnssecOk),
      [true, true, false],
    );
  });
});
