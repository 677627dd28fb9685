/**
 * Ports for tests that must know one beforehand, or that close one and count on nobody being there.
 *
 * A port that the kernel chooses (0) it soon gives to others: to a connection of another test, say. These are below those
 * that it gives out (net.ipv4.ip_local_port_range), so only who asks here has them.
 */
import { randomInt } from "node:crypto";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { createServer } from "node:net";

const FIRST_PORT = 20_000;
const PORTS = 12_000;

/** One of them, free or not. */
export function anyPort(): number {
  return FIRST_PORT + randomInt(PORTS);
}

/** One that is free on 127.0.0.1, for TCP and UDP. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = anyPort();
    const tcp = createServer();
    const udp = createSocket("udp4");
    try {
      tcp.listen(port, "127.0.0.1");
      udp.bind(port, "127.0.0.1");
      await Promise.all([once(tcp, "listening"), once(udp, "listening")]);
      return port;
    } catch {
      continue;
    } finally {
      tcp.close();
      udp.close();
    }
  }
}
