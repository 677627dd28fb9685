import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { nameservers } from "./resolv-conf.ts";

describe("nameservers", () => {
  it("reads the nameserver lines in order, whatever stands around them", () => {
    const text = [
      "# nameserver 1.1.1.1",
      "; nameserver 1.0.0.1",
      "search example.org cluster.local",
      "  nameserver\t10.0.0.10   # the first",
      "nameserver 2001:db8::53",
      "nameserver 0388:d254:7aec:6892:9f7f:e93b:5806:1b0f%en0",
      "nameserver fe80::1%eth0",
      "nameserver not-an-address",
      "nameserver",
      "nameservers 10.0.0.11",
      "options ndots:5",
      "nameserver 10.0.0.12\r",
    ].join("\n");
    assert.deepEqual(nameservers(text), [
      "10.0.0.10",
      "2001:db8::53",
      "0388:d254:7aec:6892:9f7f:e93b:5806:1b0f",
      "fe80::1%eth0",
      "10.0.0.12",
    ]);
  });

  it("finds nothing in a file without them", () => {
    assert.deepEqual(nameservers(""), []);
    assert.deepEqual(nameservers("# nameserver 1.1.1.1\n# nameserver 1.0.0.1"), []);
  });

  it("takes any text", () => {
    fc.assert(fc.property(fc.string(), (text) => assert.ok(Array.isArray(nameservers(text)))));
  });
});
