/**
 * `npm run build`: what the published package runs, in `dist/`.
 *
 * - `dist/src/`: every module compiled, declarations included, for programs that import parts of Nodens (`exports`).
 * - `dist/nodens/`: the commands bundled into few files, their keepers and the fast-path thread into others: Node.js then
 *   starts in half the time, and comments and unused exports take no memory. Packages that are used rarely stay outside of it,
 *   koffi because it is native.
 *
 * Development needs no build; the published package does, because Node.js takes no types off under `node_modules`.
 * npm runs this before `npm pack` and `npm publish`.
 */
import { build, type BuildOptions } from "esbuild";
import { spawnSync } from "node:child_process";
import { rmSync } from "node:fs";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));

rmSync(`${root}dist`, { recursive: true, force: true });
const tsc = spawnSync(`${root}node_modules/.bin/tsc`, ["-p", "tsconfig.build.json"], { cwd: root, stdio: "inherit" });
if (tsc.error !== undefined) throw tsc.error;
if (tsc.status === 0) {
  const common: BuildOptions = {
    absWorkingDir: root,
    outdir: "dist/nodens",
    bundle: true,
    minify: true,
    // Names of classes and functions are in messages and traces.
    keepNames: true,
    format: "esm",
    platform: "node",
    target: "node24",
    packages: "external",
    legalComments: "none",
    logLevel: "warning",
  };
  // Workers are found beside the module that starts them. What is imported when it is needed stays apart: in one file, the
  // packages of plugins that nobody uses would be loaded at each start.
  await build({
    ...common,
    entryPoints: { main: "src/cli/main.ts", "node-cache": "src/cli/node-cache/main.ts" },
    splitting: true,
    chunkNames: "[name]-[hash]",
  });
  await build({
    ...common,
    entryPoints: {
      "fastpath.worker": "src/server/fastpath/fastpath.worker.ts",
      keeper: "src/server/keeper/keeper.ts",
      "node-cache-keeper": "src/cli/node-cache/keep.ts",
    },
  });
}
process.exitCode = tsc.status === 0 ? 0 : 1;
