/** Addresses of objects in one spelling, so that they can be keys: IPv6 as RFC 5952 has it, IPv4 as it is. */
import { addressBytes, formatAddressBytes } from "../../base/address.ts";

/** @returns the text itself when it is no address */
export function canonicalAddress(text: string): string {
  if (!text.includes(":")) return text;
  const bytes = addressBytes(text);
  return bytes?.length === 16 ? formatAddressBytes(bytes, 0, 16) : text;
}
