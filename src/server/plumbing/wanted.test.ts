import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { PlumbingSpec } from "./plumbing.ts";
import { canonical, checkSpec, servicesOf, targets, wantedOf } from "./wanted.ts";

const SPEC: PlumbingSpec = {
  interfaceName: "nodelocaldns",
  setUpInterface: true,
  setUpRules: true,
  localAddresses: ["169.254.20.10", "10.96.0.10", "FD00::0010"],
  serviceAddresses: [],
  intercept: "auto",
  backend: "auto",
  port: 53,
  healthPort: 8080,
  fallback: [],
};

describe("checkSpec", () => {
  it("takes what node-cache takes", () => assert.doesNotThrow(() => checkSpec(SPEC)));

  const refused: readonly [Partial<PlumbingSpec>, RegExp][] = [
    [{ interfaceName: "" }, /cannot be the name of an interface/],
    [{ interfaceName: "sixteen-bytes-xx" }, /"sixteen-bytes-xx" cannot be the name/],
    [{ interfaceName: "a/b" }, /cannot be the name/],
    [{ interfaceName: "kube-ipvs0" }, /is kube-proxy.s interface/],
    [{ localAddresses: ["169.254.20"] }, /"169\.254\.20" is no IP address/],
    [{ localAddresses: ["fe80::1%eth0"] }, /is no IP address/],
    [{ port: 0 }, /0 is no port/],
    [{ healthPort: 65_536 }, /65536 is no port/],
    [{ fallback: ["dns.example"] }, /"dns\.example" is no IP address/],
    [{ fallback: ["10.0.0.1:0"] }, /neither an address nor address:port/],
    [{ intercept: "rewrite" }, /needs the address of the cluster DNS Service/],
  ];
  for (const [others, message] of refused) {
    it(`refuses ${JSON.stringify(others)}`, () => assert.throws(() => checkSpec({ ...SPEC, ...others }), message));
  }
});

describe("targets", () => {
  it("reads addresses with and without ports, in one spelling", () => {
    assert.deepEqual(targets(["10.0.0.1", "10.0.0.1:5353", "FD00::1", "[fd00:0::1]:5353"]), [
      { address: "10.0.0.1", port: 53 },
      { address: "10.0.0.1", port: 5353 },
      { address: "fd00::1", port: 53 },
      { address: "fd00::1", port: 5353 },
    ]);
  });
});

describe("servicesOf", () => {
  it("tells each address once, in one spelling, and none that is local", () => {
    const serviceAddresses = ["10.96.0.10", "FD00:96::000A", "10.96.0.11", "fd00:96::a", "::ffff:10.96.0.11"];
    assert.deepEqual(servicesOf({ ...SPEC, serviceAddresses }), ["fd00:96::a", "10.96.0.11"]);
  });
});

describe("wantedOf", () => {
  it("takes an IPv4-mapped address as IPv4, as node-cache does", () => {
    const [wanted, ...others] = wantedOf({ ...SPEC, localAddresses: ["::ffff:169.254.20.10"] }, "address", []);
    assert.deepEqual([wanted?.family, wanted?.addresses, others], ["ip", ["169.254.20.10"], []]);
  });

  it("sorts addresses by family, each once and in the kernel's spelling", () => {
    const wanted = wantedOf({ ...SPEC, localAddresses: [...SPEC.localAddresses, "fd00::10"] }, "address", []);
    assert.deepEqual(
      wanted.map(({ family, addresses }) => [family, ...addresses]),
      [
        ["ip", "169.254.20.10", "10.96.0.10"],
        ["ip6", "fd00::10"],
      ],
    );
  });

  it("falls back only for addresses that no Service has, and to targets of their family", () => {
    const [v4, v6] = wantedOf({ ...SPEC, localAddresses: [...SPEC.localAddresses, "fd00:96::a"] }, "address", [
      "10.244.1.2",
      "fd00:244::2",
    ]);
    assert.deepEqual(v4?.withoutService, ["169.254.20.10"]);
    assert.deepEqual(v6?.withoutService, ["fd00::10"]);
    assert.deepEqual(v4?.fallback, [{ address: "10.244.1.2", port: 53 }]);
    assert.deepEqual(v6?.fallback, [{ address: "fd00:244::2", port: 53 }]);
  });

  it("gives each Service that is rewritten an address of its own, which is not one of the local ones", () => {
    const spec = {
      ...SPEC,
      localAddresses: ["169.254.20.11"],
      serviceAddresses: ["10.96.0.10", "10.96.0.11", "fd00:96::a"],
    };
    const [v4, v6] = wantedOf(spec, "rewrite", []);
    assert.deepEqual(v4?.rewrites, [
      { service: "10.96.0.10", own: "169.254.20.12" },
      { service: "10.96.0.11", own: "169.254.20.13" },
    ]);
    assert.equal(v6?.rewrites[0]?.own, canonical(v6?.rewrites[0]?.own ?? ""));
    assert.deepEqual(v4?.addresses, ["169.254.20.11"]);
  });

  it("owns the Service's address where it does not rewrite", () => {
    const [v4] = wantedOf(
      { ...SPEC, localAddresses: ["169.254.20.10"], serviceAddresses: ["10.96.0.10"] },
      "address",
      [],
    );
    assert.deepEqual(v4?.addresses, ["169.254.20.10", "10.96.0.10"]);
  });
});
