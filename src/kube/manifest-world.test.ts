import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Interner } from "./intern.ts";
import { readManifests } from "./manifest-file.ts";
import { worldOf } from "./manifest-world.ts";
import type { EndpointSlice } from "./objects.ts";
import { trimEndpointSlice } from "./trim.ts";

function slicesOf(yaml: string): EndpointSlice[] {
  const { endpointslices } = worldOf(readManifests("all.yaml", yaml));
  return endpointslices.flatMap((raw) => trimEndpointSlice(raw, new Interner()) ?? []);
}

/** `10.0.0.1 10.0.0.2!`: addresses, with ! when not ready. */
function addressesOf(slice: EndpointSlice | undefined): string {
  return (slice?.endpoints ?? []).map(({ addresses, ready }) => `${addresses.join()}${ready ? "" : "!"}`).join(" ");
}

const PODS = `
apiVersion: v1
kind: Pod
metadata: { name: web-0, labels: { app: web, version: "1" } }
spec:
  hostname: web-0
  subdomain: web
  nodeName: worker-1
  containers: [{ name: main, image: a, ports: [{ name: http, containerPort: 8080 }] }]
status: { podIPs: [{ ip: 10.0.0.1 }, { ip: "fd00::1" }], conditions: [{ type: Ready, status: "True" }] }
---
apiVersion: v1
kind: Pod
metadata: { name: web-1, labels: { app: web } }
spec: { nodeName: worker-2, containers: [{ name: main, image: a, ports: [{ name: http, containerPort: 9090 }] }] }
status: { podIP: 10.0.0.2, conditions: [{ type: Ready, status: "False" }] }
---
apiVersion: v1
kind: Pod
metadata: { name: done, labels: { app: web } }
status: { podIP: 10.0.0.3, phase: Succeeded }
---
apiVersion: v1
kind: Pod
metadata: { name: elsewhere, namespace: prod, labels: { app: web } }
status: { podIP: 10.0.0.4 }
---
apiVersion: v1
kind: Node
metadata: { name: worker-1, labels: { topology.kubernetes.io/zone: a } }
---
`;

describe("a Service with a selector", () => {
  it("has the pods that it selects, with names, nodes, zones and readiness", () => {
    const [slice, ...others] = slicesOf(`${PODS}
apiVersion: v1
kind: Service
metadata: { name: web }
spec: { clusterIP: None, selector: { app: web }, ports: [{ name: http, port: 80 }] }
`);
    assert.deepEqual(others, []);
    assert.equal(slice?.service, "web");
    assert.deepEqual(slice.ports, [{ name: "http", port: 80, protocol: "tcp" }]);
    assert.deepEqual(slice.endpoints, [
      { addresses: ["10.0.0.1"], ready: true, hostname: "web-0", pod: "web-0", node: "worker-1", zone: "a" },
      { addresses: ["10.0.0.2"], ready: false, hostname: "", pod: "web-1", node: "worker-2", zone: "" },
    ]);
  });

  it("has a slice for each set of ports when they are named", () => {
    const slices = slicesOf(`${PODS}
apiVersion: v1
kind: Service
metadata: { name: web }
spec: { clusterIP: 10.96.0.1, selector: { app: web }, ports: [{ port: 80, targetPort: http }] }
`);
    assert.deepEqual(
      slices.map((slice) => [slice.ports[0]?.port, addressesOf(slice)]),
      [
        [8080, "10.0.0.1"],
        [9090, "10.0.0.2!"],
      ],
    );
  });

  it("has both families when it asks for them", () => {
    const slices = slicesOf(`${PODS}
apiVersion: v1
kind: Service
metadata: { name: web }
spec: { clusterIP: None, ipFamilies: [IPv4, IPv6], selector: { app: web }, publishNotReadyAddresses: true }
`);
    assert.deepEqual(
      slices.map((slice) => [slice.addressType, addressesOf(slice)]),
      [
        ["IPv4", "10.0.0.1 10.0.0.2"],
        ["IPv6", "fd00::1"],
      ],
    );
  });

  it("has its pods only when no slices and no Endpoints are given", () => {
    for (const given of [
      "apiVersion: v1\nkind: Endpoints\nmetadata: { name: web }\nsubsets: []\n",
      "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: { name: x, labels: { kubernetes.io/service-name: web } }\naddressType: IPv4\nendpoints: []\n",
    ]) {
      const slices = slicesOf(`${PODS}
apiVersion: v1
kind: Service
metadata: { name: web }
spec: { selector: { app: web } }
---
${given}`);
      assert.equal(slices.map(addressesOf).join(), "");
    }
  });
});

describe("Endpoints", () => {
  const endpoints = `
apiVersion: v1
kind: Endpoints
metadata: { name: db, annotations: { endpoints.kubernetes.io/last-change-trigger-time: "2026-01-02T03:04:05Z" } }
subsets:
  - addresses: [{ ip: 192.0.2.1, hostname: a, nodeName: n }, { ip: "2001:db8::1" }]
    notReadyAddresses: [{ ip: 192.0.2.2 }]
    ports: [{ name: sql, port: 5432 }]
  - addresses: [{ ip: 192.0.2.3 }]
    ports: [{ name: sql, port: 5433 }]
---
`;

  it("are mirrored by family and ports for a Service without a selector", () => {
    const slices = slicesOf(
      `${endpoints}apiVersion: v1\nkind: Service\nmetadata: { name: db }\nspec: { clusterIP: None }\n`,
    );
    assert.deepEqual(
      slices.map((slice) => [slice.service, slice.addressType, slice.ports[0]?.port, addressesOf(slice)]),
      [
        ["db", "IPv4", 5432, "192.0.2.1 192.0.2.2!"],
        ["db", "IPv6", 5432, "2001:db8::1"],
        ["db", "IPv4", 5433, "192.0.2.3"],
      ],
    );
    assert.equal(slices[0]?.endpoints[0]?.hostname, "a");
    assert.equal(slices[0]?.changedAtMs, Date.parse("2026-01-02T03:04:05Z"));
  });

  it("are not, without a Service, with a selector, and when they say so", () => {
    assert.deepEqual(slicesOf(endpoints), []);
    const service = (spec: string): string => `apiVersion: v1\nkind: Service\nmetadata: { name: db }\nspec: ${spec}\n`;
    assert.deepEqual(slicesOf(endpoints + service("{ selector: { app: db } }")), []);
    const skipping = endpoints.replace(
      "name: db,",
      'name: db, labels: { endpointslice.kubernetes.io/skip-mirror: "true" },',
    );
    assert.deepEqual(slicesOf(skipping + service("{}")), []);
  });
});
