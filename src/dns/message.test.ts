import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { describe, it } from "node:test";
import fc from "fast-check";
import * as oracle from "dns-packet";
import { message, mutated, randomNumbers } from "../../test/support/dns-arbitraries.ts";
import { FLAG_QR, FLAG_RA, FLAG_RD } from "./header.ts";
import { decodeMessage, encodeMessage, type Message } from "./message.ts";
import { MessageError } from "./message-error.ts";
import { nameFromText, nameToText } from "./name-text.ts";
import { recordFromText } from "./records/record-text.ts";
import { scanResponse, ResponseScan } from "./response-scan.ts";
import { RCODE_BADVERS, TYPE_A } from "./types.ts";

/** What happened to a packet: the message, or undefined when it was refused with a code. */
function decodedOrRefused(packet: Uint8Array): Message | undefined {
  try {
    return decodeMessage(packet);
  } catch (error) {
    assert.ok(error instanceof MessageError, String(error));
    return undefined;
  }
}

function empty(over: Partial<Message> = {}): Message {
  return {
    id: 7,
    flags: FLAG_QR,
    opcode: 0,
    rcode: 0,
    question: [],
    answers: [],
    authority: [],
    additional: [],
    ...over,
  };
}

describe("decodeMessage and encodeMessage", () => {
  it("read back what they wrote, compressed or not", () => {
    fc.assert(
      fc.property(message, fc.boolean(), (whole, compress) => {
        assert.deepEqual(decodeMessage(encodeMessage(whole, { compress })), whole);
      }),
      { numRuns: 300 },
    );
  });

  it("make messages smaller by compression, never larger", () => {
    fc.assert(
      fc.property(message, (whole) => {
        assert.ok(encodeMessage(whole).length <= encodeMessage(whole, { compress: false }).length);
      }),
    );
  });

  it("give an answer or a MessageError for any bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (packet) => void decodedOrRefused(packet)),
      { numRuns: 500 },
    );
  });

  it("write what they read from mutated messages so that it reads alike", () => {
    const random = randomNumbers(1);
    const seeds = fc.sample(message, { numRuns: 60, seed: 1 }).map((whole) => encodeMessage(whole));
    let decodable = 0;
    for (let i = 0; i < 4000; i++) {
      const whole = decodedOrRefused(mutated(seeds[i % seeds.length] ?? new Uint8Array(), random));
      if (whole === undefined) continue;
      decodable++;
      assert.deepEqual(decodeMessage(encodeMessage(whole)), whole);
    }
    assert.ok(decodable > 300, `only ${decodable} of 4000 could be decoded`);
  });

  it("accept exactly what scanResponse accepts, up to one question", () => {
    const random = randomNumbers(2);
    const scan = new ResponseScan();
    const seeds = fc.sample(message, { numRuns: 60, seed: 2 }).map((whole) => encodeMessage(whole));
    for (let i = 0; i < 4000; i++) {
      const packet = mutated(seeds[i % seeds.length] ?? new Uint8Array(), random);
      const whole = decodedOrRefused(packet);
      const accepted = scanResponse(packet, 0, packet.length, scan) === 0;
      if (whole === undefined || whole.question.length <= 1) assert.equal(accepted, whole !== undefined, `packet ${i}`);
    }
  });
});

describe("encodeMessage", () => {
  it("points owner names and RFC 1035 data at earlier names, and SRV targets at nothing", () => {
    const question = { name: nameFromText("example.org"), type: TYPE_A, class: 1 };
    const answers = [
      recordFromText("example.org. 1 IN MX 1 mail.example.org."),
      recordFromText("example.org. 1 IN SRV 0 0 53 mail.example.org."),
    ];
    const wire = encodeMessage(empty({ question: [question], answers }));
    const [header, asked, owner, fixed] = [12, 17, 2, 10];
    assert.equal(wire.length, header + asked + owner + fixed + 2 + 7 + owner + fixed + 6 + 18);
    assert.deepEqual([...wire.subarray(29, 31)], [0xc0, 12]);
  });

  it("refuses an extended response code without EDNS", () => {
    assert.throws(() => encodeMessage(empty({ rcode: RCODE_BADVERS })), MessageError);
  });

  it("refuses to write more than 65535 bytes", () => {
    const long = recordFromText(`a. 1 IN TXT ${`"${"x".repeat(255)}" `.repeat(200)}`);
    assert.throws(() => encodeMessage(empty({ answers: [long, long] })), { code: "NODENS_DNS_MESSAGE" });
  });

  it("never points beyond 16383, where a pointer cannot reach", () => {
    const filler = recordFromText(`filler. 1 IN TXT ${`"${"x".repeat(255)}" `.repeat(66)}`);
    const late = recordFromText("late.example. 1 IN A 192.0.2.1");
    const whole = empty({ answers: [filler, late, late] });
    assert.deepEqual(decodeMessage(encodeMessage(whole)), whole);
  });
});

