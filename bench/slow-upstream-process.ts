/** `slow-upstream.ts` as a child on the load generator's core. */
import { startUpstreamProcess } from "./upstream-process.ts";

/** Where the random names of a flood are, after their first label. */
export const FLOOD_SUFFIX = ".cold.example.";

export interface SlowUpstream {
  readonly port: number;
  /** Queries received so far, of a flood and for other names. */
  counts(): Promise<{ readonly flood: number; readonly other: number }>;
  stop(): Promise<void>;
}

/** @param delayMs from each query to its answer */
export async function startSlowUpstream(core: number, delayMs: number): Promise<SlowUpstream> {
  const script = new URL("./slow-upstream.ts", import.meta.url);
  const upstream = await startUpstreamProcess(core, script, [String(delayMs)]);
  return {
    port: upstream.port,
    async counts() {
      const [flood = 0, other = 0] = await upstream.count("flood", "other");
      return { flood, other };
    },
    stop: () => upstream.stop(),
  };
}
