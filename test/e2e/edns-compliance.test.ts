/**
 * The probes of ISC's EDNS compliance tester, asked with `dig`.
 *
 * Each is what a resolver or a middlebox was once found to choke on (RFC 8906 §8). The upstream here says all that it
 * should not pass on: AA, NSID, a cookie, a reserved EDNS flag. Every probe is put three times: what was not in the cache,
 * what is, and over TCP.
 */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { missing } from "../support/machine.ts";
import { type NodensProcess, run, startNodens } from "../support/nodens-process.ts";
import {
  respond,
  type ScriptedUpstream,
  soa,
  startUpstream,
  type UpstreamQuery,
} from "../support/scripted-upstream.ts";

const A = 1;
const SOA = 6;
const DNSKEY = 48;

type Probe = readonly [name: string, args: string, expected: string];

/** Status and flags; number of answers; EDNS version and flags, or "plain". */
const probes: readonly Probe[] = [
  ["dns", "+noedns +noad +norec SOA", "NOERROR qr ra; 1; plain"],
  ["aa", "+noedns +noad +norec +aaflag SOA", "NOERROR qr ra; 1; plain"],
  ["ad", "+noedns +norec +adflag SOA", "NOERROR qr ra; 1; plain"],
  ["cd", "+noedns +noad +norec +cdflag SOA", "NOERROR qr ra cd; 1; plain"],
  ["ra", "+noedns +noad +norec +raflag SOA", "NOERROR qr ra; 1; plain"],
  ["rd", "+noedns +noad +rec SOA", "NOERROR qr rd ra; 1; plain"],
  ["zflag", "+noedns +noad +norec +zflag SOA", "NOERROR qr ra; 1; plain"],
  ["tc: a query that was cut cannot be understood", "+noedns +noad +norec +tcflag SOA", "FORMERR qr ra; 0; plain"],
  ["opcode", "+noedns +noad +norec +opcode=15 SOA", "NOTIMP qr; 0; plain"],
  [
    "opcodeflg",
    "+noedns +opcode=15 +rec +cdflag +adflag +aaflag +zflag +raflag +tcflag +header-only",
    "NOTIMP qr rd; 0; plain",
  ],
  ["header-only", "+noedns +noad +norec +header-only", "FORMERR qr ra; 0; plain"],
  ["notify", "+noedns +noad +norec +opcode=NOTIFY SOA", "NOTIMP qr; 0; plain"],
  ["update", "+noedns +noad +norec +opcode=UPDATE SOA", "NOTIMP qr; 0; plain"],
  ["type666", "+noedns +noad +norec TYPE666", "NOERROR qr ra; 0; plain"],
  ["type1000", "+noedns +noad +norec TYPE1000", "NOERROR qr ra; 0; plain"],
  ["https", "+noedns +noad +norec HTTPS", "NOERROR qr ra; 0; plain"],
  ["type OPT", "+noedns +noad +norec TYPE41", "FORMERR qr ra; 0; plain"],
  ["any", "+noedns +noad +rec ANY +notcp", "NOERROR qr rd ra; 0; plain"],
  ["version.bind", "+noedns +noad +rec CH TXT version.bind", "REFUSED qr rd ra; 0; plain"],
  ["edns", "+edns=0 +nocookie +noad +norec SOA", "NOERROR qr ra; 1; edns 0"],
  ["edns1", "+edns=1 +noednsneg +nocookie +noad +norec SOA", "BADVERS qr ra; 0; edns 0"],
  ["edns1opt", "+edns=1 +noednsneg +nocookie +noad +norec +ednsopt=100 SOA", "BADVERS qr ra; 0; edns 0"],
  ["edns1do", "+edns=1 +noednsneg +nocookie +noad +norec +dnssec SOA", "BADVERS qr ra; 0; edns 0 do"],
  ["edns1nsid", "+edns=1 +noednsneg +nocookie +noad +norec +nsid SOA", "BADVERS qr ra; 0; edns 0"],
  ["edns1cookie", "+edns=1 +noednsneg +cookie +noad +norec SOA", "BADVERS qr ra; 0; edns 0"],
  ["edns1expire", "+edns=1 +noednsneg +nocookie +noad +norec +expire SOA", "BADVERS qr ra; 0; edns 0"],
  ["edns1subnet", "+edns=1 +noednsneg +nocookie +noad +norec +subnet=0.0.0.0/0 SOA", "BADVERS qr ra; 0; edns 0"],
  ["ednsopt", "+edns=0 +nocookie +noad +norec +ednsopt=100 SOA", "NOERROR qr ra; 1; edns 0"],
  ["ednsopt with data", "+edns=0 +nocookie +noad +norec +ednsopt=65001:0102 SOA", "NOERROR qr ra; 1; edns 0"],
  ["do", "+edns=0 +nocookie +noad +norec +dnssec SOA", "NOERROR qr ra; 1; edns 0 do"],
  ["docd", "+edns=0 +nocookie +noad +norec +dnssec +cdflag SOA", "NOERROR qr ra cd; 1; edns 0 do"],
  ["ednsflags", "+edns=0 +nocookie +noad +norec +ednsflags=0x0080 SOA", "NOERROR qr ra; 1; edns 0"],
  ["nsid", "+edns=0 +nocookie +noad +norec +nsid SOA", "NOERROR qr ra; 1; edns 0"],
  ["cookie", "+edns=0 +cookie=0102030405060708 +noad +norec SOA", "NOERROR qr ra; 1; edns 0"],
  ["cookie of two bytes", "+edns=0 +nocookie +noad +norec +ednsopt=10:0102 SOA", "NOERROR qr ra; 1; edns 0"],
  ["expire", "+edns=0 +nocookie +noad +norec +expire SOA", "NOERROR qr ra; 1; edns 0"],
  ["subnet", "+edns=0 +nocookie +noad +norec +subnet=192.0.2.0/24 SOA", "NOERROR qr ra; 1; edns 0"],
  ["padding", "+edns=0 +nocookie +noad +norec +padding=128 SOA", "NOERROR qr ra; 1; edns 0"],
  ["keepalive", "+edns=0 +nocookie +noad +norec +keepalive SOA", "NOERROR qr ra; 1; edns 0"],
  [
    "optlist",
    "+edns=0 +cookie +noad +norec +nsid +subnet=0.0.0.0/0 +expire +ednsopt=100 SOA",
    "NOERROR qr ra; 1; edns 0",
  ],
  ["size 0", "+edns=0 +nocookie +noad +norec +bufsize=0 SOA", "NOERROR qr ra; 1; edns 0"],
  ["size 65535", "+edns=0 +nocookie +noad +norec +bufsize=65535 DNSKEY", "NOERROR qr ra; 4; edns 0"],
  ["bind11", "+edns=0 +cookie +noad +norec +dnssec SOA", "NOERROR qr ra; 1; edns 0 do"],
  ["dig11", "+edns=0 +cookie +adflag +rec A", "NOERROR qr rd ra; 1; edns 0"],
];

