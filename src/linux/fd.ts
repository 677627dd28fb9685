/** What can be done with any file descriptor, without going through Node's event loop. */
import { errnoName } from "./errno.ts";
import { requireLibc } from "./libc.ts";

const F_DUPFD_CLOEXEC = 1030;

/**
 * Writes once (man 2 write), on a socket one datagram.
 *
 * @returns whether the kernel took all of it; a pipe that is full, for instance, takes nothing
 */
export function writeFd(fd: number, bytes: Uint8Array): boolean {
  return requireLibc().write(fd, bytes, bytes.length) === bytes.length;
}

export function closeFd(fd: number): void {
  requireLibc().close(fd);
}

/** Another descriptor of the same open file, closed on exec. */
export function duplicateFd(fd: number): number {
  const c = requireLibc();
  const copy = c.fcntl(fd, F_DUPFD_CLOEXEC, 3);
  if (copy < 0) throw new Error(`cannot duplicate descriptor ${fd}: ${errnoName(c.lastErrno())}`);
  return copy;
}
