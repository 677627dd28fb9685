/** The view as text for files, pipes and people without a terminal. Pure. */
import type { Figures } from "./figures.ts";
import {
  ASKER_HEAD,
  askerLine,
  countingNote,
  headLines,
  HISTOGRAM_COLUMNS,
  histogramLines,
  NAME_HEAD,
  nameLine,
  ORDER_WORDS,
  upstreamLines,
} from "./panels.ts";
import { beside, type Line, lineText, span } from "./text.ts";
import type { ViewState } from "./view-state.ts";

/** Upstreams beside the histogram. */
const UPSTREAMS = 8;

export function plainText(figures: Figures, state: ViewState): string {
  const { clients } = figures.now;
  const lines: Line[] = [
    ...headLines(figures),
    [],
    ...beside(histogramLines(figures, true), upstreamLines(figures, UPSTREAMS), HISTOGRAM_COLUMNS),
    [],
  ];
  const list = (title: string, head: string, rows: readonly string[]): void => {
    lines.push([span(title)], [span(head)], ...rows.map((row) => [span(row)]), []);
  };
  list(`CLIENTS by ${ORDER_WORDS[state.order.clients]}`, `${ASKER_HEAD}CLIENT`, clients?.clients.map(askerLine) ?? []);
  list(
    `NAMESPACES by ${ORDER_WORDS[state.order.clients]}`,
    `${ASKER_HEAD}NAMESPACE`,
    clients?.namespaces.map(askerLine) ?? [],
  );
  list(`NAMES by ${ORDER_WORDS[state.order.names]}`, `${NAME_HEAD}NAME`, clients?.names.map(nameLine) ?? []);
  lines.push([span(countingNote(figures.now))]);
  return `${lines.map((line) => lineText(line, Number.POSITIVE_INFINITY, false)).join("\n")}\n`;
}
