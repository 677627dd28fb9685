import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync, mkdirSync, symlinkSync, renameSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { Seen } from "../../test/contract/cluster-source.ts";
import { until } from "../../test/support/until.ts";
import type { ClusterSource } from "./cluster-source.ts";
import { ManifestError } from "./manifest-error.ts";
import { checkManifests, manifestSource } from "./manifest-source.ts";

function folderOf(t: TestContext, files: Readonly<Record<string, string>>): string {
  const folder = mkdtempSync(join(tmpdir(), "nodens-manifests-"));
  t.after(() => rmSync(folder, { recursive: true }));
  for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content);
  return folder;
}

function open(t: TestContext, path: string): ClusterSource {
  const source = manifestSource(path, { pollMs: 50 });
  t.after(() => source.close());
  return source;
}

const web = (address: string): string => `apiVersion: v1
kind: Service
metadata: { name: web }
spec: { clusterIP: ${address} }
`;

describe("manifests", () => {
  it("of many documents, in lists, and of kinds that are not read", async (t) => {
    const folder = folderOf(t, {
      "all.yaml": `---
# nothing here
---
${web("10.96.0.1")}---
apiVersion: apps/v1
kind: Deployment
metadata: { name: web }
---
apiVersion: serving.knative.dev/v1
kind: Service
metadata: { name: another-kind }
---
apiVersion: v1
kind: List
items:
  - apiVersion: v1
    kind: Namespace
    metadata: { name: prod, labels: { stage: live } }
  - apiVersion: v1
    kind: ServiceList
    items:
      - metadata: { name: api, namespace: prod }
        spec: { clusterIP: 10.96.0.2 }
`,
      "notes.txt": "not a manifest",
      ".hidden.yaml": "kind: [",
    });
    const source = open(t, folder);
    const services = new Seen(source, "services");
    const namespaces = new Seen(source, "namespaces");
    await services.synced();
    await namespaces.synced();
    assert.equal(services.staleReason, undefined);
    assert.deepEqual(services.keys, ["default/web", "prod/api"]);
    assert.deepEqual(namespaces.objects.get("prod")?.labels, { stage: "live", "kubernetes.io/metadata.name": "prod" });
    assert.deepEqual(namespaces.keys, ["default", "prod"]);
  });

  it("in one file, read again when it is replaced", async (t) => {
    const folder = folderOf(t, { "one.yaml": web("10.96.0.1") });
    const seen = new Seen(open(t, join(folder, "one.yaml")), "services");
    await seen.synced();
    writeFileSync(join(folder, "next"), web("10.96.0.2"));
    renameSync(join(folder, "next"), join(folder, "one.yaml"));
    await until(() => seen.objects.get("default/web")?.clusterIPs[0] === "10.96.0.2", "the new address");
  });

  it("in a mounted ConfigMap, read again when the link turns to another folder", async (t) => {
    const folder = folderOf(t, {});
    for (const [version, address] of [
      ["..1", "10.96.0.1"],
      ["..2", "10.96.0.2"],
    ] as const) {
      mkdirSync(join(folder, version));
      writeFileSync(join(folder, version, "web.yaml"), web(address));
    }
    symlinkSync("..1", join(folder, "..data"));
    symlinkSync("..data/web.yaml", join(folder, "web.yaml"));
    const seen = new Seen(open(t, folder), "services");
    await seen.synced();
    assert.deepEqual(seen.objects.get("default/web")?.clusterIPs, ["10.96.0.1"]);
    symlinkSync("..2", join(folder, "..next"));
    renameSync(join(folder, "..next"), join(folder, "..data"));
    await until(() => seen.objects.get("default/web")?.clusterIPs[0] === "10.96.0.2", "the new address");
  });

  it("with a mistake keep what was, say where in one line, and are current when it is mended", async (t) => {
    const folder = folderOf(t, {
      "web.yaml": web("10.96.0.1"),
      "other.yaml": web("10.96.0.9").replace("web", "other"),
    });
    const seen = new Seen(open(t, folder), "services");
    await seen.synced();
    writeFileSync(join(folder, "web.yaml"), web("10.96.0.300"));
    await until(() => seen.staleReason !== undefined, "it is told");
    assert.equal(seen.staleReason, `${folder}/web.yaml:4:20: Service: spec.clusterIP is no IP address`);
    assert.deepEqual(seen.objects.get("default/web")?.clusterIPs, ["10.96.0.1"]);
    rmSync(join(folder, "other.yaml"));
    await until(() => !seen.objects.has("default/other"), "other files are read meanwhile");
    writeFileSync(join(folder, "web.yaml"), web("10.96.0.2"));
    await until(() => seen.staleReason === undefined, "it is mended");
    assert.deepEqual(seen.objects.get("default/web")?.clusterIPs, ["10.96.0.2"]);
  });

  it("that are not there are told, and read when they come", async (t) => {
    const folder = folderOf(t, {});
    const seen = new Seen(open(t, join(folder, "later")), "services");
    await until(() => seen.staleReason !== undefined, "it is told");
    assert.match(seen.staleReason ?? "", /^manifests cannot be read: ENOENT/);
    assert.equal(seen.watch.synced, false);
    mkdirSync(join(folder, "later"));
    writeFileSync(join(folder, "later/web.yaml"), web("10.96.0.1"));
    await until(() => seen.objects.has("default/web"), "it is there");
    assert.equal(seen.staleReason, undefined);
  });

  for (const [text, expected] of [
    ["a: [", /^FILE:1:5: /],
    ["a: 1\n", /^FILE:1:1: no manifest: apiVersion and kind are missing$/],
    ["- 1\n", /^FILE:1:1: no manifest/],
    ["apiVersion: v1\nkind: Service\n", /^FILE:1:1: Service: metadata.name is no name$/],
    ["apiVersion: v1\nkind: Service\nmetadata:\n  name: UPPER\n", /^FILE:4:9: Service: metadata.name is no name$/],
    [
      "apiVersion: v1\nkind: Service\nmetadata: { name: a }\nspec:\n  ports:\n    - port: 80\n    - port: 0\n",
      /^FILE:7:13: Service: a port is a number from 1 to 65535$/,
    ],
    [
      "apiVersion: v1\nkind: Service\nmetadata: { name: a }\nspec: { type: X }\n",
      /^FILE:4:15: Service: spec.type is none$/,
    ],
    [
      "apiVersion: v1\nkind: Service\nmetadata: { name: a }\nspec: { type: ExternalName }\n",
      /^FILE:4:7: Service: spec.externalName is missing$/,
    ],
    [
      "apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: Pod\n  metadata: { name: a }\n  status: { podIP: x }\n",
      /^FILE:7:20: Pod: status.podIP is no IP address$/,
    ],
    [
      "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: { name: a }\naddressType: IPv6\nendpoints:\n- addresses: [10.0.0.1]\n",
      /^FILE:6:15: EndpointSlice: endpoints\[0\].addresses\[0\] is not IPv6$/,
    ],
    [
      "apiVersion: v1\nkind: Endpoints\nmetadata: { name: a }\nsubsets:\n- addresses: [{ ip: a }]\n",
      /^FILE:5:21: Endpoints: subsets\[0\].addresses\[0\].ip is no IP address$/,
    ],
    [`a: &a [1]\nb: [${"*a,".repeat(200)}]\n`, /^FILE:1:1: Excessive alias count/],
  ] as const) {
    it(`refuse ${JSON.stringify(text.slice(0, 60))} with the place`, async (t) => {
      const file = join(folderOf(t, { "bad.yaml": text }), "bad.yaml");
      await assert.rejects(checkManifests(file), (error: unknown) => {
        assert.ok(error instanceof ManifestError, String(error));
        assert.match(error.message.replace(file, "FILE"), expected);
        assert.ok(!error.message.includes("\n"));
        return true;
      });
    });
  }
});
