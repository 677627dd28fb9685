/**
 * What the kernel says a process tree has used: CPU time by the scheduler's own accounting, and memory.
 *
 * `/proc/PID/task/TID/schedstat` counts nanoseconds on a CPU for each thread; `/proc/PID/stat` tells user from system
 * time, in ticks of 10 ms, and serves only for the split.
 */
import { readdirSync, readFileSync } from "node:fs";

export interface CpuSample {
  /** Nanoseconds on a CPU so far, by thread id. */
  readonly threads: ReadonlyMap<number, number>;
  readonly userTicks: number;
  readonly systemTicks: number;
}

export interface CpuUse {
  /** All threads, user and system. */
  readonly ns: number;
  /** Part of it in user mode, 0 to 1; NaN when no tick passed. */
  readonly userShare: number;
}

/** First field of a schedstat file: nanoseconds on a CPU (Documentation/scheduler/sched-stats.rst). */
export function parseSchedstat(text: string): number {
  const ns = Number.parseInt(text, 10);
  if (!Number.isFinite(ns)) throw new Error(`not a schedstat: ${text}`);
  return ns;
}

/** Fields of `/proc/PID/stat` (man 5 proc). The name in parentheses may hold spaces and parentheses itself. */
export function parseStat(text: string): { parent: number; userTicks: number; systemTicks: number } {
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  const field = (number: number): number => Number(fields[number - 3]);
  return { parent: field(4), userTicks: field(14), systemTicks: field(15) };
}

/** `Pss` of a smaps_rollup file, in bytes. */
export function parsePss(text: string): number {
  const kibibytes = /^Pss:\s+(\d+) kB$/m.exec(text)?.[1];
  if (kibibytes === undefined) throw new Error("no Pss in smaps_rollup");
  return Number(kibibytes) * 1024;
}

/** Processes below `pid`, at any depth. */
export function childrenOf(pid: number): number[] {
  const parents = new Map<number, number>();
  for (const entry of readdirSync("/proc")) {
    const text = /^\d+$/.test(entry) ? readIfThere(`/proc/${entry}/stat`) : undefined;
    if (text !== undefined) parents.set(Number(entry), parseStat(text).parent);
  }
  const found: number[] = [];
  for (let generation = [pid]; generation.length > 0;) {
    const current = new Set(generation);
    generation = Array.from(parents)
      .filter(([, parent]) => current.has(parent))
      .map(([child]) => child);
    found.push(...generation);
  }
  return found;
}

/** CPU time of a process and all below it, so far. */
export function sampleCpu(pid: number): CpuSample {
  const threads = new Map<number, number>();
  let userTicks = 0;
  let systemTicks = 0;
  for (const process of [pid, ...childrenOf(pid)]) {
    const stat = readIfThere(`/proc/${process}/stat`);
    if (stat === undefined) continue;
    const times = parseStat(stat);
    userTicks += times.userTicks;
    systemTicks += times.systemTicks;
    for (const thread of readdirSync(`/proc/${process}/task`)) {
      const text = readIfThere(`/proc/${process}/task/${thread}/schedstat`);
      if (text !== undefined) threads.set(Number(thread), parseSchedstat(text));
    }
  }
  return { threads, userTicks, systemTicks };
}

/** Between two samples. A thread that began in between counts whole; what one used that has ended is not seen. */
export function cpuBetween(before: CpuSample, after: CpuSample): CpuUse {
  let ns = 0;
  for (const [thread, until] of after.threads) ns += until - (before.threads.get(thread) ?? 0);
  const user = after.userTicks - before.userTicks;
  const system = after.systemTicks - before.systemTicks;
  return { ns, userShare: user / (user + system) };
}

/** Proportional memory of a process and all below it, in bytes. */
export function proportionalMemory(pid: number): number {
  return [pid, ...childrenOf(pid)]
    .map((process) => readIfThere(`/proc/${process}/smaps_rollup`))
    .reduce((sum, text) => sum + (text === undefined || text === "" ? 0 : parsePss(text)), 0);
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}
