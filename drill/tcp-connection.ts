/** One TCP connection of a drill: what became of each question on it. */
import { connect, type Socket } from "node:net";
import { FRAME_PREFIX_BYTES, FrameReader } from "../src/dns/frame.ts";
import { isRightAnswer, QUERY_BYTES, RCODE_NOERROR, writeQuery } from "./questions.ts";

/**
 * `refused`: there was nobody to connect to. `cut`: the connection ended, by FIN or RST, before the answer. `silent`:
 * no answer in time, the connection still stands (or never stood). `failure`: an answer that says that there is none.
 */
export type TcpFate = "answered" | "failure" | "wrong" | "refused" | "cut" | "silent";

export class TcpConnection {
  readonly #socket: Socket;
  readonly #reader: FrameReader;
  #settle: ((fate: TcpFate) => void) | undefined;
  /** Why it can carry nothing any more. */
  #over: "refused" | "cut" | undefined;
  #question: number;
  #id: number;

  constructor(port: number) {
    this.#reader = new FrameReader();
    this.#settle = undefined;
    this.#over = undefined;
    this.#question = 0;
    this.#id = 0;
    this.#socket = connect({ port, host: "127.0.0.1", noDelay: true });
    this.#socket.on("data", (chunk: Uint8Array) => {
      if (this.#reader.push(chunk, (message) => this.#take(message)) < 0) this.#end("cut");
    });
    this.#socket.on("error", (error: NodeJS.ErrnoException) =>
      this.#end(error.code === "ECONNREFUSED" ? "refused" : "cut"),
    );
    this.#socket.on("end", () => this.#end("cut"));
    this.#socket.on("close", () => this.#end("cut"));
  }

  get isOver(): boolean {
    return this.#over !== undefined;
  }

  /** One question at a time. */
  async ask(question: number, timeoutMs: number): Promise<TcpFate> {
    if (this.#over !== undefined) return this.#over;
    this.#id = (this.#id + 1) & 0xffff;
    this.#question = question;
    const wire = new Uint8Array(FRAME_PREFIX_BYTES + QUERY_BYTES);
    wire[1] = QUERY_BYTES;
    writeQuery(wire, FRAME_PREFIX_BYTES, this.#id, question);
    return await new Promise<TcpFate>((resolve) => {
      const timer = setTimeout(() => this.#settle?.("silent"), timeoutMs);
      this.#settle = (fate) => {
        clearTimeout(timer);
        this.#settle = undefined;
        resolve(fate);
      };
      this.#socket.write(wire);
    });
  }

  /** What was asked and not answered is then `cut`. */
  close(): void {
    this.#end("cut");
    this.#socket.destroy();
  }

  #take(message: Uint8Array): void {
    const id = ((message[0] ?? 0) << 8) | (message[1] ?? 0);
    // The answer to a question that was given up.
    if (id !== this.#id) return;
    const isRight = isRightAnswer(message, 0, message.length, this.#question);
    const isFailure = ((message[3] ?? 0) & 15) !== RCODE_NOERROR;
    this.#settle?.(isRight ? (isFailure ? "failure" : "answered") : "wrong");
  }

  #end(how: "refused" | "cut"): void {
    this.#over ??= how;
    this.#settle?.(this.#over);
  }
}
