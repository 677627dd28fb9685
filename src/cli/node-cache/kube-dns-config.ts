/** The `kube-dns` ConfigMap as a folder of files, for node-cache: `stubDomains` and `upstreamNameservers`. */
import { isIpAddress } from "../../base/address.ts";
import { NodensError } from "../../base/errors.ts";
import { endpointOf } from "../../server/keeper/endpoint.ts";

export interface KubeDnsConfig {
  /** Servers by domain, in the order of the domains' names. */
  readonly stubDomains: ReadonlyMap<string, readonly string[]>;
  /** At most three; empty: those of /etc/resolv.conf. */
  readonly upstreamNameservers: readonly string[];
}

export const NO_KUBE_DNS_CONFIG: KubeDnsConfig = { stubDomains: new Map(), upstreamNameservers: [] };

/** The ConfigMap says something that cannot be used. */
export class KubeDnsConfigError extends NodensError {
  readonly code = "NODENS_KUBE_DNS_CONFIG";
}

const UPSTREAMS_MAX = 3;
/** RFC 1123 §2.1 as Kubernetes reads it (`IsDNS1123Subdomain`). */
const SUBDOMAIN = /^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*$/;
const SUBDOMAIN_MAX_CHARACTERS = 253;

/**
 * Other keys (`federations`) are passed over.
 *
 * @param files text by name
 * @throws KubeDnsConfigError
 */
export function kubeDnsConfigOf(files: ReadonlyMap<string, string>): KubeDnsConfig {
  return { stubDomains: stubDomainsOf(files), upstreamNameservers: upstreamsOf(files) };
}

function stubDomainsOf(files: ReadonlyMap<string, string>): ReadonlyMap<string, readonly string[]> {
  const value = jsonOf(files, "stubDomains");
  if (value === undefined || value === null) return new Map();
  if (typeof value !== "object" || Array.isArray(value)) throw new KubeDnsConfigError("stubDomains is no JSON object");
  const domains = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return new Map(
    domains.map(([domain, servers]: [string, unknown]) => {
      if (!SUBDOMAIN.test(domain) || domain.length > SUBDOMAIN_MAX_CHARACTERS) {
        throw new KubeDnsConfigError(`invalid domain name: ${JSON.stringify(domain)}`);
      }
      const list = listOf(servers, `stubDomains: the servers of ${domain}`);
      if (list.length === 0) throw new KubeDnsConfigError(`stubDomains: ${domain} has no nameserver`);
      return [domain, list];
    }),
  );
}

function upstreamsOf(files: ReadonlyMap<string, string>): readonly string[] {
  const value = jsonOf(files, "upstreamNameservers");
  const list = value === undefined || value === null ? [] : listOf(value, "upstreamNameservers");
  if (list.length > UPSTREAMS_MAX) {
    throw new KubeDnsConfigError("upstreamNameserver cannot have more than three entries");
  }
  return list;
}

function jsonOf(files: ReadonlyMap<string, string>, key: string): unknown {
  const text = files.get(key);
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new KubeDnsConfigError(`${key} is no JSON: ${JSON.stringify(text.slice(0, 100))}`, { cause });
  }
}

function listOf(value: unknown, what: string): readonly string[] {
  if (!Array.isArray(value)) throw new KubeDnsConfigError(`${what} are no JSON list`);
  return value.map((server: unknown) => {
    if (typeof server === "string" && (isIpAddress(server) || endpointOf(server) !== undefined)) return server;
    throw new KubeDnsConfigError(`invalid nameserver: ${JSON.stringify(server)}`);
  });
}