describe("decodeMessage against dns-packet", () => {
  const packet = oracle.encode({
    type: "response",
    id: 4711,
    flags: oracle.RECURSION_DESIRED | oracle.RECURSION_AVAILABLE,
    questions: [{ type: "A", name: "www.example.org" }],
    answers: [
      { type: "CNAME", name: "www.example.org", ttl: 60, data: "web.example.org" },
      { type: "A", name: "web.example.org", ttl: 61, data: "192.0.2.7" },
      { type: "AAAA", name: "web.example.org", ttl: 62, data: "2001:db8::7" },
      { type: "MX", name: "example.org", ttl: 63, data: { preference: 5, exchange: "mail.example.org" } },
      {
        type: "SRV",
        name: "_dns._udp.example.org",
        ttl: 64,
        data: { priority: 1, weight: 2, port: 53, target: "ns.example.org" },
      },
      { type: "TXT", name: "example.org", ttl: 65, data: ["one", "two three"] },
      { type: "CAA", name: "example.org", ttl: 66, data: { flags: 0, tag: "issue", value: "ca.example" } },
    ],
    authorities: [
      {
        type: "SOA",
        name: "example.org",
        ttl: 67,
        data: {
          mname: "ns.example.org",
          rname: "admin.example.org",
          serial: 1,
          refresh: 2,
          retry: 3,
          expire: 4,
          minimum: 5,
        },
      },
    ],
    additionals: [
      {
        type: "OPT",
        name: ".",
        udpPayloadSize: 1400,
        extendedRcode: 0,
        ednsVersion: 0,
        flags: oracle.DNSSEC_OK,
        flag_do: true,
        options: [],
      },
    ],
  });

  it("reads its messages", () => {
    const whole = decodeMessage(packet);
    assert.equal(whole.id, 4711);
    assert.equal(whole.flags, FLAG_QR | FLAG_RD | FLAG_RA);
    assert.equal(nameToText(whole.question[0]?.name ?? new Uint8Array(1)), "www.example.org.");
    assert.deepEqual(whole.answers, [
      recordFromText("www.example.org. 60 IN CNAME web.example.org."),
      recordFromText("web.example.org. 61 IN A 192.0.2.7"),
      recordFromText("web.example.org. 62 IN AAAA 2001:db8::7"),
      recordFromText("example.org. 63 IN MX 5 mail.example.org."),
      recordFromText("_dns._udp.example.org. 64 IN SRV 1 2 53 ns.example.org."),
      recordFromText('example.org. 65 IN TXT one "two three"'),
      recordFromText('example.org. 66 IN CAA 0 issue "ca.example"'),
    ]);
    assert.deepEqual(whole.authority, [
      recordFromText("example.org. 67 IN SOA ns.example.org. admin.example.org. 1 2 3 4 5"),
    ]);
    assert.deepEqual(whole.edns, { udpSize: 1400, version: 0, dnssecOk: true, options: [] });
  });

  it("writes messages that it reads alike, compressed", () => {
    const ours = encodeMessage(decodeMessage(packet));
    assert.ok(ours.length < packet.length);
    assert.deepEqual(oracle.decode(Buffer.from(ours)), oracle.decode(packet));
  });
});

describe("decodeMessage", () => {
  it("takes a pointer for bytes where the type has no compressed names, as the scan does", () => {
    const question = [{ name: nameFromText("example.org"), type: 65, class: 1 }];
    const plain = recordFromText("example.org. 1 IN HTTPS 1 example.org.");
    const wire = encodeMessage(empty({ question, answers: [plain] }));
    const target = [7, ...Buffer.from("example"), 3, ...Buffer.from("org"), 0];
    assert.deepEqual([...wire.subarray(-target.length)], target);
    const compressed = Uint8Array.of(...wire.subarray(0, -target.length), 0xc0, 12);
    compressed[compressed.length - 5] = 4;
    const [record] = decodeMessage(compressed).answers;
    assert.deepEqual(record?.data, { kind: "opaque", bytes: Uint8Array.of(0, 1, 0xc0, 12) });
  });

  it("ignores bytes after the last record", () => {
    const wire = encodeMessage(empty({ answers: [recordFromText("a. 1 IN A 192.0.2.1")] }));
    assert.deepEqual(decodeMessage(Uint8Array.of(...wire, 0x78, 0x79, 0x7a)), decodeMessage(wire));
  });

  it("reads more than one question", () => {
    const question = ["a.example", "b.example"].map((text) => ({ name: nameFromText(text), type: 1, class: 1 }));
    assert.deepEqual(decodeMessage(encodeMessage(empty({ question }))).question, question);
  });

  it("keeps data that is not of its type's form as bytes", () => {
    // A TXT whose string claims more bytes than there are.
    const data = { kind: "opaque" as const, bytes: Uint8Array.of(9, 1) };
    const whole = empty({ answers: [{ name: nameFromText("a"), type: 16, class: 1, ttl: 1, data }] });
    assert.deepEqual(decodeMessage(encodeMessage(whole)), whole);
  });

  it("takes no time over counts that the packet cannot hold", () => {
    const packet = new Uint8Array(64).fill(0xff);
    assert.throws(() => decodeMessage(packet), MessageError);
  });
});
