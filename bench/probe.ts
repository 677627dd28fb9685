/** Runs the prober on the load generator's core. */
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { spawnPinned } from "./children.ts";
import { parseLatencySummary, type LatencySummary, type ProbeRequest } from "./probe-summary.ts";

/** @returns undefined where the prober cannot run (no FFI) */
export async function probe(core: number, request: ProbeRequest): Promise<LatencySummary | undefined> {
  const script = fileURLToPath(new URL("./prober.ts", import.meta.url));
  const child = spawnPinned(core, [process.execPath, script, JSON.stringify(request)], ["ignore", "pipe", "ignore"]);
  if (child.stdout === null) throw new Error("no pipe to the prober");
  const [stdout] = await Promise.all([text(child.stdout), once(child, "close")]);
  return child.exitCode === 0 ? parseLatencySummary(stdout) : undefined;
}
