import { libc } from "./libc.ts";

/**
 * Gives freed memory of the C library's heap back to the kernel (man 3 malloc_trim): V8's compiler and short-lived
 * buffers leave holes there that glibc keeps. About a millisecond. Does nothing where there is no such function (musl).
 */
export function trimMemory(): void {
  libc()?.malloc_trim?.(0);
}

/** After so much work of a thread there may be holes: at rest a trim costs more than all else that is done. */
const WORK_US = 20_000;

let workedUs = 0;

/** Does that when this thread has worked since the last time, and else nothing. */
export function trimMemoryAfterWork(): void {
  const { user, system } = process.threadCpuUsage();
  if (user + system - workedUs < WORK_US) return;
  trimMemory();
  const after = process.threadCpuUsage();
  workedUs = after.user + after.system;
}
