import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { Interner } from "./intern.ts";
import type { Raw } from "./raw.ts";
import { RESOURCES } from "./resources.ts";
import { trimEndpointSlice, trimPod, trimService } from "./trim.ts";

const interner = new Interner();
const metadata = { name: "web", namespace: "prod" };

describe("trimming", () => {
  it("never throws, whatever it is given", () => {
    const keys = [
      "metadata",
      "name",
      "labels",
      "spec",
      "ports",
      "port",
      "clusterIPs",
      "endpoints",
      "addresses",
      "status",
      "podIPs",
    ];
    const { tree } = fc.letrec<{ tree: unknown }>((tie) => ({
      tree: fc.oneof(
        { depthSize: "small" },
        fc.jsonValue({ maxDepth: 1 }),
        fc.dictionary(fc.constantFrom(...keys), tie("tree")),
        fc.array(tie("tree"), { maxLength: 3 }),
      ),
    }));
    fc.assert(
      fc.property(fc.dictionary(fc.constantFrom(...keys), tree), (raw) => {
        for (const { trim } of Object.values(RESOURCES)) trim({ metadata, ...raw }, interner);
      }),
    );
  });

  it("takes what has no name for nothing", () => {
    for (const { trim } of Object.values(RESOURCES)) assert.equal(trim({ metadata: {} }, interner), undefined);
  });

  it("tells a headless Service from one that has no address yet", () => {
    const headless = (spec: Raw): boolean | undefined => trimService({ metadata, spec }, interner)?.headless;
    assert.equal(headless({ clusterIP: "None", clusterIPs: ["None"] }), true);
    assert.equal(headless({ clusterIP: "None" }), true);
    assert.equal(headless({ clusterIP: "" }), false);
    assert.equal(headless({}), false);
    assert.equal(headless({ type: "ExternalName", externalName: "a.example", clusterIP: "None" }), false);
  });

  it("takes the one address of an old server that has no clusterIPs", () => {
    assert.deepEqual(trimService({ metadata, spec: { clusterIP: "10.0.0.1" } }, interner)?.clusterIPs, ["10.0.0.1"]);
  });

  it("leaves out ports that mean all ports", () => {
    const raw = {
      metadata,
      addressType: "IPv4",
      ports: [
        { name: "", protocol: "TCP" },
        { port: 53, protocol: "UDP" },
      ],
    };
    assert.deepEqual(trimEndpointSlice(raw, interner)?.ports, [{ name: "", port: 53, protocol: "udp" }]);
  });

  it("knows a slice of another cluster by its labels", () => {
    const labels = {
      "multicluster.kubernetes.io/service-name": "far",
      "multicluster.kubernetes.io/source-cluster": "east",
      "kubernetes.io/service-name": "derived-far",
    };
    const slice = trimEndpointSlice({ metadata: { ...metadata, labels }, addressType: "IPv6" }, interner);
    assert.deepEqual([slice?.service, slice?.cluster, slice?.addressType], ["far", "east", "IPv6"]);
  });

  it("gives no address of a pod that has ended", () => {
    const ips = (phase: string): readonly string[] | undefined =>
      trimPod({ metadata, status: { phase, podIP: "10.0.0.9", podIPs: [{ ip: "10.0.0.9" }] } }, interner)?.ips;
    assert.deepEqual(ips("Running"), ["10.0.0.9"]);
    assert.deepEqual(ips("Succeeded"), []);
    assert.deepEqual(ips("Failed"), []);
  });
});
