/**
 * `npm test`: every test that this machine allows.
 *
 * `npm test -- dns cache` runs the files whose paths contain one of the words. Files under `test/e2e/` run one after
 * another, the others a few at once, each in its own process. What cannot run here is named before it starts, with the
 * one command that would change that. With `CI=true` a skipped test is a failure.
 *
 * Exit code: 0 all passed, 1 a test failed (or was skipped in CI), 2 no file matches.
 */
import { availableParallelism } from "node:os";
import { globSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { join, sep } from "node:path";
import { needState, type NeedState } from "../test/support/machine.ts";
import { NO_COUNTS, addCounts, closingLines, describeResult, runFiles, type FileResult } from "./test-run.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const PATTERNS = ["src", "test", "bench", "fuzz", "diff", "drill", "scripts"].map((folder) => `${folder}/**/*.test.ts`);
const SERIAL = "test/e2e/";
/** Tests wait more than they compute; more than eight at once only disturb each other. */
const AT_ONCE = Math.min(Math.max(availableParallelism(), 2), 8);
const isCi = process.env["CI"] === "true";

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** Needs that a test file states in `missing(…)`, and whether they are met. */
function needsOf(path: string): [need: string, state: NeedState][] {
  const calls = readFileSync(join(ROOT, path), "utf8").matchAll(/\bmissing\(([^)]*)\)/g);
  const needs = [...calls].flatMap((call) => [...(call[1] ?? "").matchAll(/"([^"]+)"/g)].map((word) => word[1] ?? ""));
  return [...new Set(needs)].map((need) => [need, needState(need)]);
}

/** Says what this machine lacks, for which files, and how to get it. */
function announceGaps(files: readonly string[]): void {
  const filesByReason = new Map<string, string[]>();
  const packages = new Set<string>();
  for (const file of files) {
    for (const [, state] of needsOf(file)) {
      if (state.met) continue;
      filesByReason.set(state.reason, [...(filesByReason.get(state.reason) ?? []), file]);
      if (state.debianPackage !== undefined) packages.add(state.debianPackage);
    }
  }
  if (filesByReason.size === 0) return say("This machine has all that the tests need.");
  say(isCi ? "These will fail, because CI must have everything:" : "Skipped on this machine, in part or whole:");
  for (const [reason, affected] of filesByReason) say(`  ${affected.join(", ")}: ${reason}`);
  if (packages.size === 0) return;
  const sudo = process.getuid?.() === 0 ? "" : "sudo ";
  say(
    `To run them too (Debian, Ubuntu): ${sudo}apt-get install -y --no-install-recommends ${[...packages].sort().join(" ")}`,
  );
}

const words = process.argv.slice(2);
const files = globSync(PATTERNS, { cwd: ROOT })
  .map((path) => path.split(sep).join("/"))
  .filter((path) => words.length === 0 || words.some((word) => path.includes(word)))
  .sort();
if (files.length === 0) {
  process.stderr.write(`nodens: no test file's path contains ${words.map((word) => `"${word}"`).join(" or ")}\n`);
  process.exit(2);
}

const stopping = new AbortController();
process.once("SIGINT", () => {
  stopping.abort();
  process.exitCode = 130;
});

announceGaps(files);
const startedMs = performance.now();
const { signal } = stopping;
let counts = NO_COUNTS;
const onResult = (result: FileResult): void => {
  counts = addCounts(counts, result.counts);
  say(describeResult(result));
};
const isSerial = (path: string): boolean => path.startsWith(SERIAL);
const parallel = files.filter((path) => !isSerial(path));
await runFiles(ROOT, parallel, { concurrency: AT_ONCE, timeoutMs: 120_000, signal }, onResult);
await runFiles(ROOT, files.filter(isSerial), { concurrency: 1, timeoutMs: 300_000, signal }, onResult);
for (const line of closingLines(counts, performance.now() - startedMs)) say(line);
if (isCi && counts.skipped > 0) say("CI must be able to run every test: a skipped one is a failure there.");
if (counts.failed + counts.cancelled > 0 || (isCi && counts.skipped > 0)) process.exitCode ??= 1;
