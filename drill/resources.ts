/** Memory and descriptors of keeper and server over a long drill. */
import { readdirSync, readFileSync } from "node:fs";
import { parsePss } from "../bench/process-accounts.ts";

export interface ProcessResources {
  /** Proportional memory, bytes. */
  readonly pss: number;
  readonly descriptors: number;
}

export interface ResourceSample {
  /** Milliseconds since the load began. */
  readonly atMs: number;
  readonly keeper: ProcessResources;
  readonly server: ProcessResources;
}

/** What is flat may differ so much from the first minute to the last. */
export const GROWTH_MAX_BYTES: number = 5 * 1024 * 1024;
const GROWTH_MAX_DESCRIPTORS = 2;
const MINUTE_MS = 60_000;
const MIB = 1024 * 1024;

/** @returns undefined when the process is gone */
export function resourcesOf(pid: number): ProcessResources | undefined {
  try {
    return {
      pss: parsePss(readFileSync(`/proc/${pid}/smaps_rollup`, "utf8")),
      descriptors: readdirSync(`/proc/${pid}/fd`).length,
    };
  } catch {
    return undefined;
  }
}

export interface Growth {
  /** Of keeper and server together, median of the last minute less that of the second. */
  readonly bytes: number;
  readonly keeperDescriptors: number;
  readonly serverDescriptors: number;
  /** No more than noise. */
  readonly isFlat: boolean;
}

/** From the second minute on. @returns undefined when that is too short: under three minutes */
export function growthOf(samples: readonly ResourceSample[]): Growth | undefined {
  const endMs = samples.at(-1)?.atMs ?? 0;
  if (endMs < 3 * MINUTE_MS - MINUTE_MS / 4) return undefined;
  const first = samples.filter(({ atMs }) => atMs >= MINUTE_MS && atMs < 2 * MINUTE_MS);
  const last = samples.filter(({ atMs }) => atMs > endMs - MINUTE_MS);
  const grown = (of: (sample: ResourceSample) => number): number => median(last.map(of)) - median(first.map(of));
  const bytes = grown(({ keeper, server }) => keeper.pss + server.pss);
  const keeperDescriptors = grown(({ keeper }) => keeper.descriptors);
  const serverDescriptors = grown(({ server }) => server.descriptors);
  const isFlat =
    bytes < GROWTH_MAX_BYTES &&
    keeperDescriptors <= GROWTH_MAX_DESCRIPTORS &&
    serverDescriptors <= GROWTH_MAX_DESCRIPTORS;
  return { bytes, keeperDescriptors, serverDescriptors, isFlat };
}

/** @returns lines for a terminal: some ten moments of it, and what grew */
export function renderResources(samples: readonly ResourceSample[]): string[] {
  if (samples.length === 0) return [];
  const step = Math.max(1, Math.ceil(samples.length / 10));
  const some = samples.filter((_, i) => i % step === 0 || i === samples.length - 1);
  const mib = (bytes: number): string => (bytes / MIB).toFixed(1);
  const lines = some.map(
    ({ atMs, keeper, server }) =>
      `at ${(atMs / 1000).toFixed(0).padStart(5)} s: keeper ${mib(keeper.pss)} MiB, ${keeper.descriptors} descriptors; server ${mib(server.pss)} MiB, ${server.descriptors} descriptors; together ${mib(keeper.pss + server.pss)} MiB`,
  );
  const growth = growthOf(samples);
  if (growth === undefined) return lines;
  const { bytes, keeperDescriptors, serverDescriptors, isFlat } = growth;
  return [
    ...lines,
    `from the second minute to the last: ${bytes < 0 ? "" : "+"}${mib(bytes)} MiB, descriptors ${keeperDescriptors} (keeper) and ${serverDescriptors} (server) more${isFlat ? "" : ": NOT FLAT"}`,
  ];
}

/** For a spreadsheet. */
export function resourcesCsv(samples: readonly ResourceSample[]): string {
  const rows = samples.map(({ atMs, keeper, server }) =>
    [Math.round(atMs), keeper.pss, keeper.descriptors, server.pss, server.descriptors].join(","),
  );
  return `${["ms,keeper_pss,keeper_descriptors,server_pss,server_descriptors", ...rows].join("\n")}\n`;
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}
