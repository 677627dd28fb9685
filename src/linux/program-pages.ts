import { readFileSync } from "node:fs";
import { libc } from "./libc.ts";

interface Mapping {
  readonly address: number;
  readonly bytes: number;
}

/** linux/include/uapi/asm-generic/mman-common.h */
const MADV_DONTNEED = 4;
/** Of /proc/PID/smaps (man 5 proc_pid_smaps): from, to, inode, and what is counted of it. */
const READ_ONLY = /^([0-9a-f]+)-([0-9a-f]+) r-[-x]p \S+ \S+ ([1-9]\d*) .*\n((?:[A-Z]\w+:.*\n)+)/gm;

let mappings: readonly Mapping[] | undefined;

/**
 * Lets go of the pages of code and constants that this process has mapped: most of those of Node.js (50 MiB) are for its start
 * alone. What is needed again comes back from the kernel's page cache, some 16 pages at a fault. The first call takes 5 ms, for it looks
 * for mappings that are files' own pages and nothing else; one that was written to would lose it.
 */
export function releaseProgramPages(): void {
  const library = libc();
  if (library === undefined) return;
  mappings ??= readOnlyMappings();
  for (const { address, bytes } of mappings) library.madvise(address, bytes, MADV_DONTNEED);
}

/** They stay as they are while the process lives: nothing unloads a library. */
function readOnlyMappings(): Mapping[] {
  const found: Mapping[] = [];
  for (const [, from = "", to = "", , counted = ""] of readFileSync("/proc/self/smaps", "latin1").matchAll(READ_ONLY)) {
    if (!/^Anonymous: +0 kB$/m.test(counted)) continue;
    const address = Number.parseInt(from, 16);
    found.push({ address, bytes: Number.parseInt(to, 16) - address });
  }
  return found;
}
