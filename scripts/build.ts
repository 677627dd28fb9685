/**
 * `npm run build`: what the published package runs, in `dist/`.
 *
 * - `dist/src/`: every module compiled, declarations included, for programs that import parts of Nodens (`exports`).
 * - `dist/nodens/`: each command, each keeper and the fast-path thread bundled into one file: finding and reading a module takes
 *   Node.js half a millisecond, and comments and unused exports take memory. Packages that are used rarely stay outside of it,
 *   koffi because it is native. `@kubernetes/client-node` is a file of its own: installed it would be 65 MB.
 * - `dist/cache/`: what V8 has compiled of it (`module.enableCompileCache` in `bin/launch.js`), for the Node.js that
 *   built it. Another one takes no notice of it, and writes its own where it may.
 *
 * Development needs no build; the published package does, because Node.js takes no types off under `node_modules`.
 * npm runs this before `npm pack` and `npm publish`.
 */
import { build, type BuildOptions, type Metafile, type Plugin } from "esbuild";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { cpSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";

const KUBE_CLIENT = "kube-client";
const BEGIN_THREAD = "begin-thread";

/** Leaves to builds of their own: the module that holds `@kubernetes/client-node`, and what the launcher shares with the server. */
const apart: Plugin = {
  name: "apart",
  setup: (bundle) => {
    bundle.onResolve({ filter: RegExp(`/(?:${KUBE_CLIENT}|${BEGIN_THREAD})\\.ts$`) }, ({ path, kind }) =>
      kind === "entry-point" ? undefined : { path: `./${basename(path, ".ts")}.js`, external: true },
    );
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

/**
 * Takes the modules of Node.js by a call. `import` of one makes a view of it that reads all that it has, and what is made on
 * its first use (a browser's HTTP client in `node:http`) is made then: 35 ms for those that a server needs.
 */
const builtinsByCall: Plugin = {
  name: "builtins-by-call",
  setup: (bundle) => {
    bundle.onResolve({ filter: /^node:/ }, ({ path }) => ({ path, namespace: "builtin" }));
    bundle.onLoad({ filter: /./, namespace: "builtin" }, ({ path }) => {
      const names = Object.keys(process.getBuiltinModule(path) ?? {}).filter((name) => name !== "default");
      // What nobody imports is not read: esbuild leaves it out.
      const named = names.map((name) => `export const ${name} = /* @__PURE__ */ Reflect.get(builtin, "${name}");`);
      const builtin = `const builtin = process.getBuiltinModule("${path}");\nexport default builtin;\n`;
      return { contents: builtin + named.join("\n") };
    });
  },
};

/** Packages that every start needs: in the bundle. */
const BUNDLED = ["commander"];

/** Takes the other packages when the module that imports them is; an `import` would be carried out at each start. */
const packagesByCall: Plugin = {
  name: "packages-by-call",
  setup: (bundle) => {
    bundle.onResolve({ filter: /^[@a-z]/, namespace: "file" }, ({ path, kind }) =>
      kind === "entry-point" || BUNDLED.includes(path) ? undefined : { path, namespace: "package" },
    );
    bundle.onResolve({ filter: /./, namespace: "package" }, ({ path }) => ({ path, external: true }));
    bundle.onLoad({ filter: /./, namespace: "package" }, ({ path }) => ({
      contents: `module.exports = require(${JSON.stringify(path)});`,
    }));
  },
};

const root = fileURLToPath(new URL("..", import.meta.url));
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
  // What is bundled of CommonJS, and what is taken by a call.
  banner: { js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);' },
  legalComments: "none",
  logLevel: "warning",
  metafile: true,
};

rmSync(`${root}dist`, { recursive: true, force: true });
const tsc = spawnSync(`${root}node_modules/.bin/tsc`, ["-p", "tsconfig.build.json"], { cwd: root, stdio: "inherit" });
if (tsc.error !== undefined) throw tsc.error;
if (tsc.status === 0) {
  const bundled = [
    // Workers are found beside the module that starts them.
    await build({
      ...common,
      entryPoints: {
        main: "src/cli/main.ts",
        "node-cache": "src/cli/node-cache/main.ts",
        keeper: "src/server/keeper/keeper.ts",
        "node-cache-keeper": "src/cli/node-cache/keep.ts",
        [BEGIN_THREAD]: `src/server/fastpath/${BEGIN_THREAD}.ts`,
        "fastpath.worker": "src/server/fastpath/fastpath.worker.ts",
      },
      plugins: [apart, builtinsByCall, packagesByCall],
    }),
    await build({
      ...common,
      entryPoints: { [KUBE_CLIENT]: `src/kube/${KUBE_CLIENT}.ts` },
      plugins: [kubeClientOnly, builtinsByCall],
    }),
  ];
  writeLicenses(bundled.map(({ metafile }) => metafile));
  await fillCache();
}
process.exitCode = tsc.status === 0 ? 0 : 1;

/** The licences of what is bundled ask for it. */
function writeLicenses(metafiles: readonly (Metafile | undefined)[]): void {
  const inputs = metafiles.flatMap((metafile) =>
    Object.values(metafile?.outputs ?? {}).flatMap((output) => Object.entries(output.inputs)),
  );
  const paths = inputs.flatMap(([path, { bytesInOutput }]) => (bytesInOutput > 0 ? path : []));
  const packages = new Set(paths.flatMap((path) => /^node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1] ?? []));
  const texts = Array.from(packages, (name) => {
    const folder = `${root}node_modules/${name}/`;
    const file = readdirSync(folder).find((each) => /^licen[cs]e/i.test(each));
    if (file === undefined) throw new Error(`${name} has no licence that could be passed on`);
    return `${name}\n\n${readFileSync(folder + file, "utf8").trim()}\n`;
  });
  writeFileSync(`${root}dist/nodens/LICENSES`, texts.sort().join("\n\n"));
}

/**
 * Runs what was built, for a moment, so that what V8 compiles of it is kept. Where this machine does not let it serve, the
 * first start compiles.
 */
async function fillCache(): Promise<void> {
  const corefile = `.:0 {
    bind 127.0.0.1
    cache
    errors
    forward . 127.0.0.1
    health 127.0.0.1:0
    loop
    prometheus 127.0.0.1:0
    ready 127.0.0.1:0
    reload
}`;
  const options = { timeout: 10_000, env: { ...process.env, NODENS_DIST: "1" } };
  const server = spawn(process.execPath, [`${root}bin/nodens.js`, "serve", "-c", "stdin"], options);
  server.stderr.resume();
  let said = "";
  server.stdout.on("data", (bytes: Buffer) => {
    said += bytes.toString();
    if (said.includes("Nodens-")) server.kill("SIGTERM");
  });
  server.stdin.end(corefile);
  await once(server, "close");
  spawnSync(process.execPath, [`${root}bin/node-cache.js`, "-version"], options);
  // Node.js names a folder for each user: what is published is run by root.
  const own = `-${process.getuid?.() ?? 0}`;
  const cache = `${root}dist/cache/`;
  for (const folder of existsSync(cache) ? readdirSync(cache) : []) {
    if (own !== "-0" && folder.endsWith(own)) {
      cpSync(cache + folder, `${cache}${folder.slice(0, -own.length)}-0`, { recursive: true });
    }
  }
}
