/** A file of weights that is read again when it changes. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import type { Log } from "../../../base/log.ts";
import { formatDuration } from "../../corefile/duration.ts";
import { parseWeights, type Weights } from "./weights.ts";

const CANNOT_OPEN = "weight file open error";
const TIMER_MAX_MS = 2 ** 31 - 1;

export class WeightFile {
  readonly path: string;
  readonly #reloadMs: number;
  readonly #log: Log;
  #weights: Weights;
  #digest: string;
  #timer: NodeJS.Timeout | undefined;

  /** @param reloadMs pause between two looks; 0: it is read once */
  constructor(path: string, reloadMs: number, log: Log) {
    this.path = path;
    this.#reloadMs = reloadMs;
    this.#log = log;
    this.#weights = new Map();
    this.#digest = "";
    this.#timer = undefined;
  }

  get weights(): Weights {
    return this.#weights;
  }

  /**
   * Reads the file and begins to watch it. A file that is not there may come later, if it is looked for again.
   *
   * @returns why it cannot be used; undefined when it can
   */
  start(): string | undefined {
    const wrong = this.look();
    if (wrong === CANNOT_OPEN && this.#reloadMs > 0) {
      this.#log.warning(`Failed to open weight file:${wrong}. Will try again in ${formatDuration(this.#reloadMs)}`);
    } else if (wrong !== undefined) {
      return wrong;
    }
    if (this.#reloadMs > 0) {
      this.#timer = setInterval(() => this.#lookAgain(), Math.min(Math.max(this.#reloadMs, 1), TIMER_MAX_MS));
      this.#timer.unref();
    }
    return undefined;
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** Reads the file if its text is another. @returns what is wrong: the weights from before stay */
  look(): string | undefined {
    let text: string;
    try {
      text = readFileSync(this.path, "utf8");
    } catch {
      return CANNOT_OPEN;
    }
    const digest = createHash("sha256").update(text).digest("hex");
    if (digest === this.#digest) return undefined;
    // A text that is wrong is told of once.
    this.#digest = digest;
    const weights = parseWeights(text, this.path);
    if (typeof weights === "string") return weights;
    this.#weights = weights;
    this.#log.info(`Successfully reloaded weight file ${this.path}`);
    return undefined;
  }

  #lookAgain(): void {
    const wrong = this.look();
    if (wrong !== undefined) this.#log.error(wrong);
  }
}
