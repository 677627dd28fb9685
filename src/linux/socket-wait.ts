/** Waiting: in a receive, or for nothing. A module of its own, for the fast-path thread loads no more than it needs. */
import { requireLibc } from "./libc.ts";

const SOL_SOCKET = 1;
const SO_RCVTIMEO = 20;
const F_GETFL = 3;
const F_SETFL = 4;
const O_NONBLOCK = 0x800;

/**
 * Lets receives without MSG_DONTWAIT wait on a socket, for `ms` at most (SO_RCVTIMEO). Holds for the socket in every process
 * that has it.
 */
export function waitAtMost(fd: number, ms: number): void {
  const c = requireLibc();
  const timeval = new BigInt64Array([BigInt(Math.trunc(ms / 1000)), BigInt((ms % 1000) * 1000)]);
  c.setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, new Uint8Array(timeval.buffer), 16);
  c.fcntl(fd, F_SETFL, c.fcntl(fd, F_GETFL, 0) & ~O_NONBLOCK);
}

/** Lets this thread sleep for `us` microseconds and what the kernel adds: up to 50 more (man 2 PR_SET_TIMERSLACK). */
export function pause(us: number): void {
  requireLibc().usleep(us);
}
