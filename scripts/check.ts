/**
 * `npm run check`: all that a change must pass, in the order of how fast it says no.
 *
 * `--fix` formats and mends what tools can mend, and stops there. `--no-tests` leaves the tests out. All steps run, so
 * that one run shows everything. Exit code: 0 all passed, 1 one did not, 2 unknown option.
 */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { join } from "node:path";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const PLACES = [
  "src",
  "test",
  "bench",
  "fuzz",
  "diff",
  "drill",
  "scripts",
  "bin",
  "package.json",
  "tsconfig.json",
  "knip.json",
  ".oxlintrc.json",
];

interface Step {
  readonly title: string;
  /** A program of `node_modules/.bin`, or a script of ours. */
  readonly command: readonly [program: string, ...args: string[]];
}

const FIXES: readonly Step[] = [
  { title: "lint, mending what can be", command: ["oxlint", "--type-aware", "--fix", "--deny-warnings"] },
  { title: "format", command: ["oxfmt", ...PLACES] },
];

const CHECKS: readonly Step[] = [
  { title: "format", command: ["oxfmt", "--check", ...PLACES] },
  { title: "lint", command: ["oxlint", "--type-aware", "--deny-warnings"] },
  { title: "types", command: ["tsc", "--noEmit"] },
  { title: "unused files, exports and dependencies", command: ["knip", "--no-progress"] },
  { title: "build", command: ["scripts/build.ts"] },
  { title: "package as published", command: ["publint", "--strict"] },
];

const TESTS: Step = { title: "tests", command: ["scripts/test.ts"] };

function run({ title, command: [program, ...args] }: Step): boolean {
  process.stdout.write(`\n== ${title}\n`);
  const child = program.endsWith(".ts")
    ? spawnSync(process.execPath, [join(ROOT, program), ...args], { cwd: ROOT, stdio: "inherit" })
    : spawnSync(join(ROOT, "node_modules/.bin", program), args, { cwd: ROOT, stdio: "inherit" });
  if (child.error !== undefined) throw child.error;
  return child.status === 0;
}

const options = process.argv.slice(2);
const unknown = options.filter((option) => option !== "--fix" && option !== "--no-tests");
if (unknown.length > 0) {
  process.stderr.write(`nodens: unknown option ${unknown.join(" ")}: there are --fix and --no-tests\n`);
  process.exit(2);
}
const steps = options.includes("--fix") ? FIXES : options.includes("--no-tests") ? CHECKS : [...CHECKS, TESTS];
const failed = steps.filter((step) => !run(step)).map((step) => step.title);
process.stdout.write(failed.length === 0 ? "\nAll passed.\n" : `\nNot passed: ${failed.join("; ")}.\n`);
process.exitCode = failed.length === 0 ? 0 : 1;
