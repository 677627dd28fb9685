/** Endpoints of the cluster DNS, as people and files write them: `10.244.1.2`, `10.244.1.2:53`, `fd00::2`, `[fd00::2]:53`. */
import { formatSocketAddress, isIpAddress } from "../../base/address.ts";

/** As many are of use: a cluster has few, and each is a word in a packet rule. */
export const ENDPOINTS_MAX = 64;

/** @returns in one form, with the port only where there is one; undefined: it is none */
export function endpointOf(text: string): string | undefined {
  if (isIpAddress(text) && !text.includes("%")) return text;
  const [, bracketed, plain, portText = ""] = /^(?:\[([^\]]+)\]|([^:[\]]+))(?::(\d{1,5}))?$/.exec(text) ?? [];
  const address = bracketed ?? plain;
  if (address === undefined || !isIpAddress(address) || address.includes("%")) return undefined;
  if (portText === "") return address;
  const port = Number(portText);
  return port >= 1 && port <= 65_535 ? formatSocketAddress(address, port) : undefined;
}
