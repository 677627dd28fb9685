/**
 * Asks a server on 127.0.0.1 as a client does: bytes out, bytes in.
 *
 * It checks nothing about what comes back: that is for the test.
 */
import { createSocket } from "node:dgram";
import { connect, type Socket } from "node:net";
import { frame, wireName } from "./scripted-upstream.ts";

export interface Ask {
  readonly port: number;
  /** Whole message. */
  readonly wire: Uint8Array;
  /** Default 2000. */
  readonly timeoutMs?: number;
  /** Default 127.0.0.1. */
  readonly address?: string;
}

/** Sends one datagram. @returns the first one that comes back. Rejects on silence and on port unreachable. */
export async function askUdp(ask: Ask): Promise<Uint8Array> {
  const address = ask.address ?? "127.0.0.1";
  const socket = createSocket(address.includes(":") ? "udp6" : "udp4");
  const timeoutMs = ask.timeoutMs ?? 2000;
  let timer: NodeJS.Timeout | undefined;
  try {
    return await new Promise<Uint8Array>((resolve, reject) => {
      timer = setTimeout(() => reject(new NoAnswer(`no UDP answer in ${timeoutMs} ms`)), timeoutMs);
      socket.on("error", reject);
      socket.on("message", (message) => resolve(Uint8Array.from(message)));
      // Connected, so that a refused port is an error and not silence.
      socket.connect(ask.port, address, () => socket.send(ask.wire));
    });
  } finally {
    clearTimeout(timer);
    socket.close();
  }
}

/** Asks over a connection of its own. Rejects on silence, refusal, and when the server closes without an answer. */
export async function askTcp(ask: Ask): Promise<Uint8Array> {
  const client = await TcpClient.connect(ask.port, ask.address);
  try {
    client.send(ask.wire);
    return await client.next(ask.timeoutMs);
  } finally {
    client.destroy();
  }
}

/** No answer within the time given, or the connection ended before one. */
export class NoAnswer extends Error {}

/** One connection on which any number of messages may be sent before any is read. */
export class TcpClient {
  readonly socket: Socket;
  readonly #messages: Uint8Array[] = [];
  #pending: Uint8Array = new Uint8Array(0);
  #wake: () => void = () => {};
  #ended: "no" | "fin" | "reset" = "no";

  static async connect(port: number, address = "127.0.0.1"): Promise<TcpClient> {
    const socket = connect(port, address);
    await new Promise<void>((resolve, reject) => {
      socket.once("connect", () => resolve());
      socket.once("error", reject);
    });
    return new TcpClient(socket);
  }

  /** @param socket connected */
  constructor(socket: Socket) {
    this.socket = socket;
    socket.setNoDelay(true);
    socket.on("data", (chunk: Uint8Array) => this.#take(chunk));
    socket.on("error", () => this.#end("reset"));
    socket.on("end", () => this.#end("fin"));
    socket.on("close", () => this.#end("fin"));
  }

  /** Sends messages, each with its length prefix, in one write. */
  send(...wires: readonly Uint8Array[]): void {
    this.sendRaw(Buffer.concat(wires.map((wire) => frame(wire))));
  }

  /** Sends bytes as they are. */
  sendRaw(bytes: Uint8Array): void {
    this.socket.write(bytes);
  }

  /** The next message in order of arrival. Rejects with `NoAnswer` on silence and at the end of the connection. */
  async next(timeoutMs = 2000): Promise<Uint8Array> {
    await this.#until(() => this.#messages.length > 0 || this.#ended !== "no", timeoutMs, "message");
    const message = this.#messages.shift();
    if (message === undefined) throw new NoAnswer(`connection ended (${this.#ended}) before a message`);
    return message;
  }

  /** The next `count` messages. */
  async take(count: number, timeoutMs = 2000): Promise<Uint8Array[]> {
    const taken: Uint8Array[] = [];
    while (taken.length < count) taken.push(await this.next(timeoutMs));
    return taken;
  }

  /** How the server ended the connection. Rejects with `NoAnswer` when it has not after `timeoutMs`. */
  async ended(timeoutMs = 2000): Promise<"fin" | "reset"> {
    await this.#until(() => this.#ended !== "no", timeoutMs, "end of the connection");
    return this.#ended === "reset" ? "reset" : "fin";
  }

  get isOpen(): boolean {
    return this.#ended === "no";
  }

  /** Messages that came and were not taken. */
  get waiting(): number {
    return this.#messages.length;
  }

  destroy(): void {
    this.socket.destroy();
  }

  #end(how: "fin" | "reset"): void {
    if (this.#ended === "no") this.#ended = how;
    this.#wake();
  }

  #take(chunk: Uint8Array): void {
    this.#pending = Buffer.concat([this.#pending, chunk]);
    for (;;) {
      const length = ((this.#pending[0] ?? 0) << 8) | (this.#pending[1] ?? 0);
      if (this.#pending.length < 2 || this.#pending.length < 2 + length) break;
      this.#messages.push(Uint8Array.from(this.#pending.subarray(2, 2 + length)));
      this.#pending = this.#pending.subarray(2 + length);
    }
    this.#wake();
  }

  #until(holds: () => boolean, timeoutMs: number, what: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#wake = () => {};
        reject(new NoAnswer(`no ${what} in ${timeoutMs} ms`));
      }, timeoutMs);
      this.#wake = () => {
        if (!holds()) return;
        clearTimeout(timer);
        this.#wake = () => {};
        resolve();
      };
      this.#wake();
    });
  }
}

/** A query with one question, RD set; with `opt`, an OPT of that UDP size. */
export function queryFor(
  name: string,
  type: number,
  options: { id?: number; flags?: number; class?: number; opt?: number; dnssecOk?: boolean } = {},
): Uint8Array {
  const words = (...values: number[]): number[] => values.flatMap((value) => [(value >> 8) & 0xff, value & 0xff]);
  const hasOpt = options.opt !== undefined || options.dnssecOk === true;
  const dnssecOk = options.dnssecOk === true ? 0x8000 : 0;
  const id = options.id ?? Math.floor(Math.random() * 65536);
  return Uint8Array.from([
    ...words(id, options.flags ?? 0x0100, 1, 0, 0, hasOpt ? 1 : 0),
    ...wireName(name),
    ...words(type, options.class ?? 1),
    ...(hasOpt ? [0, ...words(41, options.opt ?? 1232, 0, dnssecOk, 0)] : []),
  ]);
}
