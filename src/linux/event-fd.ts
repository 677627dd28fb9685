/** eventfd (man 2 eventfd): wakes a thread that waits in epoll. */
import { requireLibc } from "./libc.ts";

const EFD_CLOEXEC_NONBLOCK = 0x80000 | 0x800;

/** @returns a descriptor; close it with `closeFd` of `fd.ts` */
export function createEventFd(): number {
  const fd = requireLibc().eventfd(0, EFD_CLOEXEC_NONBLOCK);
  if (fd < 0) throw new Error("eventfd failed");
  return fd;
}

/** Makes the descriptor readable. */
export function signalEventFd(fd: number): void {
  requireLibc().write(fd, Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0), 8);
}

/** Makes it unreadable again. */
export function drainEventFd(fd: number): void {
  requireLibc().read(fd, new Uint8Array(8), 8);
}
