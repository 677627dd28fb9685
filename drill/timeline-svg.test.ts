import assert from "node:assert/strict";
import { it } from "node:test";
import type { Timeline } from "./timeline.ts";
import { niceCeiling, timelineSvg, type Mark } from "./timeline-svg.ts";

function timeline(answered: number[], failed: number[], worstMs: number[]): Timeline {
  const [a, f, w] = [answered, failed, worstMs].map((values) => Float64Array.from(values));
  return {
    bucketMs: 20,
    answered: a ?? new Float64Array(),
    failed: f ?? new Float64Array(),
    worstMs: w ?? new Float64Array(),
  };
}

function draw(lines: Timeline, marks: readonly Mark[] = [], title = "a drill"): string {
  return timelineSvg({ title, subtitle: "what came of it", timeline: lines, marks });
}

/** Points of the line of this class, by stroke of the pen. */
function strokes(svg: string, name: string): number[][][] {
  const d = new RegExp(`<path class="${name}" d="([^"]*)"`).exec(svg)?.[1] ?? "";
  return d
    .split("M")
    .slice(1)
    .map((stroke) => stroke.split("L").map((point) => point.split(" ").map(Number)));
}

it("is well-formed: every element is closed, texts are escaped, all numbers are numbers", () => {
  const svg = draw(timeline([1, 2], [0, 1], [3, Number.NaN]), [{ atMs: 10, label: 'kill "<&>"' }], "a < b & c");
  assert.match(svg, /^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg"[\s\S]*<\/svg>\n$/);
  const open: string[] = [];
  for (const [, slash = "", name = "", closed = ""] of svg.matchAll(/<(\/?)(\w+)[^<>]*?(\/?)>/g)) {
    if (slash === "/") assert.equal(open.pop(), name);
    else if (closed === "") open.push(name);
  }
  assert.deepEqual(open, []);
  assert.ok(svg.includes("a &lt; b &amp; c") && svg.includes("kill &quot;&lt;&amp;&gt;&quot;"));
  assert.doesNotMatch(svg, /NaN|Infinity|undefined/);
});

it("draws answers a second upwards, from left to right", () => {
  const [line = []] = strokes(draw(timeline([0, 100, 200, 0], [0, 0, 0, 0], [1, 1, 1, 1])), "rate");
  const [a, b, c, d] = line.map(([, y]) => y ?? 0);
  assert.equal(line.length, 4);
  assert.ok(a !== undefined && b !== undefined && c !== undefined && a > b && b > c && a === d, `${a} ${b} ${c} ${d}`);
  assert.ok(line.every(([x = 0], i) => i === 0 || x > (line[i - 1]?.[0] ?? 0)));
});

it("interrupts the line of latencies where nothing was answered", () => {
  const svg = draw(timeline([1, 0, 0, 1, 1], [0, 1, 1, 0, 0], [1, Number.NaN, Number.NaN, 10, 10]));
  assert.deepEqual(
    strokes(svg, "latency").map((stroke) => stroke.length),
    [1, 2],
  );
  assert.equal(svg.match(/class="lost"/g)?.length, 2);
});

it("marks each harm at its time, with words while there is room", () => {
  const lines = timeline(Array<number>(100).fill(1), Array<number>(100).fill(0), Array<number>(100).fill(1));
  const marks = (count: number): Mark[] =>
    Array.from({ length: count }, (_, i) => ({ atMs: i * 50, label: "kill -9" }));
  const few = draw(lines, marks(3));
  const xs = [...few.matchAll(/<line class="harm" x1="([\d.]+)" x2="\1"/g)].map((match) => Number(match[1]));
  assert.equal(xs.length, 3);
  assert.ok(Math.abs((xs[2] ?? 0) - 2 * (xs[1] ?? 0) + (xs[0] ?? 0)) <= 0.2, "evenly");
  assert.equal(few.match(/>kill -9<\/text>/g)?.length, 3);
  const many = draw(lines, marks(40));
  assert.equal(many.match(/class="harm"/g)?.length, 40);
  assert.equal(many.match(/>kill -9<\/text>/g), null);
});

it("draws a drill of which nothing came", () => {
  assert.doesNotMatch(draw(timeline([], [], [])), /NaN|Infinity/);
  assert.doesNotMatch(draw(timeline([0], [7], [Number.NaN])), /NaN|Infinity/);
});

it("takes 1, 2 or 5 times a power of ten for the end of an axis", () => {
  assert.deepEqual(
    [0, 0.3, 1, 3, 19_000, 20_000, 20_001, 51].map(niceCeiling),
    [1, 0.5, 1, 5, 20_000, 20_000, 50_000, 100],
  );
});
