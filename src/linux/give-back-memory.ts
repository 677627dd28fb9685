import { trimMemory } from "./trim-memory.ts";

/**
 * Collects all garbage and gives what is free to the kernel: some 10 ms in a small process, more with many buffers. An ordinary
 * collection keeps the pages. Without `--expose-gc` only the C library's part.
 */
export function giveBackMemory(): void {
  globalThis.gc?.({ type: "major", execution: "sync", flavor: "last-resort" });
  trimMemory();
}
