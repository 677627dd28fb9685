/** A reply as lines, so that a scenario can say what a client gets. */
import assert from "node:assert/strict";
import { OPTION_EXTENDED_ERROR } from "../../src/dns/edns.ts";
import { decodeMessage, type Message } from "../../src/dns/message.ts";
import { recordToText } from "../../src/dns/records/record-text.ts";
import type { ResourceRecord } from "../../src/dns/records/record.ts";
import { rcodeName } from "../../src/dns/types.ts";
import { TTL_SLACK_S } from "./scenario.ts";

/** First the response code with what is set of AA, TC, AD, CD and an extended error; then a line for each record. */
export function linesOfReply(reply: Uint8Array, zone: string): string[] {
  const message = decodeMessage(reply);
  return [
    statusOf(message),
    ...message.answers.map((record) => lineOf(record, zone)),
    ...message.authority.map((record) => `auth ${lineOf(record, zone)}`),
    ...message.additional.map((record) => `add ${lineOf(record, zone)}`),
  ];
}

function statusOf(message: Message): string {
  const flags = [
    [0x0400, "aa"],
    [0x0200, "tc"],
    [0x0020, "ad"],
    [0x0010, "cd"],
  ] as const;
  const set = flags.filter(([bit]) => (message.flags & bit) !== 0).map(([, name]) => name);
  const extended = (message.edns?.options ?? []).filter(({ code }) => code === OPTION_EXTENDED_ERROR);
  const errors = extended.map(({ data }) => `ede=${((data[0] ?? 0) << 8) | (data[1] ?? 0)}`);
  return [rcodeName(message.rcode), ...set, ...errors].join(" ");
}

/** Owner relative to the zone, TTL, type and data; the class only when it is not IN. */
function lineOf(record: ResourceRecord, zone: string): string {
  const [owner = "", ttl = "", dnsClass = "", type = "", ...data] = recordToText(record).split(/\s+/);
  const name = owner === zone ? "@" : owner.endsWith(`.${zone}`) ? owner.slice(0, -zone.length - 1) : owner;
  const relative = data.map((word) => (word.endsWith(`.${zone}`) ? word.slice(0, -zone.length - 1) : word));
  return [name, ttl, ...(dnsClass === "IN" ? [] : [dnsClass]), type, ...relative].join(" ");
}

/** Asserts that the lines are these, but for TTLs that have gone down a little. */
export function assertLines(actual: readonly string[], expected: readonly string[], what: string): void {
  const aged = actual.map((line, i) => {
    const wanted = expected[i];
    return wanted !== undefined && isYounger(line, wanted) ? wanted : line;
  });
  assert.deepEqual(aged, expected, what);
}

const TTL = /^((?:auth |add )?\S+ )(\d+)( .*)$/;

function isYounger(line: string, wanted: string): boolean {
  const [, ownerHere, ttlHere, restHere] = TTL.exec(line) ?? [];
  const [, owner, ttl, rest] = TTL.exec(wanted) ?? [];
  if (ttl === undefined || ownerHere !== owner || restHere !== rest) return false;
  const age = Number(ttl) - Number(ttlHere);
  return age >= 0 && age <= TTL_SLACK_S;
}

/** What holds for every reply to `query`, whatever it says: whose it is, its flags, its OPT, its size. */
export function assertSound(reply: Uint8Array, query: Uint8Array, tcp: boolean): void {
  const questionEnd = endOfQuestion(query);
  const word = (bytes: Uint8Array, at: number): number => ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
  assert.equal(word(reply, 0), word(query, 0), "id");
  const flags = word(reply, 2);
  assert.equal(flags & 0xf840, 0x8000, "QR, opcode and Z");
  assert.equal(flags & 0x0190, 0x0080 | (word(query, 2) & 0x0110), "RD, RA and CD");
  assert.equal(word(reply, 4), 1, "QDCOUNT");
  assert.deepEqual(reply.slice(12, questionEnd), query.slice(12, questionEnd), "question, as spelled");
  const message = decodeMessage(reply);
  assert.equal(message.edns !== undefined, word(query, 10) === 1, "OPT for OPT");
  if (message.edns !== undefined) {
    assert.equal(message.edns.version, 0);
    assert.deepEqual(
      message.edns.options.filter(({ code }) => code !== OPTION_EXTENDED_ERROR),
      [],
      "no option echoed",
    );
  }
  const size = word(query, 10) === 1 ? Math.min(Math.max(word(query, questionEnd + 3), 512), 1232) : 512;
  if (!tcp) assert.ok(reply.length <= size, `${reply.length} bytes for a client that takes ${size}`);
}

function endOfQuestion(query: Uint8Array): number {
  let at = 12;
  while ((query[at] ?? 0) !== 0) at += (query[at] ?? 0) + 1;
  return at + 5;
}
