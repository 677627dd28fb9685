import { ConfigError } from "../../base/errors.ts";
import type { Directive } from "../corefile/tree.ts";
import { expectArgs } from "../corefile/arguments.ts";
import { readListenAddress } from "../web/listen-address.ts";

/**
 * The optional only word behind a directive: an address for HTTP.
 *
 * @returns it as written, or `preset` without one
 * @throws ConfigError when it is no address with a port, or more words follow
 */
export function listenArgument(directive: Directive, preset: string): string {
  const [token] = expectArgs(directive, 0, 1);
  if (token === undefined) return preset;
  const read = readListenAddress(token.text);
  if (typeof read === "string") throw new ConfigError(token.position, read);
  return token.text;
}
