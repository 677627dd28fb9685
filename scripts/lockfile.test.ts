import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { missingPlatformPackages } from "./lockfile.ts";

describe("missingPlatformPackages", () => {
  it("names what a locked package may load and the file does not have, with its platform", () => {
    const found = missingPlatformPackages({
      packages: {
        "": {},
        "node_modules/tool": {
          version: "1.2.3",
          dev: true,
          optionalDependencies: { "@tool/binding-linux-arm64-musl": "1.2.3", "@tool/darwin-x64": "1.2.3" },
        },
      },
    });
    assert.deepEqual(found, [
      {
        name: "@tool/binding-linux-arm64-musl",
        record: { version: "1.2.3", dev: true, optional: true, cpu: ["arm64"], os: ["linux"], libc: ["musl"] },
      },
      {
        name: "@tool/darwin-x64",
        record: { version: "1.2.3", dev: true, optional: true, cpu: ["x64"], os: ["darwin"] },
      },
    ]);
  });

  it("finds a package in its owner's folder and in each folder above", () => {
    const found = missingPlatformPackages({
      packages: {
        "node_modules/a": { optionalDependencies: { "x-linux-x64": "1.0.0" } },
        "node_modules/a/node_modules/b": { optionalDependencies: { "x-linux-x64": "1.0.0", "y-linux-x64": "2.0.0" } },
        "node_modules/a/node_modules/x-linux-x64": { version: "1.0.0" },
        "node_modules/y-linux-x64": { version: "2.0.0" },
      },
    });
    assert.deepEqual(found, []);
  });
});
