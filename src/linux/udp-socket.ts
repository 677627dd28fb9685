/**
 * UDP sockets by file descriptor: made, bound, tuned.
 *
 * Constants are those of include/uapi/asm-generic/socket.h, linux/in.h, in6.h, udp.h.
 */
import {
  addressBytes,
  formatSocketAddress,
  readSockaddr,
  SOCKADDR_MAX_BYTES,
  type SocketAddress,
  writeSockaddr,
} from "../base/address.ts";
import { BindError } from "../base/bind-error.ts";
import { errnoName } from "./errno.ts";
import { forbidFragments } from "./fragments.ts";
import { type Libc, requireLibc } from "./libc.ts";
import { scopeId } from "./network-interface.ts";

const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_DGRAM_CLOEXEC_NONBLOCK = 2 | 0x80000 | 0x800;
const SOL_SOCKET = 1;
const SO_TYPE = 3;
const SO_ACCEPTCONN = 30;
const SOCK_STREAM = 1;
const SOCK_DGRAM = 2;
const SO_RCVBUF = 8;
const SO_SNDBUF = 7;
const SO_RCVBUFFORCE = 33;
const SO_SNDBUFFORCE = 32;
const SO_MEMINFO = 55;
const SK_MEMINFO_DROPS = 8;
const IPPROTO_IP = 0;
const IP_PKTINFO = 8;
const IPPROTO_IPV6 = 41;
const IPV6_V6ONLY = 26;
const IPV6_RECVPKTINFO = 49;
const SOL_UDP = 17;
const UDP_SEGMENT = 103;

/**
 * Asked of the kernel for each listener; without NET_ADMIN net.core.rmem_max caps it (the default holds 256 queries). A query takes
 * about 1,280 bytes of twice this: 13,000, what comes in 0.6 s at 20,000 a second while a hung server is waited for.
 */
export const LISTENER_BUFFER_BYTES: number = 8 * 1024 * 1024;

export interface UdpSocket {
  readonly fd: number;
  readonly address: string;
  readonly port: number;
  /** Bound to all addresses: each reply must name the address its query came to. */
  readonly wildcard: boolean;
  close(): void;
}

/**
 * Opens and binds a listening socket.
 *
 * @param address IP address; `::` listens on IPv4 too, as CoreDNS does, and falls back to `0.0.0.0` where there is no IPv6
 * @param port 0 lets the kernel choose
 * @throws BindError
 */
