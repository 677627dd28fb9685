/**
 * `multisocket`: how many threads of the process receive queries, each with a socket of its own on every port.
 *
 * Threads are started before any server block is set up and stay for the life of the process. So the daemon asks
 * `socketsOf` for the whole Corefile first; setting up a block only checks the words, and says when a reload cannot have
 * what it asks for.
 */
import { availableParallelism } from "node:os";
import { ConfigError } from "../../../base/errors.ts";
import type { Directive, Plugin, PluginInstance } from "../../chain/plugin.ts";
import { expectArgs, expectNoProperties, once } from "../../corefile/arguments.ts";
import type { Corefile } from "../../corefile/tree.ts";

/** Largest number that the directive takes, as in CoreDNS. */
const MAX_SOCKETS = 1024;
/** Most threads that are started. Each holds a few MiB; one keeps a gigabit busy. */
export const MAX_THREADS = 16;

export const multisocket: Plugin = {
  directive: "multisocket",
  setup: (directives: readonly Directive[]): PluginInstance => {
    readSockets(once(directives));
    return {};
  },
};

/**
 * Threads that a Corefile wants: the largest number of all its blocks.
 *
 * @returns 1 to `MAX_THREADS`; undefined when no block says
 * @throws ConfigError
 */
export function socketsOf(corefile: Corefile): number | undefined {
  const wanted = corefile.blocks.flatMap(({ directives }) =>
    directives.filter(({ name }) => name.text === "multisocket").map((directive) => readSockets(directive)),
  );
  return wanted.length === 0 ? undefined : Math.min(MAX_THREADS, Math.max(...wanted));
}

/** @returns 1 to `MAX_SOCKETS`; without a number, the processors that this process may use */
function readSockets(directive: Directive): number {
  const [token] = expectArgs(directive, 0, 1);
  expectNoProperties(directive);
  if (token === undefined) return availableParallelism();
  if (!/^[-+]?[0-9]{1,9}$/.test(token.text)) {
    throw new ConfigError(token.position, `invalid num sockets: '${token.text}'`);
  }
  const sockets = Number(token.text);
  if (sockets < 1) throw new ConfigError(token.position, `num sockets can not be zero or negative: ${sockets}`);
  if (sockets > MAX_SOCKETS) {
    throw new ConfigError(token.position, `num sockets exceeds maximum (${MAX_SOCKETS}): ${sockets}`);
  }
  return sockets;
}
