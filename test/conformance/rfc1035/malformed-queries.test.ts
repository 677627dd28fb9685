/**
 * RFC 1035 §4, RFC 6891 §6.1 and RFC 9267 through a whole server: queries that are not well formed.
 *
 * None is forwarded, none is answered with more bytes than it had, and the next query is answered as ever.
 */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { askTcp, queryFor } from "../../support/dns-client.ts";
import { type ForwardingServer, forwardingServer } from "../../support/forwarding-server.ts";

const A = 1;
const NAME = "www.example.org.";
const FORMERR = 1;

const header = (counts: readonly number[], flags = 0x0100): number[] =>
  [0x4711, flags, ...counts].flatMap((word) => [word >> 8, word & 255]);
const question = (...name: number[]): number[] => [...header([1, 0, 0, 0]), ...name, 0, A, 0, 1];
const plain = [...queryFor(NAME, A, { id: 0x4711 })];
const withRecord = (count: number, ...record: number[]): number[] => [
  ...plain.slice(0, 11),
  count,
  ...plain.slice(12),
  ...record,
];
const opt = (...options: number[]): number[] => [0, 0, 41, 4, 208, 0, 0, 0, 0, 0, options.length, ...options];
const label = (length: number): number[] => [length, ...new Uint8Array(length).fill(0x61)];

const malformed: readonly (readonly [what: string, wire: readonly number[]])[] = [
  ["a header alone that announces a question", header([1, 0, 0, 0])],
  ["a header alone that announces none", header([0, 0, 0, 0])],
  ["two questions", [...header([2, 0, 0, 0]), ...plain.slice(12), ...plain.slice(12)]],
  ["TC set", [...plain.slice(0, 2), 0x03, ...plain.slice(3)]],
  ["a name that is a pointer to itself", question(0xc0, 12)],
  ["a pointer behind a label", question(1, 0x61, 0xc0, 12)],
  ["a label of type 01", question(0x41, 0x61, 0)],
  ["a label of type 10", question(0x81, 0x61, 0)],
  ["a name of 257 bytes", question(...label(63), ...label(63), ...label(63), ...label(63), 0)],
  ["a name without an end", [...header([1, 0, 0, 0]), 3, 0x77, 0x77, 0x77]],
  ["a question without a class", plain.slice(0, -2)],
  ["an answer in a query", [...plain.slice(0, 7), 1, ...plain.slice(8), 0, 0, A, 0, 1, 0, 0, 0, 0, 0, 0]],
  ["an additional record that is not there", withRecord(1)],
  ["an additional record that is no OPT", withRecord(1, 0, 0, A, 0, 1, 0, 0, 0, 0, 0, 0)],
  ["two OPT records", withRecord(2, ...opt(), ...opt())],
  ["an OPT with a name", withRecord(1, 1, 0x61, ...opt())],
  ["an OPT longer than the message", withRecord(1, ...opt().slice(0, -1), 16)],
  ["an option longer than its OPT", withRecord(1, ...opt(0, 100, 0, 9, 1, 2))],
  ["half an option", withRecord(1, ...opt(0, 100, 0))],
  ["type OPT", [...plain.slice(0, -4), 0, 41, 0, 1]],
];

let server: ForwardingServer;
before(async () => {
  server = await forwardingServer({});
});
after(() => server.stop());

describe("§4.1: what cannot be read as a query is a format error, of which no part is reflected that could not be read", () => {
  for (const [what, bytes] of malformed) {
    it(what, async () => {
      const wire = Uint8Array.from(bytes);
      const asked = server.upstream.queries.length;
      for (const reply of [await server.raw(wire), await askTcp({ port: server.port, wire })]) {
        assert.deepEqual([...reply.subarray(0, 2)], [0x47, 0x11]);
        assert.equal((reply[2] ?? 0) & 0xfe, 0x80);
        assert.equal((reply[3] ?? 0) & 0x7f, FORMERR);
        assert.ok(reply.length <= wire.length, `${reply.length} bytes for ${wire.length}`);
        // It announces a question exactly when it has one.
        assert.equal(reply[5], reply.length > 12 ? 1 : 0);
        assert.deepEqual([...reply.subarray(6, 10)], [0, 0, 0, 0]);
      }
      assert.equal(server.upstream.queries.length, asked);
    });
  }
});

describe("§4.1: bytes behind the last record belong to nothing", () => {
  it("they are neither part of the question that is kept nor sent upstream", async () => {
    const name = "trailing.example.org.";
    const bare = queryFor(name, A, { id: 1 });
    for (const wire of [Uint8Array.of(...bare, 0x78, 0x79, 0x7a), bare]) {
      assert.equal((await server.raw(wire))[7] ?? 0, 1);
    }
    assert.equal(server.asked(name).length, 1);
    assert.ok(server.asked(name).every((query) => query.wire.length === query.questionEnd + 11));
  });
});
