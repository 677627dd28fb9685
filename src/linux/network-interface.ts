/** Names and indexes of network interfaces. */
import { networkInterfaces } from "node:os";

/** @returns the index of an interface that carries an IPv6 address with a scope, or 0 */
function networkInterfaceIndex(name: string): number {
  for (const address of networkInterfaces()[name] ?? []) {
    if (address.family === "IPv6" && address.scopeid !== undefined && address.scopeid !== 0) return address.scopeid;
  }
  return 0;
}

/** Index that an address with a scope (`fe80::1%eth0`, `fe80::1%2`) names; 0 without one. */
export function scopeId(address: string): number {
  const scope = address.split("%", 2)[1];
  if (scope === undefined) return 0;
  return /^\d+$/.test(scope) ? Number(scope) : networkInterfaceIndex(scope);
}

/** Addresses of all interfaces that are up. */
export function interfaceAddresses(): string[] {
  return Object.values(networkInterfaces()).flatMap((all) => (all ?? []).map(({ address }) => address));
}
