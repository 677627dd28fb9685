/** Durations in Go's notation (`time.ParseDuration`, `Duration.String`): "300ms", "1.5h", "2h45m", "-1s", "0". */

const UNIT_MS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  "\u00b5s": 1e-3,
  "\u03bcs": 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};

/** Go counts nanoseconds in 63 bits. */
const MAX_MS = 2 ** 63 / 1e6;

/** @returns milliseconds, or what is wrong in the words of Go's own errors */
export function readDuration(text: string): number | string {
  const invalid = `time: invalid duration "${text}"`;
  const negative = text.startsWith("-");
  const body = /^[-+]/.test(text) ? text.slice(1) : text;
  if (body === "0") return 0;
  if (body === "") return invalid;
  let ms = 0;
  const part = /([0-9]*)(\.?)([0-9]*)([^0-9.]*)/y;
  while (part.lastIndex < body.length) {
    const [, whole = "", dot = "", fraction = "", unit = ""] = part.exec(body) ?? [];
    if (whole === "" && fraction === "") return invalid;
    if (unit === "")
      return body.slice(part.lastIndex).startsWith(".") ? invalid : `time: missing unit in duration "${text}"`;
    if (!Object.hasOwn(UNIT_MS, unit)) return `time: unknown unit "${unit}" in duration "${text}"`;
    ms += Number(`${whole === "" ? "0" : whole}${dot === "" ? "" : `.${fraction}`}`) * (UNIT_MS[unit] ?? 0);
  }
  if (ms > MAX_MS) return invalid;
  return negative ? -ms : ms;
}

/** `30s`, `5m0s`, `1h0m0s`, `1.5s`, `250ms`, `0s`. @param ms resolved to nanoseconds */
export function formatDuration(ms: number): string {
  const ns = Math.round(Math.abs(ms) * 1e6);
  const sign = ms < 0 ? "-" : "";
  if (ns === 0) return "0s";
  if (ns < 1e3) return `${sign}${ns}ns`;
  if (ns < 1e6) return `${sign}${ns / 1e3}\u00b5s`;
  if (ns < 1e9) return `${sign}${ns / 1e6}ms`;
  const hours = Math.floor(ns / 3.6e12);
  const minutes = Math.floor(ns / 6e10) % 60;
  const seconds = `${(ns % 6e10) / 1e9}s`;
  if (hours > 0) return `${sign}${hours}h${minutes}m${seconds}`;
  return minutes > 0 ? `${sign}${minutes}m${seconds}` : `${sign}${seconds}`;
}
