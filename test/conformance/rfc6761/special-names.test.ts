/**
 * RFC 6761, with RFC 6303 and RFC 6762: names that mean the same everywhere.
 *
 * Which of them a server keeps to itself is for its Corefile to say (`local`, `template`), as in CoreDNS: reverse zones of
 * private addresses and names below `local.` are what a cluster is made of.
 */
import assert from "node:assert/strict";
import { after, describe, it } from "node:test";
import { forwardingServer } from "../../support/forwarding-server.ts";
import { linesOf } from "../../support/plugin-server.ts";
import { nxdomain } from "../../support/scripted-upstream.ts";

const A = 1;
const PTR = 12;
const MX = 15;
const AAAA = 28;

const server = await forwardingServer(
  { local: nxdomain(300, 300) },
  `. {
    cache
    local
    template ANY ANY invalid test onion alt {
        rcode NXDOMAIN
        authority "{{ .Zone }} 60 IN SOA ns.{{ .Zone }} nobody.{{ .Zone }} 1 60 60 60 60"
    }
    forward . 127.0.0.1:PORT
}
`,
);
after(() => server.stop());

const asks = async (name: string, type: number): Promise<string> => {
  const { rcode, answers } = await server.udp(name, type);
  return rcode === 0 ? linesOf(answers).join("; ") : `rcode ${rcode}`;
};

describe("§6.3: localhost and names below it are the loopback address, and never leave this server", () => {
  for (const name of ["localhost.", "db.localhost.", "LocalHost."]) {
    it(name, async () => {
      assert.match(await asks(name, A), /^\S+ \d+ IN A 127\.0\.0\.1$/i);
      assert.match(await asks(name, AAAA), /^\S+ \d+ IN AAAA ::1$/i);
      assert.equal(await asks(name, MX), "");
      assert.deepEqual(server.asked(name), []);
    });
  }
  it("the address leads back to the name", async () => {
    assert.match(await asks("1.0.0.127.in-addr.arpa.", PTR), /PTR localhost\.$/);
  });
});

describe("§6.2, §6.4 and RFC 7686 and 9476: test, invalid, onion and alt do not exist", () => {
  for (const zone of ["test.", "invalid.", "onion.", "alt."]) {
    it(`www.${zone}`, async () => {
      assert.equal(await asks(`www.${zone}`, A), "rcode 3");
      assert.deepEqual(server.asked(`www.${zone}`), []);
    });
  }
});

describe("§6.1 and RFC 6303 §4: reverse zones of private addresses are asked for where the Corefile says", () => {
  for (const name of ["1.0.96.10.in-addr.arpa.", "7.1.168.192.in-addr.arpa.", "1.0.0.0.d.f.ip6.arpa."]) {
    it(`${name} goes upstream: the addresses of a cluster are there`, async () => {
      await server.udp(name, PTR);
      assert.equal(server.asked(name).length, 1);
    });
  }
});

describe("RFC 6762 §3: local. is of multicast DNS, but cluster.local. is not", () => {
  it("a denial of local. denies nothing below it", async () => {
    assert.equal(await asks("local.", A), "rcode 3");
    assert.match(await asks("kubernetes.default.svc.cluster.local.", A), / A 192\.0\.2\.1$/);
  });
});
