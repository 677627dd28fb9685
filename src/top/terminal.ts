/**
 * The terminal while the view is on it: a screen of its own, keys as they are pressed. Whatever ends the process, what was there
 * before comes back.
 */
import { writeSync } from "node:fs";
import type { ReadStream, WriteStream } from "node:tty";
import { keysOf } from "./keys.ts";
import { type Line, lineText } from "./text.ts";

/** Alternate screen on, cursor off, no wrapping (xterm's private modes 1049, 25, 7). */
const ENTER = "\u001B[?1049h\u001B[?25l\u001B[?7l\u001B[2J";
const LEAVE = "\u001B[?7h\u001B[?25h\u001B[?1049l";
const HOME = "\u001B[H";
const CLEAR_LINE = "\u001B[K";
const CLEAR_BELOW = "\u001B[J";

/** One with a descriptor, as standard output is. */
export type TerminalOutput = WriteStream & { readonly fd: number };

export interface TerminalEvents {
  key(key: string): void;
  /** The size has changed, or the screen must be drawn again. */
  redraw(): void;
}

export class Terminal {
  readonly #input: ReadStream;
  readonly #output: TerminalOutput;
  readonly #styled: boolean;
  readonly #events: TerminalEvents;
  readonly #onData: (data: Buffer) => void;
  readonly #onResize: () => void;
  readonly #onContinue: () => void;
  readonly #onExit: () => void;
  #open: boolean;

  /** @param styled bold and the like, not only text */
  constructor(input: ReadStream, output: TerminalOutput, styled: boolean, events: TerminalEvents) {
    this.#input = input;
    this.#output = output;
    this.#styled = styled;
    this.#events = events;
    this.#open = false;
    this.#onData = (data) => this.#take(data);
    this.#onResize = () => {
      this.#output.write("\u001B[2J");
      events.redraw();
    };
    this.#onContinue = () => {
      this.#enter();
      events.redraw();
    };
    this.#onExit = () => this.#leave();
  }

  get size(): { readonly columns: number; readonly rows: number } {
    // A terminal that does not tell (0 x 0) is taken for the usual one.
    return { columns: this.#output.columns || 80, rows: this.#output.rows || 24 };
  }

  open(): void {
    process.on("exit", this.#onExit);
    process.on("SIGCONT", this.#onContinue);
    this.#output.on("resize", this.#onResize);
    this.#input.on("data", this.#onData);
    this.#input.resume();
    this.#enter();
  }

  close(): void {
    this.#leave();
    process.off("exit", this.#onExit);
    process.off("SIGCONT", this.#onContinue);
    this.#output.off("resize", this.#onResize);
    this.#input.off("data", this.#onData);
    this.#input.pause();
  }

  draw(lines: readonly Line[]): void {
    if (!this.#open) return;
    const { columns } = this.size;
    const text = lines.map((line) => lineText(line, columns, this.#styled) + CLEAR_LINE).join("\r\n");
    this.#output.write(`${HOME}${text}${CLEAR_BELOW}`);
  }

  #take(data: Buffer): void {
    for (const key of keysOf(data.toString())) {
      if (key === "ctrl-z") this.#suspend();
      else this.#events.key(key);
    }
  }

  #enter(): void {
    if (this.#open) return;
    this.#open = true;
    this.#input.setRawMode(true);
    this.#output.write(ENTER);
  }

  /** Also from an `exit` handler, where nothing is written later. */
  #leave(): void {
    if (!this.#open) return;
    this.#open = false;
    try {
      writeSync(this.#output.fd, LEAVE);
      this.#input.setRawMode(false);
    } catch {
      // The terminal is gone.
    }
  }

  /** As a shell's job control wants it; SIGCONT comes when it goes on. */
  #suspend(): void {
    this.#leave();
    process.kill(process.pid, "SIGSTOP");
  }
}
