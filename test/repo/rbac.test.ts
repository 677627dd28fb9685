/** The permissions that we ask people to grant are those that the sources use, and no more. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parseAllDocuments } from "yaml";
import { RESOURCES } from "../../src/kube/resources.ts";
import { readText, trackedFiles } from "./source-files.ts";

interface RbacObject {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly rules?: readonly {
    readonly apiGroups: readonly string[];
    readonly resources: readonly string[];
    readonly verbs: readonly string[];
  }[];
  readonly roleRef?: { readonly kind: string; readonly name: string };
}

const files = trackedFiles().filter((path) => /^deploy\/rbac\/.*\.yaml$/.test(path));
const documents = (path: string): RbacObject[] =>
  parseAllDocuments(readText(path)).map((document) => document.toJS() as RbacObject);

describe("permissions in deploy/rbac", () => {
  it("has files to look at", () => assert.ok(files.length >= 4));

  for (const path of files) {
    it(`${path} grants list and watch of what is read, with a reason for each, and binds it`, () => {
      const [role, binding, ...others] = documents(path);
      assert.deepEqual(others, []);
      assert.deepEqual(binding?.roleRef, {
        apiGroup: "rbac.authorization.k8s.io",
        kind: role?.kind,
        name: role?.metadata.name,
      });
      assert.equal(role?.kind, "ClusterRole", "nothing is read in one namespace alone");
      assert.equal(binding.metadata.namespace, role?.metadata.namespace);
      for (const { apiGroups, resources, verbs } of role?.rules ?? []) {
        assert.deepEqual(verbs, ["list", "watch"]);
        for (const resource of resources) {
          const known = Object.values(RESOURCES).find(({ plural }) => plural === resource);
          assert.deepEqual(apiGroups, [known?.group], resource);
        }
      }
      assert.match(readText(path), /^# \S/);
      assert.equal([...readText(path).matchAll(/^ {2}# .+\n {2}- apiGroups/gm)].length, role?.rules?.length);
    });
  }

  it("are each in the table of its README", () => {
    const named = [...readText("deploy/rbac/README.md").matchAll(/^\| `([\w-]+\.yaml)`/gm)].map(([, name]) => name);
    assert.deepEqual(new Set(files.map((path) => path.split("/").at(-1))), new Set(named));
  });
});
