/** Upstreams out of a file in the form of resolv.conf(5). */
import { isIpAddress } from "../../../base/address.ts";

/**
 * Addresses of the `nameserver` lines, in order.
 *
 * Lines that are comments, other keywords, or hold no IP address are passed over, as resolvers do. An IPv6 scope is
 * kept for link-local addresses, where it is needed, and dropped for others.
 */
export function nameservers(text: string): string[] {
  const found: string[] = [];
  for (const line of text.split("\n")) {
    const [keyword, address = ""] = line.trim().split(/\s+/, 2);
    if (keyword !== "nameserver") continue;
    const bare = withoutScope(address);
    if (isIpAddress(bare)) found.push(isLinkLocal(bare) ? address : bare);
  }
  return found;
}

export function withoutScope(address: string): string {
  const percent = address.indexOf("%");
  return percent < 0 ? address : address.slice(0, percent);
}

/** fe80::/10: the same address may be on every interface. */
export function isLinkLocal(address: string): boolean {
  return /^fe[89ab][0-9a-f]:/i.test(address);
}
