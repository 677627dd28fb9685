import assert from "node:assert/strict";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { ConfigError } from "../../base/errors.ts";
import { CorefileReadError, globFiles, loadCorefile, systemSources } from "./load.ts";

let folder = "";

before(() => {
  folder = mkdtempSync(join(tmpdir(), "nodens-corefile-"));
  mkdirSync(join(folder, "conf.d/inner"), { recursive: true });
  writeFileSync(join(folder, "conf.d/b.server"), "b {\n log\n}\n");
  writeFileSync(join(folder, "conf.d/a.server"), "a {\n import ../shared\n}\n");
  writeFileSync(join(folder, "conf.d/.hidden.server"), "");
  writeFileSync(join(folder, "shared"), "log {$NODENS_TEST_ZONE}\n");
  writeFileSync(join(folder, "Corefile"), "import conf.d/*.server\n. {\n whoami\n}\n");
});

after(() => rmSync(folder, { recursive: true }));

const quiet = (message: string): void => assert.fail(message);

describe("loadCorefile", () => {
  it("reads a Corefile, what it imports, and the environment", () => {
    process.env["NODENS_TEST_ZONE"] = "zone.test";
    const corefile = loadCorefile(join(folder, "Corefile"), systemSources(quiet));
    delete process.env["NODENS_TEST_ZONE"];
    assert.deepEqual(
      corefile.blocks.map((block) => block.keys[0]?.text),
      ["a", "b", "."],
    );
    assert.equal(corefile.blocks[0]?.directives[0]?.args[0]?.text, "zone.test");
    assert.equal(corefile.blocks[0]?.directives[0]?.name.position.file, join(folder, "shared"));
  });

  it("says which file is missing and why", () => {
    const path = join(folder, "missing");
    assert.throws(
      () => loadCorefile(path, systemSources(quiet)),
      (error) =>
        error instanceof CorefileReadError &&
        error.message === `cannot read ${path}: ENOENT: no such file or directory` &&
        error.code === "NODENS_CONFIG_READ",
    );
  });

  it("says that a folder is no Corefile", () => {
    assert.throws(() => loadCorefile(folder, systemSources(quiet)), {
      message: `cannot read ${folder}: EISDIR: illegal operation on a directory`,
    });
  });

  it("refuses a folder among the imported files", () => {
    const path = join(folder, "Corefile.folders");
    writeFileSync(path, "import conf.d/i*\n");
    assert.throws(
      () => loadCorefile(path, systemSources(quiet)),
      (error) =>
        error instanceof ConfigError && error.message.startsWith(`${path}:1:8: Could not import conf.d/i*: EISDIR`),
    );
  });
});

describe("globFiles", () => {
  const found = (pattern: string): string[] =>
    globFiles(join(folder, pattern)).map((path) => path.slice(folder.length + 1));

  it("matches within one path element, sorted", () => {
    assert.deepEqual(found("conf.d/*.server"), ["conf.d/.hidden.server", "conf.d/a.server", "conf.d/b.server"]);
    assert.deepEqual(found("conf.d/?.server"), ["conf.d/a.server", "conf.d/b.server"]);
    assert.deepEqual(found("*.d/a.server"), ["conf.d/a.server"]);
    assert.deepEqual(found("*.server"), []);
  });

  it("takes other special characters for themselves", () => {
    for (const name of ["x(1).conf", "x+1.conf", "x11.conf"]) writeFileSync(join(folder, name), "");
    assert.deepEqual(found("x(*.conf"), ["x(1).conf"]);
    assert.deepEqual(found("x+*.conf"), ["x+1.conf"]);
  });

  it("matches nothing where it may not look", () => {
    assert.deepEqual(found("none/*"), []);
    assert.deepEqual(found("Corefile/*"), []);
    assert.deepEqual(found("*.d/none"), []);
  });

  it("follows symbolic links, as a mounted ConfigMap has them", () => {
    mkdirSync(join(folder, "map/..data"), { recursive: true });
    writeFileSync(join(folder, "map/..data/c.server"), "");
    symlinkSync("..data/c.server", join(folder, "map/c.server"));
    chmodSync(join(folder, "map"), 0o755);
    assert.deepEqual(found("map/*.server"), ["map/c.server"]);
  });
});
