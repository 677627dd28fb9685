/** The package as `npm publish` would send it: built, without sources, in somebody's `node_modules`. */
import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { missing } from "../support/machine.ts";
import { run } from "../support/nodens-process.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

interface Lockfile {
  readonly packages: Record<string, { readonly dev?: boolean; readonly version?: string }>;
}

describe("the published package", { skip: missing("linux", "npm", "tar") }, () => {
  let modules = "";
  before(async () => {
    modules = join(mkdtempSync(join(tmpdir(), "nodens-package-")), "node_modules");
    mkdirSync(join(modules, "nodens"), { recursive: true });
    const folder = dirname(modules);
    await run(process.execPath, [join(ROOT, "scripts/build.ts")], 120_000);
    await run("npm", ["pack", ROOT, "--ignore-scripts", "--silent", "--pack-destination", folder]);
    const { version } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as { version: string };
    await run("tar", [
      "xzf",
      join(folder, `nodens-${version}.tgz`),
      "-C",
      join(modules, "nodens"),
      "--strip-components=1",
    ]);
    // What npm would fetch, from here.
    const lockfile = JSON.parse(readFileSync(join(ROOT, "package-lock.json"), "utf8")) as Lockfile;
    for (const [path, { dev }] of Object.entries(lockfile.packages)) {
      const name = path.slice("node_modules/".length);
      if (dev === true || path === "" || name.includes("node_modules/") || !existsSync(join(ROOT, path))) continue;
      mkdirSync(dirname(join(modules, name)), { recursive: true });
      symlinkSync(join(ROOT, path), join(modules, name));
    }
  });
  after(() => rmSync(dirname(modules), { recursive: true }));

  const nodens = (...args: string[]): Promise<string> =>
    run(process.execPath, [join(modules, "nodens/bin/nodens.js"), ...args]);

  it("holds no sources and no tests", () => {
    assert.equal(existsSync(join(modules, "nodens/src")), false);
    assert.equal(existsSync(join(modules, "nodens/dist/src/base/clock.test.js")), false);
  });

  it("holds the licences of what is bundled", () => {
    assert.match(
      readFileSync(join(modules, "nodens/dist/nodens/LICENSES"), "utf8"),
      /^commander\n\n\(The MIT License\)/m,
    );
  });

  it("holds what V8 has compiled of it, and takes it wherever it is installed", async () => {
    const launcher = join(modules, "nodens/bin/nodens.js");
    const output = await run("sh", [
      "-c",
      `NODE_DEBUG_NATIVE=COMPILE_CACHE ${process.execPath} ${launcher} --version 2>&1`,
    ]);
    assert.match(output, /for ESM file:\S+nodens\/main\.js was accepted/);
  });

  it("says its version", async () => assert.match(await nodens("--version"), /^\d+\.\d+\.\d+\n$/));

  it("serves, with its worker threads, and stops", { skip: missing("namespaces", "ip", "dig") }, async () => {
    const log = join(dirname(modules), "log");
    const output = await run("unshare", [
      "--net",
      "bash",
      "-c",
      `set -e
ip link set lo up
${process.execPath} ${modules}/nodens/bin/nodens.js serve --example >${log} 2>&1 &
server=$!
until grep -q 'Ctrl-C ends it' ${log}; do kill -0 $server; sleep 0.05; done
dig @127.0.0.1 -p 1053 +short kubernetes.default.svc.cluster.local
kill -TERM $server
wait $server
echo "ended with $?"`,
    ]);
    assert.equal(output, "10.96.0.1\nended with 0\n");
  });
});
