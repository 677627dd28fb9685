/** `timeouts`: how long TCP and TLS connections of the block's listeners may take over what, and how much they may ask. */
import { ConfigError } from "../../../base/errors.ts";
import type { Directive, Plugin, PluginInstance, SetupContext, Token } from "../../chain/plugin.ts";
import type { StreamTimeouts } from "../../chain/stream-settings.ts";
import { expectArg, expectArgs, once, parseInteger, properties } from "../../corefile/arguments.ts";
import { formatDuration, readDuration } from "../../corefile/duration.ts";

const MIN_MS = 1000;
const MAX_MS = 24 * 3_600_000;

export const timeouts: Plugin = {
  directive: "timeouts",
  setup: (directives: readonly Directive[], context: SetupContext): PluginInstance => {
    context.timeouts = readTimeouts(once(directives));
    return {};
  },
};

function readTimeouts(directive: Directive): StreamTimeouts {
  expectArgs(directive, 0);
  let settings: StreamTimeouts = {};
  for (const property of properties(directive)) {
    const token = expectArg(property);
    switch (property.name.text) {
      case "read":
        settings = { ...settings, readMs: duration(token) };
        break;
      case "write":
        settings = { ...settings, writeMs: duration(token) };
        break;
      case "idle":
        settings = { ...settings, idleMs: duration(token) };
        break;
      case "maxtcpqueries":
        settings = { ...settings, queries: queries(token) };
        break;
      default:
        throw new ConfigError(property.name.position, `unknown option: '${property.name.text}'`);
    }
  }
  if (Object.keys(settings).length === 0) {
    throw new ConfigError(directive.name.position, "timeouts block with no timeouts specified");
  }
  return settings;
}

/** A bare number is seconds. */
function duration(token: Token): number {
  const text = /^[0-9]+$/.test(token.text) ? `${token.text}s` : token.text;
  const ms = readDuration(text);
  if (typeof ms === "string") throw new ConfigError(token.position, `failed to parse duration '${token.text}': ${ms}`);
  if (ms < MIN_MS || ms > MAX_MS) {
    throw new ConfigError(
      token.position,
      `timeout provided '${formatDuration(ms)}' needs to be between 1 second and 24 hours`,
    );
  }
  return ms;
}

function queries(token: Token): number {
  const count = parseInteger(token, Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);
  if (count === -1) return Number.POSITIVE_INFINITY;
  if (count > 0) return count;
  throw new ConfigError(
    token.position,
    `maxtcpqueries provided '${count}' needs to be -1 (unlimited) or a positive integer`,
  );
}
