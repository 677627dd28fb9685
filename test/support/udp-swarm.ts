/**
 * Many UDP clients of one server, for tests that send more than they wait for.
 *
 * Each client is a socket of its own. Replies are counted; who wants to see them listens.
 */
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";

/** Datagrams sent before the event loop, in which the server runs too, has its turn. */
const AT_ONCE = 50;

/** @param client index of the socket that it came to */
export type SwarmListener = (reply: Uint8Array, client: number) => void;

export class UdpSwarm {
  readonly #sockets: readonly Socket[];
  #sent = 0;
  #replies = 0;
  #replyBytes = 0;

  private constructor(sockets: readonly Socket[], onReply: SwarmListener) {
    this.#sockets = sockets;
    for (const [client, socket] of sockets.entries()) {
      // A port that is refused is an error here; the test sees that no reply comes.
      socket.on("error", () => {});
      socket.on("message", (message) => {
        this.#replies++;
        this.#replyBytes += message.length;
        onReply(Uint8Array.from(message), client);
      });
    }
  }

  /** @param address that clients send from, default 127.0.0.1 */
  static async open(
    port: number,
    clients: number,
    onReply: SwarmListener = () => {},
    address = "127.0.0.1",
  ): Promise<UdpSwarm> {
    const sockets = Array.from({ length: clients }, () => createSocket("udp4"));
    const swarm = new UdpSwarm(sockets, onReply);
    for (const socket of sockets) {
      socket.bind(0, address);
      await once(socket, "listening");
      socket.connect(port, "127.0.0.1");
      await once(socket, "connect");
    }
    return swarm;
  }

  get sent(): number {
    return this.#sent;
  }

  get replies(): number {
    return this.#replies;
  }

  get replyBytes(): number {
    return this.#replyBytes;
  }

  /** Sends from a client; waits a moment after every few dozen datagrams. */
  async send(client: number, wire: Uint8Array): Promise<void> {
    this.#sockets[client % this.#sockets.length]?.send(wire);
    this.#sent++;
    if (this.#sent % AT_ONCE === 0) await sleep(1);
  }

  /** Waits until so many replies have come in all. @returns whether they have, in that time */
  async untilReplies(count: number, timeoutMs = 5000): Promise<boolean> {
    const deadline = performance.now() + timeoutMs;
    while (this.#replies < count) {
      if (performance.now() > deadline) return false;
      await sleep(10);
    }
    return true;
  }

  /** Waits until nothing has come for a while. */
  async untilQuiet(forMs = 200, timeoutMs = 5000): Promise<void> {
    const deadline = performance.now() + timeoutMs;
    let before = -1;
    while (before !== this.#replies && performance.now() < deadline) {
      before = this.#replies;
      await sleep(forMs);
    }
  }

  close(): void {
    for (const socket of this.#sockets) socket.close();
  }
}
