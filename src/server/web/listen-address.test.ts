import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { readListenAddress } from "./listen-address.ts";

describe("readListenAddress", () => {
  it("reads the forms that a Corefile has", () => {
    assert.deepEqual(readListenAddress(":8080"), { host: "", port: 8080 });
    assert.deepEqual(readListenAddress("localhost:9153"), { host: "localhost", port: 9153 });
    assert.deepEqual(readListenAddress("10.0.0.1:80"), { host: "10.0.0.1", port: 80 });
    assert.deepEqual(readListenAddress("[::1]:80"), { host: "::1", port: 80 });
    assert.deepEqual(readListenAddress("[fe80::1%eth0]:0"), { host: "fe80::1%eth0", port: 0 });
    assert.deepEqual(readListenAddress("[]:80"), { host: "", port: 80 });
  });

  it("says what is wrong with others", () => {
    assert.equal(readListenAddress("localhost"), "address localhost: missing port in address");
    assert.equal(readListenAddress("[::1]"), "address [::1]: missing port in address");
    assert.equal(readListenAddress("::1:80"), "address ::1:80: too many colons in address");
    assert.equal(readListenAddress(":65536"), "address :65536: invalid port '65536'");
    assert.equal(readListenAddress(":http"), "address :http: invalid port 'http'");
    assert.equal(readListenAddress(":"), "address :: invalid port ''");
    assert.equal(readListenAddress("10.0.0.300:80"), "address 10.0.0.300:80: '10.0.0.300' is no address or host name");
    assert.equal(readListenAddress("[10.0.0.1]:80"), "address [10.0.0.1]:80: '10.0.0.1' is no IPv6 address");
  });

  it("gives a port in range or a sentence for any text", () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        const read = readListenAddress(text);
        assert.ok(typeof read === "string" ? read.includes(text) : read.port >= 0 && read.port <= 65_535);
      }),
    );
  });
});
