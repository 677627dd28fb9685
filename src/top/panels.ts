/** The parts of the view as lines: figures in, text out. Pure. */
import type { AskerRow, ClientRow, NameRow, Order } from "../server/clients/client-report.ts";
import type { AdminSnapshot } from "../server/daemon/admin-snapshot.ts";
import type { Figures } from "./figures.ts";
import { bar, duration, type Line, mebibytes, milliseconds, number, percent, type Span, span } from "./text.ts";
import type { ViewState } from "./view-state.ts";

export const ORDER_WORDS: Readonly<Record<Order, string>> = {
  rate: "queries per second",
  queries: "queries",
  nxdomain: "NXDOMAIN",
  waste: "search waste",
  latency: "time of misses",
};

const BAR_COLUMNS = 16;
/** Width of the histogram, and of the upstreams beside it. */
export const HISTOGRAM_COLUMNS = 40;

export function headLines(figures: Figures): Line[] {
  const { now } = figures;
  const { conntrack } = now;
  const rates = figures.conntrack;
  const alarm = (text: string, value: number): Span => span(text, value > 0 ? "warning" : "plain");
  return [
    [
      span(`Nodens ${now.version}`, "bold"),
      span(` on ${now.host}, up ${duration(now.uptimeSeconds)}, serving ${now.listens.slice(0, 4).join(" ")}`),
      span(now.listens.length > 4 ? ` and ${now.listens.length - 4} more` : ""),
    ],
    [
      span(`${number(figures.queriesPerSecond)} queries/s`, "bold"),
      span(`   hits ${percent(figures.hitRatio)}   NXDOMAIN ${percent(figures.nxdomainShare)}   SERVFAIL `),
      alarm(percent(figures.servfailShare), figures.servfailShare ?? 0),
      span(`   search waste ${percent(figures.wasteShare)}   in flight ${number(now.inFlight)}   dropped `),
      alarm(`${number(figures.droppedPerSecond)}/s`, figures.droppedPerSecond),
      span(figures.refusedPerSecond > 0 ? `   refused ${number(figures.refusedPerSecond)}/s` : ""),
    ],
    [
      span(
        `cache ${number(now.cache.answers)} answers, ${mebibytes(now.cache.usedBytes)} of ${mebibytes(now.cache.limitBytes)}   conntrack `,
      ),
      ...(conntrack === null || rates === undefined
        ? [span("-", "dim")]
        : [
            span(
              `${number(conntrack.entries)}${conntrack.limit > 0 ? ` of ${number(conntrack.limit)}` : ""}, insert_failed `,
            ),
            alarm(`${number(rates.insertFailed)}/s`, rates.insertFailed),
            span(", drop "),
            alarm(`${number(rates.drop + rates.earlyDrop)}/s`, rates.drop + rates.earlyDrop),
            span(`, clash_resolve ${number(rates.clashResolve)}/s`),
          ]),
    ],
  ];
}

export function histogramLines(figures: Figures, ascii: boolean): Line[] {
  return [
    [span("TIME TO ANSWER", "bold")],
    ...figures.latency.map(({ boundMs, share }, i): Line => {
      const before = figures.latency[i - 1]?.boundMs;
      const label = boundMs === undefined ? `above ${before ?? 0} ms` : `to ${boundMs} ms`;
      return [span(`${label.padStart(13)} `), span(`${bar(share, BAR_COLUMNS, ascii)} ${percent(share).padStart(5)}`)];
    }),
  ];
}

/** @param rows at most so many upstreams */
export function upstreamLines(figures: Figures, rows: number): Line[] {
  const { upstreams } = figures;
  const lines: Line[] = [[span("  in flight  replies/s  failed/s      ms  UPSTREAM", "bold")]];
  for (const row of upstreams.slice(0, rows)) {
    lines.push([
      span(`${number(row.inFlight).padStart(11)}${number(row.perSecond).padStart(11)}`),
      span(number(row.failuresPerSecond).padStart(10), row.failuresPerSecond > 0 ? "warning" : "plain"),
      span(`${milliseconds(row.meanMs).padStart(8)}  ${row.to}`),
    ]);
  }
  if (upstreams.length > rows) lines.push([span(`             and ${upstreams.length - rows} more`, "dim")]);
  if (upstreams.length === 0) lines.push([span("  none", "dim")]);
  return lines;
}

/** `namespace/pod`, the address of one that nobody knows, `namespace` alone of a namespace. */
export function askerTitle(row: AskerRow): string {
  if (!("pod" in row)) return row.namespace === "" ? "(no namespace)" : row.namespace;
  const { pod, address, namespace } = row as ClientRow;
  if (pod === "") return address;
  return `${namespace === "" ? pod : `${namespace}/${pod}`} ${address}`;
}

export function askersOf({ clients }: AdminSnapshot, byNamespace: boolean): readonly AskerRow[] {
  return (byNamespace ? clients?.namespaces : clients?.clients) ?? [];
}

/** Names that the list of names shows: those of all, or of the client that was chosen. */
export function namesOf(snapshot: AdminSnapshot, state: ViewState): readonly NameRow[] {
  if (state.of === undefined) return snapshot.clients?.names ?? [];
  return askersOf(snapshot, state.byNamespace).find((row) => askerTitle(row) === state.of)?.names ?? [];
}

export const ASKER_HEAD = "     q/s    queries    NX  waste  miss ms  ";
export const NAME_HEAD = "     q/s    queries    NX  waste  ";

export function askerLine(row: AskerRow): string {
  const meanMs = row.misses > 0 ? (row.missSeconds / row.misses) * 1000 : undefined;
  return `${rowStart(row)}${milliseconds(meanMs).padStart(9)}  ${askerTitle(row)}`;
}

export function nameLine(row: NameRow): string {
  return `${rowStart(row)}  ${row.name}`;
}

function rowStart(row: NameRow | AskerRow): string {
  const share = (part: number): string => percent(row.queries > 0 ? Math.min(1, part / row.queries) : undefined);
  // A count that may be of others is said to be about.
  const queries = `${row.uncertain > 0 ? "~" : ""}${number(row.queries)}`;
  return `${number(row.perSecond).padStart(8)}${queries.padStart(11)}${share(row.nxdomain).padStart(6)}${share(row.searchWaste).padStart(7)}`;
}

/** How far the lists can be relied on. */
export function countingNote({ clients }: AdminSnapshot): string {
  if (clients === null) return "this instance counts no clients (--count-clients)";
  const parts = [`counting for ${duration(clients.seconds)}`];
  if (clients.every > 1) parts.push(`1 query in ${clients.every} is looked at`);
  if (clients.clientsKept === clients.clientsLimit)
    parts.push(`the ${number(clients.clientsLimit)} busiest clients are kept`);
  if (clients.namesKept === clients.namesLimit) parts.push(`the ${number(clients.namesLimit)} busiest names are kept`);
  return parts.join(", ");
}
