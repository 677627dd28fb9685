import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { defaultAdminAddresses, formatAdminAddress, readAdminAddress } from "./admin-address.ts";

describe("an address of the admin API", () => {
  for (const [text, address, again = text] of [
    ["unix:/run/nodens/admin.sock", { kind: "unix", path: "/run/nodens/admin.sock" }],
    ["unix:///a b", { kind: "unix", path: "/a b" }, "unix:/a b"],
    ["unix:relative", { kind: "unix", path: "relative" }],
    ["127.0.0.1:9254", { kind: "tcp", host: "127.0.0.1", port: 9254 }],
    ["[::1]:9254", { kind: "tcp", host: "::1", port: 9254 }],
    ["localhost:0", { kind: "tcp", host: "127.0.0.1", port: 0 }, "127.0.0.1:0"],
  ] as const) {
    it(`is ${text}`, () => {
      const read = readAdminAddress(text);
      assert.deepEqual(read, address);
      assert.equal(typeof read === "string" ? "" : formatAdminAddress(read), again);
    });
  }

  for (const text of [
    "0.0.0.0:9254",
    ":9254",
    "[::]:9254",
    "10.0.0.1:9254",
    "127.0.0.1",
    "example:1",
    "unix:",
    "",
    "127.0.0.1:x",
    "[::ffff:10.0.0.1]:1",
  ]) {
    it(`is not ${text}`, () => assert.equal(typeof readAdminAddress(text), "string"));
  }

  it("is looked for in two places", () => {
    assert.deepEqual(defaultAdminAddresses("/run/user/1000").map(formatAdminAddress), [
      "unix:/run/nodens/admin.sock",
      "unix:/run/user/1000/nodens/admin.sock",
    ]);
    assert.equal(defaultAdminAddresses(undefined).length, 1);
  });
});
