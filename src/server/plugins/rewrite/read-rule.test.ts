/** Which rules are taken; the table follows CoreDNS's own of which arguments it takes and which not. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setUp } from "../../../../test/support/setup-context.ts";
import { rewrite } from "./rewrite.ts";

const load = (rule: string): void => void setUp(rewrite, `. {\nrewrite ${rule}\n}`);

describe("rewrite takes", () => {
  for (const rule of [
    "name a.com b.com",
    "name exact a.com b.com",
    "name prefix a.com b.com",
    "name suffix a.com b.com",
    "name substring a.com b.com",
    "NAME Regex ([a])\\.com new-{1}.com",
    "name regex (dns)\\.(core)\\.(rocks) {2}.{1}.{3} answer name (core)\\.(dns)\\.(rocks) {2}.{1}.{3}",
    "name substring fcore.dns.rocks dns.fcore.rocks answer name (fcore)\\.(dns)\\.(rocks) {2}.{1}.{3}",
    "name suffix a b answer auto",
    "name suffix a b answer auto value x y",
    "name regex a b answer name (.*).c {1}.d value (.*).c {1}.d answer value e f",
    "stop name a.com b.com",
    "continue name a.com b.com",
    "Continue name regex srv1.coredns.rocks 10",
    "stop {\nname regex foo bar\nanswer name bar foo\n}",
    "{\nname regex foo bar\n}",
    "continue {\nttl regex (.*)\\.coredns\\.rocks 15\n}",
    "type any a",
    "stop type ANY HINFO",
    "class ch in",
    "continue class CH IN",
    "ttl srv1.coredns.rocks 10",
    "ttl exact srv1.coredns.rocks 15",
    "ttl prefix coredns.rocks 20",
    "ttl regex (srv1)\\.(coredns)\\.(rocks) 35",
    "ttl a 1-2",
    "ttl a -2",
    "ttl a 1-",
    "ttl a 2-2",
    "ttl a 4294967295",
    "rcode a.com SERVFAIL NOERROR",
    "continue rcode regex (.*)\\.coredns\\.rocks 2 0",
    "rcode suffix com servfail nxdomain",
    "rcode suffix com 23 15",
    "cname a.com b.com",
    "cname exact a.com b.com",
    "cname prefix a b",
    "cname regex (.*).cdn.example.net. {1}.other.cdn.com.",
    "edns0 local set 65518 abcdefg",
    "edns0 local set 0xffee abcdefg",
    "edns0 local set 0xffee 0x",
    "edns0 local set 0xffee 0x61626364 revert",
    "edns0 local append 0xffee {qname}",
    "edns0 local replace 0xffee {qtype}",
    "edns0 local set 0xffee {client_ip}",
    "edns0 local set 0xffee {client_port}",
    "edns0 local set 0xffee {protocol}",
    "edns0 local set 0xffee {server_ip}",
    "edns0 local set 0xffee {server_port} revert",
    "edns0 local set 0xffee {some-plugin/some-label}",
    "edns0 local unset 0xffee",
    "edns0 nsid set",
    "edns0 nsid append revert",
    "edns0 nsid unset",
    "edns0 subnet set 24 56",
    "edns0 subnet replace 24 56 revert",
    "edns0 subnet unset",
  ]) {
    it(rule.replaceAll("\n", "; "), () => load(rule));
  }
});

const NOT_BOTH = "auto name answer rule cannot be combined with explicit name answer rules";

describe("rewrite refuses", () => {
  for (const [rule, message] of [
    ["", "2:1: no rule type specified for rewrite"],
    ["foo", '2:9: invalid rule type "foo"'],
    ["unknown-action name a.com b.com", '2:9: invalid rule type "unknown-action"'],
    ["stop", "2:9: stop rule must begin with a rule type"],
    ["continue", "2:9: continue rule must begin with a rule type"],
    ["stop {\nanswer name bar foo\nname regex foo bar\n}", "3:1: response rewrites must begin with a name rule"],
    ["name a.com b.com {\nanswer auto\n}", "3:1: a rule stands either on the line of rewrite or inside braces"],
    ["name", "2:9: too few arguments for a name rule"],
    ["name a.com", "2:14: too few arguments for a name rule"],
    [
      "name a.com b.com c.com",
      "2:14: name rule supports only exact, prefix, suffix, substring, and regex name matching, received: a.com",
    ],
    [
      "name substring a.com b.com c.com",
      "2:36: exceeded the number of arguments for a non-answer rule argument for substring rule",
    ],
    [
      "name regex ([a]\\.com new-{1}.com",
      "2:20: invalid regex matching pattern: ([a]\\.com: missing closing ): `([a]\\.com`",
    ],
    [`name regex ${"a".repeat(10_001)} b`, "2:20: regex pattern too long: 10001 > 10000"],
    [
      "name regex (.*).rocks {1}.{2}.rocks",
      "2:31: the rewrite regex pattern ({1}.{2}.rocks) uses more subexpressions than its corresponding matching regex " +
        "pattern ((.*).rocks)",
    ],
    ["name suffix a b answer", "2:25: type missing for answer rule for suffix rule"],
    ["name suffix a b answer other", '2:32: invalid type "other" for answer rule for suffix rule'],
    ["name regex a b answer name", "2:31: name answer rule for regex rule: 2 arguments required"],
    ["name regex a b answer auto value c", "2:42: value answer rule for regex rule: 2 arguments required"],
    ["name regex a b answer auto name c d", `2:31: ${NOT_BOTH}`],
    ["name regex a b answer auto value [ e", "2:42: invalid regex matching pattern: [: missing closing ]: `[`"],
    ["type", "2:9: type rules must have exactly two arguments"],
    ["type a", "2:14: type rules must have exactly two arguments"],
    ["type any a a", "2:20: type rules must have exactly two arguments"],
    ["type ANY wv", '2:18: invalid type "WV"'],
    ["class IN WV", '2:18: invalid class "WV"'],
    ["ttl a", "2:13: too few (1) arguments for a ttl rule"],
    ["ttl a 12345678901234567890", "2:15: invalid TTL '12345678901234567890' for a ttl rule"],
    ["ttl a -", "2:15: invalid TTL '-' for a ttl rule"],
    ["ttl a 2-1", "2:15: invalid TTL '2-1' for a ttl rule"],
    ["ttl a 5-10-20", "2:15: invalid TTL '5-10-20' for a ttl rule"],
    ["ttl b a 1", "2:13: ttl rule supports only exact, prefix, suffix, substring, and regex name matching"],
    ["ttl exact a 1 2", "2:23: too many (4) arguments for a ttl rule"],
    ["rcode a.com NOERROR", "2:21: too few (2) arguments for a rcode rule"],
    ["rcode a.com 24 0", "2:21: invalid matching RCODE '24' for a rcode rule"],
    ["rcode a.com 0 RCODE3", "2:23: invalid replacement RCODE 'RCODE3' for a rcode rule"],
    ["rcode a.com 0 BADVERS", "2:23: RCODE 'BADVERS' needs EDNS, which not every client has"],
    ["cname a", "2:15: too few (1) arguments for a cname rule"],
    ["cname exact a b c", "2:25: too many (4) arguments for a cname rule"],
    ["cname foo a b", "2:15: unknown cname rewrite type: foo"],
    ["edns0", "2:9: too few arguments for an EDNS0 rule"],
    ["edns0 local", "2:15: too few arguments for an EDNS0 rule"],
    ["edns0 unknown set", '2:15: invalid rule type "unknown"'],
    ["edns0 local foo 0xffee a", '2:21: invalid action: "foo"'],
    ["edns0 local set 0xffee", "2:25: EDNS0 local set takes 2 arguments, not 1"],
    ["edns0 local set ffee a", "2:25: 'ffee' is no option code: 0 to 65535, or 0x0 to 0xffff"],
    ["edns0 local set 65536 a", "2:25: '65536' is no option code: 0 to 65535, or 0x0 to 0xffff"],
    ["edns0 local set 0xffee 0xabcdefg", "2:32: '0xabcdefg' is no hexadecimal data"],
    ["edns0 local set 0xffee {dummy}", '2:32: unsupported variable name "{dummy}"'],
    ["edns0 local unset 0xffee revert", "2:34: EDNS0 local unset takes 1 arguments, not 2"],
    ["edns0 nsid set junk", "2:24: EDNS0 nsid set takes 0 arguments, not 1"],
    ["edns0 nsid unset revert", "2:26: EDNS0 nsid unset takes 0 arguments, not 1"],
    ["edns0 subnet set -1 56", "2:26: invalid IPv4 bit mask length -1"],
    ["edns0 subnet set 33 56", "2:26: invalid IPv4 bit mask length 33"],
    ["edns0 subnet set 24 129", "2:29: invalid IPv6 bit mask length 129"],
    ["edns0 subnet append 24 56 72", "2:35: EDNS0 subnet append takes 2 arguments, not 3"],
    ["edns0 subnet unset 24 56", "2:28: EDNS0 subnet unset takes 0 arguments, not 2"],
  ] as const) {
    it(rule.replaceAll("\n", "; ").slice(0, 60), () => {
      assert.throws(
        () => load(rule),
        (error: Error) => error.message.startsWith(`Corefile:${message}`) || assert.fail(error.message),
      );
    });
  }
});
