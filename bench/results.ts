/** Measurements, their medians, and the ratios of Nodens to each peer. */

export interface Column {
  readonly key: string;
  readonly title: string;
  /** Decimals in the table. */
  readonly digits: number;
  /** A claim is made of it: the table shows its spread and Nodens's ratio to each peer. */
  readonly claim?: true;
}

export interface Run {
  readonly server: string;
  readonly values: Readonly<Record<string, number>>;
}

export interface Section {
  readonly title: string;
  readonly columns: readonly Column[];
  readonly runs: Run[];
}

export interface SectionSummary {
  readonly title: string;
  readonly runs: readonly Run[];
  /** By server, then by column. */
  readonly medians: Readonly<Record<string, Readonly<Record<string, number>>>>;
  /**
   * Nodens's value divided by the peer's of the same round, the median over the rounds, by peer, then by column that is a claim. Empty
   * without Nodens.
   */
  readonly ratios: Readonly<Record<string, Readonly<Record<string, number>>>>;
}

/** The server that claims are made for. */
const OURS = "nodens";

/** Middle value; of an even number the mean of the two in the middle. NaN for none. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  return ((sorted[Math.ceil(middle) - 1] ?? Number.NaN) + (sorted[Math.floor(middle)] ?? Number.NaN)) / 2;
}

export class Results {
  readonly sections: Section[];

  constructor() {
    this.sections = [];
  }

  /** Adds one run; the section is made when its title is new. */
  add(title: string, columns: readonly Column[], run: Run): void {
    let section = this.sections.find((known) => known.title === title);
    if (section === undefined) this.sections.push((section = { title, columns, runs: [] }));
    section.runs.push(run);
  }

  summaries(): SectionSummary[] {
    return this.sections.map((section) => {
      const servers = serversOf(section);
      const medians = Object.fromEntries(
        servers.map((server) => [
          server,
          Object.fromEntries(section.columns.map((c) => [c.key, mid(section, server, c)])),
        ]),
      );
      const claims = section.columns.filter((column) => column.claim === true);
      const peers = servers.includes(OURS) ? servers.filter((server) => server !== OURS) : [];
      const ratios = Object.fromEntries(
        peers.map((peer) => [peer, Object.fromEntries(claims.map((c) => [c.key, midRatio(section, peer, c)]))]),
      );
      return { title: section.title, runs: section.runs, medians, ratios };
    });
  }
}

/** One table for each section. */
export function renderTables(results: Results): string {
  const summaries = results.summaries();
  return results.sections
    .map((section, i) => {
      const ratios = summaries[i]?.ratios ?? {};
      const claims = section.columns.filter((column) => column.claim === true);
      const withRatios = Object.keys(ratios).length > 0;
      const head = [
        "server",
        ...section.columns.map((column) => column.title),
        ...(withRatios ? claims.map((column) => `nodens's ${column.title.replace(/, .*/, "")} / its`) : []),
      ];
      const rows = serversOf(section).map((server) => [
        server,
        ...section.columns.map((column) => cell(section, server, column)),
        ...(withRatios ? claims.map((column) => fixed(ratios[server]?.[column.key] ?? Number.NaN, 2)) : []),
      ]);
      return `${section.title}\n${table([head, ...rows])}`;
    })
    .join("\n\n");
}

function serversOf(section: Section): string[] {
  return Array.from(new Set(section.runs.map((run) => run.server)));
}

function valuesOf(section: Section, server: string, column: Column): number[] {
  return section.runs.filter((run) => run.server === server).map((run) => run.values[column.key] ?? Number.NaN);
}

function mid(section: Section, server: string, column: Column): number {
  return median(valuesOf(section, server, column));
}

/** By round, for what a machine can do may change between two rounds more than servers differ. */
function midRatio(section: Section, peer: string, column: Column): number {
  const theirs = valuesOf(section, peer, column);
  return median(valuesOf(section, OURS, column).map((ours, round) => ours / (theirs[round] ?? Number.NaN)));
}

function cell(section: Section, server: string, column: Column): string {
  const values = valuesOf(section, server, column);
  const middle = fixed(median(values), column.digits);
  if (column.claim !== true || values.length < 2) return middle;
  return `${middle} (${fixed(Math.min(...values), column.digits)}–${fixed(Math.max(...values), column.digits)})`;
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
