import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { selfSigned } from "../../../../test/support/certificate.ts";
import { directivesOf } from "../../../../test/support/setup-context.ts";
import { ConfigError } from "../../../base/errors.ts";
import { nameToText } from "../../../dns/name-text.ts";
import { type ForwardSettings, parseForward } from "./forward-settings.ts";
import { resolveTargets } from "./resolve-targets.ts";
import { splitPercent } from "./to-address.ts";

const root = mkdtempSync(join(tmpdir(), "forward-"));
const { cert, key } = selfSigned(["dns.example"]);
const files: Readonly<Record<string, string>> = {
  "resolv.conf": "nameserver 10.10.255.252\nnameserver 10.10.255.253\n",
  "empty.conf": "# nameserver 1.1.1.1\n",
  "cert.pem": cert,
  "key.pem": key,
  "text.pem": "nothing",
};
for (const [name, text] of Object.entries(files)) writeFileSync(join(root, name), text);
after(() => rmSync(root, { recursive: true }));

const warnings: string[] = [];

function parse(text: string): ForwardSettings {
  const [directive] = directivesOf(`. {\n${text}\n}`, "forward");
  assert.ok(directive);
  return parseForward(directive, root, (warning) => warnings.push(warning));
}

/** Upstreams as `scheme address port servername`. */
async function targets(text: string): Promise<string[]> {
  const { to, resolvers } = parse(text);
  const found = await resolveTargets(to, resolvers);
  return found.map(({ scheme, address, port, serverName }) =>
    [scheme, address, port, serverName].filter((part) => part !== undefined).join(" "),
  );
}

function withOption(option: string): ForwardSettings {
  return parse(`forward . 127.0.0.1 {\n${option}\n}`);
}

