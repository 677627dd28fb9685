/** What the threads of a process get of the processors, as /proc tells (man 5 proc_pid_stat; Documentation/scheduler/sched-stats.rst). */
import { readdirSync, readFileSync } from "node:fs";

export interface ThreadCpu {
  /** It runs, or would if it were let. */
  readonly isRunnable: boolean;
  /** Since it began; a tick of the kernel's late (up to 10 ms) while it runs. */
  readonly usedMs: number;
}

/** By the number of the thread; empty when there is no such process, or the kernel does not tell. */
export function cpuOfThreads(pid: number): ReadonlyMap<string, ThreadCpu> {
  const tasks = `/proc/${pid}/task`;
  const threads = new Map<string, ThreadCpu>();
  try {
    for (const id of readdirSync(tasks)) {
      const stat = readFileSync(`${tasks}/${id}/stat`, "utf8");
      const [usedNs] = readFileSync(`${tasks}/${id}/schedstat`, "utf8").split(" ");
      // Behind the name, which may hold anything.
      const isRunnable = stat[stat.lastIndexOf(")") + 2] === "R";
      threads.set(id, { isRunnable, usedMs: Number(usedNs) / 1e6 });
    }
  } catch {
    // One has ended meanwhile, or all have.
  }
  return threads;
}

/**
 * Whether a thread would run, and was let for less than half of the time from one look to the next. Now and then it is one that has just
 * woken: who waits for a hang sees it a look later then.
 *
 * @param elapsedMs between the two
 */
export function isStarving(
  before: ReadonlyMap<string, ThreadCpu>,
  now: ReadonlyMap<string, ThreadCpu>,
  elapsedMs: number,
): boolean {
  for (const [id, { isRunnable, usedMs }] of now) {
    const usedBeforeMs = before.get(id)?.usedMs;
    if (isRunnable && usedBeforeMs !== undefined && usedMs - usedBeforeMs < elapsedMs / 2) return true;
  }
  return false;
}
