/** A pipe (man 2 pipe2): wakes an event loop that reads it, from a thread that only has foreign calls. */
import { requireLibc } from "./libc.ts";

const O_CLOEXEC_NONBLOCK = 0x80000 | 0x800;

export interface Pipe {
  readonly readFd: number;
  readonly writeFd: number;
}

/** Both ends non-blocking; close them with `closeFd`, or give `readFd` to a `net.Socket`, which then owns it. */
export function createPipe(): Pipe {
  const fds = new Int32Array(2);
  if (requireLibc().pipe2(new Uint8Array(fds.buffer), O_CLOEXEC_NONBLOCK) !== 0) throw new Error("pipe2 failed");
  const [readFd = -1, writeFd = -1] = fds;
  return { readFd, writeFd };
}
