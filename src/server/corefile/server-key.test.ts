import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { ConfigError } from "../../base/errors.ts";
import { serverKeys } from "./server-key.ts";
import type { Token } from "./tree.ts";

function token(text: string): Token {
  return { text, position: { file: "Corefile", line: 3, column: 7 }, quoted: false };
}

/** `scheme://zone:port`, as CoreDNS prints keys. */
function keys(text: string, defaultPort = 53): string[] {
  return serverKeys(token(text), defaultPort).map(({ scheme, zone, port }) => `${scheme}://${zone}:${port}`);
}

function range(from: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => from + i);
}

const cases: readonly (readonly [string, readonly string[]])[] = [
  [".", ["dns://.:53"]],
  [".:5300", ["dns://.:5300"]],
  [":5300", ["dns://.:5300"]],
  ["example.org", ["dns://example.org.:53"]],
  ["EXAMPLE.Org.:1053", ["dns://example.org.:1053"]],
  ["dns://example.org", ["dns://example.org.:53"]],
  ["tls://example.org", ["tls://example.org.:853"]],
  ["quic://.", ["quic://.:853"]],
  ["grpc://.", ["grpc://.:443"]],
  ["https://.", ["https://.:443"]],
  ["https3://.", ["https3://.:443"]],
  ["tls://.:8853", ["tls://.:8853"]],
  ["10.in-addr.arpa:0", ["dns://10.in-addr.arpa.:0"]],
  ["_sip._tcp.example", ["dns://_sip._tcp.example.:53"]],
  ["a\\.b.example", ["dns://a\\.b.example.:53"]],
  ["0/25.2.0.192.in-addr.arpa", ["dns://0/25.2.0.192.in-addr.arpa.:53"]],
  ["10.0.0.0/8:53", ["dns://10.in-addr.arpa.:53"]],
  ["10.1.2.3/32", ["dns://3.2.1.10.in-addr.arpa.:53"]],
  ["0.0.0.0/0", ["dns://in-addr.arpa.:53"]],
  ["10.0.0.0/15", ["dns://0.10.in-addr.arpa.:53", "dns://1.10.in-addr.arpa.:53"]],
  ["192.168.1.1/23", ["dns://0.168.192.in-addr.arpa.:53", "dns://1.168.192.in-addr.arpa.:53"]],
  ["10.129.60.0/22", range(60, 4).map((i) => `dns://${i}.129.10.in-addr.arpa.:53`)],
  ["10.9.3.0/18", range(0, 64).map((i) => `dns://${i}.9.10.in-addr.arpa.:53`)],
  ["10.0.0.32/27", range(32, 32).map((i) => `dns://${i}.0.0.10.in-addr.arpa.:53`)],
  ["2001:db8::/32", ["dns://8.b.d.0.1.0.0.2.ip6.arpa.:53"]],
  ["2001:db8::/32:5300", ["dns://8.b.d.0.1.0.0.2.ip6.arpa.:5300"]],
  ["2001:db8::/31", ["dns://8.b.d.0.1.0.0.2.ip6.arpa.:53", "dns://9.b.d.0.1.0.0.2.ip6.arpa.:53"]],
  ["2001:db8::/29", [..."89abcdef"].map((i) => `dns://${i}.b.d.0.1.0.0.2.ip6.arpa.:53`)],
];

describe("serverKeys", () => {
  for (const [text, expected] of cases) {
    it(`reads ${text}`, () => assert.deepEqual(keys(text), expected));
  }

  it("gives a key without a port the port of the command line", () => {
    assert.deepEqual(keys("example.org", 1053), ["dns://example.org.:1053"]);
    assert.deepEqual(keys("tls://example.org", 1053), ["tls://example.org.:853"]);
  });

  for (const [text, fact] of [
    ["http://example.org", "unknown scheme 'http://'"],
    ["example.org:", "expecting data after last colon: 'example.org:'"],
    ["example.org:65536", "port 65536 is above 65535"],
    ["example.org:dns", "neither a domain name nor an address block: 'example.org:dns'"],
    ["2001:db8::1", "neither a domain name nor an address block: '2001:db8:'"],
    ["10.0.0.0/33", "neither a domain name nor an address block: '10.0.0.0/33'"],
    ["2001:db8::/129", "neither a domain name nor an address block: '2001:db8::/129'"],
    ["a..b", 'not a domain name: "a..b" is no domain name: a label is empty'],
    ["a,b", "a comma inside zone 'a,b'"],
    ["a b", "white space in zone 'a b'"],
  ] as const) {
    it(`refuses ${text}`, () => {
      assert.throws(
        () => keys(text),
        (error) => error instanceof ConfigError && error.message === `Corefile:3:7: ${fact}`,
      );
    });
  }

  it("refuses a label of more than 63 bytes", () => assert.throws(() => keys("a".repeat(64)), ConfigError));

  it("covers an IPv4 block exactly, whatever its length", () => {
    fc.assert(
      fc.property(fc.nat(0xffffffff), fc.integer({ min: 0, max: 32 }), (address, bits) => {
        const text = [24, 16, 8, 0].map((shift) => (address >>> shift) & 0xff).join(".");
        const covered = keys(`${text}/${bits}`).map((key) => {
          const labels = key.slice("dns://".length, key.indexOf("in-addr")).split(".").slice(0, -1);
          return 2 ** (32 - labels.length * 8);
        });
        assert.equal(
          covered.reduce((sum, size) => sum + size, 0),
          2 ** (32 - bits),
        );
      }),
    );
  });

  it("gives a zone that reads back as itself, or refuses", () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(..."aZ0.-_*\\é:/ "), maxLength: 12 }), (text) => {
        let found: string[];
        try {
          found = serverKeys(token(text), 53).map((key) => key.zone);
        } catch (error) {
          assert.ok(error instanceof ConfigError);
          return;
        }
        for (const zone of found)
          assert.deepEqual(
            serverKeys(token(zone), 53).map((key) => key.zone),
            [zone],
          );
      }),
      { numRuns: 500 },
    );
  });
});
