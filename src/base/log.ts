/**
 * Log lines in CoreDNS's form: `[INFO] plugin/reload: Running configuration …`.
 *
 * People grep these, so the text of a line that CoreDNS has is CoreDNS's. One line an event; newlines inside a message
 * are escaped so that a hostile name cannot forge a line.
 */

export type LogLevel = "debug" | "info" | "warning" | "error" | "fatal";

export interface Log {
  debug(message: string): void;
  info(message: string): void;
  warning(message: string): void;
  error(message: string): void;
  fatal(message: string): void;
  /** A log whose lines begin with `plugin/<name>: `. */
  plugin(name: string): Log;
}

const LABELS: Record<LogLevel, string> = {
  debug: "[DEBUG] ",
  info: "[INFO] ",
  warning: "[WARNING] ",
  error: "[ERROR] ",
  fatal: "[FATAL] ",
};

export class LineLog implements Log {
  readonly #write: (line: string) => void;
  readonly #prefix: string;
  /** Shared by all children, so that `debug` in one server block turns it on for the process, as CoreDNS does. */
  readonly #debugState: { on: boolean };

  constructor(write: (line: string) => void, prefix = "", debugState: { on: boolean } = { on: false }) {
    this.#write = write;
    this.#prefix = prefix;
    this.#debugState = debugState;
  }

  enableDebug(on: boolean): void {
    this.#debugState.on = on;
  }

  debug(message: string): void {
    if (this.#debugState.on) this.#line("debug", message);
  }

  info(message: string): void {
    this.#line("info", message);
  }

  warning(message: string): void {
    this.#line("warning", message);
  }

  error(message: string): void {
    this.#line("error", message);
  }

  fatal(message: string): void {
    this.#line("fatal", message);
  }

  plugin(name: string): Log {
    return new LineLog(this.#write, `plugin/${name}: `, this.#debugState);
  }

  #line(level: LogLevel, message: string): void {
    this.#write(`${LABELS[level]}${this.#prefix}${message.replaceAll("\n", "\\n")}\n`);
  }
}

/** Nobody reads standard output any more, or its disk is full: lines are lost, and that is all. */
const passOver = (): void => {};

/** Standard output, as CoreDNS does. What cannot be written there stops nobody. */
export function standardLog(): LineLog {
  process.stdout.off("error", passOver).on("error", passOver);
  return new LineLog((line) => process.stdout.write(line));
}

/** Keeps its lines: for tests. */
export class MemoryLog extends LineLog {
  readonly lines: string[];

  constructor() {
    const lines: string[] = [];
    super((line) => lines.push(line.trimEnd()));
    this.lines = lines;
  }
}
