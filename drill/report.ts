/** What a drill tells at its end, and whether it went well. */
import type { Harm } from "./harms.ts";
import type { DrillOptions } from "./options.ts";
import { growthOf, renderResources, type ResourceSample } from "./resources.ts";
import type { Share, Summary } from "./summary.ts";
import type { TcpCounts } from "./tcp-clients.ts";
import type { UpstreamCounts } from "./upstream-shared.ts";

export interface Outcome {
  readonly options: DrillOptions;
  readonly hasKeeper: boolean;
  readonly summary: Summary;
  readonly harms: readonly Harm[];
  /** Times when there was nobody to harm. */
  readonly missed: number;
  /** Times that the drill started `nodens serve` again. */
  readonly restarts: number;
  readonly tcp: TcpCounts;
  /** From each server's end to the next one being ready, as the keeper told it, milliseconds. */
  readonly gapsMs: readonly number[];
  /** Empty for drills that are not about memory. */
  readonly resources: readonly ResourceSample[];
  /** What came to the upstream after the cache was warm. */
  readonly upstream: UpstreamCounts;
  /** Of the load itself: see `query-records.ts`. */
  readonly load: {
    readonly repeated: number;
    readonly stray: number;
    readonly refused: number;
    readonly unsent: number;
    readonly overflown: number;
    readonly ownPauseMs: number;
  };
  /** Datagrams that did not fit into the server's socket buffer; undefined: not known. */
  readonly serverDrops: number | undefined;
}

/**
 * Nothing was lost, nothing was wrong, over UDP and TCP, nothing grew, and no harm left anything undone. A name that was cached must
 * be answered, not excused: SERVFAIL is allowed for misses only.
 */
export function wentWell({ summary, tcp, harms, load, resources }: Outcome): boolean {
  return (
    summary.all.lost === 0 &&
    summary.all.wrong === 0 &&
    summary.hits.servfail + summary.hits.refused === 0 &&
    load.stray === 0 &&
    tcp.failed + tcp.failures + tcp.kept.failed + tcp.kept.failures === 0 &&
    growthOf(resources)?.isFlat !== false &&
    harms.every((harm) => harm.problem === undefined)
  );
}

/** @returns lines for a terminal */
export function renderReport(outcome: Outcome): string {
  const { summary, harms, missed, tcp, load, upstream } = outcome;
  const { all, hits, misses } = summary;
  const row = (title: string, of: (share: Share) => number, digits = 0): string[] => [
    title,
    ...[all, hits, misses].map((share) => fixed(of(share), digits)),
  ];
  const queries = table([
    ["queries over UDP", "all", "hits", "misses"],
    row("sent", (share) => share.sent),
    row("answered", (share) => share.answered),
    row("lost", (share) => share.lost),
    row("wrong", (share) => share.wrong),
    row("SERVFAIL", (share) => share.servfail),
    row("other failures", (share) => share.refused),
    row("p50 ms", (share) => share.p50Ms, 2),
    row("p99 ms", (share) => share.p99Ms, 2),
    row("worst ms", (share) => share.worstMs, 1),
  ]);
  const lines = [
    headline(outcome),
    "",
    queries,
    "",
    `worst gap without any answer: ${fixed(summary.worstGapMs, 1)} ms, from ${(summary.worstGapAtMs / 1000).toFixed(2)} s on`,
    `harms: ${harms.length}${missed === 0 ? "" : `, and ${missed} times there was nobody to harm`}`,
    ...timesLine("a server was ready again", outcome.gapsMs),
    ...timesLine(
      "first answer over TCP",
      harms.map((harm) => harm.nextAnswerMs),
    ),
    ...timesLine(
      "the harmed one was gone",
      harms.map((harm) => harm.goneMs),
    ),
    ...problemLines(harms),
    `started again by the drill: ${outcome.restarts} times${outcome.hasKeeper ? "" : " (no keeper)"}`,
    `upstream: hot names asked for again ${upstream.hot} times; ${upstream.misses} queries for ${misses.sent} misses`,
  ];
  const { kept } = tcp;
  lines.push(
    `TCP, new connections: ${tcp.connections}, answered ${tcp.answered}, SERVFAIL ${tcp.failures}, cut by a harm ${tcp.cut}, failed ${tcp.failed}, worst ${fixed(tcp.worstMs, 1)} ms`,
    `TCP, kept connections: ${kept.questions} questions, answered ${kept.answered}, SERVFAIL ${kept.failures}, ended ${kept.ends} times (${kept.unansweredAtEnd} with a question under way), failed ${kept.failed}`,
    ...renderResources(outcome.resources),
    `the load: longest pause of its own ${fixed(load.ownPauseMs, 1)} ms, answers repeated ${load.repeated}, to no query ${load.stray}, port closed ${load.refused}`,
  );
  if (summary.late > 0) lines.push(`of the lost, ${summary.late} were answered after 5 s`);
  if ((outcome.serverDrops ?? 0) > 0) lines.push(`did not fit into the server's socket buffer: ${outcome.serverDrops}`);
  const ownLosses = load.unsent + load.overflown + upstream.overrun;
  if (ownLosses > 0) {
    lines.push(
      `NOT THE SERVER'S FAULT: the load could not send ${load.unsent}, had no room for ${load.overflown} answers, the upstream dropped ${upstream.overrun}`,
    );
  }
  return lines.join("\n");
}

/** What a keeper says when a server is ready after another. */
export function gapsIn(log: string): number[] {
  return Array.from(log.matchAll(/a server serves again after (\d+) ms/g), ([, ms]) => Number(ms));
}

/** One sentence, for the head of the report and the picture. */
export function headline({ options, hasKeeper }: Pick<Outcome, "options" | "hasKeeper">): string {
  const { drill, seconds, rate, missPercent, hotNames } = options;
  const keeper = hasKeeper ? "" : "; no keeper";
  return `${drill}: ${seconds} s at ${rate} queries/s, ${missPercent} % misses (upstream 20 ms), ${hotNames} cached names${keeper}`;
}

function timesLine(title: string, times: readonly (number | undefined)[]): string[] {
  const known = times.filter((ms) => ms !== undefined).sort((a, b) => a - b);
  if (known.length === 0) return [];
  const median = known[Math.floor((known.length - 1) / 2)] ?? Number.NaN;
  const worst = known.at(-1) ?? Number.NaN;
  return [
    `${title}: after ${fixed(median, 0)} ms (median), ${fixed(worst, 0)} ms (worst), ${known.length} of ${times.length} times`,
  ];
}

function problemLines(harms: readonly Harm[]): string[] {
  return harms
    .filter((harm) => harm.problem !== undefined)
    .map((harm) => `PROBLEM at ${(harm.atMs / 1000).toFixed(2)} s, ${harm.label}: ${harm.problem}`);
}

function fixed(value: number, digits: number): string {
  return Number.isFinite(value) ? value.toFixed(digits) : "–";
}

/** First column to the left, numbers to the right. */
function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map((row) => (row[i] ?? "").length)));
  const line = (row: readonly string[]): string =>
    `| ${row.map((text, i) => (i === 0 ? text.padEnd(widths[i] ?? 0) : text.padStart(widths[i] ?? 0))).join(" | ")} |`;
  const [head = [], ...body] = rows;
  const rule = `|${widths.map((width, i) => (i === 0 ? "-".repeat(width + 2) : `${"-".repeat(width + 1)}:`)).join("|")}|`;
  return [line(head), rule, ...body.map(line)].join("\n");
}
