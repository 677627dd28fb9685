/** Licence, change log and package metadata agree with each other. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { missingPlatformPackages, type Lockfile } from "../../scripts/lockfile.ts";
import { ROOT, readText } from "./source-files.ts";

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly license: string;
  readonly engines: { readonly node: string };
  readonly bin: Record<string, string>;
  readonly scripts: Record<string, string>;
  readonly exports: Record<string, unknown>;
  readonly dependencies: Record<string, string>;
  readonly devDependencies: Record<string, string>;
}

const manifest = JSON.parse(readText("package.json")) as Manifest;
const lockfile = JSON.parse(readText("package-lock.json")) as Lockfile;

/** Licences that ask for no more than their text: fit for an Apache-2.0 product. */
const PERMISSIVE = ["MIT", "Apache-2.0", "ISC", "BSD-2-Clause", "BSD-3-Clause", "0BSD", "BlueOak-1.0.0", "Python-2.0"];

describe("the package", () => {
  it("is Apache-2.0, text included", () => {
    assert.equal(manifest.license, "Apache-2.0");
    assert.match(readText("LICENSE"), /Apache License\s+Version 2\.0, January 2004/);
    assert.match(readText("README.md"), /Apache-2\.0/);
  });

  it("pins every dependency to one version, and the lock file holds it", () => {
    for (const [name, version] of Object.entries({ ...manifest.dependencies, ...manifest.devDependencies })) {
      assert.match(version, /^\d+\.\d+\.\d+$/, name);
      assert.equal(lockfile.packages[`node_modules/${name}`]?.version, version, name);
    }
  });

  it("ships only permissive licences", () => {
    const shipped = Object.entries(lockfile.packages).filter(([path, entry]) => path !== "" && entry.dev !== true);
    assert.ok(shipped.length > 3);
    const strict = shipped.filter(([, entry]) => {
      const terms = (entry.license ?? "none").replaceAll(/[()]/g, "").split(/ AND | OR /);
      return !terms.every((term) => PERMISSIVE.includes(term));
    });
    assert.deepEqual(
      strict.map(([path, entry]) => `${path}: ${entry.license}`),
      [],
    );
  });

  it("has a lock file that `npm ci` accepts on every platform (else run `npm run lockfile`)", () => {
    assert.deepEqual(
      missingPlatformPackages(lockfile).map((each) => each.name),
      [],
    );
  });

  it("has the files that its bins and scripts name", () => {
    const named = [...Object.values(manifest.bin), ...Object.values(manifest.scripts).join(" ").split(" ")];
    const files = named.filter((word) => /\.(js|ts)$/.test(word));
    assert.deepEqual(
      [...new Set(files)].filter((path) => !existsSync(join(ROOT, path))),
      [],
    );
  });

  it("has a change log whose newest entry is this version or the unreleased one", () => {
    const newest = /^## (.+)$/m.exec(readText("CHANGELOG.md"))?.[1] ?? "";
    assert.ok(newest === "Unreleased" || newest.startsWith(`${manifest.version} `), newest);
  });
});
