/** eventfd (man 2 eventfd): wakes a thread that waits in epoll. */
import { requireLibc } from "./libc.ts";

const EFD_CLOEXEC_NONBLOCK = 0x80000 | 0x800;

/** @returns a descriptor; close it with `closeFd` of `fd.ts` */
export function createEventFd(): number {
  const fd = requireLibc().eventfd(0, EFD_CLOEXEC_NONBLOCK);
  if (fd < 0) throw new Error("eventfd failed");
  return fd;
}

const ONE = Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0);

/** Makes the descriptor readable; who waits for edges is woken each time. */
export function signalEventFd(fd: number): void {
  requireLibc().write(fd, ONE, 8);
}

/** Makes it unreadable again. */
export function drainEventFd(fd: number): void {
  requireLibc().read(fd, new Uint8Array(8), 8);
}
