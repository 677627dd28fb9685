import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { resourceRecord } from "../../../test/support/dns-arbitraries.ts";
import { nameFromText, nameToText } from "../name-text.ts";
import { recordFromText, recordToText } from "./record-text.ts";
import { RecordTextError } from "./text-words.ts";

describe("recordToText and recordFromText", () => {
  it("keep every record of every type", () => {
    fc.assert(
      fc.property(resourceRecord, (record) => assert.deepEqual(recordFromText(recordToText(record)), record)),
      { numRuns: 1500 },
    );
  });

  it("write one line of printable ASCII", () => {
    fc.assert(fc.property(resourceRecord, (record) => assert.match(recordToText(record), /^[\x20-\x7e\t]+$/)));
  });

  // Text as it is written back; most are the examples of the RFC that defines the type.
  const lines = [
    "www.example.org.	300	IN	A	192.0.2.1",
    "www.example.org.	300	IN	AAAA	2001:db8::1",
    "alias.example.	60	IN	CNAME	www.example.org.",
    "1.2.0.192.in-addr.arpa.	60	IN	PTR	www.example.org.",
    "example.org.	60	IN	DNAME	example.net.",
    "example.org.	60	IN	SOA	ns.example.org. host\\.master.example.org. 2026010101 7200 3600 1209600 300",
    "example.org.	60	IN	MX	10 mail.example.org.",
    "_dns._tcp.example.org.	60	IN	SRV	0 5 53 ns.example.org.",
    'example.org.	60	IN	TXT	"v=spf1 -all" "say \\"hi\\"" "\\000\\255"',
    'example.org.	60	IN	HINFO	"RFC8482" ""',
    'example.org.	60	IN	CAA	0 issue "ca1.example.net; policy=ev"',
    'cid.urn.arpa.	60	IN	NAPTR	100 10 "" "" "!^urn:cid:.+@([^\\\\.]+\\\\.)(.*)$!\\\\2!i" .',
    "dskey.example.com.	86400	IN	DS	60485 5 1 2BB183AF5F22588179A53B0A98631FAD1A292118",
    "example.com.	86400	IN	DNSKEY	256 3 5 AQPSKmynfzW4kyBv015MUG2DeIQ3Cbl+BBZH4b/0PY1kxkmvHjcZc8no",
    "host.example.com.	86400	IN	RRSIG	A 5 3 86400 20030322173103 20030220173103 2642 example.com. oJB1W6WN",
    "alfa.example.com.	86400	IN	NSEC	host.example.com. A MX RRSIG NSEC TYPE1234",
    "2t7b4g4vsa5smi47k61mv5bv1a22bojr.example.	3600	IN	NSEC3	1 1 12 AABBCCDD 2VPTU5TIMAMQTTGL4LUU9KG21E0AOR3S A RRSIG",
    "example.	3600	IN	NSEC3PARAM	1 0 12 -",
    "_443._tcp.www.example.com.	60	IN	TLSA	0 0 1 D2ABDE240D7CD3EE6B4B28C54DF034B9",
    "host.example.	60	IN	SSHFP	2 1 123456789ABCDEF67890123456789ABCDEF67890",
    '_http._web.example.com.	60	IN	URI	10 1 "http://www.example.com/path"',
    "yahoo.com.	1900	IN	LOC	37 23 30.900 N 121 59 19.000 W 7.00m 100.00m 100.00m 2.00m",
    "example.org.	60	IN	RP	admin.example.org. people.example.org.",
    "example.org.	60	IN	AFSDB	1 afs.example.org.",
    "hash._openpgpkey.example.	60	IN	OPENPGPKEY	AQIDBA==",
    "example.com.	7200	IN	HTTPS	0 svc.example.net.",
    'svc.example.	7200	IN	SVCB	1 . alpn="h2,h3" no-default-alpn port=8443 ipv4hint=192.0.2.1 ech=AAEC ipv6hint=2001:db8::1',
    'svc.example.	7200	IN	SVCB	16 foo. mandatory=alpn,key65 alpn="f\\\\\\\\oo\\\\,bar,h2" key65="a b"',
    "a.example.	3600	IN	TYPE731	\\# 6 ABCDEF012345",
    'a.example.	0	CH	TXT	"x"',
    "a.example.	0	CLASS32	TYPE731	\\# 0",
  ];
  for (const line of lines) {
    it(`keep ${line.split("\t").slice(3).join(" ").slice(0, 60)}`, () => {
      assert.equal(recordToText(recordFromText(line)), line);
    });
  }
});

