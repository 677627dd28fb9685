/**
 * Tries inputs that nobody thought of: `npm run fuzz`.
 *
 * What counts as a finding stands in `fuzz/README.md`.
 */
import { relative } from "node:path";
import { describeError, UsageError } from "../src/base/errors.ts";
import { parseOptions, USAGE } from "./options.ts";
import { describeReport } from "./report.ts";
import { writeFinding } from "./seeds.ts";
import { runSupervised } from "./supervised.ts";
import { loadTarget } from "./targets.ts";

const EXIT_FINDINGS = 1;
const EXIT_USAGE = 2;

async function main(): Promise<void> {
  const { targets, seconds, runs, seed } = parseOptions(process.argv.slice(2));
  let findings = 0;
  for (const name of targets) {
    const result = await runSupervised({ target: name, seconds, runs, seed });
    if (result.report !== undefined) process.stdout.write(`${describeReport(name, seed, result.report)}\n`);
    if (result.findings.length === 0) continue;
    findings += result.findings.length;
    const target = await loadTarget(name);
    for (const finding of result.findings) {
      const path = relative(process.cwd(), writeFinding(target, finding));
      process.stdout.write(`  FINDING ${finding.kind}: ${finding.message}\n    ${path}\n`);
    }
  }
  process.stdout.write(findings === 0 ? "No findings.\n" : `${findings} finding${findings === 1 ? "" : "s"}.\n`);
  process.exitCode = findings === 0 ? 0 : EXIT_FINDINGS;
}

try {
  await main();
} catch (error) {
  process.stderr.write(`fuzz: ${describeError(error)}\n`);
  if (error instanceof UsageError) process.stderr.write(`\n${USAGE}\n`);
  process.exitCode = error instanceof UsageError ? EXIT_USAGE : EXIT_FINDINGS;
}
