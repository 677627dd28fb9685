/**
 * Reporter for `node --test-reporter=…` that writes what `test-run.ts` wants to know, one JSON object a line.
 *
 * It runs inside the test file's process.
 */
import { inspect } from "node:util";
import type { TestEvent } from "node:test/reporters";

export type ReportLine =
  | { readonly kind: "failure"; readonly name: string; readonly line: number | undefined; readonly text: string }
  | { readonly kind: "skip"; readonly reason: string }
  /** What the runner says of errors that came when no test was running. */
  | { readonly kind: "stray"; readonly text: string }
  | { readonly kind: "summary"; readonly counts: SummaryCounts };

/** As the runner counts: a suite is no test. `pass` and `fail` follow from the rest. */
export interface SummaryCounts {
  readonly tests: number;
  readonly suites: number;
  readonly passed: number;
  readonly failed: number;
  readonly cancelled: number;
  readonly skipped: number;
  readonly todo: number;
}

function failureType(error: Error): unknown {
  return "failureType" in error ? error.failureType : undefined;
}

function reportLine(event: TestEvent): ReportLine | undefined {
  switch (event.type) {
    case "test:fail": {
      const { name, line, details } = event.data;
      // A suite fails because a test in it did; that test has its own line.
      if (failureType(details.error) === "subtestsFailed") return undefined;
      return { kind: "failure", name, line, text: inspect(details.error.cause ?? details.error) };
    }
    case "test:pass": {
      const { skip } = event.data;
      if (skip === undefined || skip === false) return undefined;
      return { kind: "skip", reason: typeof skip === "string" ? skip : "no reason given" };
    }
    case "test:diagnostic":
      return /^(Error|Warning):/.test(event.data.message) ? { kind: "stray", text: event.data.message } : undefined;
    case "test:summary": {
      const { tests, suites, passed, cancelled, skipped, todo } = event.data.counts;
      // The types of Node.js 24 forget `failed`.
      return {
        kind: "summary",
        counts: {
          tests,
          suites,
          passed,
          cancelled,
          skipped,
          todo,
          failed: tests - passed - cancelled - skipped - todo,
        },
      };
    }
    default:
      return undefined;
  }
}

// The runner takes a reporter as the default export of its module.
// oxlint-disable-next-line import/no-default-export
export default async function* report(source: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  for await (const event of source) {
    const line = reportLine(event);
    if (line !== undefined) yield `${JSON.stringify(line)}\n`;
  }
}
