/** Host names among upstreams, turned into addresses once, when the configuration starts. */
import { formatSocketAddress } from "../../../base/address.ts";
import { ConfigError, describeError } from "../../../base/errors.ts";
import type { UpstreamTarget } from "../../upstream/open-group.ts";
import type { ToEntry } from "./to-address.ts";

/** A question to a `resolver` is given up after this. */
const RESOLVER_TIMEOUT_MS = 2000;

/**
 * Addresses of all entries, in order; of those that come twice the first.
 *
 * @param resolvers servers to ask, as `IP` or `IP:port`; none: the system's resolver, hosts file included
 * @throws ConfigError at the name that has no address
 */
export async function resolveTargets(
  entries: readonly ToEntry[],
  resolvers: readonly string[],
): Promise<readonly UpstreamTarget[]> {
  const targets: UpstreamTarget[] = [];
  for (const entry of entries) {
    if (entry.kind === "addresses") {
      targets.push(...entry.targets);
      continue;
    }
    const { scheme, port, serverName } = entry;
    let addresses: readonly string[];
    try {
      addresses = await lookUp(entry.hostname, resolvers);
    } catch (error) {
      const fact = `failed to resolve "${entry.hostname}": ${describeError(error)}`;
      throw new ConfigError(entry.token.position, fact, { cause: error });
    }
    targets.push(...addresses.map((address) => ({ scheme, address, port, serverName })));
  }
  return withoutRepeats(targets);
}

export function withoutRepeats(targets: readonly UpstreamTarget[]): readonly UpstreamTarget[] {
  const seen = new Set<string>();
  return targets.filter(({ address, port }) => {
    const key = formatSocketAddress(address, port);
    return !seen.has(key) && seen.add(key);
  });
}

async function lookUp(hostname: string, resolvers: readonly string[]): Promise<readonly string[]> {
  const { lookup, Resolver } = await import("node:dns/promises");
  if (resolvers.length === 0) {
    const found = await lookup(hostname, { all: true, order: "verbatim" });
    return found.map(({ address }) => address);
  }
  const resolver = new Resolver({ timeout: RESOLVER_TIMEOUT_MS, tries: 1 });
  resolver.setServers(resolvers);
  const [v4, v6] = await Promise.allSettled([resolver.resolve4(hostname), resolver.resolve6(hostname)]);
  const found = [v4, v6].flatMap((result) => (result.status === "fulfilled" ? result.value : []));
  if (found.length > 0) return found;
  throw v4.status === "rejected" ? v4.reason : new Error("no addresses");
}
