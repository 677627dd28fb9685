/** The `reload` directive: looks at the Corefile now and then, and asks for a reload when its meaning has changed. */
import { ConfigError } from "../../../base/errors.ts";
import type { Directive, Plugin } from "../../chain/plugin.ts";
import { expectArgs, expectNoProperties, once, parseDuration } from "../../corefile/arguments.ts";
import { formatDuration } from "../../corefile/duration.ts";
import type { Token } from "../../corefile/tree.ts";
import { ConfigurationWatch } from "./configuration-watch.ts";

const DEFAULT_INTERVAL_MS = 30_000;
const DEFAULT_JITTER_MS = 15_000;
const MIN_INTERVAL_MS = 2_000;
const MIN_JITTER_MS = 1_000;

interface Settings {
  readonly intervalMs: number;
  /** At most half the interval; 0: none. */
  readonly jitterMs: number;
}

export const reload: Plugin = {
  directive: "reload",
  setup: (directives, context) => {
    const { intervalMs, jitterMs } = readSettings(once(directives));
    return new ConfigurationWatch(context, jittered(intervalMs, jitterMs, Math.random()));
  },
};

export function readSettings(directive: Directive): Settings {
  const [interval, jitter] = expectArgs(directive, 0, 2);
  expectNoProperties(directive);
  const intervalMs = interval === undefined ? DEFAULT_INTERVAL_MS : parseDuration(interval);
  if (interval !== undefined && intervalMs < MIN_INTERVAL_MS)
    refuse(interval, "interval value must be", MIN_INTERVAL_MS);
  const jitterMs = jitter === undefined ? DEFAULT_JITTER_MS : parseDuration(jitter);
  if (jitter !== undefined && jitterMs !== 0 && jitterMs < MIN_JITTER_MS) {
    refuse(jitter, "jitter value must be 0 or", MIN_JITTER_MS);
  }
  return { intervalMs, jitterMs: Math.min(jitterMs, intervalMs / 2) };
}

function refuse(token: Token, fact: string, minMs: number): never {
  throw new ConfigError(token.position, `${fact} greater or equal to ${formatDuration(minMs)}`);
}

/** The interval, moved by at most half the jitter. @param random 0 to 1, 1 excluded */
export function jittered(intervalMs: number, jitterMs: number, random: number): number {
  return intervalMs + jitterMs * (random - 0.5);
}
