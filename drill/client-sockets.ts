/** The load's UDP sockets: connected, with receive buffers that hold whatever a server makes up for at once. */
import { requireLibc } from "../src/linux/libc.ts";
import { openConnected } from "../src/linux/udp-socket.ts";

/** include/uapi/asm-generic/socket.h */
const SOL_SOCKET = 1;
const SO_RCVBUF = 8;
const SO_RCVBUFFORCE = 33;
/** Without NET_ADMIN net.core.rmem_max caps it. */
const RECEIVE_BUFFER_BYTES = 4 << 20;

/** @returns descriptors of sockets from different ports to `port` of 127.0.0.1 */
export function openClientSockets(count: number, port: number): number[] {
  const c = requireLibc();
  const size = new Uint8Array(Int32Array.of(RECEIVE_BUFFER_BYTES).buffer);
  return Array.from({ length: count }, () => {
    const fd = openConnected({ address: "127.0.0.1", port }, undefined);
    if (c.setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, size, 4) !== 0) c.setsockopt(fd, SOL_SOCKET, SO_RCVBUF, size, 4);
    return fd;
  });
}
