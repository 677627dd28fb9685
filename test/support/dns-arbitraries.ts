/** Names, records and messages for properties: every shape that `src/dns` can say. */
import fc from "fast-check";
import type { Edns, Message } from "../../src/dns/message.ts";
import type { RecordData, ResourceRecord } from "../../src/dns/records/record.ts";
import * as types from "../../src/dns/types.ts";

const u8 = fc.nat(255);
const u16 = fc.nat(0xffff);
const u32 = fc.oneof(fc.nat(600), fc.constantFrom(0x7fffffff, 0x80000000, 0xffffffff), fc.nat(0xffffffff));
const bytes = (maxLength: number, minLength = 0): fc.Arbitrary<Uint8Array> => fc.uint8Array({ minLength, maxLength });

/** Few enough to meet often, so that compression has something to do; some with bytes that text must escape. */
const label: fc.Arbitrary<readonly number[]> = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom("a", "b", "www", "WWW", "example", "org").map((text) => [...ascii(text)]) },
  { weight: 1, arbitrary: fc.uint8Array({ minLength: 1, maxLength: 63 }).map((raw) => [...raw]) },
);

function ascii(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

/** Uncompressed wire form, 1 to 255 bytes, any bytes in labels. */
export const wireName: fc.Arbitrary<Uint8Array> = fc.array(label, { maxLength: 5 }).map((labels) => {
  const wire = labels.flatMap((part) => [part.length, ...part]);
  while (wire.length > 254) wire.splice(0, (wire[0] ?? 0) + 1);
  return Uint8Array.from([...wire, 0]);
});

const typeSet = fc.uniqueArray(u16, { maxLength: 6 }).map((list) => list.toSorted((a, b) => a - b));
const characterString = fc.oneof(bytes(8), bytes(255));
const ascending = fc
  .uniqueArray(record({ key: fc.oneof(fc.nat(9), u16), value: bytes(12) }), {
    selector: ({ key }) => key,
    maxLength: 4,
  })
  // A list of mandatory keys must fit the others; `record-text.test.ts` has some.
  .map((list) => list.filter(({ key }) => key > 0).toSorted((a, b) => a.key - b.key));
const centimetres = fc.tuple(fc.integer({ min: 1, max: 9 }), fc.nat(9)).map(([digit, power]) => digit * 10 ** power);
const tag = fc.constantFrom("issue", "issuewild", "iodef", "X1");
const hash = { hashAlgorithm: u8, flags: u8, iterations: u16, salt: bytes(8) };

/** Data by kind, with a type that has it. */
const typed: readonly fc.Arbitrary<{ type: number; data: RecordData }>[] = [
  of([types.TYPE_A], record({ kind: fc.constant("a" as const), address: bytes(4, 4) })),
  of([types.TYPE_AAAA], record({ kind: fc.constant("aaaa" as const), address: bytes(16, 16) })),
  of(
    [types.TYPE_NS, types.TYPE_CNAME, types.TYPE_PTR, types.TYPE_DNAME],
    record({ kind: fc.constant("name" as const), name: wireName }),
  ),
  of(
    [types.TYPE_SOA],
    record({
      kind: fc.constant("soa" as const),
      mname: wireName,
      rname: wireName,
      serial: u32,
      refresh: u32,
      retry: u32,
      expire: u32,
      minimum: u32,
    }),
  ),
  of(
    [types.TYPE_MX, types.TYPE_AFSDB, types.TYPE_KX],
    record({ kind: fc.constant("mx" as const), preference: u16, exchange: wireName }),
  ),
  of(
    [types.TYPE_SRV],
    record({ kind: fc.constant("srv" as const), priority: u16, weight: u16, port: u16, target: wireName }),
  ),
  of(
    [types.TYPE_TXT, types.TYPE_SPF],
    record({
      kind: fc.constant("txt" as const),
      strings: fc.array(characterString, { minLength: 1, maxLength: 3 }),
    }),
  ),
  of([types.TYPE_HINFO], record({ kind: fc.constant("hinfo" as const), cpu: characterString, os: characterString })),
  of([types.TYPE_CAA], record({ kind: fc.constant("caa" as const), flags: u8, tag, value: bytes(20) })),
  of(
    [types.TYPE_NAPTR],
    record({
      kind: fc.constant("naptr" as const),
      order: u16,
      preference: u16,
      flags: characterString,
      services: characterString,
      regexp: characterString,
      replacement: wireName,
    }),
  ),
  of(
    [types.TYPE_RP, types.TYPE_MINFO],
    record({ kind: fc.constant("rp" as const), mailbox: wireName, other: wireName }),
  ),
  of(
    [types.TYPE_DS, types.TYPE_CDS],
    record({ kind: fc.constant("ds" as const), keyTag: u16, algorithm: u8, digestType: u8, digest: bytes(32) }),
  ),
  of(
    [types.TYPE_DNSKEY, types.TYPE_CDNSKEY],
    record({ kind: fc.constant("dnskey" as const), flags: u16, protocol: u8, algorithm: u8, publicKey: bytes(40) }),
  ),
  of(
    [types.TYPE_RRSIG],
    record({
      kind: fc.constant("rrsig" as const),
      typeCovered: u16,
      algorithm: u8,
      labels: u8,
      originalTtl: u32,
      expiration: u32,
      inception: u32,
      keyTag: u16,
      signer: wireName,
      signature: bytes(40),
    }),
  ),
  of([types.TYPE_NSEC], record({ kind: fc.constant("nsec" as const), next: wireName, types: typeSet })),
  of(
    [types.TYPE_NSEC3],
    record({ kind: fc.constant("nsec3" as const), ...hash, nextHash: bytes(20, 1), types: typeSet }),
  ),
  of([types.TYPE_NSEC3PARAM], record({ kind: fc.constant("nsec3param" as const), ...hash })),
  of(
    [types.TYPE_TLSA, types.TYPE_SMIMEA],
    record({
      kind: fc.constant("tlsa" as const),
      usage: u8,
      selector: u8,
      matchingType: u8,
      association: bytes(32),
    }),
  ),
  of(
    [types.TYPE_SSHFP],
    record({ kind: fc.constant("sshfp" as const), algorithm: u8, fingerprintType: u8, fingerprint: bytes(32) }),
  ),
  of([types.TYPE_URI], record({ kind: fc.constant("uri" as const), priority: u16, weight: u16, target: bytes(30, 1) })),
  of([types.TYPE_OPENPGPKEY], record({ kind: fc.constant("openpgpkey" as const), key: bytes(40) })),
  of(
    [types.TYPE_LOC],
    record({
      kind: fc.constant("loc" as const),
      sizeCm: centimetres,
      horizontalCm: centimetres,
      verticalCm: centimetres,
      latitude: fc.integer({ min: -324_000_000, max: 324_000_000 }),
      longitude: fc.integer({ min: -648_000_000, max: 648_000_000 }),
      altitudeCm: fc.integer({ min: -10_000_000, max: 0xffffffff - 10_000_000 }),
    }),
  ),
  of(
    [types.TYPE_SVCB, types.TYPE_HTTPS],
    record({ kind: fc.constant("svcb" as const), priority: u16, target: wireName, parameters: ascending }),
  ),
  of([types.TYPE_NULL, 666, 65535], record({ kind: fc.constant("opaque" as const), bytes: bytes(40) })),
];

/** Objects as the decoder makes them, so that deep comparison says what it means. */
function record<T>(model: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<T> {
  return fc.record(model, { noNullPrototype: true });
}

function of<D extends RecordData>(
  list: readonly number[],
  data: fc.Arbitrary<D>,
): fc.Arbitrary<{ type: number; data: D }> {
  return record({ type: fc.constantFrom(...list), data });
}

export const resourceRecord: fc.Arbitrary<ResourceRecord> = fc
  .tuple(wireName, u32, fc.oneof(...typed))
  .map(([name, ttl, { type, data }]) => ({ name, type, class: types.CLASS_IN, ttl, data }));

const edns: fc.Arbitrary<Edns> = record({
  udpSize: u16,
  version: u8,
  dnssecOk: fc.boolean(),
  options: fc.array(record({ code: u16, data: bytes(12) }), { maxLength: 3 }),
});

const FLAG_BITS = 0x87f0;
const section = fc.array(resourceRecord, { maxLength: 4 });

/** One question or none, as responses have. */
export const message: fc.Arbitrary<Message> = record({
  id: u16,
  flags: u16.map((flags) => flags & FLAG_BITS),
  opcode: fc.nat(15),
  rcode: fc.nat(15),
  question: fc.array(record({ name: wireName, type: u16, class: u16 }), { maxLength: 1 }),
  answers: section,
  authority: section,
  additional: section,
  edns: fc.option(edns, { nil: undefined }),
}).chain(({ edns: opt, ...plain }) =>
  opt === undefined ? fc.constant(plain) : fc.nat(0xfff).map((rcode) => ({ ...plain, rcode, edns: opt })),
);

/** Small pseudo-random numbers that are the same in every run (mulberry32). */
export function randomNumbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

/** A copy with a few bytes changed, cut short, or repeated: what a fuzzer does first. */
export function mutated(packet: Uint8Array, random: (below: number) => number): Uint8Array {
  const interesting = [0, 1, 12, 41, 63, 64, 128, 192, 255];
  let copy = packet.slice();
  for (let edits = random(4); edits >= 0; edits--) {
    if (copy.length === 0) break;
    const at = random(copy.length);
    const kind = random(5);
    if (kind === 0) copy = copy.slice(0, at);
    else if (kind === 1) copy = Uint8Array.of(...copy.subarray(0, at), ...copy.subarray(random(at + 1)));
    else copy[at] = kind === 2 ? random(256) : (interesting[random(interesting.length)] ?? 0);
  }
  return copy;
}
