import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { releaseProgramPages } from "./program-pages.ts";
import { trimMemory } from "./trim-memory.ts";

let collect: NodeJS.GCFunction | undefined;

/**
 * Collects all garbage and gives to the kernel what is free, and what is only mapped: some 10 ms in a small process, more with many
 * buffers. An ordinary collection keeps the pages.
 */
export function giveBackMemory(): void {
  collect ??= collector();
  collect({ type: "major", execution: "sync", flavor: "last-resort" });
  trimMemory();
  releaseProgramPages();
}

/** What `--expose-gc` would give, without a flag at the start: new contexts have it from then on. */
function collector(): NodeJS.GCFunction {
  setFlagsFromString("--expose-gc");
  return runInNewContext("gc") as NodeJS.GCFunction;
}
