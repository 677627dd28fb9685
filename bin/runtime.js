/**
 * Finding a Node.js that is new enough, and handing the process over to it.
 *
 * Plain JavaScript of 2022: this runs on the Node.js that a machine happens to have (18 or newer), to get to the one
 * that Nodens needs. Shared by `bin/nodens.js` and `scripts/with-runtime.js`.
 */
import { createRequire } from "node:module";
import { constants } from "node:os";

/** Loaded when there is a process to start: it takes as long as all of this. */
const childProcess = () => createRequire(import.meta.url)("node:child_process");

/** Oldest major version of Node.js that runs Nodens. */
export const NEEDED_MAJOR = 24;

/** Signals that a person or a supervisor sends to the outer process and means for the inner one. */
const FORWARDED_SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2"];

/**
 * @param {string} version as `process.version` has it, for example `v24.21.0`
 * @returns {number} its major number; 0 when it is no version
 */
export function majorOf(version) {
  const match = /^v(\d+)\./.exec(version);
  return match === null ? 0 : Number(match[1]);
}

/**
 * @param {string} path of a Node.js that may be missing, or made for another machine
 * @returns {boolean} it runs here and is new enough
 */
export function isUsableNode(path) {
  const child = childProcess().spawnSync(path, ["--version"], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
  });
  return child.status === 0 && majorOf(child.stdout) >= NEEDED_MAJOR;
}

/**
 * Goes on as `node args…` in this terminal with this environment. Does not come back: where the running Node.js can
 * replace its own process it does; else it stays as a shell around a child, hands signals in, and ends as the child
 * ended.
 *
 * @param {string} node path of the program
 * @param {string[]} args after the program's name
 */
export function becomeNode(node, args) {
  if (typeof process.execve === "function") process.execve(node, [node, ...args], process.env);
  const child = childProcess().spawn(node, args, { stdio: "inherit" });
  const forward = (signal) => child.kill(signal);
  for (const signal of FORWARDED_SIGNALS) process.on(signal, forward);
  child.on("error", (error) => {
    process.stderr.write(`nodens: cannot start ${node}: ${error.message}\n`);
    process.exit(3);
  });
  child.on("exit", (code, signal) => {
    if (signal === null) process.exit(code ?? 1);
    for (const name of FORWARDED_SIGNALS) process.removeListener(name, forward);
    process.kill(process.pid, signal);
    // SIGUSR1 does not end a Node.js process; a shell would report this number.
    setTimeout(() => process.exit(128 + constants.signals[signal]), 100);
  });
}
