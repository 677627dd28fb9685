/**
 * The timeline as a picture: answers a second above, worst latency below, a line for each harm, red for what was lost.
 *
 * The latency axis is logarithmic: hits take tenths of a millisecond, a restart takes hundreds.
 */
import type { Timeline } from "./timeline.ts";

export interface Mark {
  /** Milliseconds since the load began. */
  readonly atMs: number;
  readonly label: string;
}

export interface Picture {
  readonly title: string;
  /** One line below the title. */
  readonly subtitle: string;
  readonly timeline: Timeline;
  readonly marks: readonly Mark[];
}

const WIDTH = 1200;
const HEIGHT = 520;
const LEFT = 70;
const RIGHT = 20;
const RATE_TOP = 90;
const RATE_BOTTOM = 270;
const LATENCY_TOP = 310;
const LATENCY_BOTTOM = 480;
/** Of the latency axis, milliseconds. */
const LATENCY_MIN_MS = 0.1;
const LATENCY_MAX_MS = 10_000;
/** More marks than this stand too close for words. */
const LABELLED_MARKS = 12;

const STYLE = `
    .paper { fill: #ffffff }
    text { fill: #1d2733 }
    .title { font-size: 16px; font-weight: 600 }
    .small { font-size: 11px; fill: #4c5866 }
    .grid { stroke: #dde3ea; stroke-width: 1 }
    .rate { fill: none; stroke: #3f6fb5; stroke-width: 1.2 }
    .latency { fill: none; stroke: #3c8d4f; stroke-width: 1.2; stroke-linecap: round }
    .lost { fill: #d4342c }
    .harm { stroke: #b3542e; stroke-width: 1; stroke-dasharray: 3 3; opacity: 0.6 }
  `;

/** @returns a whole SVG document */
export function timelineSvg({ title, subtitle, timeline, marks }: Picture): string {
  const { bucketMs, answered, failed, worstMs } = timeline;
  const lengthMs = Math.max(answered.length * bucketMs, bucketMs);
  const perSecond = 1000 / bucketMs;
  const peak = niceCeiling(maximumOf(answered) * perSecond);
  const x = (ms: number): number => LEFT + Math.min(Math.max(ms / lengthMs, 0), 1) * (WIDTH - LEFT - RIGHT);
  const rateY = (rate: number): number => RATE_BOTTOM - (rate / peak) * (RATE_BOTTOM - RATE_TOP);
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="ui-sans-serif, system-ui, sans-serif" font-size="13" role="img" aria-labelledby="title">`,
    `<title id="title">${escaped(title)}</title>`,
    `<style>${STYLE}</style>`,
    `<rect class="paper" width="${WIDTH}" height="${HEIGHT}" />`,
    `<text class="title" x="${LEFT}" y="26">${escaped(title)}</text>`,
    `<text class="small" x="${LEFT}" y="44">${escaped(subtitle)}</text>`,
    `<text class="small" x="${LEFT}" y="${RATE_TOP - 8}">answers a second, by ${bucketMs} ms; red: queries lost or answered wrongly, when they were sent</text>`,
    `<text class="small" x="${LEFT}" y="${LATENCY_TOP - 8}">worst latency of the queries sent in each ${bucketMs} ms, milliseconds</text>`,
  ];
  for (const part of [0, 0.25, 0.5, 0.75, 1]) {
    const y = rateY(peak * part);
    parts.push(gridLine(y), axisLabel(y, shortNumber(peak * part)));
  }
  for (let ms = LATENCY_MIN_MS; ms <= LATENCY_MAX_MS; ms *= 10) {
    parts.push(gridLine(latencyY(ms)), axisLabel(latencyY(ms), shortNumber(ms)));
  }
  const stepS = niceCeiling(lengthMs / 1000 / 12);
  for (let second = 0; second * 1000 <= lengthMs; second += stepS) {
    const at = round(x(second * 1000));
    parts.push(
      `<text class="small" x="${at}" y="${LATENCY_BOTTOM + 18}" text-anchor="middle">${round(second)} s</text>`,
    );
  }
  for (const { atMs, label } of marks) {
    const at = round(x(atMs));
    parts.push(
      `<line class="harm" x1="${at}" x2="${at}" y1="${RATE_TOP}" y2="${LATENCY_BOTTOM}"><title>${escaped(label)} at ${(atMs / 1000).toFixed(2)} s</title></line>`,
    );
    if (marks.length <= LABELLED_MARKS) {
      parts.push(`<text class="small" x="${at}" y="${RATE_TOP - 22}" text-anchor="middle">${escaped(label)}</text>`);
    }
  }
  parts.push(
    path(
      "rate",
      answered,
      (i) => x((i + 0.5) * bucketMs),
      (count) => rateY(count * perSecond),
    ),
  );
  parts.push(path("latency", worstMs, (i) => x((i + 0.5) * bucketMs), latencyY));
  const width = Math.max(round(x(bucketMs) - LEFT), 1);
  for (const [i, count] of failed.entries()) {
    if (count === 0) continue;
    const y = round(Math.max(rateY(count * perSecond), RATE_TOP));
    parts.push(
      `<rect class="lost" x="${round(x(i * bucketMs))}" y="${y}" width="${width}" height="${round(Math.max(RATE_BOTTOM - y, 2))}" />`,
    );
  }
  parts.push("</svg>", "");
  return parts.join("\n");
}

/** 1, 2 or 5 times a power of ten, not below `value`; 1 for nothing. */
export function niceCeiling(value: number): number {
  if (!(value > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return ([1, 2, 5].find((step) => step * power >= value) ?? 10) * power;
}

function latencyY(ms: number): number {
  const bounded = Math.min(Math.max(ms, LATENCY_MIN_MS), LATENCY_MAX_MS);
  const part = Math.log10(bounded / LATENCY_MIN_MS) / Math.log10(LATENCY_MAX_MS / LATENCY_MIN_MS);
  return LATENCY_BOTTOM - part * (LATENCY_BOTTOM - LATENCY_TOP);
}

/** A line through all values, interrupted where there are none (NaN). */
function path(name: string, values: Float64Array, x: (i: number) => number, y: (value: number) => number): string {
  let pen = "M";
  let d = "";
  for (const [i, value] of values.entries()) {
    if (Number.isNaN(value)) {
      pen = "M";
      continue;
    }
    d += `${pen}${round(x(i))} ${round(y(value))}`;
    pen = "L";
  }
  return `<path class="${name}" d="${d}" />`;
}

function gridLine(y: number): string {
  return `<line class="grid" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${round(y)}" y2="${round(y)}" />`;
}

function axisLabel(y: number, text: string): string {
  return `<text class="small" x="${LEFT - 8}" y="${round(y + 4)}" text-anchor="end">${text}</text>`;
}

function maximumOf(values: Float64Array): number {
  return values.reduce((most, value) => Math.max(most, value), 0);
}

function shortNumber(value: number): string {
  return value >= 10_000 ? `${round(value / 1000)} k` : String(round(value));
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}
