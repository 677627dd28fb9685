/** Names and indexes of network interfaces. */
import { networkInterfaces } from "node:os";

/** @returns the index of an interface that carries an IPv6 address with a scope, or 0 */
export function networkInterfaceIndex(name: string): number {
  for (const address of networkInterfaces()[name] ?? []) {
    if (address.family === "IPv6" && address.scopeid !== undefined && address.scopeid !== 0) return address.scopeid;
  }
  return 0;
}