/** Probes whose answer is too long for UDP: what comes over it, and what over TCP. */
const large: readonly (readonly [...Probe, overTcp: string])[] = [
  [
    "edns@512",
    "+edns=0 +nocookie +noad +norec +dnssec +bufsize=512 DNSKEY",
    "NOERROR qr tc ra; 0; edns 0 do",
    "NOERROR qr ra; 4; edns 0 do",
  ],
  ["dnskey without edns", "+noedns +noad +norec DNSKEY", "NOERROR qr tc ra; 0; plain", "NOERROR qr ra; 4; plain"],
];

/** What dig printed, in the words of `Probe`. */
function outcomeOf(output: string): string {
  const status = /status: (\w+)/.exec(output)?.[1] ?? "none";
  const flags = /^;; flags: ([^;]*);/m.exec(output)?.[1] ?? "";
  const answers = /ANSWER: (\d+)/.exec(output)?.[1] ?? "";
  const edns = /^; EDNS: version: (\d+), flags:([^;]*);/m.exec(output);
  const version = edns === null ? "plain" : `edns ${edns[1]}${edns[2]?.trimEnd()}`;
  return `${status} ${flags}; ${answers}; ${version}`;
}

function sizeOf(output: string): number {
  return Number(/MSG SIZE {2}rcvd: (\d+)/.exec(output)?.[1]);
}

/** What dig calls the options it finds in a reply; extended errors are our own to send. */
const OPTION_LINES = /^; (?:OPT=|NSID|COOKIE|CLIENT-SUBNET|EXPIRE|TCP[- ]KEEPALIVE|PAD|CHAIN|KEY-TAG|EDE).*/gm;

