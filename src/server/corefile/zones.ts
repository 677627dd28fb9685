/**
 * Zones as a Corefile writes them: domain names, and address blocks in CIDR form for reverse zones.
 *
 * An IPv4 block off an octet boundary becomes the zones of the next longer one (a /15 is two /16), an IPv6 block off a
 * nibble likewise (CoreDNS plugin/pkg/cidr).
 */
import { addressBytes } from "../../base/address.ts";
import { addressBlock } from "../../base/address-block.ts";
import { ConfigError, describeError } from "../../base/errors.ts";
import { lowerCaseName } from "../../dns/name.ts";
import { nameFromText, nameToText } from "../../dns/name-text.ts";
import { isSpace } from "./lexer.ts";
import type { Token } from "./tree.ts";

/**
 * Zones that one word stands for, lower case and absolute; one for a name, one or more for an address block.
 *
 * @param text the word without scheme and port; empty means the root
 * @param token for the position
 */
export function zonesOf(text: string, token: Token): string[] {
  if (text === "") return ["."];
  const reverse = reverseZones(text);
  if (reverse !== undefined) return reverse;
  for (let at = 0; at < text.length; at++) {
    if (isSpace(text.charCodeAt(at))) throw new ConfigError(token.position, `white space in zone '${text}'`);
  }
  if (text.includes(",")) {
    throw new ConfigError(token.position, `a comma inside zone '${text}'`, { hint: "Put a space after the comma" });
  }
  if (text.includes(":") || text.includes("/")) {
    // RFC 2317 delegations have a slash in their names.
    if (text.includes(":") || addressBytes(text.slice(0, text.indexOf("/"))) !== undefined) {
      throw new ConfigError(token.position, `neither a domain name nor an address block: '${text}'`);
    }
  }
  try {
    const name = nameFromText(text);
    lowerCaseName(name, 0, name.length);
    return [nameToText(name, 0)];
  } catch (error) {
    throw new ConfigError(token.position, `not a domain name: ${describeError(error)}`, { cause: error });
  }
}

/** @returns undefined when the text is no address block */
export function reverseZones(text: string): string[] | undefined {
  const block = addressBlock(text);
  if (block === undefined) return undefined;
  const { bytes: address, bits } = block;
  const step = address.length === 4 ? 8 : 4;
  const labels = Math.ceil(bits / step);
  const free = labels * step - bits;
  const digits = digitsOf(address).slice(0, labels);
  const last = digits.at(-1) ?? 0;
  const suffix = address.length === 4 ? "in-addr.arpa." : "ip6.arpa.";
  const zones: string[] = [];
  for (let i = 0; i < 1 << free; i++) {
    if (labels > 0) digits[labels - 1] = ((last >> free) << free) | i;
    const names = digits.map((digit) => digit.toString(address.length === 4 ? 10 : 16)).toReversed();
    zones.push([...names, suffix].join("."));
  }
  return zones;
}

/** Octets of an IPv4 address, nibbles of an IPv6 one. */
function digitsOf(address: Uint8Array): number[] {
  if (address.length === 4) return [...address];
  return [...address].flatMap((byte) => [byte >> 4, byte & 0x0f]);
}
