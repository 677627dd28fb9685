/** Runs test files, each in a process of its own, and says in a line a file how it did. */
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { ReportLine, SummaryCounts } from "./test-reporter.ts";

const REPORTER = fileURLToPath(new URL("test-reporter.ts", import.meta.url));

/** Sums over files. A file that ended wrongly without a failing test counts as one failed test. */
export type Counts = SummaryCounts;

export const NO_COUNTS: Counts = { tests: 0, suites: 0, passed: 0, failed: 0, cancelled: 0, skipped: 0, todo: 0 };

export function addCounts(a: Counts, b: Counts): Counts {
  return {
    tests: a.tests + b.tests,
    suites: a.suites + b.suites,
    passed: a.passed + b.passed,
    failed: a.failed + b.failed,
    cancelled: a.cancelled + b.cancelled,
    skipped: a.skipped + b.skipped,
    todo: a.todo + b.todo,
  };
}

/** The summary in the words of Node.js's runner, and one sentence below it. */
export function closingLines(counts: Counts, durationMs: number): string[] {
  return [
    `# tests ${counts.tests}`,
    `# suites ${counts.suites}`,
    `# pass ${counts.passed}`,
    `# fail ${counts.failed}`,
    `# cancelled ${counts.cancelled}`,
    `# skipped ${counts.skipped}`,
    `# todo ${counts.todo}`,
    `# duration_ms ${Math.round(durationMs)}`,
    `${counts.passed} passed, ${counts.failed + counts.cancelled} failed, ${counts.skipped} skipped`,
  ];
}

export interface FileResult {
  readonly path: string;
  readonly counts: Counts;
  readonly durationMs: number;
  /** Failing tests: name with line, and the error. */
  readonly failures: readonly { readonly title: string; readonly text: string }[];
  /** Number of skipped tests by reason. */
  readonly skips: ReadonlyMap<string, number>;
  /** What the file wrote, both streams. */
  readonly output: string;
}

export interface RunOptions {
  /** Files at once. */
  readonly concurrency: number;
  /** For a whole file; it is killed then. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

interface Ending {
  readonly output: string;
  /** It exited with 0. */
  readonly clean: boolean;
  /** How the process failed as a process; undefined when it exited with 0, or with 1 as for failed tests. */
  readonly problem: string | undefined;
}

function runProcess(root: string, path: string, destination: string, options: RunOptions): Promise<Ending> {
  const child = spawn(
    process.execPath,
    [`--test-reporter=${REPORTER}`, `--test-reporter-destination=${destination}`, path],
    // A group of its own, so that what a test leaves running can be ended with it.
    { cwd: root, stdio: ["ignore", "pipe", "pipe"], detached: true },
  );
  const chunks: string[] = [];
  child.stdout.setEncoding("utf8").on("data", (text: string) => chunks.push(text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => chunks.push(text));
  let problem: string | undefined;
  let clean = false;
  const end = (why: string): void => {
    problem = why;
    endGroup(child.pid);
  };
  const abort = (): void => end("interrupted");
  const timer = setTimeout(() => end(`did not end within ${options.timeoutMs / 1000} s`), options.timeoutMs);
  options.signal.addEventListener("abort", abort);
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("exit", (code, signal) => {
      clean = code === 0;
      if (code !== 0 && code !== 1) problem ??= signal === null ? `ended with exit code ${code}` : `ended by ${signal}`;
      // A child of the test that lives on would hold the streams open.
      endGroup(child.pid);
    });
    child.on("close", () => {
      clearTimeout(timer);
      options.signal.removeEventListener("abort", abort);
      resolve({ output: chunks.join("").trimEnd(), clean, problem });
    });
  });
}

function endGroup(pid: number | undefined): void {
  try {
    if (pid !== undefined) process.kill(-pid, "SIGKILL");
  } catch {
    // Nobody is left.
  }
}

function readReport(path: string): ReportLine[] {
  try {
    const lines = readFileSync(path, "utf8").split("\n");
    return lines.filter((line) => line !== "").map((line) => JSON.parse(line) as ReportLine);
  } catch {
    return []; // The process died before it had anything to say.
  }
}

function judge(path: string, ending: Ending, report: readonly ReportLine[], durationMs: number): FileResult {
  const skips = new Map<string, number>();
  const failures: { title: string; text: string }[] = [];
  let counts = NO_COUNTS;
  let problem = ending.problem;
  for (const line of report) {
    if (line.kind === "skip") skips.set(line.reason, (skips.get(line.reason) ?? 0) + 1);
    if (line.kind === "summary") counts = line.counts;
    if (line.kind === "failure") {
      failures.push({ title: `${line.name}${line.line === undefined ? "" : ` (line ${line.line})`}`, text: line.text });
    }
  }
  // The runner does not count a skipped suite.
  const suitesSkipped = [...skips.values()].reduce((sum, count) => sum + count, 0) - counts.skipped;
  counts = addCounts(counts, { ...NO_COUNTS, tests: suitesSkipped, skipped: suitesSkipped });
  if (report.every((line) => line.kind !== "summary")) problem ??= "ended before its tests were done";
  else if (counts.tests === 0 && skips.size === 0) problem ??= "has no tests";
  else if (!ending.clean && failures.length === 0) problem ??= "failed after its tests were done";
  if (problem !== undefined) {
    const strays = report.flatMap((line) => (line.kind === "stray" ? [line.text] : []));
    failures.push({ title: `the file ${problem}`, text: strays.join("\n") });
    counts = addCounts(counts, { ...NO_COUNTS, tests: 1, failed: 1 });
  }
  return { path, counts, durationMs, failures, skips, output: ending.output };
}

/** @param onResult called as each file ends */
export async function runFiles(
  root: string,
  files: readonly string[],
  options: RunOptions,
  onResult: (result: FileResult) => void,
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "nodens-test-"));
  const queue = files.entries();
  const work = async (): Promise<void> => {
    for (const [index, path] of queue) {
      if (options.signal.aborted) return;
      const destination = join(folder, `${index}.jsonl`);
      const startedMs = performance.now();
      const ending = await runProcess(root, path, destination, options);
      onResult(judge(path, ending, readReport(destination), performance.now() - startedMs));
    }
  };
  try {
    await Promise.all(Array.from({ length: options.concurrency }, work));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** For a person: one line when all is well, else all that is known. */
export function describeResult(result: FileResult): string {
  const failed = result.failures.length > 0;
  const size = `${result.counts.tests} tests, ${Math.round(result.durationMs)} ms`;
  const lines = [`${failed ? "FAIL" : "ok  "} ${result.path}  (${size})`];
  for (const [reason, count] of result.skips) lines.push(`     skipped ${count}: ${reason}`);
  for (const { title, text } of result.failures) {
    lines.push(`  not ok: ${title}`);
    if (text !== "") lines.push(indent(text));
  }
  if (failed && result.output !== "") lines.push("  it wrote:", indent(result.output));
  return lines.join("\n");
}

function indent(text: string): string {
  return text.replaceAll(/^/gm, "    ");
}
