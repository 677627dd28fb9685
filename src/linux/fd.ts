/** What can be done with any file descriptor, without going through Node's event loop. */
import { requireLibc } from "./libc.ts";

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
