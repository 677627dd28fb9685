/** Errors of one kind, counted over a period and told in one line at its end. */
import type { Log } from "../../../base/log.ts";
import { formatDuration } from "../../corefile/duration.ts";
import type { GoRegexp } from "../../corefile/go-regexp.ts";

export type ConsolidationLevel = "warning" | "error" | "info" | "debug";

export interface ConsolidationOptions {
  readonly periodMs: number;
  /** As the operator wrote it: the line quotes it. */
  readonly pattern: string;
  readonly regexp: GoRegexp;
  readonly level: ConsolidationLevel;
  /** The first error of a period gets its own line at once. */
  readonly showFirst: boolean;
  readonly log: Log;
}

/** Longest that a Node.js timer can wait. */
const TIMER_MAX_MS = 2 ** 31 - 1;

export class Consolidation {
  readonly #options: ConsolidationOptions;
  #count: number;
  #timer: NodeJS.Timeout | undefined;
  #stopped: boolean;

  constructor(options: ConsolidationOptions) {
    this.#options = options;
    this.#count = 0;
    this.#timer = undefined;
    this.#stopped = false;
  }

  get level(): ConsolidationLevel {
    return this.#options.level;
  }

  matches(message: string): boolean {
    return this.#options.regexp.test(message);
  }

  /** Counts an error. @returns false when it wants a line of its own */
  take(): boolean {
    if (this.#stopped) return false;
    this.#count++;
    if (this.#count > 1) return true;
    this.#timer = setTimeout(() => this.#tell(), Math.min(this.#options.periodMs, TIMER_MAX_MS));
    this.#timer.unref();
    return !this.#options.showFirst;
  }

  /** Tells what was counted so far; later errors get lines of their own. */
  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
    this.#tell();
  }

  #tell(): void {
    const count = this.#count;
    this.#count = 0;
    if (count === 0 || (count === 1 && this.#options.showFirst)) return;
    const { level, log, pattern, periodMs } = this.#options;
    log[level](`${count} errors like '${pattern}' occurred in last ${formatDuration(periodMs)}`);
  }
}
