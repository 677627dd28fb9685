import { libc } from "./libc.ts";

/**
 * Gives freed memory of the C library's heap back to the kernel (man 3 malloc_trim): V8's compiler and short-lived
 * buffers leave holes there that glibc keeps. About a millisecond. Does nothing where there is no such function (musl).
 */
export function trimMemory(): void {
  libc()?.malloc_trim?.(0);
}
