/**
 * `npm run build`: what the published package runs, in `dist/`.
 *
 * - `dist/src/`: every module compiled, declarations included, for programs that import parts of Nodens (`exports`).
 * - `dist/nodens/`: the commands bundled into few files, their keepers and the fast-path thread into others: Node.js then
 *   starts in half the time, and comments and unused exports take no memory. Packages that are used rarely stay outside of it,
 *   koffi because it is native. `@kubernetes/client-node` is a file of its own: installed it would be 65 MB.
 *
 * Development needs no build; the published package does, because Node.js takes no types off under `node_modules`.
 * npm runs this before `npm pack` and `npm publish`.
 */
import { build, type BuildOptions, type Plugin } from "esbuild";
import { spawnSync } from "node:child_process";
import { rmSync } from "node:fs";
import { fileURLToPath } from "node:url";

const KUBE_CLIENT = "kube-client";

/** Leaves the module that holds `@kubernetes/client-node` to a build of its own. */
const kubeClientApart: Plugin = {
  name: "kube-client-apart",
  setup: (bundle) => {
    bundle.onResolve({ filter: RegExp(`/${KUBE_CLIENT}\\.ts$`) }, () => ({
      path: `./${KUBE_CLIENT}.js`,
      external: true,
    }));
  },
};

/**
 * Takes of `@kubernetes/client-node` what reads kubeconfigs and makes credentials. Its modules do nothing but export, so
 * what is not used falls away; its HTTP client, which is most of the rest, is never called.
 */
const kubeClientOnly: Plugin = {
  name: "kube-client-only",
  setup: (bundle) => {
    const asked = { asked: true };
    bundle.onResolve({ filter: /^undici$/ }, ({ path }) => ({ path, namespace: "unused", sideEffects: false }));
    bundle.onLoad({ filter: /./, namespace: "unused" }, () => ({
      contents: "module.exports = {};",
    }));
    bundle.onResolve({ filter: /^\./ }, async ({ path, importer, kind, resolveDir, pluginData }) => {
      if (pluginData === asked || !importer.includes("@kubernetes/client-node/dist")) return undefined;
      const found = await bundle.resolve(path, { importer, kind, resolveDir, pluginData: asked });
      return { path: found.path, errors: found.errors, sideEffects: false };
    });
  },
};

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
    plugins: [kubeClientApart],
  });
  await build({
    ...common,
    entryPoints: { [KUBE_CLIENT]: `src/kube/${KUBE_CLIENT}.ts` },
    packages: "bundle",
    // Some of what it brings is CommonJS.
    banner: { js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);' },
    plugins: [kubeClientOnly],
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
