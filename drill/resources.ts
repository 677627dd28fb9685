/** Memory and descriptors of keeper and server over a long drill. */
import { readdirSync, readFileSync } from "node:fs";
import { parsePss } from "../bench/process-accounts.ts";

export interface ProcessResources {
  /** Proportional memory, bytes. */
  readonly pss: number;
  /** Of it what is no file's: pages of programs count for less when others run them too. */
  readonly own: number;
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
const KEEPER_DESCRIPTORS_MAX = 2;
/** A server's sockets toward upstreams, up to 512, come and go. */
const SERVER_DESCRIPTORS_MAX = 64;
const MINUTE_MS = 60_000;
const MIB = 1024 * 1024;

/** @returns undefined when the process is gone */
export function resourcesOf(pid: number): ProcessResources | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8");
    const ofFiles = /^Pss_File:\s+(\d+) kB$/m.exec(text)?.[1] ?? "0";
    const pss = parsePss(text);
    return {
      pss,
      own: pss - Number(ofFiles) * 1024,
      descriptors: readdirSync(`/proc/${pid}/fd`).length,
    };
  } catch {
    return undefined;
  }
}

export interface Growth {
  /** Of keeper and server together, pages of files left out: median of the last tenth less that of the first after a minute. */
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
  const partMs = Math.max(MINUTE_MS, endMs / 10);
  const first = samples.filter(({ atMs }) => atMs >= MINUTE_MS && atMs < MINUTE_MS + partMs);
  const last = samples.filter(({ atMs }) => atMs > endMs - partMs);
  const grown = (of: (sample: ResourceSample) => number): number => median(last.map(of)) - median(first.map(of));
  const bytes = grown(({ keeper, server }) => keeper.own + server.own);
  const keeperDescriptors = grown(({ keeper }) => keeper.descriptors);
  const serverDescriptors = grown(({ server }) => server.descriptors);
  const isFlat =
    bytes < GROWTH_MAX_BYTES &&
    keeperDescriptors <= KEEPER_DESCRIPTORS_MAX &&
    serverDescriptors <= SERVER_DESCRIPTORS_MAX;
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
    `from the first minute on, pages of files left out: ${bytes < 0 ? "" : "+"}${mib(bytes)} MiB, descriptors ${keeperDescriptors} (keeper) and ${serverDescriptors} (server) more${isFlat ? "" : ": NOT FLAT"}`,
  ];
}

/** For a spreadsheet. */
export function resourcesCsv(samples: readonly ResourceSample[]): string {
  const rows = samples.map(({ atMs, keeper, server }) =>
    [Math.round(atMs), keeper.pss, keeper.own, keeper.descriptors, server.pss, server.own, server.descriptors].join(
      ",",
    ),
  );
  return `${["ms,keeper_pss,keeper_own,keeper_descriptors,server_pss,server_own,server_descriptors", ...rows].join("\n")}\n`;
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}
