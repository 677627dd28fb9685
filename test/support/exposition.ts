/**
 * Reads the Prometheus text format 0.0.4 back, strictly: a test's opposite of what `metrics/exposition.ts` writes.
 *
 * Stricter than a scraper: every sample stands under the HELP and TYPE of its family, nothing comes twice, histograms
 * are cumulative and complete, and the text ends with a line feed.
 */

export interface ParsedSample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface ParsedFamily {
  readonly name: string;
  readonly help: string;
  readonly type: string;
  readonly samples: ParsedSample[];
}

/** @throws Error naming the line that is wrong */
export function parseExposition(text: string): Map<string, ParsedFamily> {
  if (!text.endsWith("\n")) throw new Error("the last line does not end");
  const families = new Map<string, ParsedFamily>();
  const series = new Set<string>();
  let help: { readonly name: string; readonly text: string } | undefined;
  let family: ParsedFamily | undefined;
  for (const line of text.slice(0, -1).split("\n")) {
    if (line === "") continue;
    const comment = /^# (HELP|TYPE) ([a-zA-Z_:][a-zA-Z0-9_:]*) (.+)$/.exec(line);
    if (comment !== null) {
      const [, kind, name = "", rest = ""] = comment;
      if (kind === "HELP") {
        if (families.has(name)) throw new Error(`second HELP: ${line}`);
        help = { name, text: rest };
        family = undefined;
        continue;
      }
      if (help?.name !== name) throw new Error(`TYPE without HELP: ${line}`);
      if (!["counter", "gauge", "histogram"].includes(rest)) throw new Error(`unknown type: ${line}`);
      family = { name, help: help.text, type: rest, samples: [] };
      families.set(name, family);
      continue;
    }
    if (family === undefined) throw new Error(`sample outside a family: ${line}`);
    const sample = parseSample(line);
    const suffix = sample.name.slice(family.name.length);
    const allowed = family.type === "histogram" ? ["_bucket", "_sum", "_count"] : [""];
    if (!sample.name.startsWith(family.name) || !allowed.includes(suffix)) {
      throw new Error(`sample under another family: ${line}`);
    }
    const key = JSON.stringify([sample.name, labelsInOrder(sample.labels)]);
    if (series.has(key)) throw new Error(`second sample: ${line}`);
    series.add(key);
    if (family.type === "counter" && !(sample.value >= 0)) throw new Error(`counter below 0: ${line}`);
    family.samples.push(sample);
  }
  for (const parsed of families.values()) if (parsed.type === "histogram") checkHistogram(parsed);
  return families;
}

function parseSample(line: string): ParsedSample {
  const start = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(\{)?/.exec(line);
  if (start === null) throw new Error(`no sample: ${line}`);
  const [whole, name = "", brace] = start;
  const labels: Record<string, string> = {};
  let rest = line.slice(whole.length);
  if (brace !== undefined) {
    while (!rest.startsWith("}")) {
      const label = /^([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(,(?!\})|(?=\}))/.exec(rest);
      if (label === null) throw new Error(`bad label: ${line}`);
      const [text, key = "", escaped = ""] = label;
      if (Object.hasOwn(labels, key)) throw new Error(`label twice: ${line}`);
      labels[key] = escaped.replaceAll(/\\(.)/g, (_, c: string) => (c === "n" ? "\n" : c));
      rest = rest.slice(text.length);
    }
    rest = rest.slice(1);
  }
  // prom-client writes `Nan`; scrapers read it in any case.
  const number = /^ (Nan|[+-]Inf|-?[0-9]+(?:\.[0-9]+)?(?:e[+-]?[0-9]+)?)$/.exec(rest)?.[1];
  if (number === undefined) throw new Error(`bad value: ${line}`);
  return { name, labels, value: Number(number.replace("Inf", "Infinity")) };
}

function labelsInOrder(labels: ParsedSample["labels"]): [label: string, value: string][] {
  return Object.entries(labels).toSorted(([a], [b]) => (a < b ? -1 : 1));
}

function checkHistogram(family: ParsedFamily): void {
  const groups = Map.groupBy(family.samples, ({ labels }) =>
    JSON.stringify(labelsInOrder(labels).filter(([label]) => label !== "le")),
  );
  for (const [key, samples] of groups) {
    const where = `${family.name}${key}`;
    const buckets = samples.filter((sample) => sample.name.endsWith("_bucket"));
    let bound = Number.NEGATIVE_INFINITY;
    let count = 0;
    for (const { labels, value } of buckets) {
      const le = Number((labels["le"] ?? "").replace("Inf", "Infinity"));
      if (!(le > bound)) throw new Error(`bounds do not rise: ${where}`);
      if (value < count) throw new Error(`not cumulative: ${where}`);
      bound = le;
      count = value;
    }
    if (bound !== Number.POSITIVE_INFINITY) throw new Error(`no +Inf bucket: ${where}`);
    const total = samples.find((sample) => sample.name.endsWith("_count"))?.value;
    if (total !== count) throw new Error(`count is not that of +Inf: ${where}`);
    if (!samples.some((sample) => sample.name.endsWith("_sum"))) throw new Error(`no sum: ${where}`);
  }
}

/** Value of the one sample with these labels (others may be there). @returns undefined when there is none */
export function valueOf(
  families: ReadonlyMap<string, ParsedFamily>,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): number | undefined {
  const family = families.get(name) ?? families.get(name.replace(/_(bucket|sum|count)$/, ""));
  const found = (family?.samples ?? []).filter(
    (sample) =>
      sample.name === name && Object.entries(labels).every(([label, value]) => sample.labels[label] === value),
  );
  if (found.length > 1) throw new Error(`${found.length} samples of ${name} have ${JSON.stringify(labels)}`);
  return found[0]?.value;
}
