/** RFC 9460 appendix D: the text of SVCB records and its bytes; and texts that are none. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { hexText } from "../../../src/dns/records/encodings.ts";
import { decodeMessage, encodeMessage } from "../../../src/dns/message.ts";
import { recordFromText, recordToText } from "../../../src/dns/records/record-text.ts";

const FOO = "03666F6F076578616D706C6503636F6D00";
const FOO_ORG = "03666F6F076578616D706C65036F726700";

/** The record's data in hexadecimal. */
function bytesOf(line: string): string {
  const answers = [recordFromText(line)];
  const message = { id: 0, flags: 0, opcode: 0, rcode: 0, question: [], answers, authority: [], additional: [] };
  const wire = encodeMessage(message);
  assert.deepEqual(decodeMessage(wire), message);
  // Header, owner `example.com.`, type, class, TTL, length.
  return hexText(wire.subarray(12 + 13 + 10));
}

describe("appendix D.1 and D.2", () => {
  for (const [data, bytes] of [
    ["HTTPS 0 foo.example.com.", `0000${FOO}`],
    ["SVCB 1 .", "000100"],
    ["SVCB 16 foo.example.com. port=53", `0010${FOO}000300020035`],
    ["SVCB 1 foo.example.com. key667=hello", `0001${FOO}029B000568656C6C6F`],
    ['SVCB 1 foo.example.com. key667="hello\\210qoo"', `0001${FOO}029B000968656C6C6FD2716F6F`],
    [
      'SVCB 1 foo.example.com. ipv6hint="2001:db8::1,2001:db8::53:1"',
      `0001${FOO}0006002020010DB800000000000000000000000120010DB8000000000000000000530001`,
    ],
    [
      "SVCB 16 foo.example.org. alpn=h2,h3-19 mandatory=ipv4hint,alpn ipv4hint=192.0.2.1",
      `0010${FOO_ORG}0000000400010004000100090268320568332D313900040004C0000201`,
    ],
    ['SVCB 16 foo.example.org. alpn="f\\\\\\\\oo\\\\,bar,h2"', `0010${FOO_ORG}0001000C08665C6F6F2C626172026832`],
    ["SVCB 16 foo.example.org. alpn=f\\\\\\092oo\\092,bar,h2", `0010${FOO_ORG}0001000C08665C6F6F2C626172026832`],
  ] as const) {
    it(data, () => {
      const line = `example.com. 1 IN ${data}`;
      assert.equal(bytesOf(line), bytes);
      assert.equal(bytesOf(recordToText(recordFromText(line))), bytes);
    });
  }
});

describe("appendix D.3: no SVCB record is", () => {
  for (const data of [
    "key123=abc key123=def",
    "mandatory",
    "alpn",
    "port",
    "ipv4hint",
    "ipv6hint",
    "no-default-alpn=abc",
    "mandatory=key123",
    "mandatory=mandatory",
    "mandatory=key123,key123 key123=abc",
  ]) {
    it(data, () => {
      assert.throws(() => recordFromText(`example.com. 1 IN SVCB 1 foo.example.com. ${data}`), {
        code: "NODENS_DNS_RECORD",
      });
    });
  }
});
