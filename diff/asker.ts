/** Asks one server, one query at a time, over a socket of its own. */
import { createSocket, type Socket } from "node:dgram";
import { askTcp, NoAnswer } from "../test/support/dns-client.ts";
import type { DiffQuery } from "./questions.ts";

export class Asker {
  readonly #port: number;
  readonly #socket: Socket;
  #waiting: ((message: Uint8Array) => void) | undefined;

  private constructor(port: number, socket: Socket) {
    this.#port = port;
    this.#socket = socket;
    this.#waiting = undefined;
    socket.on("message", (message) => this.#waiting?.(Uint8Array.from(message)));
    // A server that does not listen any more is silent for us.
    socket.on("error", () => {});
  }

  /** @param port of 127.0.0.1 */
  static async open(port: number): Promise<Asker> {
    const socket = createSocket("udp4");
    await new Promise<void>((resolve, reject) => {
      socket.once("error", reject);
      socket.connect(port, "127.0.0.1", () => resolve());
    });
    return new Asker(port, socket);
  }

  /** @returns the reply, or undefined when there is none in time */
  async ask(query: DiffQuery, timeoutMs: number): Promise<Uint8Array | undefined> {
    if (query.transport === "tcp") {
      try {
        return await askTcp({ port: this.#port, wire: query.wire, timeoutMs });
      } catch (error) {
        if (error instanceof NoAnswer) return undefined;
        throw error;
      }
    }
    return new Promise((resolve) => {
      const timer = setTimeout(() => finish(undefined), timeoutMs);
      const finish = (reply: Uint8Array | undefined): void => {
        clearTimeout(timer);
        this.#waiting = undefined;
        resolve(reply);
      };
      this.#waiting = (message) => {
        // One to an earlier query came too late.
        if (message[0] === query.wire[0] && message[1] === query.wire[1]) finish(message);
      };
      this.#socket.send(query.wire);
    });
  }

  close(): void {
    this.#socket.close();
  }
}
