/** `cancel`: a query that takes too long is given up, and its client told so. */
import { ConfigError } from "../../../base/errors.ts";
import { EDE_OTHER } from "../../../dns/edns.ts";
import type { Answer } from "../../chain/answer.ts";
import { serverFailure } from "../../chain/failure.ts";
import type { Handler } from "../../chain/handler.ts";
import type { Directive, Plugin, PluginInstance } from "../../chain/plugin.ts";
import type { Query } from "../../chain/query.ts";
import { expectArgs, expectNoProperties, once } from "../../corefile/arguments.ts";
import { formatDuration, readDuration } from "../../corefile/duration.ts";
import type { Token } from "../../corefile/tree.ts";

/** One millisecond more than the time after which most clients give up. */
const DEFAULT_TIMEOUT_MS = 5001;
/** Longest time that a timer takes; 24 days. */
const TIMEOUT_MAX_MS = 2 ** 31 - 1;

export const cancel: Plugin = {
  directive: "cancel",
  setup: (directives: readonly Directive[]): PluginInstance => {
    const directive = once(directives);
    const [argument] = expectArgs(directive, 0, 1);
    expectNoProperties(directive);
    const timeoutMs = argument === undefined ? DEFAULT_TIMEOUT_MS : readTimeout(argument);
    return { handler: (next) => new Cancel(next, timeoutMs) };
  },
};

function readTimeout(token: Token): number {
  const ms = readDuration(token.text);
  if (typeof ms === "string") throw new ConfigError(token.position, `invalid duration: "${token.text}"`);
  if (ms <= 0) throw new ConfigError(token.position, `invalid negative duration: "${token.text}"`);
  return Math.min(ms, TIMEOUT_MAX_MS);
}

class Cancel implements Handler {
  readonly #next: Handler;
  readonly #timeoutMs: number;
  readonly #error: Error;

  constructor(next: Handler, timeoutMs: number) {
    this.#next = next;
    this.#timeoutMs = timeoutMs;
    this.#error = new Error(`no answer within ${formatDuration(timeoutMs)}`);
  }

  serve(query: Query): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => resolve(this.#givenUp(query)), this.#timeoutMs);
      // What comes later is for the cache below; here it finds the promise settled.
      this.#next.serve(query).then(
        (answer) => {
          clearTimeout(timer);
          resolve(answer);
        },
        (defect: unknown) => {
          clearTimeout(timer);
          reject(defect instanceof Error ? defect : new Error(String(defect)));
        },
      );
    });
  }

  #givenUp(query: Query): Answer {
    const extendedError = { code: EDE_OTHER, text: this.#error.message };
    return { ...serverFailure(query, "", this.#error), extendedError };
  }
}
