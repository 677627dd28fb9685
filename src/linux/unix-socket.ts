/**
 * Sockets for packets by the name of a file (man 7 unix): an end to listen at, and one that connects.
 *
 * `packet-channel.ts` speaks over what comes of them. All are closed on exec.
 */
import { EAGAIN, EINVAL, errnoName } from "./errno.ts";
import { closeFd } from "./fd.ts";
import { requireLibc } from "./libc.ts";

const AF_UNIX = 1;
const SOCK_SEQPACKET_CLOEXEC = 5 | 0x80000;
const SOCK_NONBLOCK = 0x800;
const SOCK_CLOEXEC = 0x80000;
const SOL_SOCKET = 1;
const SO_SNDTIMEO = 21;
/** Connections that may wait to be accepted. */
const BACKLOG = 8;

/** Longest path, bytes (`sun_path`, with the zero behind it). */
export const UNIX_PATH_MAX_BYTES = 107;

/** A call that the kernel refused: the message is the name of the error, `ENOENT`. */
export class UnixSocketError extends Error {
  constructor(errno: number) {
    super(errnoName(errno));
    this.name = "UnixSocketError";
  }
}

/**
 * Makes a socket at `path`. Nobody can connect before `listenUnix`.
 *
 * @returns a descriptor that does not block
 * @throws UnixSocketError EADDRINUSE when there is a file
 */
export function bindUnix(path: string): number {
  const c = requireLibc();
  const address = addressOf(path);
  const fd = open(SOCK_SEQPACKET_CLOEXEC | SOCK_NONBLOCK);
  if (c.bind(fd, address, address.length) === 0) return fd;
  throw failure(fd);
}

/** From now on others can connect. @throws UnixSocketError */
export function listenUnix(fd: number): void {
  if (requireLibc().listen(fd, BACKLOG) !== 0) throw new UnixSocketError(requireLibc().lastErrno());
}

/**
 * Takes a connection that waits; the descriptor that comes of it blocks.
 *
 * @returns undefined when there is none
 * @throws UnixSocketError such as EMFILE
 */
export function acceptUnix(fd: number): number | undefined {
  const c = requireLibc();
  const accepted = c.accept4(fd, 0, 0, SOCK_CLOEXEC);
  if (accepted >= 0) return accepted;
  const errno = c.lastErrno();
  if (errno === EAGAIN) return undefined;
  throw new UnixSocketError(errno);
}

/**
 * @param timeoutMs how long to wait when too many connections wait there already
 * @throws UnixSocketError ENOENT: no file; ECONNREFUSED: nobody listens; EAGAIN: it took too long
 */
export function connectUnix(path: string, timeoutMs: number): number {
  const c = requireLibc();
  const address = addressOf(path);
  const fd = open(SOCK_SEQPACKET_CLOEXEC);
  const timeout = new BigInt64Array([BigInt(Math.floor(timeoutMs / 1000)), BigInt((timeoutMs % 1000) * 1000)]);
  c.setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, new Uint8Array(timeout.buffer), 16);
  if (c.connect(fd, address, address.length) === 0) return fd;
  throw failure(fd);
}

function open(type: number): number {
  const c = requireLibc();
  const fd = c.socket(AF_UNIX, type, 0);
  if (fd < 0) throw new UnixSocketError(c.lastErrno());
  return fd;
}

function failure(fd: number): UnixSocketError {
  const errno = requireLibc().lastErrno();
  closeFd(fd);
  return new UnixSocketError(errno);
}

/** `struct sockaddr_un`. */
function addressOf(path: string): Uint8Array {
  const bytes = new TextEncoder().encode(path);
  if (bytes.length === 0 || bytes.length > UNIX_PATH_MAX_BYTES || bytes.includes(0)) throw new UnixSocketError(EINVAL);
  const address = new Uint8Array(2 + bytes.length + 1);
  address[0] = AF_UNIX;
  address.set(bytes, 2);
  return address;
}
