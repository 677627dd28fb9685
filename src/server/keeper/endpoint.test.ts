import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { endpointOf } from "./endpoint.ts";

describe("an endpoint", () => {
  it("is an address, with or without a port", () => {
    const good = ["10.244.1.2", "10.244.1.2:53", "fd00::2", "[fd00::2]:5353"];
    assert.deepEqual(good.map(endpointOf), good);
    assert.equal(endpointOf("[fd00::2]"), "fd00::2");
  });

  it("is nothing else", () => {
    const bad = ["", "kube-dns", "kube-dns:53", "10.244.1", "10.244.1.2:", "10.244.1.2:0", "10.244.1.2:65536"];
    const worse = ["10.244.1.2:53:53", "[10.244.1.2", "fe80::1%eth0", "[fe80::1%eth0]:53", "10.0.0.1/8", " 10.0.0.1"];
    for (const text of [...bad, ...worse]) assert.equal(endpointOf(text), undefined, text);
  });
});
