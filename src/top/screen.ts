/** The whole view for a terminal of some size. Pure. */
import type { Figures } from "./figures.ts";
import {
  ASKER_HEAD,
  askerLine,
  askersOf,
  askerTitle,
  countingNote,
  headLines,
  HISTOGRAM_COLUMNS,
  histogramLines,
  NAME_HEAD,
  nameLine,
  namesOf,
  ORDER_WORDS,
  upstreamLines,
} from "./panels.ts";
import { beside, type Line, span } from "./text.ts";
import type { List, Shown, ViewState } from "./view-state.ts";

export interface Size {
  readonly columns: number;
  readonly rows: number;
}

export interface Screen {
  /** At most as many as the terminal has rows. */
  readonly lines: readonly Line[];
  readonly shown: Shown;
}

/** Both lists fit beside each other from here on. */
const WIDE_COLUMNS = 120;
/** Below it the histogram and the upstreams are left out. */
const TALL_ROWS = 24;
const UPSTREAMS = 7;

const HELP: readonly string[] = [
  "Keys",
  "",
  "  Tab, Left, Right   the other list",
  "  Up, Down, j, k     another line; Page Up, Page Down, Home, End",
  "  s, S               sort by the next, by the previous figure",
  "  /                  filter: part of a namespace, pod, address, or name; Enter keeps it, Esc does not",
  "  g                  pods or namespaces",
  "  Enter              names of the chosen pod or namespace; Esc: of all",
  "  Space              hold on, go on",
  "  +, -               look less often, more often",
  "  q, Ctrl-C          leave",
  "",
  "q/s       queries per second of late (over some 5 seconds); all else since counting began",
  "queries   ~ before it: some of them may have been others', who asked less",
  "NX        share answered NXDOMAIN",
  "waste     share that a search list made for nothing",
  "miss ms   mean time of queries that the cache did not answer",
  "",
  "Any key goes back.",
];

/** @param trouble what is wrong at the moment, for the last line */
export function screenOf(
  figures: Figures,
  state: ViewState,
  { columns, rows }: Size,
  ascii: boolean,
  trouble: string | undefined,
): Screen {
  const askers = askersOf(figures.now, state.byNamespace);
  const names = namesOf(figures.now, state);
  const length = { clients: askers.length, names: names.length };
  const top: Line[] = state.help ? [] : [...headLines(figures), []];
  if (!state.help && rows >= TALL_ROWS) {
    const right = columns >= HISTOGRAM_COLUMNS + 40 ? upstreamLines(figures, UPSTREAMS) : [];
    top.push(...beside(histogramLines(figures, ascii), right, HISTOGRAM_COLUMNS), []);
  }
  const page = Math.max(1, rows - top.length - 3);
  const chosen = askers[Math.min(state.line.clients, askers.length - 1)];
  const shown: Shown = { length, page, client: chosen === undefined ? undefined : askerTitle(chosen) };
  if (state.help) {
    const lines = HELP.map((text, i): Line => [span(text, i === 0 ? "bold" : "plain")]);
    return { lines: lines.slice(0, rows), shown };
  }
  const clients = (): Line[] =>
    listLines(
      "clients",
      state,
      page,
      clientsTitle(state),
      ASKER_HEAD,
      state.byNamespace ? "NAMESPACE" : "CLIENT",
      askers.map(askerLine),
    );
  const all = (): Line[] => listLines("names", state, page, namesTitle(state), NAME_HEAD, "NAME", names.map(nameLine));
  const lists =
    columns >= WIDE_COLUMNS
      ? beside(clients(), all(), Math.floor(columns / 2))
      : state.focus === "clients"
        ? clients()
        : all();
  const lines = [...top, ...lists].slice(0, rows - 1);
  while (lines.length < rows - 1) lines.push([]);
  lines.push(lastLine(figures, state, trouble));
  return { lines, shown };
}

function clientsTitle(state: ViewState): string {
  return `${state.byNamespace ? "NAMESPACES" : "CLIENTS"} by ${ORDER_WORDS[state.order.clients]}`;
}

function namesTitle(state: ViewState): string {
  // Those of one client come in the order of their rates.
  return state.of === undefined ? `NAMES by ${ORDER_WORDS[state.order.names]}` : `NAMES of ${state.of}`;
}

function listLines(
  list: List,
  state: ViewState,
  page: number,
  title: string,
  head: string,
  last: string,
  rows: readonly string[],
): Line[] {
  const focused = state.focus === list;
  const filter = state.filter[list];
  const editing = focused && state.editing !== undefined;
  const line = Math.min(state.line[list], Math.max(0, rows.length - 1));
  const first = Math.max(0, Math.min(line - Math.floor(page / 2), rows.length - page));
  return [
    [
      span(`${focused ? "> " : "  "}${title}`, focused ? "bold" : "plain"),
      span(filter === "" && !editing ? "" : `   /${filter}${editing ? "_" : ""}`, editing ? "bold" : "plain"),
      span(rows.length > page ? `   ${line + 1} of ${rows.length}` : "", "dim"),
    ],
    [span(`${head}${last}`, "dim")],
    ...rows
      .slice(first, first + page)
      .map((text, i): Line => [span(text, focused && first + i === line ? "chosen" : "plain")]),
    ...(rows.length === 0 ? [[span("         nobody yet", "dim")]] : []),
  ];
}

function lastLine(figures: Figures, state: ViewState, trouble: string | undefined): Line {
  if (trouble !== undefined) return [span(trouble, "warning")];
  return [
    span(`every ${state.intervalMs / 1000} s${state.paused ? ", held" : ""}`, state.paused ? "bold" : "dim"),
    span(`   ${countingNote(figures.now)}   ? help   q leave`, "dim"),
  ];
}
