/** Sockets of `node:dgram` that send at once: addresses are never looked up. */
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { BindError } from "../../base/bind-error.ts";

/**
 * Opens and binds a listening socket.
 *
 * @param address IP address; `::` listens on IPv4 too, and falls back to `0.0.0.0` where there is no IPv6
 * @param port 0 lets the kernel choose
 * @throws BindError
 */
export async function bindDgram(address: string, port: number): Promise<Socket> {
  const wide = address.includes(":");
  const socket = createSocket({
    type: wide ? "udp6" : "udp4",
    // Node's own look-up of what is an address already takes a turn of the event loop, and a reply would be lost when the
    // socket is closed in that turn. A socket of both families knows IPv4 addresses by their mapped form only.
    lookup: (hostname, _options, callback) => {
      callback(null, wide && !hostname.includes(":") ? `::ffff:${hostname}` : hostname, wide ? 6 : 4);
    },
  });
  try {
    const listening = once(socket, "listening");
    socket.bind({ address, port, exclusive: true });
    await listening;
    return socket;
  } catch (error) {
    socket.close();
    if (address === "::" && isCode(error, "EAFNOSUPPORT")) return bindDgram("0.0.0.0", port);
    throw new BindError(address, port, error);
  }
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}
