/** timerfd (man 2 timerfd_create): an alarm clock that one process sets and another one hears. */
import { requireLibc } from "./libc.ts";

const CLOCK_MONOTONIC = 1;
const TFD_CLOEXEC_NONBLOCK = 0x80000 | 0x800;

/** @returns a descriptor, readable once the time is over; close it with `closeFd` of `fd.ts` */
export function createTimerFd(): number {
  const fd = requireLibc().timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC_NONBLOCK);
  if (fd < 0) throw new Error("timerfd_create failed");
  return fd;
}

/** `struct itimerspec`: interval, which stays 0, and time from now; each as seconds and nanoseconds. */
const SPECIFICATION = new BigInt64Array(4);
const SPECIFICATION_BYTES = new Uint8Array(SPECIFICATION.buffer);

/** Goes off once, in `ms` milliseconds from now and not before, and makes the descriptor unreadable until then. */
export function setTimerFd(fd: number, ms: number): void {
  // 0 would mean never.
  const us = Math.max(1, Math.round(ms * 1000));
  SPECIFICATION[2] = BigInt(Math.floor(us / 1e6));
  SPECIFICATION[3] = BigInt((us % 1e6) * 1000);
  requireLibc().timerfd_settime(fd, 0, SPECIFICATION_BYTES, 0);
}

/** Makes it unreadable again. */
export function hearTimerFd(fd: number): void {
  requireLibc().read(fd, new Uint8Array(8), 8);
}
