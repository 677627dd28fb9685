/** CPU time of this thread: what other processes do on a busy machine is not in it. */

/** Tries before a time counts: what the collector took from one is not its own. */
const TRIES = 7;
/** The kernel accounts at its ticks, 4 or 10 ms apart: over so much CPU time that is little. */
const WINDOW_MS = 80;
const WINDOW_RUNS = 32;
const WINDOWS = 3;
/** So many times too long is no mistake of measurement. */
const SURELY = 2;

/**
 * The least CPU time that one run takes, in milliseconds.
 *
 * Elapsed time is exact and never less than CPU time, so where it is short it is taken; CPU time is asked for the rest.
 *
 * @param run rejects: it takes no time
 * @param enoughMs a time as short as this ends the tries
 * @param shortMs up to this, elapsed time will do
 */
export async function leastCpuMs(run: () => Promise<void>, enoughMs: number, shortMs: number): Promise<number> {
  try {
    let leastMs = Number.POSITIVE_INFINITY;
    for (let i = 0; i < TRIES && leastMs > enoughMs; i++) {
      const beforeMs = performance.now();
      await run();
      leastMs = Math.min(leastMs, performance.now() - beforeMs);
    }
    const askedMs = Math.max(enoughMs, shortMs);
    for (let i = 0; i < WINDOWS && leastMs > askedMs; i++) {
      const meanMs = await meanCpuMs(run);
      leastMs = Math.min(leastMs, meanMs);
      if (meanMs > askedMs * SURELY) break;
    }
    return leastMs;
  } catch {
    return 0;
  }
}

async function meanCpuMs(run: () => Promise<void>): Promise<number> {
  const beforeMs = cpuMs();
  let tookMs = 0;
  let runs = 0;
  for (; runs < WINDOW_RUNS && tookMs < WINDOW_MS; runs++) {
    await run();
    tookMs = cpuMs() - beforeMs;
  }
  return tookMs / runs;
}

/** Milliseconds so far; only differences mean something. */
function cpuMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}
