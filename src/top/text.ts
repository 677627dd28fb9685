/** Lines of a terminal: texts with a style, cut to a width; and figures as people read them. */

export type Style = "bold" | "dim" | "chosen" | "warning" | "plain";

export interface Span {
  readonly text: string;
  readonly style: Style;
}

export type Line = readonly Span[];

const CODES: Readonly<Record<Style, string>> = { bold: "1", dim: "2", chosen: "7", warning: "1;31", plain: "" };

export function span(text: string, style: Style = "plain"): Span {
  return { text, style };
}

/** @param width columns; what is longer is cut @param styled with escape sequences */
export function lineText(line: Line, width: number, styled: boolean): string {
  let left = width;
  let out = "";
  for (const { text, style } of line) {
    // Nothing from outside may speak to the terminal.
    const cut = printable(text).slice(0, left);
    left -= cut.length;
    out += styled && CODES[style] !== "" && cut !== "" ? `\u001B[${CODES[style]}m${cut}\u001B[0m` : cut;
  }
  return styled ? out : out.trimEnd();
}

function lineLength(line: Line): number {
  return line.reduce((sum, { text }) => sum + text.length, 0);
}

/** Two columns of lines: the left one gets `width`, two of it left empty; `>` says that there was more. */
export function beside(left: readonly Line[], right: readonly Line[], width: number): Line[] {
  return Array.from({ length: Math.max(left.length, right.length) }, (_, i) => {
    const a = left[i] ?? [];
    const b = right[i];
    return b === undefined ? fitted(a, width - 2) : [...fitted(a, width - 2), span("  "), ...b];
  });
}

/** Cut or filled up to exactly `width`. */
function fitted(line: Line, width: number): Line {
  const over = lineLength(line) > width;
  let left = over ? width - 1 : width;
  const spans: Span[] = [];
  for (const { text, style } of line) {
    const part = text.slice(0, left);
    left -= part.length;
    spans.push({ text: part, style });
  }
  return [...spans, over ? span(">", "dim") : span(" ".repeat(left))];
}

function printable(text: string): string {
  return text.replace(/[^\u0020-\u007E\u00A0-\uFFFF]/g, "?");
}

/** `0`, `0.3`, `12`, `12,345`. */
export function number(value: number): string {
  if (value > 0 && value < 9.95) return value.toFixed(1).replace(/\.0$/, "");
  return Math.round(value).toLocaleString("en");
}

/** `-` where there is none. */
export function percent(share: number | undefined): string {
  if (share === undefined) return "-";
  const value = share * 100;
  return `${value > 0 && value < 9.95 ? value.toFixed(1) : value.toFixed(0)}%`;
}

export function milliseconds(value: number | undefined): string {
  if (value === undefined) return "-";
  return value < 9.95 ? value.toFixed(2) : number(value);
}

/** `4.1 MiB`. */
export function mebibytes(bytes: number): string {
  return `${(bytes / 1024 / 1024).toFixed(1)} MiB`;
}

/** `12s`, `3m04s`, `5h12m`, `3d04h`. */
export function duration(seconds: number): string {
  const whole = Math.floor(seconds);
  const two = (value: number): string => String(value).padStart(2, "0");
  if (whole < 60) return `${whole}s`;
  if (whole < 3600) return `${Math.floor(whole / 60)}m${two(whole % 60)}s`;
  if (whole < 86_400) return `${Math.floor(whole / 3600)}h${two(Math.floor(whole / 60) % 60)}m`;
  return `${Math.floor(whole / 86_400)}d${two(Math.floor(whole / 3600) % 24)}h`;
}

/** @param ascii where the terminal has no blocks */
export function bar(share: number, width: number, ascii: boolean): string {
  const full = Math.round(Math.min(1, Math.max(0, share)) * width);
  // What is there at all shows.
  const cells = share > 0 && full === 0 ? 1 : full;
  return (ascii ? "#" : "█").repeat(cells).padEnd(width);
}
