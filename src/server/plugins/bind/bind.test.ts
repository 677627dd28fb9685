import assert from "node:assert/strict";
import { networkInterfaces } from "node:os";
import { describe, it } from "node:test";
import { ConfigError } from "../../../base/errors.ts";
import { directivesOf, setUp } from "../../../../test/support/setup-context.ts";
import { bind, bindAddresses } from "./bind.ts";

const interfaces: Readonly<Record<string, readonly string[]>> = {
  lo: ["127.0.0.1", "::1"],
  eth0: ["192.0.2.7", "2001:db8::7", "fe80::7%eth0"],
};

/** Addresses of the `bind` lines of a block. */
function addresses(lines: string): string[] {
  return directivesOf(`. {\n${lines}\n}`, "bind").flatMap((one) => bindAddresses(one, (name) => interfaces[name]));
}

function refuses(lines: string, message: string): void {
  assert.throws(
    () => addresses(lines),
    (error) => error instanceof ConfigError && (assert.equal(error.message, message), true),
  );
}

describe("bind", () => {
  it("takes addresses of both families, in order", () => {
    assert.deepEqual(addresses("bind 127.0.0.1 ::1\nbind 192.0.2.1"), ["127.0.0.1", "::1", "192.0.2.1"]);
  });

  it("takes all addresses of an interface, link-local ones with their zone", () => {
    assert.deepEqual(addresses("bind eth0"), ["192.0.2.7", "2001:db8::7", "fe80::7%eth0"]);
  });

  it("writes IPv6 addresses one way", () => {
    assert.deepEqual(addresses("bind 2001:DB8:0:0::0:1"), ["2001:db8::1"]);
  });

  it("leaves out what `except` names, by address or interface, on its own line only", () => {
    assert.deepEqual(addresses("bind eth0 {\nexcept 192.0.2.7 FE80:0::7%eth0\n}"), ["2001:db8::7"]);
    assert.deepEqual(addresses("bind eth0 lo {\nexcept eth0\n}\nbind 192.0.2.7"), ["127.0.0.1", "::1", "192.0.2.7"]);
  });

  it("refuses what is neither address nor interface, where it stands", () => {
    refuses("bind 127.0.0.1 eth9", 'Corefile:2:16: not a valid IP address or interface name: "eth9"');
    refuses("bind lo {\nexcept 300.0.0.1\n}", 'Corefile:3:8: not a valid IP address or interface name: "300.0.0.1"');
  });

  it("refuses to be left without an address, which would mean all of them", () => {
    refuses("bind lo {\nexcept ::1 127.0.0.1\n}", "Corefile:2:1: no address is left to bind to");
  });

  it("refuses missing words and other properties", () => {
    refuses("bind", "Corefile:2:1: Wrong argument count or unexpected line ending after 'bind'");
    refuses("bind lo {\nexcept\n}", "Corefile:3:1: Wrong argument count or unexpected line ending after 'except'");
    refuses("bind lo {\nonly ::1\n}", "Corefile:3:1: unknown property 'only'");
  });

  it("tells the server block each address once", () => {
    const { context, instance } = setUp(bind, ". {\nbind 127.0.0.1\nbind 127.0.0.1 ::1\n}");
    assert.deepEqual(context.bindAddresses, ["127.0.0.1", "::1"]);
    assert.equal(instance.handler, undefined);
  });

  it("knows the interfaces of this machine", () => {
    const [name, found] = Object.entries(networkInterfaces())[0] ?? [];
    assert.ok(name !== undefined && found !== undefined);
    const { context } = setUp(bind, `. {\nbind ${name}\n}`);
    assert.ok(context.bindAddresses.length > 0);
    const bare = context.bindAddresses.map((address) => address.split("%", 1)[0]);
    assert.ok(bare.every((address) => found.some((one) => one.address.split("%", 1)[0] === address)));
  });
});
