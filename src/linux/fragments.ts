/**
 * Whether a socket's datagrams may leave in fragments (man 7 ip, IP_MTU_DISCOVER). A DNS server's had better not (RFC 9715 §3.1): who can
 * slip in a fragment poisons an answer. Nor need the kernel number what is never cut.
 */
import { type Libc, requireLibc } from "./libc.ts";

const IPPROTO_IP = 0;
const IP_MTU_DISCOVER = 10;
const IP_PMTUDISC_WANT = 1;
const IP_PMTUDISC_DO = 2;

/** What is longer than a packet of its route is refused with EMSGSIZE. By IPv4, also of a socket for both; by IPv6 all stays as it is. */
export function forbidFragments(c: Libc, fd: number): void {
  setDiscovery(c, fd, IP_PMTUDISC_DO);
}

/** After EMSGSIZE, from then on: a reply in two parts is better than none. Holds for the socket in every process that has it. */
export function allowFragments(fd: number): void {
  setDiscovery(requireLibc(), fd, IP_PMTUDISC_WANT);
}

function setDiscovery(c: Libc, fd: number, value: number): void {
  c.setsockopt(fd, IPPROTO_IP, IP_MTU_DISCOVER, Uint8Array.of(value, 0, 0, 0), 4);
}
