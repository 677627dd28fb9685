/**
 * How a fast-path thread comes to be. The launcher imports this before all else (`bin/launch.js`): getting up takes a thread as
 * long as loading takes the rest of the process, and so the two go on side by side.
 */
import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import { workerUrl } from "../../base/worker-url.ts";

/** Begun and not taken. */
let early: Worker | undefined;

/** Begins a thread before anybody can say what it is to do. Not on a single core, where nothing goes on side by side. */
export function beginEarly(): void {
  if (availableParallelism() > 1) early ??= begin("fastpath-0");
}

/** A thread that waits for its `ThreadStart`: the one begun early, or one that begins now. */
export function takeThread(index: number): Worker {
  const thread = early ?? begin(`fastpath-${index}`);
  early = undefined;
  return thread;
}

/** For a server without such threads: the one begun early ends. */
export function leaveThread(): void {
  void early?.terminate();
  early = undefined;
}

function begin(name: string): Worker {
  return new Worker(workerUrl("./fastpath.worker", import.meta.url), {
    name,
    // The loop allocates next to nothing once it runs.
    resourceLimits: { maxYoungGenerationSizeMb: 8, maxOldGenerationSizeMb: 160, codeRangeSizeMb: 16 },
  });
}