export function openListener(address: string, port: number): UdpSocket {
  const c = requireLibc();
  const family = address.includes(":") ? AF_INET6 : AF_INET;
  const fd = c.socket(family, SOCK_DGRAM_CLOEXEC_NONBLOCK, 0);
  if (fd < 0) {
    const errno = c.lastErrno();
    if (address === "::") return openListener("0.0.0.0", port);
    throw bindFailure(address, port, errno);
  }
  const wildcard = isWildcard(address);
  if (wildcard) {
    if (family === AF_INET6) {
      setInt(c, fd, IPPROTO_IPV6, IPV6_V6ONLY, 0);
      // Tells of IPv4 too, by the mapped address. With IP_PKTINFO beside it both would come, and a reply may not carry two.
      setInt(c, fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
    } else {
      setInt(c, fd, IPPROTO_IP, IP_PKTINFO, 1);
    }
  }
  forbidFragments(c, fd);
  growBuffer(c, fd, SO_RCVBUFFORCE, SO_RCVBUF);
  growBuffer(c, fd, SO_SNDBUFFORCE, SO_SNDBUF);
  bindOrClose(c, fd, address, port);
  const bound = localAddress(c, fd);
  return { fd, address, port: bound.port, wildcard, close: () => void c.close(fd) };
}

/**
 * The listening socket behind a descriptor that came from another process, which opened it with `openListener`.
 *
 * @param address as it was given there
 * @param port the one that it must have; 0: any
 * @returns undefined when it is no such socket; `fd` is then still open
 */
export function adoptListener(fd: number, address: string, port: number): UdpSocket | undefined {
  const c = requireLibc();
  const bound = boundSocket(fd);
  if (bound?.type !== "udp" || !isBoundTo(bound, address, port)) return undefined;
  return { fd, address, port: bound.port, wildcard: isWildcard(address), close: () => void c.close(fd) };
}

/** A socket by which clients come. */
export interface BoundSocket extends SocketAddress {
  /** `tcp`: it listens. */
  readonly type: "udp" | "tcp";
}

/** What a descriptor is, whoever made it; undefined when it is neither a UDP socket nor one that listens for TCP. */
export function boundSocket(fd: number): BoundSocket | undefined {
  const c = requireLibc();
  const type = getInt(c, fd, SO_TYPE);
  const { address, port } = localAddress(c, fd);
  if (address === "") return undefined;
  if (type === SOCK_DGRAM) return { type: "udp", address, port };
  return type === SOCK_STREAM && getInt(c, fd, SO_ACCEPTCONN) === 1 ? { type: "tcp", address, port } : undefined;
}

/**
 * Whether `bound` is what a listener on `address` and `port` makes. All addresses are the same with IPv6 and, where there is
 * none, without.
 *
 * @param port 0: any
 */
export function isBoundTo(bound: BoundSocket, address: string, port: number): boolean {
  if (port !== 0 && bound.port !== port) return false;
  if (isWildcard(address)) return isWildcard(bound.address);
  const wanted = addressBytes(address);
  const there = addressBytes(bound.address);
  return wanted?.length === there?.length && wanted?.every((byte, i) => byte === there?.[i]) === true;
}

/**
 * A socket connected to one remote, from a port of the kernel's random choice (udp_lib_get_port draws from the
 * CSPRNG).
 *
 * @throws BindError
 */
export function openConnected(remote: SocketAddress, sourceAddress: string | undefined): number {
  const c = requireLibc();
  const sockaddr = new Uint8Array(SOCKADDR_MAX_BYTES);
  const length = writeSockaddr(sockaddr, 0, remote.address, remote.port, scopeId(remote.address));
  if (length < 0) throw new Error(`${remote.address} is no IP address`);
  const fd = c.socket(length === 16 ? AF_INET : AF_INET6, SOCK_DGRAM_CLOEXEC_NONBLOCK, 0);
  if (fd < 0) throw bindFailure(remote.address, remote.port, c.lastErrno());
  if (sourceAddress !== undefined) bindOrClose(c, fd, sourceAddress, 0);
  if (c.connect(fd, sockaddr, length) !== 0) {
    const errno = c.lastErrno();
    c.close(fd);
    throw bindFailure(remote.address, remote.port, errno);
  }
  return fd;
}

/** Datagrams that the kernel threw away because the socket's buffer was full, since it was opened. */
export function socketDrops(fd: number): number {
  const c = requireLibc();
  const info = new Uint32Array(9);
  const length = Uint8Array.of(36, 0, 0, 0);
  if (c.getsockopt(fd, SOL_SOCKET, SO_MEMINFO, new Uint8Array(info.buffer), length) !== 0) return 0;
  return info[SK_MEMINFO_DROPS] ?? 0;
}

/** Whether the kernel can send several datagrams in one call (UDP_SEGMENT, Linux 4.18). */
export function supportsSegmentation(fd: number): boolean {
  return requireLibc().getsockopt(fd, SOL_UDP, UDP_SEGMENT, new Uint8Array(4), Uint8Array.of(4, 0, 0, 0)) === 0;
}

export function isWildcard(address: string): boolean {
  return addressBytes(address)?.every((byte) => byte === 0) ?? false;
}

function bindOrClose(c: Libc, fd: number, address: string, port: number): void {
  const sockaddr = new Uint8Array(SOCKADDR_MAX_BYTES);
  const length = writeSockaddr(sockaddr, 0, address, port, scopeId(address));
  if (length > 0 && c.bind(fd, sockaddr, length) === 0) return;
  const errno = c.lastErrno();
  c.close(fd);
  throw bindFailure(address, port, errno);
}

function bindFailure(address: string, port: number, errno: number): BindError {
  return new BindError(address, port, new Error(`${errnoName(errno)} on udp ${formatSocketAddress(address, port)}`));
}

function localAddress(c: Libc, fd: number): SocketAddress {
  const out = new Uint8Array(SOCKADDR_MAX_BYTES);
  c.getsockname(fd, out, Uint8Array.of(SOCKADDR_MAX_BYTES, 0, 0, 0));
  return readSockaddr(out, 0) ?? { address: "", port: 0 };
}

function growBuffer(c: Libc, fd: number, force: number, ordinary: number): void {
  if (!setInt(c, fd, SOL_SOCKET, force, LISTENER_BUFFER_BYTES))
    setInt(c, fd, SOL_SOCKET, ordinary, LISTENER_BUFFER_BYTES);
}

/** @returns undefined for what is no socket */
function getInt(c: Libc, fd: number, name: number): number | undefined {
  const value = new Int32Array(1);
  const out = new Uint8Array(value.buffer);
  return c.getsockopt(fd, SOL_SOCKET, name, out, Uint8Array.of(4, 0, 0, 0)) === 0 ? value[0] : undefined;
}

function setInt(c: Libc, fd: number, level: number, name: number, value: number): boolean {
  return c.setsockopt(fd, level, name, new Uint8Array(Int32Array.of(value).buffer), 4) === 0;
}
