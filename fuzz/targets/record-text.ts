/** Records as lines of a zone file: what is read can be written as text and as wire, and read back alike. */
import { NodensError } from "../../src/base/errors.ts";
import { encodeMessage, decodeMessage } from "../../src/dns/message.ts";
import { recordFromText, recordToText } from "../../src/dns/records/record-text.ts";
import type { ResourceRecord } from "../../src/dns/records/record.ts";
import fc from "fast-check";
import { resourceRecord } from "../../test/support/dns-arbitraries.ts";
import { bytesOf, mutateText, textOf } from "../mutate-text.ts";
import { check, type Target } from "../target.ts";

const OUTCOMES = ["refused", "read"] as const;
const ORIGIN = Uint8Array.of(7, 101, 120, 97, 109, 112, 108, 101, 0);

const LINES: readonly string[] = [
  "www 300 IN A 192.0.2.1",
  "@ IN 300 AAAA 2001:db8::1",
  "example.org. 1h30m IN SOA ns admin (1 2h 3d 4w 5)",
  'example.org. TXT "a b" c "d\\"e" "\\000\\255"',
  "_x._y SRV 1 2 3 .",
  "x TYPE666 \\# 4 c00cc00c",
  "x CAA 0 issue ca.example",
  "x HTTPS 1 . alpn=h2 ipv4hint=192.0.2.1 mandatory=alpn key667=x",
  'x NAPTR 1 1 u "E2U+sip" "!^.*$!sip:x!" .',
  "x LOC 42 21 54 N 71 06 18 W -24m 30m",
  "x RRSIG A 13 3 300 20330101000000 20200101000000 4711 example.org. AAEC",
  "x NSEC3 1 0 10 aabb 2t7b4g4vsa5smi47k61mv5bv1a22bojr A RRSIG TYPE65280",
];
const WORDS: readonly string[] = [
  ...'@ IN CH A AAAA SOA TXT SRV CAA HTTPS NAPTR LOC RRSIG NSEC NSEC3 DS DNSKEY TLSA TYPE666 TYPE65536 \\# ( ) ; "'.split(
    " ",
  ),
  ..."\\ \\. \\000 \\256 \\2 . .. * 0 -1 1w2d 4294967295 4294967296 ::1 1.2.3 192.0.2.1 alpn= key0= key65535=a N W m".split(
    " ",
  ),
  "a".repeat(64),
  `"${"x".repeat(256)}"`,
];

export function recordTextTarget(): Target {
  const samples = fc.sample(resourceRecord, { numRuns: 150, seed: 30 }).map((record) => recordToText(record));
  return {
    name: "record-text",
    form: "text",
    corpus: [...LINES, ...samples].map(bytesOf),
    maxBytes: 8192,
    slowMs: 50,
    outcomes: OUTCOMES,
    mutate: (input, random, inputs) => mutateText(input, random, inputs, WORDS),
    run: (input) => {
      let record: ResourceRecord;
      try {
        record = recordFromText(textOf(input), ORIGIN, 3600);
      } catch (error) {
        if (!(error instanceof NodensError)) throw error;
        return OUTCOMES.indexOf("refused");
      }
      const text = recordToText(record);
      check(recordToText(recordFromText(text)) === text, "what is written as text reads alike");
      const whole = { id: 0, flags: 0x8000, opcode: 0, rcode: 0, question: [], authority: [], additional: [] };
      const [again] = decodeMessage(encodeMessage({ ...whole, answers: [record] })).answers;
      check(again !== undefined && recordToText(again) === text, "what is written as wire reads alike");
      return OUTCOMES.indexOf("read") | (record.type << 8);
    },
  };
}