/** An SOA, an address, four keys of 200 bytes, or nothing; with AA, two options and a flag that nobody asked for. */
function talkative(query: UpstreamQuery): { reply: Uint8Array } {
  const records: Readonly<Record<number, { type: number; ttl: number; rdata: Uint8Array }[]>> = {
    [A]: [{ type: A, ttl: 300, rdata: Uint8Array.of(192, 0, 2, 1) }],
    [SOA]: [{ type: SOA, ttl: 300, rdata: soa(300, 300).rdata }],
    [DNSKEY]: [1, 2, 3, 4].map((i) => ({
      type: DNSKEY,
      ttl: 300,
      rdata: Uint8Array.of(1, 0, 3, 13, ...new Uint8Array(196).fill(i)),
    })),
  };
  const answers = records[query.type] ?? [];
  const authority = answers.length === 0 ? [soa(300, 300)] : [];
  const plain = respond(query, { flags: 0x0400, answers, authority, opt: false });
  if (query.dnssecOk === undefined) return { reply: plain };
  plain[11] = 1;
  const options = [0, 3, 0, 2, 1, 2, 0, 10, 0, 16, ...new Uint8Array(16)];
  return { reply: Uint8Array.of(...plain, 0, 0, 41, 16, 0, 0, 0, 0, 0x80, 0, options.length, ...options) };
}

describe("EDNS compliance", { skip: missing("dig") }, () => {
  let upstream: ScriptedUpstream;
  let nodens: NodensProcess;

  before(async () => {
    upstream = await startUpstream({ script: talkative });
    nodens = await startNodens(
      (port) => `.:${port} {\n bind 127.0.0.1\n errors\n cache\n forward . 127.0.0.1:${upstream.port}\n}\n`,
    );
  });
  after(async () => {
    assert.equal(await nodens.end(), 0);
    await upstream.close();
  });

  const dig = async (transport: string, name: string, args: string): Promise<string> => {
    const fixed = ["@127.0.0.1", "-p", String(nodens.port), "+time=2", "+tries=1", "+ignore", transport];
    const words = args.split(" ");
    // A header alone has no name.
    return run("dig", [...fixed, ...words, ...(/[a-z]\.[a-z]/.test(args) ? [] : [name])]);
  };

  /** The outcome of a probe, which also keeps its promises about AA, options and size. */
  const put = async (transport: "+notcp" | "+tcp", name: string, args: string, again: string): Promise<string> => {
    const output = await dig(transport, name, args);
    assert.deepEqual(output.match(OPTION_LINES) ?? [], [], again);
    assert.doesNotMatch(output, /MBZ|WARNING: (?!recursion requested)|Warning: (?!query)/, again);
    assert.doesNotMatch(/^;; flags: ([^;]*);/m.exec(output)?.[1] ?? "", /\baa\b/, again);
    if (transport === "+notcp") assert.ok(sizeOf(output) <= 1232, again);
    return outcomeOf(output);
  };

  for (const [i, [name, args, expected, overTcp]] of [...probes, ...large].map(
    (probe, index) => [index, [probe[0], probe[1], probe[2], probe[3] ?? probe[2]]] as const,
  )) {
    it(`${name}: ${expected}`, async () => {
      const owner = `probe${i}.example.org`;
      assert.equal(await put("+notcp", owner, args, "first"), expected);
      // What was asked without RD is not kept; this is.
      await dig("+notcp", owner, args.replace("+norec", "+rec"));
      assert.equal(await put("+notcp", owner, args, "again"), expected);
      if (!args.includes("+notcp")) assert.equal(await put("+tcp", owner, args, "over TCP"), overTcp);
    });
  }

  it("512 bytes are not exceeded where they are what was said, or nothing was", async () => {
    for (const args of ["+edns=0 +nocookie +bufsize=512 DNSKEY", "+noedns DNSKEY"]) {
      assert.ok(sizeOf(await dig("+notcp", "size.example.org", args)) <= 512);
    }
  });

  it("several questions over one TCP connection, with the options that dig sends by itself", async () => {
    const output = await run("dig", [
      "@127.0.0.1",
      "-p",
      String(nodens.port),
      "+tcp",
      "+keepopen",
      "+short",
      "a.example.org",
      "b.example.org",
      "c.example.org",
    ]);
    assert.deepEqual(output.trim().split("\n"), ["192.0.2.1", "192.0.2.1", "192.0.2.1"]);
  });

  it("a transfer is refused", async () => {
    assert.match(await dig("+tcp", "example.org", "AXFR +noedns"), /Transfer failed/);
  });
});
