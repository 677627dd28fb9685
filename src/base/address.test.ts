import assert from "node:assert/strict";
import { isIP } from "node:net";
import { describe, it } from "node:test";
import fc from "fast-check";
import {
  addressBytes,
  AF_INET6,
  formatAddressBytes,
  formatSocketAddress,
  isIpAddress,
  readSockaddr,
  SOCKADDR_MAX_BYTES,
  writeSockaddr,
} from "./address.ts";

const v4 = fc.uint8Array({ minLength: 4, maxLength: 4 });
/** Zeros are frequent, as in real addresses. */
const v6 = fc
  .array(fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 0xffff })), { minLength: 8, maxLength: 8 })
  .map((groups) => Uint8Array.from(groups.flatMap((group) => [group >> 8, group & 0xff])));
const port = fc.integer({ min: 0, max: 65_535 });

const textOf = (bytes: Uint8Array): string => formatAddressBytes(bytes, 0, bytes.length === 4 ? 4 : 16);
const isMapped = (bytes: Uint8Array): boolean => textOf(bytes).startsWith("::ffff:") && textOf(bytes).includes(".");

describe("addresses", () => {
  it("come back from their text as they were", () => {
    fc.assert(fc.property(fc.oneof(v4, v6), (bytes) => assert.deepEqual(addressBytes(textOf(bytes)), bytes)));
  });

  it("are written as the URL standard writes them, but for mapped ones", () => {
    fc.assert(
      fc.property(v6, (bytes) => {
        fc.pre(!isMapped(bytes));
        assert.equal(`[${textOf(bytes)}]`, new URL(`http://[${textOf(bytes)}]/`).hostname);
      }),
    );
  });

  for (const [text, expected] of [
    ["::", "::"],
    ["::1", "::1"],
    ["1::", "1::"],
    ["2001:DB8:0:0:1:0:0:1", "2001:db8::1:0:0:1"],
    ["2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"],
    ["1:0:0:2:0:0:0:3", "1:0:0:2::3"],
    ["::ffff:192.0.2.1", "::ffff:192.0.2.1"],
    ["::ffff:c000:201", "::ffff:192.0.2.1"],
    ["64:ff9b::192.0.2.33", "64:ff9b::c000:221"],
    ["fe80::1%eth0", "fe80::1"],
    ["0.0.0.0", "0.0.0.0"],
    ["255.255.255.255", "255.255.255.255"],
  ] as const) {
    it(`${text} is ${expected}`, () => assert.equal(textOf(addressBytes(text) ?? assert.fail()), expected));
  }

  it("are what Node.js takes for addresses, and nothing else", () => {
    const nearly = fc.string({ unit: fc.constantFrom(..."0123456789abcdefF:.%gx"), maxLength: 24 });
    fc.assert(
      fc.property(fc.oneof(nearly, fc.string(), fc.ipV4(), fc.ipV6()), (text) => {
        assert.equal(isIpAddress(text), isIP(text) !== 0);
        if (text.includes("%")) return;
        const family = isIP(text);
        assert.equal(addressBytes(text)?.length, family === 0 ? undefined : family === 4 ? 4 : 16);
      }),
    );
  });

  it("stand in brackets before a port when they have colons", () => {
    assert.equal(formatSocketAddress("127.0.0.1", 53), "127.0.0.1:53");
    assert.equal(formatSocketAddress("::1", 853), "[::1]:853");
  });
});

describe("sockaddr", () => {
  it("comes back as it was written, at any place, and touches nothing beside it", () => {
    const scope = fc.oneof(fc.constant(0), fc.nat());
    fc.assert(
      fc.property(fc.oneof(v4, v6), port, scope, fc.nat(9), (bytes, number, scopeId, at) => {
        fc.pre(!isMapped(bytes));
        const out = new Uint8Array(at + SOCKADDR_MAX_BYTES + 5).fill(0xaa);
        const length = writeSockaddr(out, at, textOf(bytes), number, scopeId);
        assert.equal(length, bytes.length === 4 ? 16 : 28);
        const suffix = bytes.length === 4 || scopeId === 0 ? "" : `%${scopeId}`;
        assert.deepEqual(readSockaddr(out, at), { address: `${textOf(bytes)}${suffix}`, port: number });
        assert.ok(out.subarray(0, at).every((byte) => byte === 0xaa));
        assert.ok(out.subarray(at + SOCKADDR_MAX_BYTES).every((byte) => byte === 0xaa));
      }),
    );
  });

  it("of a mapped address reads as IPv4", () => {
    fc.assert(
      fc.property(v4, port, (bytes, number) => {
        const out = new Uint8Array(SOCKADDR_MAX_BYTES);
        assert.equal(writeSockaddr(out, 0, `::ffff:${textOf(bytes)}`, number), 28);
        assert.equal(out[0], AF_INET6);
        assert.deepEqual(readSockaddr(out, 0), { address: textOf(bytes), port: number });
      }),
    );
  });

  it("is laid out as the kernel has it", () => {
    const out = new Uint8Array(SOCKADDR_MAX_BYTES).fill(0xff);
    writeSockaddr(out, 0, "192.0.2.1", 0x1234);
    assert.deepEqual([...out.subarray(0, 16)], [2, 0, 0x12, 0x34, 192, 0, 2, 1, 0, 0, 0, 0, 0, 0, 0, 0]);
    writeSockaddr(out, 0, "fe80::1", 53, 3);
    assert.deepEqual([...out.subarray(0, 12)], [10, 0, 0, 53, 0, 0, 0, 0, 0xfe, 0x80, 0, 0]);
    assert.deepEqual([...out.subarray(22, 28)], [0, 1, 3, 0, 0, 0]);
  });

  it("of another family, and text that is no address, are refused", () => {
    assert.equal(readSockaddr(new Uint8Array(SOCKADDR_MAX_BYTES).fill(1), 0), undefined);
    const out = new Uint8Array(SOCKADDR_MAX_BYTES).fill(7);
    assert.equal(writeSockaddr(out, 0, "localhost", 53), -1);
    assert.ok(out.every((byte) => byte === 7));
  });
});
