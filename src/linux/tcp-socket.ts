/** Listening TCP sockets by file descriptor, for `net.Server.listen({ fd })`. */
import { SOCKADDR_MAX_BYTES, writeSockaddr } from "../base/address.ts";
import { BindError } from "../base/bind-error.ts";
import { errnoName } from "./errno.ts";
import { requireLibc } from "./libc.ts";
import { scopeId } from "./network-interface.ts";

const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_STREAM_CLOEXEC_NONBLOCK = 1 | 0x80000 | 0x800;
const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;
const IPPROTO_IPV6 = 41;
const IPV6_V6ONLY = 26;
const EAFNOSUPPORT = 97;

/**
 * Opens, binds and listens.
 *
 * @param address IP address; `::` listens on IPv4 too, and falls back to `0.0.0.0` where there is no IPv6
 * @param port 0 lets the kernel choose
 * @param backlog connections that may wait to be accepted
 * @returns a descriptor
 * @throws BindError
 */
export function openTcpListener(address: string, port: number, backlog: number): number {
  const c = requireLibc();
  const failure = (errno: number): BindError => new BindError(address, port, new Error(errnoName(errno)));
  const family = address.includes(":") ? AF_INET6 : AF_INET;
  const fd = c.socket(family, SOCK_STREAM_CLOEXEC_NONBLOCK, 0);
  if (fd < 0) {
    const errno = c.lastErrno();
    if (address === "::" && errno === EAFNOSUPPORT) return openTcpListener("0.0.0.0", port, backlog);
    throw failure(errno);
  }
  // Connections of before that linger do not keep the port.
  c.setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, Uint8Array.of(1, 0, 0, 0), 4);
  if (family === AF_INET6) c.setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, new Uint8Array(4), 4);
  const sockaddr = new Uint8Array(SOCKADDR_MAX_BYTES);
  const length = writeSockaddr(sockaddr, 0, address, port, scopeId(address));
  if (length > 0 && c.bind(fd, sockaddr, length) === 0 && c.listen(fd, backlog) === 0) return fd;
  const errno = c.lastErrno();
  c.close(fd);
  throw failure(errno);
}