describe("options of forward", () => {
  it("have CoreDNS's defaults", () => {
    const { directive: _, from, to, ...rest } = parse("forward . 127.0.0.1");
    assert.deepEqual([...from], [0]);
    assert.equal(to.length, 1);
    assert.deepEqual(rest, {
      except: [],
      forceTcp: false,
      preferUdp: false,
      expireMs: 10_000,
      maxAgeMs: 0,
      maxIdleConns: 0,
      readTimeoutMs: 2000,
      maxFails: 2,
      maxConnectAttempts: undefined,
      dohMethod: "POST",
      tls: { ca: undefined, cert: undefined, key: undefined },
      tlsServerName: undefined,
      policy: "random",
      probeIntervalMs: 500,
      probeRecursion: true,
      probeDomain: ".",
      maxConcurrent: 0,
      nextRcodes: new Set(),
      nextOnNodata: false,
      failoverRcodes: new Set(),
      failfast: false,
      sourceAddress: undefined,
      resolvers: [],
    });
  });

  const cases: readonly (readonly [string, Partial<ForwardSettings>])[] = [
    ["force_tcp", { forceTcp: true }],
    ["prefer_udp", { preferUdp: true }],
    ["force_tcp\nprefer_udp", { forceTcp: true, preferUdp: true }],
    ["expire 1m30s", { expireMs: 90_000 }],
    ["expire 0s", { expireMs: 0 }],
    ["max_age 30s", { maxAgeMs: 30_000 }],
    ["expire 10s\nmax_age 10s", { maxAgeMs: 10_000 }],
    ["max_age 0s", { maxAgeMs: 0 }],
    ["max_idle_conns 5", { maxIdleConns: 5 }],
    ["read_timeout 500ms", { readTimeoutMs: 500 }],
    ["max_fails 0", { maxFails: 0 }],
    ["max_fails 3", { maxFails: 3 }],
    ["max_connect_attempts 0", { maxConnectAttempts: 0 }],
    ["max_connect_attempts 5", { maxConnectAttempts: 5 }],
    ["doh_method GET", { dohMethod: "GET" }],
    ["doh_method POST", { dohMethod: "POST" }],
    ["tls", { tls: { ca: undefined, cert: undefined, key: undefined } }],
    ["tls cert.pem", { tls: { ca: cert, cert: undefined, key: undefined } }],
    ["tls cert.pem key.pem", { tls: { ca: undefined, cert, key } }],
    [`tls cert.pem key.pem ${join(root, "cert.pem")}`, { tls: { ca: cert, cert, key } }],
    ["tls_servername dns.example", { tlsServerName: "dns.example" }],
    ["policy random", { policy: "random" }],
    ["policy round_robin", { policy: "round_robin" }],
    ["policy sequential", { policy: "sequential" }],
    ["health_check 0.5s", { probeIntervalMs: 500 }],
    ["health_check 5s no_rec", { probeIntervalMs: 5000, probeRecursion: false }],
    ["health_check 5s domain Example.org", { probeDomain: "example.org." }],
    ["health_check 5s domain example.org no_rec", { probeDomain: "example.org.", probeRecursion: false }],
    ["max_concurrent 1000", { maxConcurrent: 1000 }],
    ["next NXDOMAIN servfail", { nextRcodes: new Set([3, 2]) }],
    ["next_on_nodata", { nextOnNodata: true }],
    ["failover ServFail REFUSED", { failoverRcodes: new Set([2, 5]) }],
    ["failfast_all_unhealthy_upstreams", { failfast: true }],
    ["source_address 192.0.2.1", { sourceAddress: "192.0.2.1" }],
    ["source_address 2001:db8::1", { sourceAddress: "2001:db8::1" }],
    ["source_address ::ffff:192.0.2.1", { sourceAddress: "192.0.2.1" }],
    [
      "resolver 10.0.0.1 10.0.0.2:5353 2001:db8::1 [2001:db8::2]:53",
      {
        resolvers: ["10.0.0.1", "10.0.0.2:5353", "[2001:db8::1]", "[2001:db8::2]:53"],
      },
    ],
  ];
  for (const [option, expected] of cases) {
    it(`take: ${option.replaceAll("\n", "; ").replace(root, "")}`, () => {
      const settings = withOption(option);
      for (const [name, value] of Object.entries(expected)) {
        assert.deepEqual(Object.entries(settings).find(([setting]) => setting === name)?.[1], value);
      }
    });
  }

  const refused: readonly (readonly [string, RegExp])[] = [
    ["blaatl", /^Corefile:3:1: unknown property 'blaatl'$/],
    ["constructor", /unknown property 'constructor'/],
    ["except", /Wrong argument count or unexpected line ending after 'except'/],
    ["force_tcp yes", /^Corefile:3:11: Wrong argument count/],
    ["prefer_udp yes", /Wrong argument count/],
    ["expire", /unexpected line ending after 'expire'/],
    ["expire soon", /^Corefile:3:8: time: invalid duration "soon"/],
    ["expire -1s", /expire can't be negative: -1s/],
    ["max_age -1s", /max_age can't be negative: -1s/],
    ["max_age invalid", /invalid duration/],
    ["expire 30s\nmax_age 10s", /max_age \(10s\) must not be less than expire \(30s\)/],
    ["max_idle_conns -1", /max_idle_conns can't be negative: -1/],
    ["max_idle_conns many", /'many' is no whole number/],
    ["read_timeout 0s", /read_timeout must be positive: 0s/],
    ["read_timeout -1s", /read_timeout must be positive: -1s/],
    ["read_timeout", /unexpected line ending/],
    ["max_fails -1", /out of range/],
    ["max_fails 4294967296", /out of range/],
    ["max_connect_attempts many", /no whole number/],
    ["max_connect_attempts -4", /out of range/],
    ["doh_method PUT", /doh_method must be either POST or GET/],
    ["tls a b c d", /Wrong argument count/],
    ["tls missing.pem", /^Corefile:3:5: error reading .*missing\.pem: ENOENT/],
    ["tls text.pem", /no PEM data/],
    ["tls key.pem key.pem", /could not load TLS cert/],
    ["tls_servername", /unexpected line ending/],
    ["policy fastest", /unknown policy 'fastest'/],
    ["policy", /unexpected line ending/],
    ["health_check", /unexpected line ending/],
    ["health_check -1s", /health_check can't be negative: -1s/],
    ["health_check 1s domain", /Wrong argument count or unexpected line ending after 'domain'/],
    ["health_check 1s often", /health_check: unknown option often/],
    [`health_check 1s domain ${"x".repeat(64)}`, /health_check: invalid domain name x/],
    ["max_concurrent many", /no whole number/],
    ["max_concurrent -4", /max_concurrent can't be negative: -4/],
    ["next", /unexpected line ending/],
    ["next NXDOMAIN NOT_A_RCODE", /^Corefile:3:15: NOT_A_RCODE is not a valid rcode/],
    ["next_on_nodata yes", /Wrong argument count/],
    ["failover", /unexpected line ending/],
    ["failover NOERROR", /NoError cannot be used in failover/],
    ["failover NOT_A_RCODE", /not a valid rcode/],
    ["failfast_all_unhealthy_upstreams yes", /Wrong argument count/],
    ["source_address not-an-ip", /invalid IP address: not-an-ip/],
    ["source_address", /Wrong argument count or unexpected line ending after 'source_address'/],
    ["resolver", /unexpected line ending/],
    ["resolver dns.example", /resolver must be an IP address or IP:port: "dns\.example"/],
    ["resolver 10.0.0.1:dns", /resolver must be an IP address or IP:port/],
  ];
  for (const [option, message] of refused) {
    it(`refuse: ${option.replaceAll("\n", "; ")}`, () => {
      assert.throws(
        () => withOption(option),
        (error) => error instanceof ConfigError && message.test(error.message),
      );
    });
  }
});

describe("FROM of forward", () => {
  const from = (text: string): string => nameToText(parse(`forward ${text} 127.0.0.1`).from, 0);

  it("is a zone, in any case, or an address block", () => {
    assert.equal(from("."), ".");
    assert.equal(from("Example.ORG"), "example.org.");
    assert.equal(from("10.0.0.0/8"), "10.in-addr.arpa.");
    assert.deepEqual(warnings, []);
  });

  it("is the first zone of a block that stands for several, with a warning", () => {
    assert.equal(from("10.9.3.0/18"), "0.9.10.in-addr.arpa.");
    assert.equal(
      warnings.join(""),
      "Unsupported CIDR notation: '10.9.3.0/18' expands to multiple zones. Using only '0.9.10.in-addr.arpa.'.",
    );
  });

  it("is refused when it is no name", () => {
    assert.throws(() => from("x".repeat(64)), /^ConfigError: Corefile:2:9: /);
    assert.throws(() => parse("forward ."), /Wrong argument count or unexpected line ending after '\.'/);
    assert.throws(() => parse("forward"), /Wrong argument count or unexpected line ending after 'forward'/);
  });
});

describe("TO of forward", () => {
  const cases: readonly (readonly [string, readonly string[]])[] = [
    ["127.0.0.1", ["dns 127.0.0.1 53"]],
    ["127.0.0.1:8080", ["dns 127.0.0.1 8080"]],
    ["dns://127.0.0.1", ["dns 127.0.0.1 53"]],
    ["::1", ["dns ::1 53"]],
    ["[::1]:5353 [2003::1]", ["dns ::1 5353", "dns 2003::1 53"]],
    ["fe80::1%eth0 [fe80::2%eth1]:54", ["dns fe80::1%eth0 53", "dns fe80::2%eth1 54"]],
    ["2001:db8::1%eth0", ["dns 2001:db8::1 53"]],
    ["tls://9.9.9.9", ["tls 9.9.9.9 853"]],
    ["tls://9.9.9.9%dns.quad9.net", ["tls 9.9.9.9 853 dns.quad9.net"]],
    ["tls://9.9.9.9%dns.quad9.net:10853", ["tls 9.9.9.9 10853 dns.quad9.net"]],
    ["tls://[2400:3200::1%dns.alidns.com]:853", ["tls 2400:3200::1 853 dns.alidns.com"]],
    ["tls://fe80::1%example.com", ["tls fe80::1 853 example.com"]],
    ["https://9.9.9.9", ["https 9.9.9.9 443"]],
    ["https://9.9.9.9:8443", ["https 9.9.9.9 8443"]],
    ["resolv.conf", ["dns 10.10.255.252 53", "dns 10.10.255.253 53"]],
    ["empty.conf 127.0.0.1", ["dns 127.0.0.1 53"]],
    [
      "10.0.0.1 resolv.conf 10.10.255.253 10.0.0.1:53",
      ["dns 10.0.0.1 53", "dns 10.10.255.252 53", "dns 10.10.255.253 53"],
    ],
  ];
  for (const [to, expected] of cases) {
    it(`is: ${to}`, async () => assert.deepEqual(await targets(`forward . ${to}`), expected));
  }

  const refused: readonly (readonly [string, RegExp])[] = [
    ["/nowhere/resolv.conf", /^Corefile:2:11: cannot read upstreams from \/nowhere\/resolv\.conf: no such file/],
    ["empty.conf", /no valid upstream addresses found/],
    ["https://1.1.1.1/", /paths are not allowed in HTTPS upstream addresses/],
    ["quic://1.1.1.1", /'quic' is not supported as a destination protocol in forward: quic:\/\/1\.1\.1\.1/],
    ["udp://1.1.1.1", /'udp' is not supported/],
    ["tls://", /invalid address: "tls:\/\/"/],
    ["300.0.0.1", /not an IP address, file, or valid domain: "300\.0\.0\.1"/],
    ["127.0.0.1:99999", /no port: 99999/],
    ["127.0.0.1:0", /no port: 0/],
    ["127.0.0.1:dns", /not an IP address, file, or valid domain/],
    ["[::1", /not an IP address, file, or valid domain/],
    [Array.from({ length: 16 }, (_, i) => `10.0.0.${i}`).join(" "), /more than 15 TOs configured: 16/],
  ];
  for (const [to, message] of refused) {
    it(`is not: ${to.slice(0, 40)}`, () => {
      assert.throws(
        () => parse(`forward . ${to}`),
        (error) => error instanceof ConfigError && message.test(error.message),
      );
    });
  }

  it("has a TLS server name of its own or of the directive, not both", () => {
    assert.throws(
      () => parse("forward . tls://127.0.0.1%example.net:854 {\ntls_servername foo\n}"),
      /both forward \('foo'\) and proxy level \('example\.net'\) TLS servernames are set/,
    );
  });

  it("is fifteen at most, of which a file is one", async () => {
    const addresses = Array.from({ length: 14 }, (_, i) => `10.0.0.${i}`).join(" ");
    assert.equal((await targets(`forward . ${addresses} resolv.conf`)).length, 16);
  });

  it("may be a name of the hosts file", async () => {
    const found = await targets("forward . localhost:5300");
    assert.ok(found.includes("dns 127.0.0.1 5300") || found.includes("dns ::1 5300"));
  });

  it("may be a name, which must have an address when the server starts", async () => {
    // Nobody listens there, so the resolver fails at once.
    await assert.rejects(
      targets("forward . dns.nodens.invalid {\nresolver 127.0.0.1:1\n}"),
      /^ConfigError: Corefile:2:11: failed to resolve "dns\.nodens\.invalid": /,
    );
  });
});

describe("splitPercent", () => {
  it("takes the name out of an address with and without port and brackets", () => {
    for (const [text, host, name] of [
      ["127.0.0.1%example.net:854", "127.0.0.1:854", "example.net"],
      ["127.0.0.1%example.net", "127.0.0.1", "example.net"],
      ["127.0.0.1:854", "127.0.0.1:854", undefined],
      ["[::1%example.net]:853", "[::1]:853", "example.net"],
      ["[::1%example.net]", "[::1]", "example.net"],
    ] as const) {
      assert.deepEqual(splitPercent(text), { host, name });
    }
  });
});