describe("recordFromText", () => {
  const text = (line: string, origin?: string, ttl?: number): string =>
    recordToText(recordFromText(line, origin === undefined ? undefined : nameFromText(origin), ttl));

  it("takes TTL and class in either order, or neither", () => {
    assert.equal(text("a. IN 5 A 192.0.2.1"), "a.\t5\tIN\tA\t192.0.2.1");
    assert.equal(text("a. 5 A 192.0.2.1"), "a.\t5\tIN\tA\t192.0.2.1");
    assert.equal(text("a. A 192.0.2.1"), "a.\t3600\tIN\tA\t192.0.2.1");
    assert.equal(text("a. IN A 192.0.2.1", ".", 30), "a.\t30\tIN\tA\t192.0.2.1");
  });

  it("takes times with units", () => assert.match(text("a. 1h30m A 192.0.2.1"), /\t5400\t/));

  it("puts the origin behind relative names, and for @", () => {
    assert.equal(text("www 1 IN CNAME web", "example.org."), "www.example.org.\t1\tIN\tCNAME\tweb.example.org.");
    assert.equal(text("@ 1 IN MX 1 @", "example.org."), "example.org.\t1\tIN\tMX\t1 example.org.");
    assert.equal(text("a\\. 1 IN CNAME b\\\\.", "c."), "a\\..c.\t1\tIN\tCNAME\tb\\\\.");
  });

  it("takes parentheses, line ends and comments as blanks", () => {
    const soa = "@ 1 IN SOA ns admin (\n 1 ; serial\n 2 3 4 5 ) ; done";
    assert.equal(text(soa, "x."), "x.\t1\tIN\tSOA\tns.x. admin.x. 1 2 3 4 5");
  });

  it("keeps blanks, semicolons and parentheses inside quotes", () => {
    assert.equal(text('a. 1 TXT "b ; ( c" d'), 'a.\t1\tIN\tTXT\t"b ; ( c" "d"');
  });

  it("reads the generic form of a known type as that type", () => {
    assert.equal(text("a. 1 IN A \\# 4 C0000201"), "a.\t1\tIN\tA\t192.0.2.1");
    assert.equal(text("a. 1 TYPE1 192.0.2.1"), "a.\t1\tIN\tA\t192.0.2.1");
  });

  it("writes data that is not of its type's form in the generic form, and reads it back", () => {
    assert.equal(text("a. 1 IN TXT \\# 2 0901"), "a.\t1\tIN\tTXT\t\\# 2 0901");
  });

  it("refuses data that has no wire form", () => {
    assert.throws(() => text('a. URI 0 5 ""'), RecordTextError);
  });

  it("gives a record or a RecordTextError for any text", () => {
    const word = fc.oneof(
      fc.constantFrom(
        "a.",
        "@",
        "IN",
        "CH",
        "1",
        "300",
        "A",
        "TXT",
        "MX",
        "SOA",
        "LOC",
        "SVCB",
        "NSEC3",
        "RRSIG",
        "\\#",
        '"',
        "(",
        "\\",
        "-",
        "N",
      ),
      fc.string({ maxLength: 8 }),
    );
    fc.assert(
      fc.property(fc.array(word, { maxLength: 12 }), (words) => {
        try {
          const record = recordFromText(words.join(" "));
          assert.deepEqual(recordFromText(recordToText(record)), record);
        } catch (error) {
          assert.ok(error instanceof RecordTextError, String(error));
        }
      }),
      { numRuns: 1000 },
    );
  });

  for (const [line, fact] of [
    ["", /owner is missing/],
    ["a. 1 IN", /type is missing/],
    ["a. 1 IN NOSUCH 1", /"NOSUCH" is no record type/],
    ["a. 1 IN OPT \\# 0", /no record type/],
    ["a. 1 IN A 192.0.2.256", /no IPv4 address/],
    ["a. 1 IN A 192.0.2.1 192.0.2.2", /after the record's data/],
    ["a. 1 IN AAAA 192.0.2.1", /no IPv6 address/],
    ["a. 1 IN MX 65536 b.", /more than 65535/],
    ["a. 1 IN MX ten b.", /no number/],
    ["a..b. 1 IN A 192.0.2.1", /a label is empty/],
    ['a. 1 IN TXT "open', /quote is not closed/],
    [`a. 1 IN TXT ${"x".repeat(256)}`, /longer than 255/],
    ["a. 1 IN TXT \\999", /no byte/],
    ["a. 1 IN TYPE731 \\# 3 0102", /3 bytes announced, 2 given/],
    ["a. 1 IN TYPE731 01", /length hexadecimal/],
    ["a. 1 IN CNAME \\# 3 000102", /malformed/],
    ["a. 1 IN DS 1 1 1 0G", /no hexadecimal/],
    ["a. 1 IN DNSKEY 256 3 5 A", /no base64/],
    ["a. 1 IN SVCB 1 . port=1 port=2", /twice/],
    ["a. 1 IN SVCB 1 . port=65536", /no SVCB parameter/],
    ["a. 1 IN SVCB 1 . alpn", /no SVCB parameter/],
    ["a. 1 IN LOC 91 N 0 E 0", /no place on Earth/],
    ["a. 1 IN NSEC b. NOSUCH", /no type/],
  ] as const) {
    it(`refuses ${line.slice(0, 40) || "nothing"}`, () => {
      assert.throws(() => recordFromText(line), { code: "NODENS_DNS_RECORD", message: fact });
    });
  }

  it("refuses a relative name that is too long with its origin", () => {
    const long = "abcdefg.".repeat(20).slice(0, -1);
    const origin = nameFromText("abcdefg.".repeat(20));
    assert.throws(() => recordFromText(`${long} 1 IN A 192.0.2.1`, origin), RecordTextError);
    assert.equal(nameToText(recordFromText(`${long}. 1 IN A 192.0.2.1`, origin).name), `${long}.`);
  });
});
